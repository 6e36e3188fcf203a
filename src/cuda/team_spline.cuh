// Matched filter of one crop with a cubic B-spline PSF by a team (SPEC sections 4 and 5).
//
// All pixels of a crop share z: the coefficients around the crop are contracted along z once, then along y for every row, then along
// x.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/spline_basis.cuh"
#include "cuda/spline_layout.hpp"
#include "cuda/team.cuh"

namespace lumicrop {
namespace cuda {

template <class Real>
struct TeamSpline
{
    using Basis = SplineBasis<Real>;

    /// Coefficients [begin, end) that some pixel uses.
    struct Range
    {
        int32_t begin, end;
    };

    struct Parameters
    {
        FilterInputs<Real> inputs;
        double z;
    };
    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        return {filter_inputs<Real>(view, ColumnReader(place)), real_at(view.columns.z_fit, place, 0)};
    }

    /// Numbers of lines that are kept at a time.
    static constexpr int64_t kLineNumbers = 4096;

    static __host__ __device__ constexpr int64_t strip_rows(int64_t height, int64_t pitch)
    {
        const int64_t rows = kLineNumbers / pitch;
        return rows < 1 ? 1 : rows < height ? rows : height;
    }

    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView& spline)
    {
        const int64_t pitch = coefficient_pitch<Real>(spline.x.n_coefficients), ny = spline.y.n_coefficients;
        return scratch_bytes<Basis>(height) + scratch_bytes<Basis>(width) + scratch_bytes<Real>(ny * pitch) +
               scratch_bytes<Real>(strip_rows(height, pitch) * pitch);
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ Outcome compute(const ChannelView& view, const SplineView& spline, const Team& team,
                                                      const Parameters& given, const TeamCrop<Real, Pixels>& crop,
                                                      TeamScratch scratch)
    {
        const auto& [inputs, z] = given;
        bool outside = false;
        const math::FilterSums sums = add_up(view, spline, team, crop, inputs, -z, outside, scratch);
        const bool shape_is_nan = inputs.mux != inputs.mux || inputs.muy != inputs.muy || z != z;
        Outcome outcome =
            finish_filter(view, inputs, sums, 1.0, shape_is_nan, crop.clipped, [&] { return crop.has_non_finite(team); });
        if (outside && !shape_is_nan) outcome.flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
        return outcome;
    }

private:
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

    template <class Pixels, class Team>
    static __device__ __forceinline__ math::FilterSums
    add_up(const ChannelView& view, const SplineView& spline, const Team& team, const TeamCrop<Real, Pixels>& crop,
           const FilterInputs<Real>& inputs, double z, bool& outside, TeamScratch scratch)
    {
        const auto nx = static_cast<int32_t>(spline.x.n_coefficients), ny = static_cast<int32_t>(spline.y.n_coefficients);
        const auto pitch = static_cast<int32_t>(coefficient_pitch<Real>(nx));
        Basis* const columns = scratch.take<Basis>(view.width);
        Basis* const rows = scratch.take<Basis>(view.height);
        Real* const slab = scratch.take<Real>(static_cast<int64_t>(ny) * pitch);
        const auto strip = static_cast<int32_t>(strip_rows(view.height, pitch));
        Real* const lines = scratch.take<Real>(static_cast<int64_t>(strip) * pitch);

        CropWindow counted = crop.window; // pixels that count
        if (view.padding != Padding::geometry) counted = {nullptr, 0, view.height, 0, view.width};
        const Range x = place_all(team, spline.x, view.pixel_x_nm, inputs.mux, counted.column_begin, counted.column_end,
                                  view.width, columns, outside);
        const Range y = place_all(team, spline.y, view.pixel_y_nm, inputs.muy, counted.row_begin, counted.row_end,
                                  view.height, rows, outside);
        const Basis depth = spline_basis<Real>(spline.z, z);
        if (depth.first < 0) outside = true;
        if (depth.first < 0 || x.end == 0 || y.end == 0) return {0, 0, 0};

        // Whole sectors of each row, whether all of it is needed or not.
        constexpr auto kSector = static_cast<int32_t>(kSectorBytes / static_cast<int64_t>(sizeof(Real)));
        const int32_t x_begin = x.begin / kSector * kSector, n_x = (x.end - x_begin + kSector - 1) / kSector * kSector;
        const Real* const c = coefficients(spline, Real()) + static_cast<int64_t>(depth.first) * ny * pitch;
        const int64_t depth_step = static_cast<int64_t>(ny) * pitch;
        crop.for_each(team, y.end - y.begin, n_x, [&](int32_t iy, int32_t ix) {
            const Real* const at = c + static_cast<int64_t>(y.begin + iy) * pitch + x_begin + ix;
            slab[iy * pitch + ix] =
                math::contract(depth.weights, at[0], at[depth_step], at[2 * depth_step], at[3 * depth_step]);
        });

        math::BatchedSum<Real> weights, squares, products;
        for (int32_t begin = counted.row_begin; begin < counted.row_end; begin += strip) {
            const int32_t n_rows = counted.row_end - begin < strip ? counted.row_end - begin : strip;
            team.sync();
            crop.for_each(team, n_rows, n_x, [&](int32_t row, int32_t ix) {
                const Basis& basis = rows[begin + row];
                if (basis.first < 0) return;
                const Real* const at = slab + (basis.first - y.begin) * pitch + ix;
                lines[row * pitch + ix] = math::contract(basis.weights, at[0], at[pitch], at[2 * pitch], at[3 * pitch]);
            });
            team.sync();
            crop.for_each(team, n_rows, view.width, [&](int32_t row, int32_t column) {
                const Real above = crop.pixels.at(begin + row, column) - inputs.subtract.high;
                const Basis& basis = columns[column];
                Real model = 0;
                if (basis.first >= 0 && rows[begin + row].first >= 0) {
                    const Real* const at = lines + row * pitch + (basis.first - x_begin);
                    model = math::contract(basis.weights, at[0], at[1], at[2], at[3]);
                }
                weights.add(model);
                squares.add(model * model);
                products.add(model * above); // weight 0 too: a NaN must show
            });
        }
        return {team.sum(static_cast<double>(weights.value())), team.sum(static_cast<double>(squares.value())),
                team.sum(static_cast<double>(products.value()))};
    }
};

} // namespace cuda
} // namespace lumicrop
