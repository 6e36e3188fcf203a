#include "cuda/kernels.hpp"
#include "cuda/small_sum.cuh"

namespace lumicrop {
namespace cuda {
namespace {

template <int kSide>
__global__ void __launch_bounds__(SmallCrops<kSide>::kThreads, SmallCrops<kSide>::kBlocks)
    sum_small(const __grid_constant__ ChannelView view)
{
    for_each_small_crop<kSide>(view,
                               [&](const Place&, const SmallCrop<kSide>& crop) { return small_sum<kSide>(view, crop); });
}

template <int kSide>
struct Entry : SmallCrops<kSide>
{
    static auto function() { return &sum_small<kSide>; }
};

} // namespace

Kernel small_sum_kernel(int64_t side)
{
    return small_kernel<Entry>(side);
}

} // namespace cuda
} // namespace lumicrop
