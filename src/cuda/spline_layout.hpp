// How a spline's coefficients lie in device memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/whole_lines.hpp"
#include "math/spline_view.hpp"

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
