// How a spline's coefficients lie in device memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/whole_lines.hpp"
#include "math/bspline.hpp"

namespace lumicrop {
namespace cuda {

/// Rows begin at whole sectors of memory.
constexpr int64_t kSectorBytes = 32;

template <class Real>
constexpr int64_t coefficient_pitch(int64_t n_coefficients)
{
    constexpr int64_t kSector = kSectorBytes / static_cast<int64_t>(sizeof(Real));
    return (n_coefficients + kSector - 1) / kSector * kSector;
}

/// Columns of coefficients in a line, which is as long as one of the cache's. Lines of a row's columns lie far apart, [column /
/// kLineColumns][iz][iy][column % kLineColumns], so that a lane goes from row to row of its column by a step that the compiler knows.
constexpr int32_t kLineColumns = 32;

/// Columns that are left free in front, so that what crops of odd sides need, centred on the PSF's centre, lies in as few sectors as can be:
/// the first coefficients of 11 pixels then stand at the begin of a sector, or one behind it.
inline int32_t line_shift(const SplineView& spline)
{
    constexpr int64_t kSector = kSectorBytes / static_cast<int64_t>(sizeof(float)), kBefore = 11 / 2 + 1;
    const int64_t of_centre = math::find_knot(spline.x, 0).interval - math::kDegree;
    return of_centre < 0 ? 0 : static_cast<int32_t>((kBefore - of_centre % kSector + kSector) % kSector);
}

inline int64_t line_numbers(const SplineView& spline)
{
    const int64_t lines = (line_shift(spline) + spline.x.n_coefficients + kLineColumns - 1) / kLineColumns;
    return lines * spline.z.n_coefficients * spline.y.n_coefficients * kLineColumns;
}

/// Whether 32 bits count the numbers in lines.
inline bool has_short_lines(const SplineView& spline)
{
    return line_numbers(spline) <= INT32_MAX;
}

/// Numbers from one interval's cubics to the next's: an odd one, so that lanes with different intervals meet different banks of
/// shared memory.
constexpr int64_t kPolynomialsPitch = 17;

/// Bytes of the three axes, which lie together from x.knots on, each piece at the begin of a line.
inline int64_t axes_bytes(const SplineView& spline)
{
    int64_t bytes = 0;
    for (const KnotAxis* axis : {&spline.x, &spline.y, &spline.z})
        for (const int64_t numbers : {axis->n_coefficients + kSplineOrder, axis->n_coefficients * kPolynomialsPitch})
            bytes += whole_lines(numbers * static_cast<int64_t>(sizeof(double)));
    return bytes;
}

} // namespace cuda
} // namespace lumicrop
