#include "cuda/kernels.hpp"
#include "cuda/small_photometry.cuh"

namespace lumicrop {
namespace cuda {
namespace {

template <int kSide>
using Crops = SmallCrops<kSide, SmallRows<kSide>>;

template <int kSide>
__global__ void __launch_bounds__(Crops<kSide>::kThreads, Crops<kSide>::kBlocks)
    isogauss_photometry_small(const __grid_constant__ ChannelView view)
{
    for_each_small_crop<kSide, SmallRows<kSide>>(
        view, [&](const Place& place, const auto& crop) { return small_photometry<kSide>(view, place, crop); });
}

template <int kSide>
struct Entry : Crops<kSide>
{
    static auto function() { return &isogauss_photometry_small<kSide>; }
};

} // namespace

Kernel small_isogauss_photometry_kernel(int64_t side)
{
    return small_kernel<Entry>(side);
}

} // namespace cuda
} // namespace lumicrop
