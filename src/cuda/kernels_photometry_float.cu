#include "cuda/team_kernels.cuh"

namespace lumicrop {
namespace cuda {

Kernel team_gauss_photometry_kernel(float, const TeamShape& shape)
{
    return team_kernel<float, GaussPhotometry<float>>(shape, gauss_photometry_warp<float>, gauss_photometry_block<float>);
}

Kernel team_spline_photometry_kernel(float, const TeamShape& shape)
{
    return team_kernel<float, SplinePhotometry<float>>(shape, spline_photometry_warp<float>, spline_photometry_block<float>);
}

} // namespace cuda
} // namespace lumicrop
