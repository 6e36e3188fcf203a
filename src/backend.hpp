// The one interface that a backend implements.
#pragma once

#include <memory>
#include <string>

#include "job/job.hpp"
#include "job/refusal.hpp"

namespace lumicrop {

/// What a backend came to use.
struct BackendFacts
{
    lumicrop_backend backend;
    lumicrop_isa isa;  // CPU; else 0
    int64_t n_threads; // CPU; else 0
    int32_t device;    // CUDA; else -1
};

class Backend
{
public:
    virtual ~Backend() = default;

    virtual BackendFacts facts() const = 0;

    /// Throws Refusal, whose text begins with `name`, where an array does not lie where the caller says, or the backend cannot reach it.
    virtual void check_place(const void* data, bool on_device, const std::string& name) const = 0;

    /// Computes a job. Throws Refusal where it cannot; then no output has been touched.
    virtual void integrate(const Job& job) = 0;

    /// Device memory that `integrate` takes for a job whose arrays all live there.
    virtual int64_t workspace_bytes(const Job& job) = 0;

    /// Waits for what is queued; the first deferred failure since it was last asked.
    virtual lumicrop_status synchronize() = 0;
};

/// Tells the caller how far a call has come, and hears whether it shall go on.
class Progress
{
public:
    Progress() = default;
    Progress(lumicrop_progress callback, void* data) : callback_(callback), data_(data) {}

    explicit operator bool() const { return callback_ != nullptr; }

    /// Throws Refusal (CANCELLED) where the callback wants an end.
    void tell(int64_t done, int64_t total) const
    {
        if (callback_ != nullptr && callback_(data_, done, total) != 0)
            refuse("the progress callback ended the call after " + std::to_string(done) + " of " + std::to_string(total) +
                       " detections",
                   LUMICROP_CANCELLED);
    }

private:
    lumicrop_progress callback_ = nullptr;
    void* data_ = nullptr;
};

namespace cpu {

/// What this processor offers, without making a backend.
lumicrop_isa best_isa();
bool has_isa(lumicrop_isa isa);
int64_t automatic_threads();

/// isa AUTO: the best one; n_threads 0: automatic. The processor must have `isa`.
std::unique_ptr<Backend> make_backend(lumicrop_isa isa, int64_t n_threads, const Progress& progress);

} // namespace cpu

namespace cuda {

/// What is known of the GPUs here. Never throws for what a machine lacks.
struct Availability
{
    bool compiled_in = false;
    int32_t n_devices = 0;
    lumicrop_status status = LUMICROP_UNSUPPORTED; // OK: a context can be created on the current device
    std::string reason;                            // one sentence
};
Availability availability();

/// A backend on the GPU that the options name, or the calling thread's current one. Throws Refusal where there is none.
std::unique_ptr<Backend> make_backend(const lumicrop_options& options);

} // namespace cuda
} // namespace lumicrop
