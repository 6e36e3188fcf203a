#include "cuda/team_kernels.cuh"

namespace lumicrop {
namespace cuda {

Kernel team_photometry_kernel(double, const TeamShape& shape)
{
    return team_kernel<double, Photometry<double>>(shape, photometry_warp<double>, photometry_block<double>);
}

} // namespace cuda
} // namespace lumicrop
