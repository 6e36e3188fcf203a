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
Kernel kernel()
{
    return {reinterpret_cast<const void*>(&gauss_small<kSide>), SmallCrops<kSide>::kThreads, SmallCrops<kSide>::kBytes,
            SmallCrops<kSide>::kThreads};
}

} // namespace

Kernel small_gauss_kernel(int64_t side)
{
    switch (side) {
    case 7: return kernel<7>();
    case 9: return kernel<9>();
    case 11: return kernel<11>();
    case 13: return kernel<13>();
    case 15: return kernel<15>();
    default: return {};
    }
}

} // namespace cuda
} // namespace lumicrop
