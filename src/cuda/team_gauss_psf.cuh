// Pixel-integrated Gaussians on the pixels of one crop, by a team (SPEC section 5).
//
// Where a Gaussian is not rotated its PSF is a product of one weight a column and one a row. A rotated one is evaluated at every pixel.
// Weights are fractions of the Gaussian's light, which the PSF of unit amplitude is up to a factor.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/gauss_axis.cuh"
#include "cuda/team.cuh"

namespace lumicrop {
namespace cuda {

template <class Real>
class TeamGaussPsf
{
public:
    /// What the detection's columns say of it.
    struct Parameters
    {
        double sigma_x, sigma_y, theta;

        __device__ __forceinline__ bool is_nan() const { return sigma_x != sigma_x || sigma_y != sigma_y || theta != theta; }
    };
    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        return {real_at(view.columns.sigma_x, place, view.sigma_x_nm), real_at(view.columns.sigma_y, place, view.sigma_y_nm),
                real_at(view.columns.sigma_angle, place, view.theta_deg)};
    }

    /// Scratch that axes() takes.
    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView&)
    {
        return scratch_bytes<Real>(height) + scratch_bytes<Real>(width);
    }

    __device__ __forceinline__ TeamGaussPsf(const ChannelView& view, const PsfCentre& centre, const Parameters& parameters)
        : view_(view), parameters_(parameters), x_(centre.column(view), parameters.sigma_x, view.pixel_x_nm),
          y_(centre.row(view), parameters.sigma_y, view.pixel_y_nm)
    {
    }

    __device__ __forceinline__ bool rotated() const { return parameters_.theta != 0; }

    /// The PSF's height over the weights'.
    __device__ __forceinline__ double amplitude() const
    {
        return math::gaussian_amplitude(parameters_.sigma_x, math::amplitude_factor(view_.pixel_x_nm)) *
               math::gaussian_amplitude(parameters_.sigma_y, math::amplitude_factor(view_.pixel_y_nm));
    }

    struct AxisSums
    {
        double weights, squares;
    };
    struct Axes
    {
        const Real *columns, *rows; // weights
        AxisSums of_columns, of_rows;
    };

    /// Weights of the columns and rows of a PSF that is not rotated, 0 outside `counted`.
    template <class Team>
    __device__ __forceinline__ Axes axes(const Team& team, const CropWindow& counted, TeamScratch& scratch) const
    {
        Real* const columns = scratch.take<Real>(view_.width);
        Real* const rows = scratch.take<Real>(view_.height);
        const AxisSums of_columns = weigh(team, x_, view_.width, counted.column_begin, counted.column_end, columns);
        const AxisSums of_rows = weigh(team, y_, view_.height, counted.row_begin, counted.row_end, rows);
        team.sync();
        return {columns, rows, of_columns, of_rows};
    }

    /// Calls `use(row, column, weight)` for this thread's pixels of a rotated PSF, whose weight is 0 outside `counted`.
    template <class Team, class Use>
    __device__ __forceinline__ void for_each_turned(const Team& team, const CropWindow& counted, Use use) const
    {
        TurnedGauss<Real> gauss(x_, y_, parameters_.theta, view_.pixel_y_nm / view_.pixel_x_nm);
        for_each_pixel(team, view_.height, view_.width, [&](int32_t row, int32_t column) {
            gauss.begin_row(row);
            // In float64 places in two parts save nothing, and take registers that there are not.
            const bool by_series = std::is_same_v<Real, float> && gauss.by_series();
            const Real weight = by_series ? gauss.fraction_by_series(column) : gauss.fraction_by_axes(column);
            use(row, column, counted.holds(row, column) ? weight : Real(0));
        });
    }

    /// The weights of all pixels, 0 outside `counted`.
    template <class Team>
    __device__ __forceinline__ void draw(const SplineView&, const Team& team, const CropWindow& counted, TeamScratch scratch,
                                         Real* image) const
    {
        if (rotated()) {
            for_each_turned(team, counted,
                            [&](int32_t row, int32_t column, Real weight) { image[row * view_.width + column] = weight; });
            return;
        }
        const Axes weights = axes(team, counted, scratch);
        for_each_pixel(team, view_.height, view_.width, [&](int32_t row, int32_t column) {
            image[row * view_.width + column] = weights.rows[row] * weights.columns[column];
        });
    }
    __device__ __forceinline__ bool outside_domain() const { return false; }

    /// All of the PSF's light, in weights: they are fractions.
    template <class Team>
    __device__ __forceinline__ double light(const SplineView&, const Team&, TeamScratch) const
    {
        return 1;
    }

private:
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

    const ChannelView& view_;
    const Parameters parameters_;
    const GaussAxis<Real> x_, y_;
};

} // namespace cuda
} // namespace lumicrop
