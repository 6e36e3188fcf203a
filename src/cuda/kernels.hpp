// Kernels by name, for the table that chooses among them.
#pragma once

#include <cstdint>

#include "math/spline_view.hpp"

namespace lumicrop {
namespace cuda {

/// A kernel and how a block of it is shaped. Every kernel takes one ChannelView and strides through its crops.
struct Kernel
{
    const void* function = nullptr; // null: there is none
    int threads = 0;                // a block
    int64_t shared_bytes = 0;       // dynamic, a block
    int64_t crops = 0;              // that a block computes at a time
    int64_t scratch_bytes = 0;      // of global memory, a block
    int32_t tile_crops = 0;         // for the view
    int32_t warp_bytes = 0;         // for the view
    int32_t axes_bytes = 0;         // for the view
};

/// Square crops of 7, 9, 11, 13 or 15 pixels a side, of up to 16-bit integers or float32: one crop a lane.
Kernel small_sum_kernel(int64_t side);
Kernel small_isogauss_kernel(int64_t side);
Kernel small_gauss_kernel(int64_t side);
Kernel small_spline_kernel(int64_t side);

/// The same, of channels that are not plain but have no maps: every method with a PSF, background given by a column or fitted.
Kernel small_isogauss_photometry_kernel(int64_t side);

/// Crops of any shape: a warp each, or a block.
struct TeamShape
{
    int64_t height, width;
    SplineView spline;  // only its sizes
    int64_t axes_bytes; // of its copy on the device
};
Kernel team_sum_kernel(float, const TeamShape& shape);
Kernel team_sum_kernel(double, const TeamShape& shape);
Kernel team_gauss_kernel(float, const TeamShape& shape);
Kernel team_gauss_kernel(double, const TeamShape& shape);
Kernel team_spline_kernel(float, const TeamShape& shape);
Kernel team_spline_kernel(double, const TeamShape& shape);

/// The same for channels that are not plain, whatever their method and PSF.
Kernel team_photometry_kernel(float, const TeamShape& shape);
Kernel team_photometry_kernel(double, const TeamShape& shape);

/// Backgrounds on rings: boxes of pixels around positions in frames, or whole crops.
struct AnnulusShape
{
    int64_t height, width;
    bool in_frames;
};
Kernel annulus_kernel(float, const AnnulusShape& shape);
Kernel annulus_kernel(double, const AnnulusShape& shape);

} // namespace cuda
} // namespace lumicrop
