#include <algorithm>

#include "cuda/annulus.cuh"
#include "cuda/kernels.hpp"

namespace lumicrop {
namespace cuda {
namespace {

constexpr int kWarps = 4, kBlockThreads = 256;
constexpr int64_t kMostShared = 48 * 1024;

template <class Real>
__global__ void __launch_bounds__(kWarps* kWarp, 4) annulus_warp(const __grid_constant__ ChannelView view)
{
    extern __shared__ __align__(16) std::byte shared[];
    __shared__ WarpTeam::Memory memory[kWarps];
    const int warp = static_cast<int>(threadIdx.x) / kWarp, n_warps = static_cast<int>(blockDim.x) / kWarp;
    const WarpTeam team(memory[warp]);
    for (int64_t at = view.begin + static_cast<int64_t>(blockIdx.x) * n_warps + warp; at < view.end;
         at += static_cast<int64_t>(gridDim.x) * n_warps) {
        measure_annulus<Real>(view, team, at, shared + warp * view.warp_bytes);
        __syncwarp(); // the scratch is used again
    }
}

template <class Real>
__global__ void __launch_bounds__(kBlockThreads, 2) annulus_block(const __grid_constant__ ChannelView view)
{
    using Team = BlockTeam<kBlockThreads>;
    __shared__ typename Team::Memory memory;
    const Team team(memory);
    for (int64_t at = view.begin + blockIdx.x; at < view.end; at += gridDim.x) {
        measure_annulus<Real>(view, team, at, view.scratch + blockIdx.x * view.scratch_stride);
        team.sync();
    }
}

template <class Real>
Kernel kernel_of(const AnnulusShape& shape)
{
    const int64_t scratch = annulus_scratch<Real>(shape);
    if (scratch > kMostShared / 2) return {reinterpret_cast<const void*>(annulus_block<Real>), kBlockThreads, 0, 1, scratch};
    const int64_t warps = std::min<int64_t>(kMostShared / std::max<int64_t>(scratch, 1), kWarps);
    Kernel kernel{reinterpret_cast<const void*>(annulus_warp<Real>), static_cast<int>(warps) * kWarp, warps * scratch,
                  warps};
    kernel.warp_bytes = static_cast<int32_t>(scratch);
    return kernel;
}

} // namespace

Kernel annulus_kernel(float, const AnnulusShape& shape)
{
    return kernel_of<float>(shape);
}

Kernel annulus_kernel(double, const AnnulusShape& shape)
{
    return kernel_of<double>(shape);
}

} // namespace cuda
} // namespace lumicrop
