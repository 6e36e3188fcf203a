// The pixel-integrated Gaussian of SPEC section 5 (Smith et al. 2010, Nat. Methods 7:373).
//
// A unit-height Gaussian averaged over a pixel is amplitude * fraction: the fraction of the one-dimensional Gaussian that falls
// on the pixel, in [0, 1], and an amplitude sqrt(2 pi) sigma / pixel that all pixels share. The normalised PSF needs the
// fractions alone, which neither overflow nor underflow together however small or large sigma is.
#pragma once

#include "math/error_function.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// |sigma|, where below 1e-12 nm counts as 1e-12 (SPEC section 5).
LUMICROP_HOST_DEVICE double width_nm(double sigma_nm)
{
    const double width = absolute(sigma_nm);
    return width < 1e-12 ? 1e-12 : width;
}

/// Unit-height Gaussian averaged over a pixel = amplitude * fraction; `scale` from gaussian_scale.
LUMICROP_HOST_DEVICE double gaussian_amplitude(double scale)
{
    return 1.7724538509055160 / scale; // sqrt(2 pi) sigma / pixel = sqrt(pi) / scale
}

/// Pixels -> argument of the error function: pixel / (sqrt(2) sigma), which is also a pixel's width there.
LUMICROP_HOST_DEVICE double gaussian_scale(double sigma_nm, double pixel_nm)
{
    return 0.70710678118654752 * (pixel_nm / width_nm(sigma_nm));
}

/// Whether pixels are so narrow beside sigma that the series serves them better than a difference.
template <class Scalar>
LUMICROP_HOST_DEVICE bool is_wide(double scale)
{
    return scale < wide_pixel_limit(Scalar(0));
}

/// Fraction on the pixel between two edges, given as erf's arguments, lower <= upper.
template <class Real>
LUMICROP_HOST_DEVICE Real pixel_fraction(const ErrorFunctions<Real>& lower, const ErrorFunctions<Real>& upper)
{
    return Real(ScalarOf<Real>(0.5)) * erf_between(lower, upper);
}

/// The same for a narrow pixel, by its middle and half width (erf's arguments).
template <class Real>
LUMICROP_HOST_DEVICE Real narrow_pixel_fraction(Real middle, Real half)
{
    return Real(ScalarOf<Real>(0.5)) * erf_across(middle, half);
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
