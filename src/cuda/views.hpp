// What a kernel may see: plain data, all of it in device memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "job/job.hpp"
#include "math/even_knots.hpp"
#include "math/spline_view.hpp"

namespace lumicrop {
namespace cuda {

/// A column of one value per detection, in detection order, or in the order of the channel's crops. No data: not given.
struct ColumnView
{
    std::byte* data;
    int64_t stride; // bytes
    Dtype dtype;
    bool in_crop_order;
};

/// Images of crops or frames; strides in bytes.
struct ImagesView
{
    const std::byte* data;
    int64_t n; // frames that frame numbers may name
    int64_t strides[3];
    Dtype dtype;
};

/// What only the device could see to be wrong, since the context was last asked.
struct Faults
{
    unsigned long long n_bad;     // detections with a bad label or frame number
    unsigned long long first_bad; // the first of them, in detection order
};

/// A spline in device memory.
struct DeviceSpline : SplineView
{
    const float* lines;   // the narrow coefficients again, in lines of kLineColumns columns (spline_layout.hpp)
    uint32_t n_line_rows; // over all depths
    int32_t line_shift;   // columns before the first coefficient's
};

struct InputColumns
{
    ColumnView frame, X0, Y0, x_fit, y_fit, z_fit, os_fit, sigma_x, sigma_y, sigma_angle;
};

struct OutputColumns
{
    ColumnView photons, background, psf_sum, denominator, flags;
    // Of channels that are not plain.
    ColumnView photons_sigma, background_photons, background_sigma, chi2, log_likelihood_ratio, enclosed, photons_total,
        background_pixels, iterations;
};

/// A map of a camera's pixels; strides in bytes. No data: not given.
struct MapView
{
    const std::byte* data;
    int64_t strides[3];
    Dtype dtype;
};

/// The maps of a channel's camera, all of one size.
struct CameraMaps
{
    MapView offset, gain, read_variance, bad_pixels, background;
    int64_t height, width; // 0: there are none
};

/// What a detection's ring came to. Electrons a pixel, as math::KnownBackground.
struct MeasuredRing
{
    double level; // as the pixels are: counts, or electrons where they differ
    double value, variance, covariance, pixels;
    uint64_t has_position;
};

/// Backgrounds on rings around the positions (annulus.cuh). Nothing where the channel has none.
struct AnnulusView
{
    double inner, outer, neighbour; // radii [px]
    int64_t reach;                  // pixels that a ring reaches in each direction
    int32_t height, width;          // of the box of pixels around a ring: of the crop, where the ring lies in that
    bool in_frames;                 // the box is cut out of frames
    bool are_boxes;                 // `images` are these boxes, a crop each, not the frames
    ImagesView images;
    NeighbourTable neighbours;
    MeasuredRing* measured; // one a crop
    uint32_t* used;         // bits of the crop's pixels that were measured on, where that is asked for
    int32_t used_words;     // a crop
};

/// How a channel's photons are counted and how uncertain they are, where it is not plain.
struct Counting
{
    Method method;
    Subtracted background;
    bool uses_psf, uses_position;
    double aperture_x, aperture_y, aperture_theta_deg; // semi-axes [px]
    double excess;                                     // F^2
    double electrons;                                  // a count, before multiplication
    double read_variance;                              // likewise
    double multiplied;                                 // by the EM register
    double saturation;                                 // counts
    CameraMaps maps;
};

/// Crops [begin, end) of a channel, and everything that is needed to compute them.
struct ChannelView
{
    ImagesView images;
    InputColumns columns;
    OutputColumns results;
    DeviceSpline spline;
    EvenPixels even_x, even_y, even_z; // where the crops' pixels share their weights
    int64_t begin, end;                // crops, counted within the channel
    int64_t first;                     // the channel's first detection, where detections stand channel after channel
    // Detections by crop, where they do not: positions[i] of crop i, or, with bounds, of crop i - bounds[0], of which there are bounds[1] -
    // bounds[0] (what the labels said).
    const int64_t* positions;
    const int64_t* bounds;
    Faults* faults;
    std::byte* scratch;     // of the block kernels
    int64_t scratch_stride; // bytes a block
    int64_t frame_height, frame_width;
    double pixel_y_nm, pixel_x_nm;
    double corner_y_nm, corner_x_nm; // how much earlier than the first pixel's centre the origin lies
    double gain, qe, camera_offset;
    double sigma_x_nm, sigma_y_nm, theta_deg; // where no column is given
    Counting counting;
    AnnulusView annulus;
    int32_t height, width; // of a crop
    int32_t tile_crops;    // of the warp kernels: crops in shared memory at a time
    int32_t warp_bytes;    // of the warp kernels: a warp's part of shared memory
    int32_t axes_bytes;    // of the warp kernels: the spline's axes, to be copied before the warps' parts; 0: none
    Padding padding;
    bool gathered;    // images are frames
    bool frame_known; // the frame's size is known, and X0 and Y0 are given
    // What most calls have, so that kernels need not look at every stride (plain_access.hpp).
    bool crops_adjacent; // crops lie whole one behind the other
    bool words;          // all columns of numbers have four bytes and lie dense, in the same order
    bool words_in_crop_order;
};

} // namespace cuda
} // namespace lumicrop
