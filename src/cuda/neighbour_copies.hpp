// Tables of neighbours that the host has made, on the device for the time of a call.
#pragma once

#include <list>

#include "cuda/runtime.hpp"
#include "job/neighbours.hpp"

namespace lumicrop {
namespace cuda {

class NeighbourCopies
{
public:
    /// Makes the tables of the job's channels that look for neighbours.
    ///
    ///  columns  on the host
    NeighbourCopies(const Job& job, const Detections& columns);

    /// Bytes of device memory that they take.
    int64_t bytes() const { return bytes_; }

    /// Copies them to `memory`, and waits for that.
    void copy_to(std::byte* memory, cudaStream_t stream);

    /// Where the device sees the channel's table.
    NeighbourTable of(const Channel& channel) const;

private:
    struct Copy
    {
        const Channel* channel;
        Neighbours neighbours;
        int64_t keys, positions; // where they lie in the memory
    };

    std::list<Copy> copies_;
    int64_t bytes_ = 0;
    std::byte* memory_ = nullptr;
};

} // namespace cuda
} // namespace lumicrop
