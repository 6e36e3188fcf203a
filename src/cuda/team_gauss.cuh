// Matched filter of one crop with pixel-integrated Gaussians by a team (SPEC sections 4 and 5).
#pragma once

#include "cuda/team_gauss_psf.cuh"

namespace lumicrop {
namespace cuda {

template <class Real>
struct TeamGauss
{
    using Psf = TeamGaussPsf<Real>;
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
    static __device__ __forceinline__ Outcome compute(const ChannelView& view, const SplineView&, const Team& team,
                                                      const Parameters& given, const TeamCrop<Real, Pixels>& crop,
                                                      TeamScratch scratch)
    {
        const FilterInputs<Real>& inputs = given.inputs;
        const Psf psf(view, inputs, given.shape);
        const CropWindow counted = counted_window(view, crop.window);
        const math::FilterSums sums = psf.rotated()
                                          ? rotated(psf, team, crop, inputs.subtract.high, counted)
                                          : separable(psf, view, team, crop, inputs.subtract.high, counted, scratch);
        return finish_filter(view, inputs, sums, psf.amplitude(), inputs.is_nan() || given.shape.is_nan(), crop.clipped,
                             [&] { return crop.has_non_finite(team); });
    }

private:
    template <class Pixels, class Team>
    static __device__ __forceinline__ math::FilterSums separable(const Psf& psf, const ChannelView& view, const Team& team,
                                                                 const TeamCrop<Real, Pixels>& crop, Real background,
                                                                 const CropWindow& counted, TeamScratch scratch)
    {
        const typename Psf::Axes axes = psf.axes(team, counted, scratch);
        math::BatchedSum<Real> products;
        for_each_pixel(team, view.height, view.width, [&](int32_t row, int32_t column) {
            products.add(axes.rows[row] * (axes.columns[column] * (crop.pixels.at(row, column) - background)));
        });
        return {axes.of_columns.weights * axes.of_rows.weights, axes.of_columns.squares * axes.of_rows.squares,
                team.sum(static_cast<double>(products.value()))};
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ math::FilterSums
    rotated(const Psf& psf, const Team& team, const TeamCrop<Real, Pixels>& crop, Real background, const CropWindow& counted)
    {
        math::BatchedSum<Real> weights, squares, products;
        psf.for_each_turned(team, counted, [&](int32_t row, int32_t column, Real weight) {
            weights.add(weight);
            squares.add(weight * weight);
            products.add(weight * (crop.pixels.at(row, column) - background));
        });
        return {team.sum(static_cast<double>(weights.value())), team.sum(static_cast<double>(squares.value())),
                team.sum(static_cast<double>(products.value()))};
    }
};

} // namespace cuda
} // namespace lumicrop
