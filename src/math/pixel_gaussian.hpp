// The pixel-integrated Gaussian of SPEC section 5 (Smith et al. 2010, Nat. Methods 7:373).
//
// A unit-height Gaussian averaged over a pixel is amplitude * fraction: the fraction of the one-dimensional Gaussian that falls
// on the pixel, in [0, 1], and an amplitude sqrt(2 pi) sigma / pixel that all pixels share. The normalised PSF needs the
// fractions alone, which neither overflow nor underflow together however small or large sigma is.
//
// Lengths are in units of erf's argument: a pixel is `scale` = pixel / (sqrt(2) sigma) wide. Two forms of the fraction, which share the
// work differently:
//   edges   half the difference of erf, by erfc in the tails; it cancels where the pixel is narrow
//   series  with m the pixel's middle and h its half width, (1/sqrt pi) int_{m-h}^{m+h} exp(-s^2) ds = exp(-m^2) sum_j C_j(h) m^2j,
//           C_j = 2/sqrt(pi) 4^j/(2j)! int_0^h s^2j exp(-s^2) ds: all terms positive, the C_j the same for all pixels of a crop
#pragma once

#include "math/error_function.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// |sigma|, where below 1e-12 nm counts as 1e-12 (SPEC section 5).
template <class Real>
LUMICROP_HOST_DEVICE Real width_nm(Real sigma_nm)
{
    const Real width = absolute(sigma_nm);
    return select(width < Real(1e-12), Real(1e-12), width);
}

/// Width of a pixel as erf's argument: pixel / (sqrt(2) sigma).
template <class Real>
LUMICROP_HOST_DEVICE Real gaussian_scale(Real sigma_nm, Real pixel_nm)
{
    return Real(0.70710678118654752) * (pixel_nm / width_nm(sigma_nm));
}

/// Unit-height Gaussian averaged over a pixel = amplitude * fraction: sqrt(2 pi) sigma / pixel. The factor, sqrt(2 pi) / pixel, is that of
/// all detections.
LUMICROP_HOST_DEVICE double amplitude_factor(double pixel_nm)
{
    return 2.5066282746310005 / pixel_nm;
}
template <class Real>
LUMICROP_HOST_DEVICE Real gaussian_amplitude(Real sigma_nm, Real factor)
{
    return width_nm(sigma_nm) * factor;
}

// -- edges ------------------------------------------------------------------------------------------------------------

/// An edge of a pixel: where it lies, and erfc of its distance from the centre.
template <class Real>
struct PixelEdge
{
    Real x, tail;
};

template <class Real>
LUMICROP_HOST_DEVICE PixelEdge<Real> pixel_edge(Real x, Real square)
{
    return {x, erfc_of_size(x, square)};
}

/// Fraction between two edges, lower <= upper.
template <class Real>
LUMICROP_HOST_DEVICE Real fraction_between(const PixelEdge<Real>& lower, const PixelEdge<Real>& upper)
{
    const Real around_centre = Real(2) - lower.tail - upper.tail;
    const Real twice = select(lower.x > Real(0), lower.tail - upper.tail,
                              select(upper.x < Real(0), upper.tail - lower.tail, around_centre));
    return Real(ScalarOf<Real>(0.5)) * twice;
}

// -- series -----------------------------------------------------------------------------------------------------------
//
// Exponents are in bits, exp(-m^2) = 2^-t with t = m^2 log2(e), and the C_j are those of powers of t.

constexpr int kSeriesTerms = 12;

/// Widest pixel that the series serves. With z = m scale, the first term left out is z^24 / 25! beside a sum of sinh(z) / z: below 3e-6
/// (float) and 4e-14 (double) out to where exp(-m^2) leaves the normal numbers, and below 1e-9 (1e-20) while it is above 1e-7.
LUMICROP_HOST_DEVICE constexpr double series_limit(float)
{
    return 0.9;
}
LUMICROP_HOST_DEVICE constexpr double series_limit(double)
{
    return 0.125;
}

constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.69314718055994531;

template <class Real>
struct PixelSeries
{
    Real coefficient[kSeriesTerms];
};

/// C_j for pixels of half width `half`, at most half of series_limit: the last integral by its own power series, the others from it by
/// I_{2j-2} = (2 I_2j + h^{2j-1} exp(-h^2)) / (2j - 1), downwards, where nothing cancels.
template <class Real>
LUMICROP_HOST_DEVICE PixelSeries<Real> pixel_series(Real half)
{
    using Scalar = ScalarOf<Real>;
    constexpr int kLast = kSeriesTerms - 1;
    const Real h2 = half * half;
    Real powers[kSeriesTerms]; // h^(2j+1)
    powers[0] = half;
    for (int j = 1; j < kSeriesTerms; ++j) powers[j] = powers[j - 1] * h2;

    Real sum(0);
    Scalar inverse_factorial[8] = {1,
                                   Scalar(-1.0),
                                   Scalar(1.0 / 2),
                                   Scalar(-1.0 / 6),
                                   Scalar(1.0 / 24),
                                   Scalar(-1.0 / 120),
                                   Scalar(1.0 / 720),
                                   Scalar(-1.0 / 5040)};
    for (int i = 7; i >= 0; --i) sum = muladd(sum, h2, Real(inverse_factorial[i] / Scalar(2 * kLast + 2 * i + 1)));
    Real integral = powers[kLast] * sum;

    const Real edge = exp2_minus(h2 * Real(Scalar(kLog2E)));
    double factor = 1.1283791670955126; // 2 / sqrt(pi) * (4 ln 2)^j / (2j)!
    double factors[kSeriesTerms];
    for (int j = 0; j < kSeriesTerms; ++j) {
        factors[j] = factor;
        factor *= 4.0 * kLn2 / ((2 * j + 1) * (2 * j + 2));
    }
    PixelSeries<Real> series;
    series.coefficient[kLast] = integral * Real(Scalar(factors[kLast]));
    for (int j = kLast; j > 0; --j) {
        integral = muladd(powers[j - 1], edge, integral + integral) * Real(Scalar(1.0 / (2 * j - 1)));
        series.coefficient[j - 1] = integral * Real(Scalar(factors[j - 1]));
    }
    return series;
}

template <class Real>
LUMICROP_HOST_DEVICE Real sum_of_series(const PixelSeries<Real>& series, Real bits)
{
    Real sum = series.coefficient[kSeriesTerms - 1];
    for (int j = kSeriesTerms - 2; j >= 0; --j) sum = muladd(sum, bits, series.coefficient[j]);
    return sum;
}

/// Fraction on the pixel whose middle has the exponent `bits`; where that is NaN, 0.
template <class Real>
LUMICROP_HOST_DEVICE Real fraction_around(const PixelSeries<Real>& series, Real bits)
{
    const Real limited = smaller(bits, Real(ErrorFunction<ScalarOf<Real>>::kBits));
    return exp2_minus(limited) * sum_of_series(series, limited);
}

/// The same for two axes at once: product of the fractions.
template <class Real>
LUMICROP_HOST_DEVICE Real fraction_around(const PixelSeries<Real>& x, Real x_bits, const PixelSeries<Real>& y, Real y_bits)
{
    const Real limit(ErrorFunction<ScalarOf<Real>>::kBits);
    const Real x_limited = smaller(x_bits, limit), y_limited = smaller(y_bits, limit);
    return exp2_minus(smaller(x_limited + y_limited, limit)) * (sum_of_series(x, x_limited) * sum_of_series(y, y_limited));
}

/// Exponents along a row or column of pixels: that of pixel i is (i - centre)^2 square. Written as a polynomial in the whole number of pixels
/// from the one nearest to the centre, with a leading coefficient short enough for an exact product, so that few roundings are left.
template <class Real>
struct PixelExponents
{
    Real nearest; // pixel
    Real square_high, square_low, linear, constant;
};

/// From the centre, in pixels, and the scale; Wide is float64, or lanes of it.
template <class Wide>
LUMICROP_HOST_DEVICE PixelExponents<Wide> pixel_exponents(Wide centre, Wide scale)
{
    const Wide shift(RoundingShift<double>::kShift);
    const Wide nearest = (centre + shift) - shift;
    const Wide rest = centre - nearest;
    const Wide square = scale * scale * Wide(kLog2E);
    const Wide parted = square * Wide(4398046511105.0); // 2^42 + 1 leaves 11 bits (Veltkamp, Dekker 1971)
    const Wide high = parted - (parted - square);
    const Wide slope = rest * square;
    return {nearest, high, square - high, Wide(-2.0) * slope, rest * slope};
}

template <class Real>
LUMICROP_HOST_DEVICE Real exponent_of_pixel(const PixelExponents<Real>& exponents, Real i)
{
    const Real j = i - exponents.nearest;
    const Real square = j * j;
    return muladd(square, exponents.square_high,
                  muladd(square, exponents.square_low, muladd(j, exponents.linear, exponents.constant)));
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
