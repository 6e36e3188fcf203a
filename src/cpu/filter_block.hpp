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
    double mux[kLanes], muy[kLanes];      // PSF centre from the crop's first pixel's centre [nm]
    double column[kLanes], row[kLanes];   // the same [px]
    double background[kLanes];            // counts above the camera's offset
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
        const double counts_per_photon = math::counts_per_photon(channel.gain, channel.qe);
        for (int lane = 0; lane < kLanes; ++lane) {
            mux[lane] = math::position_in_crop(mux[lane], x0[lane], channel.pixel_x_nm, corner_x);
            muy[lane] = math::position_in_crop(muy[lane], y0[lane], channel.pixel_y_nm, corner_y);
            column[lane] = mux[lane] / channel.pixel_x_nm;
            row[lane] = muy[lane] / channel.pixel_y_nm;
            background[lane] = os[lane] * counts_per_photon;
            subtract[lane] = math::in_parts<Scalar>(background[lane] + channel.camera_offset);
        }
    }
};

/// What the pixels of a block's crops came to, weight by weight.
template <int kLanes>
struct BlockSums
{
    alignas(64) double weights[kLanes];  // sum w
    alignas(64) double squares[kLanes];  // sum w^2
    alignas(64) double products[kLanes]; // sum w (crop - high part of the background), raw counts

    void set(int lane, const math::FilterSums& sums)
    {
        weights[lane] = sums.weights;
        squares[lane] = sums.squares;
        products[lane] = sums.products;
    }
};

/// From sums to outcomes.
///
///  amplitude     the PSF's height over the weights', m = amplitude * w
///  shape_is_nan  lanes where a parameter of the PSF is NaN
template <class Real>
inline void finish_filter(const Channel& channel, const Crops<Real>& crops,
                          const FilterInputs<typename Real::Scalar, Real::kCount>& inputs,
                          const BlockSums<Real::kCount>& sums, const double (&amplitude)[Real::kCount],
                          uint32_t shape_is_nan, int n, Outcomes<Real::kCount>& outcomes)
{
    constexpr int kLanes = Real::kCount;
    const auto width = static_cast<double>(channel.width), height = static_cast<double>(channel.height);
    uint32_t centre_outside = 0, parameter_is_nan = 0, zero_denominator = 0, doubtful = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
        const double low_part = static_cast<double>(inputs.subtract[lane].low), background = inputs.background[lane];
        const math::FilterOutcome outcome = math::filter_outcome(
            {sums.weights[lane], sums.squares[lane], sums.products[lane] - low_part * sums.weights[lane]}, amplitude[lane],
            (shape_is_nan >> lane & 1) != 0, background != background);
        outcomes.background[lane] = background;
        outcomes.psf_sum[lane] = outcome.psf_sum;
        outcomes.denominator[lane] = outcome.denominator;
        outcomes.counts[lane] = outcome.counts;
        const bool outside = math::lies_outside(inputs.column[lane], inputs.row[lane], height, width);
        centre_outside |= static_cast<uint32_t>(outside) << lane;
        parameter_is_nan |= static_cast<uint32_t>(outcome.parameter_is_nan) << lane;
        zero_denominator |= static_cast<uint32_t>(outcome.zero_denominator) << lane;
        doubtful |= static_cast<uint32_t>(outcome.is_doubtful) << lane;
    }
    for (int lane = 0; lane < n; ++lane) {
        uint32_t flags = 0;
        if (crops.clipped() >> lane & 1) flags |= LUMICROP_FLAG_TRUNCATED;
        if (centre_outside >> lane & 1) flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
        if (parameter_is_nan >> lane & 1) flags |= LUMICROP_FLAG_PARAMETER_NAN;
        if (zero_denominator >> lane & 1) flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
        if ((doubtful >> lane & 1) != 0 && crops.has_non_finite(lane)) flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
        outcomes.flags[lane] = flags;
    }
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
