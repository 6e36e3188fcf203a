#include "cuda/kernels.hpp"
#include "cuda/small_gauss.cuh"

namespace lumicrop {
namespace cuda {
namespace {

template <int kSide>
__global__ void __launch_bounds__(SmallCrops<kSide>::kThreads, SmallCrops<kSide>::kBlocks)
    gauss_small(const __grid_constant__ ChannelView view)
{
    for_each_small_crop<kSide>(
        view, [&](const Place& place, const SmallCrop<kSide>& crop) { return small_gauss<kSide, true>(view, place, crop); });
}

template <int kSide>
struct Entry : SmallCrops<kSide>
{
    static auto function() { return &gauss_small<kSide>; }
};

} // namespace

Kernel small_gauss_kernel(int64_t side)
{
    return small_kernel<Entry>(side);
}

} // namespace cuda
} // namespace lumicrop
