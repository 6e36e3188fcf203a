// The one interface that a backend implements.
#pragma once

#include <memory>
#include <string>

#include "job/job.hpp"

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

    /// Whether jobs may name arrays in device memory.
    virtual bool reads_device_memory() const = 0;

    /// Computes a job. Throws Refusal where it cannot; then no output has been touched.
    virtual void integrate(const Job& job) = 0;

    /// Waits for what is queued; the first deferred failure since it was last asked.
    virtual lumicrop_status synchronize() = 0;
};

namespace cpu {

/// What this processor offers, without making a backend.
lumicrop_isa best_isa();
bool has_isa(lumicrop_isa isa);
int64_t automatic_threads();

/// isa AUTO: the best one; n_threads 0: automatic. The processor must have `isa`.
std::unique_ptr<Backend> make_backend(lumicrop_isa isa, int64_t n_threads);

} // namespace cpu
} // namespace lumicrop
