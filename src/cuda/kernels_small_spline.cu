#include "cuda/kernels.hpp"
#include "cuda/small_crops.cuh"
#include "cuda/small_spline.cuh"

namespace lumicrop {
namespace cuda {
namespace {

constexpr int kSplineBlocks = 4; // of a multiprocessor, at least

template <int kSide>
__global__ void __launch_bounds__(SmallSplines<kSide>::kThreads, kSplineBlocks)
    spline_small(const __grid_constant__ ChannelView view)
{
    compute_small_splines<kSide>(view);
}

template <int kSide>
struct Entry : SmallSplines<kSide>
{
    static auto function() { return &spline_small<kSide>; }
};

} // namespace

Kernel small_spline_kernel(int64_t side)
{
    return small_kernel<Entry>(side);
}

} // namespace cuda
} // namespace lumicrop
