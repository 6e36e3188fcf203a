#include "cuda/team_kernels.cuh"

namespace lumicrop {
namespace cuda {

Kernel team_sum_kernel(float, const TeamShape& shape)
{
    return team_kernel<float, TeamSum<float>>(shape, sum_warp<float>, sum_block<float>);
}

Kernel team_gauss_kernel(float, const TeamShape& shape)
{
    return team_kernel<float, TeamGauss<float>>(shape, gauss_warp<float>, gauss_block<float>);
}

Kernel team_spline_kernel(float, const TeamShape& shape)
{
    return team_kernel<float, TeamSpline<float>>(shape, spline_warp<float>, spline_block<float>);
}

} // namespace cuda
} // namespace lumicrop
