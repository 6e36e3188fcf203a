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
            mux[lane] = mux[lane] - x0[lane] * channel.pixel_x_nm - corner_x;
            muy[lane] = muy[lane] - y0[lane] * channel.pixel_y_nm - corner_y;
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
    const double width = static_cast<double>(channel.width) - 0.5, height = static_cast<double>(channel.height) - 0.5;
    for (int lane = 0; lane < kLanes; ++lane) {
        const double low_part = static_cast<double>(inputs.subtract[lane].low);
        const math::FilterSums all{sums.weights[lane], sums.squares[lane],
                                   sums.products[lane] - low_part * sums.weights[lane]};
        outcomes.background[lane] = inputs.background[lane];
        outcomes.psf_sum[lane] = amplitude[lane] * all.weights;
        outcomes.denominator[lane] = math::filter_denominator(all);
        outcomes.counts[lane] = math::filter_counts(all);
    }
    uint32_t centre_outside = 0, background_is_nan = 0, countable = 0, finite = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
        const bool outside = (inputs.column[lane] < -0.5) | (inputs.column[lane] > width) | (inputs.row[lane] < -0.5) |
                             (inputs.row[lane] > height);
        centre_outside |= static_cast<uint32_t>(outside) << lane;
        background_is_nan |= static_cast<uint32_t>(inputs.background[lane] != inputs.background[lane]) << lane;
        countable |= static_cast<uint32_t>(math::is_countable(outcomes.psf_sum[lane], outcomes.denominator[lane])) << lane;
        finite |= static_cast<uint32_t>(math::is_finite(outcomes.counts[lane])) << lane;
    }
    const uint32_t parameter_is_nan = shape_is_nan | background_is_nan;
    for (int lane = 0; lane < n; ++lane) {
        uint32_t flags = 0;
        if (crops.clipped() >> lane & 1) flags |= LUMICROP_FLAG_TRUNCATED;
        if (centre_outside >> lane & 1) flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
        if (((countable & finite & ~parameter_is_nan) >> lane & 1) == 0) {
            if (shape_is_nan >> lane & 1)
                outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number();
            else if ((countable >> lane & 1) == 0)
                flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
            if (parameter_is_nan >> lane & 1) flags |= LUMICROP_FLAG_PARAMETER_NAN;
            if (((parameter_is_nan | ~countable) >> lane & 1) != 0) outcomes.counts[lane] = math::not_a_number();
            if (crops.has_non_finite(lane)) flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
        }
        outcomes.flags[lane] = flags;
    }
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
