// Matched filter of one crop with pixel-integrated Gaussians by a team (SPEC sections 4 and 5).
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/gauss_axis.cuh"
#include "cuda/team.cuh"

namespace lumicrop {
namespace cuda {

template <class Real>
struct TeamGauss
{
    struct Parameters
    {
        FilterInputs<Real> inputs;
        double sigma_x, sigma_y, theta;
    };
    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        return {filter_inputs<Real>(view, ColumnReader(place)), real_at(view.columns.sigma_x, place, view.sigma_x_nm),
                real_at(view.columns.sigma_y, place, view.sigma_y_nm),
                real_at(view.columns.sigma_angle, place, view.theta_deg)};
    }

    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView&)
    {
        return scratch_bytes<Real>(height) + scratch_bytes<Real>(width);
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ Outcome compute(const ChannelView& view, const SplineView&, const Team& team,
                                                      const Parameters& given, const TeamCrop<Real, Pixels>& crop,
                                                      TeamScratch scratch)
    {
        const auto& [inputs, sigma_x, sigma_y, theta] = given;
        const GaussAxis<Real> x(inputs.column(view), sigma_x, view.pixel_x_nm),
            y(inputs.row(view), sigma_y, view.pixel_y_nm);
        CropWindow counted = crop.window; // pixels that count
        if (view.padding != Padding::geometry) counted = {nullptr, 0, view.height, 0, view.width};
        const math::FilterSums sums = theta == 0 ? separable(view, team, crop, inputs.subtract.high, x, y, counted, scratch)
                                                 : rotated(view, team, crop, inputs.subtract.high, x, y, theta, counted);
        const bool shape_is_nan = inputs.mux != inputs.mux || inputs.muy != inputs.muy || sigma_x != sigma_x ||
                                  sigma_y != sigma_y || theta != theta;
        const double amplitude = math::gaussian_amplitude(sigma_x, math::amplitude_factor(view.pixel_x_nm)) *
                                 math::gaussian_amplitude(sigma_y, math::amplitude_factor(view.pixel_y_nm));
        return finish_filter(view, inputs, sums, amplitude, shape_is_nan, crop.clipped,
                             [&] { return crop.has_non_finite(team); });
    }

private:
    struct AxisSums
    {
        double weights, squares;
    };

    /// Fractions on the pixels of a row or column, 0 outside [begin, end), into `weights`.
    template <class Team>
    static __device__ __forceinline__ AxisSums weigh(const Team& team, const GaussAxis<Real>& axis, int32_t n, int32_t begin,
                                                     int32_t end, Real* weights)
    {
        math::BatchedSum<Real> sum, squares;
        for (int32_t i = team.rank(); i < n; i += Team::kThreads) {
            const Real weight = i >= begin && i < end ? axis.fraction_of_pixel(i) : Real(0);
            weights[i] = weight;
            sum.add(weight);
            squares.add(weight * weight);
        }
        return {team.sum(static_cast<double>(sum.value())), team.sum(static_cast<double>(squares.value()))};
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ math::FilterSums
    separable(const ChannelView& view, const Team& team, const TeamCrop<Real, Pixels>& crop, Real background,
              const GaussAxis<Real>& x, const GaussAxis<Real>& y, const CropWindow& counted, TeamScratch scratch)
    {
        Real* const columns = scratch.take<Real>(view.width);
        Real* const rows = scratch.take<Real>(view.height);
        const AxisSums of_columns = weigh(team, x, view.width, counted.column_begin, counted.column_end, columns);
        const AxisSums of_rows = weigh(team, y, view.height, counted.row_begin, counted.row_end, rows);
        team.sync();
        math::BatchedSum<Real> products;
        crop.for_each(team, view.height, view.width, [&](int32_t row, int32_t column) {
            products.add(rows[row] * (columns[column] * (crop.pixels.at(row, column) - background)));
        });
        return {of_columns.weights * of_rows.weights, of_columns.squares * of_rows.squares,
                team.sum(static_cast<double>(products.value()))};
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ math::FilterSums
    rotated(const ChannelView& view, const Team& team, const TeamCrop<Real, Pixels>& crop, Real background,
            const GaussAxis<Real>& x, const GaussAxis<Real>& y, double theta_deg, const CropWindow& counted)
    {
        TurnedGauss<Real> gauss(x, y, theta_deg, view.pixel_y_nm / view.pixel_x_nm);
        math::BatchedSum<Real> weights, squares, products;
        crop.for_each(team, view.height, view.width, [&](int32_t row, int32_t column) {
            gauss.begin_row(row);
            // In float64 places in two parts save nothing, and take registers that there are not.
            const bool by_series = std::is_same_v<Real, float> && gauss.by_series();
            Real weight = by_series ? gauss.fraction_by_series(column) : gauss.fraction_by_axes(column);
            if (!counted.holds(row, column)) weight = 0;
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
