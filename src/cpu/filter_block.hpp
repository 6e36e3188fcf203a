// What all PSF models of the matched filter share: positions, background, and the detection's outcome (SPEC sections 2 and 4).
#pragma once

#include "cpu/crops.hpp"
#include "cpu/wide_lanes.hpp"
#include "math/matched_filter.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Positions and backgrounds of a block's detections.
template <class Real>
struct FilterInputs
{
    using Wide = WideLanes<Real>;
    static constexpr int kLanes = Real::kCount;

    Wide mux, muy;      // PSF centre from the crop's first pixel's centre [nm]
    Wide column, row;   // the same [px]
    Wide background;    // counts above the camera's offset
    Real subtract_high; // background and offset: what each pixel loses, as a number of the pixels' precision
    Wide subtract_low;  // and what that leaves

    FilterInputs(const Job& job, const Channel& channel, const Block<kLanes>& block)
    {
        const Detections& columns = job.detections;
        alignas(64) double x0[kLanes], y0[kLanes], x[kLanes], y[kLanes], os[kLanes];
        read_any(columns.X0, block, x0);
        read_any(columns.Y0, block, y0);
        read_lanes(columns.x_fit, block, 0.0, x);
        read_lanes(columns.y_fit, block, 0.0, y);
        read_lanes(columns.os_fit, block, 0.0, os);
        const DoubleLanes pixel_x(channel.pixel_x_nm), pixel_y(channel.pixel_y_nm);
        const DoubleLanes corner_x(job.pixel_corner ? 0.5 * channel.pixel_x_nm : 0.0);
        const DoubleLanes corner_y(job.pixel_corner ? 0.5 * channel.pixel_y_nm : 0.0);
        const DoubleLanes counts_per_photon(math::counts_per_photon(channel.gain, channel.qe));
        const Wide x_first = Wide::load(x0), y_first = Wide::load(y0), os_fit = Wide::load(os);
        mux = Wide::load(x);
        muy = Wide::load(y);
        for (int i = 0; i < Wide::kParts; ++i) {
            mux.part[i] = math::position_in_crop(mux.part[i], x_first.part[i], pixel_x, corner_x);
            muy.part[i] = math::position_in_crop(muy.part[i], y_first.part[i], pixel_y, corner_y);
            column.part[i] = mux.part[i] / pixel_x;
            row.part[i] = muy.part[i] / pixel_y;
            background.part[i] = os_fit.part[i] * counts_per_photon;
        }
        const Wide subtract = background + Wide(channel.camera_offset);
        subtract_high = subtract.rounded();
        subtract_low = subtract - Wide::widened(subtract_high);
    }
};

/// What the pixels of a block's crops came to, weight by weight: `products` are sums of w (crop - subtract_high).
template <class Real>
using BlockSums = math::FilterSumsOf<WideLanes<Real>>;

/// From sums to outcomes.
///
///  amplitude     the PSF's height over the weights', m = amplitude * w
///  shape_is_nan  lanes where a parameter of the PSF is NaN
template <class Real>
inline void finish_filter(const Job& job, const Channel& channel, const Crops<Real::kCount>& crops,
                          const FilterInputs<Real>& inputs, const BlockSums<Real>& sums, const WideLanes<Real>& amplitude,
                          uint32_t shape_is_nan, int n, Outcomes<Real::kCount>& outcomes)
{
    constexpr int kPart = DoubleLanes::kCount;
    const DoubleLanes width(static_cast<double>(channel.width)), height(static_cast<double>(channel.height));
    uint32_t centre_outside = 0, parameter_is_nan = 0, zero_denominator = 0, doubtful = 0;
    for (int i = 0; i < WideLanes<Real>::kParts; ++i) {
        const int first = i * kPart;
        const DoubleLanes background = inputs.background.part[i], weights = sums.weights.part[i];
        const auto outcome = math::filter_outcome<DoubleLanes>(
            {weights, sums.squares.part[i], sums.products.part[i] - inputs.subtract_low.part[i] * weights},
            amplitude.part[i], mask_of<DoubleLanes>(shape_is_nan >> first), background != background);
        outcome.counts.store(outcomes.counts + first);
        background.store(outcomes.background + first);
        outcome.psf_sum.store(outcomes.psf_sum + first);
        outcome.denominator.store(outcomes.denominator + first);
        const auto outside = math::lies_outside(inputs.column.part[i], inputs.row.part[i], height, width);
        centre_outside |= lane_bits(outside) << first;
        parameter_is_nan |= lane_bits(outcome.parameter_is_nan) << first;
        zero_denominator |= lane_bits(outcome.zero_denominator) << first;
        doubtful |= lane_bits(outcome.is_doubtful) << first;
    }
    if (!job.result.flags) return;
    for (int lane = 0; lane < n; ++lane) {
        uint32_t flags = 0;
        if (crops.is_clipped(lane)) flags |= LUMICROP_FLAG_TRUNCATED;
        if (centre_outside >> lane & 1) flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
        if (parameter_is_nan >> lane & 1) flags |= LUMICROP_FLAG_PARAMETER_NAN;
        if (zero_denominator >> lane & 1) flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
        if ((doubtful >> lane & 1) != 0 && crops.template has_non_finite<typename Real::Scalar>(lane))
            flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
        outcomes.flags[lane] = flags;
    }
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
