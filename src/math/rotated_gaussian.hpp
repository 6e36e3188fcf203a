// Where a pixel lies along the axes of a Gaussian that is turned about its centre (SPEC section 5).
#pragma once

#include "math/rotation.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// One of the Gaussian's own axes, as erf's argument: the pixel `dx` columns and `dy` rows from the centre lies
/// dx * along_column + dy * along_row from it, and is 2 * half wide.
template <class Real>
struct TurnedAxisOf
{
    Real along_column, along_row, half;
};
using TurnedAxis = TurnedAxisOf<double>;

/// x' = dx cos - dy sin;  `scale` from gaussian_scale, `ratio` = pixel height / pixel width.
template <class Real>
LUMICROP_HOST_DEVICE TurnedAxisOf<Real> turned_x(const RotationOf<Real>& turn, Real scale, double ratio)
{
    return {turn.cosine * scale, (Real(0) - turn.sine) * Real(ratio) * scale, Real(0.5) * scale};
}

/// y' = dx sin + dy cos.
template <class Real>
LUMICROP_HOST_DEVICE TurnedAxisOf<Real> turned_y(const RotationOf<Real>& turn, Real scale, double ratio)
{
    return {turn.sine * Real(1.0 / ratio) * scale, turn.cosine * scale, Real(0.5) * scale};
}

/// A place along one of those axes, linear in whole columns and rows from the pixel nearest to the centre. Where the two cancel, rounding
/// must not be left over: each coefficient has a short high part, all on one grid, so that the high parts add up exactly, and a low one.
/// In units whose square is an exponent in bits.
template <class Real>
struct TurnedPlaces
{
    Real column_high, column_low, row_high, row_low, start_high, start_low;
};

/// `column_rest`, `row_rest`: from the nearest pixel to the centre.
template <class Real>
LUMICROP_HOST_DEVICE TurnedPlaces<Real> turned_places(const TurnedAxisOf<Real>& axis, Real column_rest, Real row_rest)
{
    const Real root_log2e(1.2011224087864498);
    const Real column = axis.along_column * root_log2e, row = axis.along_row * root_log2e;
    const Real start = Real(0) - (column * column_rest + row * row_rest);
    // 1.5 * 2^42: multiples of 2^-10 or so of the larger.
    const Real grid = Real(6597069766656.0) * larger(absolute(column), absolute(row));
    const Real column_high = (column + grid) - grid, row_high = (row + grid) - grid, start_high = (start + grid) - grid;
    return {column_high, column - column_high, row_high, row - row_high, start_high, start - start_high};
}

/// Where a row of pixels begins along the axis, j rows from the nearest pixel.
template <class Real>
struct TurnedRow
{
    Real high, low;
};
template <class Real>
LUMICROP_HOST_DEVICE TurnedRow<Real> turned_row(const TurnedPlaces<Real>& places, Real j)
{
    return {muladd(j, places.row_high, places.start_high), muladd(j, places.row_low, places.start_low)};
}

/// Exponent, in bits, of the pixel i columns from the nearest one.
template <class Real>
LUMICROP_HOST_DEVICE Real turned_exponent(const TurnedPlaces<Real>& places, const TurnedRow<Real>& row, Real i)
{
    const Real place = muladd(i, places.column_high, row.high) + muladd(i, places.column_low, row.low);
    return place * place;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
