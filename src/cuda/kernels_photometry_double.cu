#include "cuda/team_kernels.cuh"

namespace lumicrop {
namespace cuda {

Kernel team_gauss_photometry_kernel(double, const TeamShape& shape)
{
    return team_kernel<double, GaussPhotometry<double>>(shape, gauss_photometry_warp<double>,
                                                        gauss_photometry_block<double>);
}

Kernel team_spline_photometry_kernel(double, const TeamShape& shape)
{
    return team_kernel<double, SplinePhotometry<double>>(shape, spline_photometry_warp<double>,
                                                         spline_photometry_block<double>);
}

} // namespace cuda
} // namespace lumicrop
