// Pixel-integrated Gaussians by fewer terms of their series, for pixels near enough to the centre.
//
// The terms of the series (pixel_gaussian.hpp) are those of sinh(z) / z, with z = 2 m h: m the pixel's middle and h its half width, as
// erf's argument. Whether a crop's pixels are near depends on that crop alone.
#pragma once

#include "math/pixel_gaussian.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Largest z^2 for which the first term left out, z^2n / (2n + 1)!, is 1e-7 beside a sum of at least 1: less than float32's roundings.
constexpr double near_limit(int n)
{
    double factorial = 1;
    for (int k = 2; k <= 2 * n + 1; ++k) factorial *= k;
    double low = 0, high = 1000;
    for (int turn = 0; turn < 60; ++turn) {
        const double middle = 0.5 * (low + high);
        double term = 1;
        for (int k = 0; k < n; ++k) term *= middle;
        (term <= 1e-7 * factorial ? low : high) = middle;
    }
    return low;
}

/// Whether kTerms serve for all pixels whose exponents are at most `most_bits`.
template <int kTerms, class Real>
LUMICROP_HOST_DEVICE auto are_near(const PixelExponents<Real>& exponents, Real most_bits)
{
    constexpr auto kLimit = static_cast<float>(near_limit(kTerms) / (kLn2 * kLn2)); // exponents are in bits, squares too
    return most_bits * exponents.square_high <= Real(kLimit);
}

/// Fraction on a near pixel; an exponent of kBits or more wants exp2_minus to give 0 there, as a GPU's does.
template <int kTerms, class Real>
LUMICROP_HOST_DEVICE Real fraction_near(const PixelSeries<Real>& series, Real bits)
{
    Real sum = series.coefficient[kTerms - 1];
    for (int j = kTerms - 2; j >= 0; --j) sum = muladd(sum, bits, series.coefficient[j]);
    return exp2_minus(bits) * sum;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
