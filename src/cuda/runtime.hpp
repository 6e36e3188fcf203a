// The CUDA runtime with ownership and errors: every call is checked, everything made is given back.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "cuda/whole_lines.hpp"
#include "job/refusal.hpp"

namespace lumicrop {
namespace cuda {

/// The status that an error of the runtime becomes.
lumicrop_status status_of(cudaError_t error);

/// Throws Refusal, whose text names the call and the runtime's own words, unless `error` is success.
void check(cudaError_t error, const char* call);

/// Does what writes to the caller's columns: from here on every failure of the runtime leaves them undefined, also one that it calls a lack
/// of memory, and becomes CUDA_FAILURE.
template <class Work>
void once_begun(Work work)
{
    try {
        work();
    } catch (Refusal& refusal) {
        if (refusal.status != LUMICROP_CANCELLED) refusal.status = LUMICROP_CUDA_FAILURE;
        throw;
    }
}

/// Makes a device current, and the one before it again at the end.
class CurrentDevice
{
public:
    explicit CurrentDevice(int device);
    ~CurrentDevice();
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;

private:
    int before_ = 0;
    bool changed_ = false;
};

/// While it lives, this thread's work on streams of its own is no concern of captures elsewhere.
class RelaxedCapture
{
public:
    RelaxedCapture();
    ~RelaxedCapture();
    RelaxedCapture(const RelaxedCapture&) = delete;
    RelaxedCapture& operator=(const RelaxedCapture&) = delete;

private:
    cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// Owns a handle of the runtime.
template <class Handle, class Release>
class Owned
{
public:
    Owned() = default;
    explicit Owned(Handle handle) : handle_(handle) {}
    ~Owned() { reset(); }
    Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, Handle{})) {}
    Owned& operator=(Owned&& other) noexcept
    {
        if (this != &other) {
            reset();
            handle_ = std::exchange(other.handle_, Handle{});
        }
        return *this;
    }
    Handle get() const { return handle_; }
    void reset()
    {
        if (handle_ != Handle{}) Release()(handle_);
        handle_ = Handle{};
    }

private:
    Handle handle_{};
};

struct DestroyStream
{
    void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
struct DestroyEvent
{
    void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
struct DestroyPool
{
    void operator()(cudaMemPool_t pool) const { cudaMemPoolDestroy(pool); }
};
struct FreeDevice
{
    void operator()(void* memory) const { cudaFree(memory); }
};
struct FreePinned
{
    void operator()(void* memory) const { cudaFreeHost(memory); }
};
using Stream = Owned<cudaStream_t, DestroyStream>;
using Event = Owned<cudaEvent_t, DestroyEvent>;
using Pool = Owned<cudaMemPool_t, DestroyPool>;

Stream make_stream(); // that does not wait for the default stream
Event make_event();   // that keeps no time

/// Memory that grows and stays.
template <class Release, cudaError_t (*kAllocate)(void**, std::size_t)>
class GrowingMemory
{
public:
    /// At least `bytes`; the contents are lost where it grows.
    std::byte* at_least(int64_t bytes, const char* call)
    {
        if (bytes > size_) {
            memory_.reset();
            size_ = 0;
            void* made = nullptr;
            check(kAllocate(&made, static_cast<std::size_t>(bytes)), call);
            memory_ = Owned<void*, Release>(made);
            size_ = bytes;
        }
        return get();
    }
    std::byte* get() const { return static_cast<std::byte*>(memory_.get()); }

private:
    Owned<void*, Release> memory_;
    int64_t size_ = 0;
};
cudaError_t allocate_device(void** memory, std::size_t bytes);
cudaError_t allocate_pinned(void** memory, std::size_t bytes);
using DeviceMemory = GrowingMemory<FreeDevice, allocate_device>;
using PinnedMemory = GrowingMemory<FreePinned, allocate_pinned>;

/// Device memory from a pool, between two points of a stream.
class StreamMemory
{
public:
    StreamMemory(int64_t bytes, cudaMemPool_t pool, cudaStream_t stream);
    ~StreamMemory();
    StreamMemory(const StreamMemory&) = delete;
    StreamMemory& operator=(const StreamMemory&) = delete;

    /// Gives it back at this point of the stream, and reports what goes wrong.
    void free();
    std::byte* get() const { return static_cast<std::byte*>(memory_); }

private:
    void* memory_ = nullptr;
    cudaStream_t stream_;
};

} // namespace cuda
} // namespace lumicrop
