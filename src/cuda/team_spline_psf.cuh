// A cubic B-spline PSF on the pixels of one crop, by a team (SPEC section 5).
//
// All pixels of a crop share z: the coefficients around the crop are contracted along z once, then along y for every row, then along
// x.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/spline_basis.cuh"
#include "cuda/spline_layout.hpp"
#include "cuda/team.cuh"
#include "math/spline_light.hpp"

namespace lumicrop {
namespace cuda {

template <class Real>
class TeamSplinePsf
{
public:
    /// What the detection's columns say of it.
    struct Parameters
    {
        double z;

        __device__ __forceinline__ bool is_nan() const { return z != z; }
    };
    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        return {real_at(view.columns.z_fit, place, 0)};
    }

    /// Scratch that for_each_weight(), or light(), takes.
    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView& spline)
    {
        const int64_t pitch = coefficient_pitch<Real>(spline.x.n_coefficients), ny = spline.y.n_coefficients;
        const int64_t of_weights = scratch_bytes<Basis>(height) + scratch_bytes<Basis>(width) +
                                   scratch_bytes<Real>(ny * pitch) + scratch_bytes<Real>(strip_rows(height, pitch) * pitch);
        const int64_t of_light = scratch_bytes<double>(spline.x.n_coefficients) + scratch_bytes<double>(ny);
        return of_weights > of_light ? of_weights : of_light;
    }

    __device__ __forceinline__ TeamSplinePsf(const ChannelView& view, const PsfCentre& centre, const Parameters& parameters)
        : view_(view), centre_(centre), z_(-parameters.z)
    {
    }

    __device__ __forceinline__ double amplitude() const { return 1; }

    /// Whether some pixel of those that were asked for lies outside the spline's domain.
    __device__ __forceinline__ bool outside_domain() const { return outside_; }

    /// Calls `use(row, column, weight)` for this thread's pixels of the rows of `counted`, unless no pixel has any weight. Weights outside
    /// `counted` are 0.
    template <class Team, class Use>
    __device__ __forceinline__ void for_each_weight(const SplineView& spline, const Team& team, const CropWindow& counted,
                                                    TeamScratch scratch, Use use)
    {
        const auto nx = static_cast<int32_t>(spline.x.n_coefficients), ny = static_cast<int32_t>(spline.y.n_coefficients);
        const auto pitch = static_cast<int32_t>(coefficient_pitch<Real>(nx));
        Basis* const columns = scratch.take<Basis>(view_.width);
        Basis* const rows = scratch.take<Basis>(view_.height);
        Real* const slab = scratch.take<Real>(static_cast<int64_t>(ny) * pitch);
        const auto strip = static_cast<int32_t>(strip_rows(view_.height, pitch));
        Real* const lines = scratch.take<Real>(static_cast<int64_t>(strip) * pitch);

        const Range x = place_all(team, spline.x, view_.pixel_x_nm, centre_.mux, counted.column_begin, counted.column_end,
                                  view_.width, columns, outside_);
        const Range y = place_all(team, spline.y, view_.pixel_y_nm, centre_.muy, counted.row_begin, counted.row_end,
                                  view_.height, rows, outside_);
        const Basis depth = spline_basis<Real>(spline.z, z_);
        if (depth.first < 0) outside_ = true;
        if (depth.first < 0 || x.end == 0 || y.end == 0) return;

        // Whole sectors of each row, whether all of it is needed or not.
        constexpr auto kSector = static_cast<int32_t>(kSectorBytes / static_cast<int64_t>(sizeof(Real)));
        const int32_t x_begin = x.begin / kSector * kSector, n_x = (x.end - x_begin + kSector - 1) / kSector * kSector;
        const Real* const c = coefficients(spline, Real()) + static_cast<int64_t>(depth.first) * ny * pitch;
        const int64_t depth_step = static_cast<int64_t>(ny) * pitch;
        for_each_pixel(team, y.end - y.begin, n_x, [&](int32_t iy, int32_t ix) {
            const Real* const at = c + static_cast<int64_t>(y.begin + iy) * pitch + x_begin + ix;
            slab[iy * pitch + ix] =
                math::contract(depth.weights, at[0], at[depth_step], at[2 * depth_step], at[3 * depth_step]);
        });

        for (int32_t begin = counted.row_begin; begin < counted.row_end; begin += strip) {
            const int32_t n_rows = counted.row_end - begin < strip ? counted.row_end - begin : strip;
            team.sync();
            for_each_pixel(team, n_rows, n_x, [&](int32_t row, int32_t ix) {
                const Basis& basis = rows[begin + row];
                if (basis.first < 0) return;
                const Real* const at = slab + (basis.first - y.begin) * pitch + ix;
                lines[row * pitch + ix] = math::contract(basis.weights, at[0], at[pitch], at[2 * pitch], at[3 * pitch]);
            });
            team.sync();
            for_each_pixel(team, n_rows, view_.width, [&](int32_t row, int32_t column) {
                const Basis& basis = columns[column];
                Real model = 0;
                if (basis.first >= 0 && rows[begin + row].first >= 0) {
                    const Real* const at = lines + row * pitch + (basis.first - x_begin);
                    model = math::contract(basis.weights, at[0], at[1], at[2], at[3]);
                }
                use(begin + row, column, model);
            });
        }
    }

    /// The weights of all pixels, 0 outside `counted`.
    template <class Team>
    __device__ __forceinline__ void draw(const SplineView& spline, const Team& team, const CropWindow& counted,
                                         TeamScratch scratch, Real* image)
    {
        for_each_pixel(team, view_.height, view_.width,
                       [&](int32_t row, int32_t column) { image[row * view_.width + column] = 0; });
        team.sync(); // threads and pixels meet otherwise below
        for_each_weight(spline, team, counted, scratch,
                        [&](int32_t row, int32_t column, Real weight) { image[row * view_.width + column] = weight; });
        team.sync();
    }

    /// All of the PSF's light on its whole domain, in weights; NaN where there is none.
    template <class Team>
    __device__ __forceinline__ double light(const SplineView& spline, const Team& team, TeamScratch scratch) const
    {
        const auto nx = static_cast<int32_t>(spline.x.n_coefficients), ny = static_cast<int32_t>(spline.y.n_coefficients);
        math::Depth depth;
        if (!math::depth_at(spline.z, z_, depth) || !math::has_countable_pixels(spline.x, view_.pixel_x_nm, -centre_.mux) ||
            !math::has_countable_pixels(spline.y, view_.pixel_y_nm, -centre_.muy))
            return math::not_a_number();
        double* const x_totals = scratch.take<double>(nx);
        double* const y_totals = scratch.take<double>(ny);
        team.sync(); // the scratch has been used for weights
        for (int32_t i = team.rank(); i < nx + ny; i += Team::kThreads)
            if (i < nx)
                x_totals[i] = math::pixels_under_function(spline.x, view_.pixel_x_nm, -centre_.mux, i);
            else
                y_totals[i - nx] = math::pixels_under_function(spline.y, view_.pixel_y_nm, -centre_.muy, i - nx);
        team.sync();
        const int64_t pitch = coefficient_pitch<double>(nx), depth_step = ny * pitch;
        double light = 0;
        for_each_pixel(team, ny, nx, [&](int32_t iy, int32_t ix) {
            const double* const at = spline.wide + depth.first * depth_step + iy * pitch + ix;
            light += y_totals[iy] * x_totals[ix] *
                     math::contract(depth.weights, at[0], at[depth_step], at[2 * depth_step], at[3 * depth_step]);
        });
        return team.sum(light);
    }

private:
    using Basis = SplineBasis<Real>;

    /// Coefficients [begin, end) that some pixel uses.
    struct Range
    {
        int32_t begin, end;
    };

    /// Numbers of lines that are kept at a time.
    static constexpr int64_t kLineNumbers = 4096;

    static __host__ __device__ constexpr int64_t strip_rows(int64_t height, int64_t pitch)
    {
        const int64_t rows = kLineNumbers / pitch;
        return rows < 1 ? 1 : rows < height ? rows : height;
    }

    /// Bases of all pixels along an axis; those that do not count, or lie outside the domain, get none.
    template <class Team>
    static __device__ __forceinline__ Range place_all(const Team& team, const KnotAxis& axis, double pixel, double centre,
                                                      int32_t begin, int32_t end, int32_t n, Basis* bases, bool& outside)
    {
        uint32_t least = 0xFFFFFFFFu, most = 0;
        bool outside_here = false;
        for (int32_t i = team.rank(); i < n; i += Team::kThreads) {
            Basis basis{-1, {}};
            if (i >= begin && i < end) {
                basis = spline_basis<Real>(axis, static_cast<double>(i) * pixel - centre);
                outside_here |= basis.first < 0;
            }
            bases[i] = basis;
            if (basis.first < 0) continue;
            const auto first = static_cast<uint32_t>(basis.first);
            least = first < least ? first : least;
            most = first + math::kOrder > most ? first + math::kOrder : most;
        }
        outside |= team.any(outside_here);
        return {static_cast<int32_t>(team.reduce(least, Smaller())), static_cast<int32_t>(team.reduce(most, Larger()))};
    }

    static __device__ __forceinline__ const float* coefficients(const SplineView& spline, float) { return spline.narrow; }
    static __device__ __forceinline__ const double* coefficients(const SplineView& spline, double) { return spline.wide; }

    const ChannelView& view_;
    const PsfCentre centre_;
    const double z_;
    bool outside_ = false;
};

} // namespace cuda
} // namespace lumicrop
