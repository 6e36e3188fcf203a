// SPEC 7 as functions: how far a result may lie from the oracle, and why.
#pragma once

#include "photons.hpp"

#include <cmath>
#include <limits>

namespace oracle {

/// What the pixels are computed in: U8 U16 I16 F32 in single, U32 I32 F64 in double.
enum class Precision { single_, double_ };

/// One rounding to a narrower column: half a unit in its last place.
inline Real storage_rounding(Real value, bool column_is_float32)
{
    const int bits = column_is_float32 ? 24 : 53;
    const Real smallest = column_is_float32 ? Real(std::numeric_limits<float>::denorm_min()) : Real(0);
    return std::ldexp(std::abs(value), -bits) + smallest / 2;
}

/// SPEC 7's relative step: 4e-6, or 1e-13 on the float64 paths.
inline Real step(Precision precision)
{
    return precision == Precision::single_ ? Real(4e-6) : Real(1e-13);
}

/// Sum: step * sum|crop - b|. Filter: step * (|S| sum|m| + |sum m| sum|m||crop - b|) / sum m^2, ten times that for far centres.
/// SPEC's bound takes crop - b as given. A raw count, the offset and b are each rounded before they meet: once to 48 bits
/// at least where b is kept in two floats, to 53 in float64; that much of their magnitude is added. On the float64 path
/// one rounding of x_fit - X0 * px moves the PSF, too. Where the core of the PSF meets crop - b = 0 exactly, only its tails are
/// left; those below 2^-100 (2^-900) of the peak near the end of the format's range and need not be kept.
inline Real photons_bound(const Answer& answer, Precision precision, bool column_is_float32)
{
    const Real far = answer.filter && answer.far_centre ? 10 : 1;
    const Real tails = std::ldexp(answer.faint_terms, precision == Precision::single_ ? -100 : -900);
    const Real pixel_rounding = std::ldexp(answer.count_magnitude, precision == Precision::single_ ? -48 : -52);
    return (far * step(precision) * answer.count_terms + pixel_rounding + tails) * answer.photons_per_count +
           answer.photons_by_position + storage_rounding(answer.photons, column_is_float32);
}

/// SUM: the median is exact and rounded once. FILTER: os_fit * qe / gain in float64 (or two floats: 48 bits), rounded once.
inline Real background_bound(const Answer& answer, bool column_is_float32)
{
    if (!answer.filter) return 0;
    return std::ldexp(std::abs(Real(answer.background)), -46) + storage_rounding(answer.background, column_is_float32);
}

inline Real psf_sum_bound(const Answer& answer, Precision precision, bool column_is_float32)
{
    return step(precision) * answer.psf_terms + answer.psf_sum_by_position +
           storage_rounding(answer.psf_sum, column_is_float32);
}

/// Relative 1e-5 (2.5 steps: sum m^2 / (sum m)^2 inherits psf_sum's error twice), grown where a PSF of both signs cancels in sum m.
inline Real denominator_bound(const Answer& answer, Precision precision, bool column_is_float32)
{
    const Real relative = Real(2.5) * step(precision) * answer.denominator_growth + answer.denominator_by_position;
    return relative * std::abs(answer.denominator) + storage_rounding(answer.denominator, column_is_float32);
}

} // namespace oracle
