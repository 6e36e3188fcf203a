// Maps of cameras that lie in host memory, on the device for the time of a call.
#pragma once

#include <vector>

#include "cuda/device_views.hpp"
#include "cuda/runtime.hpp"

namespace lumicrop {
namespace cuda {

class MapCopies
{
public:
    /// Notes which maps of the job are to be copied; one that several channels share is so once.
    explicit MapCopies(const Job& job);

    /// Bytes of device memory that they take.
    int64_t bytes() const { return bytes_; }

    /// Copies them to `memory`, and waits for that.
    void copy_to(std::byte* memory, cudaStream_t stream);

    /// Where the device sees the channel's maps.
    CameraMaps of(const Channel& channel) const;

private:
    struct Copy
    {
        Images map;     // the caller's
        int64_t offset; // in the memory
    };

    const Copy* find(const Images& map) const;

    std::vector<Copy> copies_;
    int64_t bytes_ = 0;
    std::byte* memory_ = nullptr;
};

} // namespace cuda
} // namespace lumicrop
