// Matched filter of one crop with a cubic B-spline PSF by a team (SPEC sections 4 and 5).
#pragma once

#include "cuda/team_spline_psf.cuh"

namespace lumicrop {
namespace cuda {

template <class Real>
struct TeamSpline
{
    using Psf = TeamSplinePsf<Real>;
    using Found = Outcome;

    struct Parameters
    {
        FilterInputs<Real> inputs;
        typename Psf::Parameters shape;
    };
    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        return {filter_inputs<Real>(view, ColumnReader(place)), Psf::parameters(view, place)};
    }

    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView& spline)
    {
        return Psf::scratch(height, width, spline);
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ Outcome compute(const ChannelView& view, const SplineView& spline, const Team& team,
                                                      const Parameters& given, const TeamCrop<Real, Pixels>& crop,
                                                      TeamScratch scratch)
    {
        const FilterInputs<Real>& inputs = given.inputs;
        Psf psf(view, inputs, given.shape);
        math::BatchedSum<Real> weights, squares, products;
        psf.for_each_weight(spline, team, counted_window(view, crop.window), scratch,
                            [&](int32_t row, int32_t column, Real weight) {
                                weights.add(weight);
                                squares.add(weight * weight);
                                // Weight 0 too: a NaN must show.
                                products.add(weight * (crop.pixels.at(row, column) - inputs.subtract.high));
                            });
        const math::FilterSums sums{team.sum(static_cast<double>(weights.value())),
                                    team.sum(static_cast<double>(squares.value())),
                                    team.sum(static_cast<double>(products.value()))};
        const bool shape_is_nan = inputs.is_nan() || given.shape.is_nan();
        Outcome outcome =
            finish_filter(view, inputs, sums, 1.0, shape_is_nan, crop.clipped, [&] { return crop.has_non_finite(team); });
        if (psf.outside_domain() && !shape_is_nan) outcome.flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
        return outcome;
    }
};

} // namespace cuda
} // namespace lumicrop
