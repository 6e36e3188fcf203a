// What all PSF models of the matched filter share: positions, background, and the detection's outcome (SPEC sections 2 and 4).
#pragma once

#include "cpu/crops.hpp"
#include "math/matched_filter.hpp"
#include "math/running_sum.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Positions and backgrounds of a block's detections.
template <class Scalar, int kLanes>
struct FilterInputs
{
    double mux[kLanes], muy[kLanes]; // PSF centre from the crop's first pixel's centre [nm]
    double background[kLanes];       // counts above the camera's offset
    math::Parts<Scalar> subtract[kLanes]; // background and offset: what each pixel loses

    FilterInputs(const Job& job, const Channel& channel, const Block<kLanes>& block)
    {
        double x0[kLanes], y0[kLanes], os[kLanes];
        read_any(job.detections.X0, block.detection, x0);
        read_any(job.detections.Y0, block.detection, y0);
        read_lanes(job.detections.x_fit, block.detection, 0.0, mux);
        read_lanes(job.detections.y_fit, block.detection, 0.0, muy);
        read_lanes(job.detections.os_fit, block.detection, 0.0, os);
        const double corner_x = job.pixel_corner ? 0.5 * channel.pixel_x_nm : 0.0;
        const double corner_y = job.pixel_corner ? 0.5 * channel.pixel_y_nm : 0.0;
        for (int lane = 0; lane < kLanes; ++lane) {
            mux[lane] = mux[lane] - corner_x - x0[lane] * channel.pixel_x_nm;
            muy[lane] = muy[lane] - corner_y - y0[lane] * channel.pixel_y_nm;
            background[lane] = math::background_counts(os[lane], channel.gain, channel.qe);
            subtract[lane] = math::in_parts<Scalar>(background[lane] + channel.camera_offset);
        }
    }
};

/// Outcome of one lane. `sums.products` was taken with the high part of the background alone.
template <class Real>
inline Outcome filter_outcome(const Channel& channel, const Crops<Real>& crops, int lane, math::FilterSums sums, double amplitude,
                              double mux, double muy, double background, double low_part, bool shape_is_nan)
{
    sums.products -= low_part * sums.weights;
    const math::FilterResult result = math::matched_filter(sums, amplitude);
    Outcome outcome{result.counts, background, result.psf_sum, result.denominator, 0};
    const bool background_is_nan = background != background;
    if (shape_is_nan) outcome.psf_sum = outcome.denominator = math::not_a_number();
    if (shape_is_nan || background_is_nan) {
        outcome.counts = math::not_a_number();
        outcome.flags |= LUMICROP_FLAG_PARAMETER_NAN;
    }
    if (!shape_is_nan && result.denominator_zero) outcome.flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (crops.clipped() >> lane & 1) outcome.flags |= LUMICROP_FLAG_TRUNCATED;
    const double column = mux / channel.pixel_x_nm, row = muy / channel.pixel_y_nm;
    if (column < -0.5 || column > static_cast<double>(channel.width) - 0.5 || row < -0.5 ||
        row > static_cast<double>(channel.height) - 0.5)
        outcome.flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (!math::is_finite(outcome.counts) && crops.has_non_finite(lane)) outcome.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    return outcome;
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
