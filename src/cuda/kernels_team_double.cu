#include "cuda/team_kernels.cuh"

namespace lumicrop {
namespace cuda {

Kernel team_sum_kernel(double, const TeamShape& shape)
{
    return team_kernel<double, TeamSum<double>>(shape, sum_warp<double>, sum_block<double>);
}

Kernel team_gauss_kernel(double, const TeamShape& shape)
{
    return team_kernel<double, TeamGauss<double>>(shape, gauss_warp<double>, gauss_block<double>);
}

Kernel team_spline_kernel(double, const TeamShape& shape)
{
    return team_kernel<double, TeamSpline<double>>(shape, spline_warp<double>, spline_block<double>);
}

} // namespace cuda
} // namespace lumicrop
