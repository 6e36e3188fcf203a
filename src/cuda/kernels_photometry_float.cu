#include "cuda/team_kernels.cuh"

namespace lumicrop {
namespace cuda {

Kernel team_photometry_kernel(float, const TeamShape& shape)
{
    return team_kernel<float, Photometry<float>>(shape, photometry_warp<float>, photometry_block<float>);
}

} // namespace cuda
} // namespace lumicrop
