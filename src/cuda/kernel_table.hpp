// Which kernel computes a channel, and its launch.
#pragma once

#include <cuda_runtime_api.h>

#include <map>
#include <utility>

#include "cuda/kernels.hpp"
#include "cuda/views.hpp"

namespace lumicrop {
namespace cuda {

/// The one place where kernels are chosen: by type and shape of the crops, method and model.
Kernel kernel_for(const Channel& channel);

/// The kernel that measures its backgrounds on rings before; none where it has no rings.
Kernel annulus_kernel_for(const Channel& channel);

/// How many blocks of a kernel are launched, and what they need.
struct Grid
{
    int64_t blocks;
    int64_t scratch_bytes; // of global memory, all blocks together
};

/// Launches kernels on one device, whose size it knows.
class Launcher
{
public:
    explicit Launcher(int device);

    /// For `n` crops, n > 0; scratch of all blocks together stays below `most_scratch`, but for one block.
    Grid grid(const Kernel& kernel, int64_t n, int64_t most_scratch = kMostScratch);

    /// Queues crops [view.begin, view.end), which are not none, on `stream`. `view.scratch` has room for the grid's.
    void launch(const Kernel& kernel, ChannelView view, const Grid& grid, cudaStream_t stream);

    static constexpr int64_t kMostScratch = int64_t{256} << 20;

private:
    int64_t n_multiprocessors_;
    std::map<std::pair<const void*, int64_t>, int> occupancy_; // blocks a multiprocessor, by function and shared memory
};

} // namespace cuda
} // namespace lumicrop
