// Calls with arrays in host memory: in chunks through pinned buffers, on two streams of the context's own, so that one chunk is copied
// while the other is computed.
#pragma once

#include "backend.hpp"
#include "cuda/kernel_table.hpp"
#include "cuda/runtime.hpp"
#include "cuda/spline_cache.hpp"

namespace lumicrop {
namespace cuda {

/// What a context lends to a call.
struct Lent
{
    Launcher& launcher;
    SplineCache& splines;
    cudaMemPool_t pool;
    cudaStream_t callers_stream, own_stream;
    Faults* faults;
};

class HostChunks
{
public:
    /// memory_budget: device memory for the buffers; 0: half of what is free at the first call.
    HostChunks(int64_t memory_budget, const Progress& progress) : budget_(memory_budget), progress_(progress) {}

    /// Computes a job of which some arrays lie in host memory; returns when it is done.
    void integrate(const Job& job, const Lent& lent);

private:
    /// Buffers and a stream of every second chunk.
    struct Slot
    {
        Stream stream;
        Event done;
        DeviceMemory device, scratch;
        PinnedMemory inputs, results;
    };

    void make_slots();
    int64_t budget();

    int64_t budget_;
    Progress progress_;
    Event began_; // where the caller's stream stood
    Slot slots_[2];
    DeviceMemory maps_, neighbours_;
};

} // namespace cuda
} // namespace lumicrop
