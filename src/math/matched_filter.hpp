// The matched filter and the sum, once their pixels have been added up (SPEC sections 3 and 4).
//
// With p = m / sum m the filter is N = sum p (crop - b) / sum p^2. Everything here is in float64, one detection at a time.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// What a crop's pixels came to, with weights w that are the PSF up to a factor.
template <class Real>
struct FilterSumsOf
{
    Real weights;  // sum w
    Real squares;  // sum w^2
    Real products; // sum w (crop - b), raw counts
};
using FilterSums = FilterSumsOf<double>;

/// Whether; for each lane where Real has lanes.
template <class Real>
using Condition = decltype(Real(0) < Real(0));

template <class Real>
LUMICROP_HOST_DEVICE Condition<Real> is_finite(Real x)
{
    return absolute(x) <= Real(1.7976931348623157e308);
}

/// sum p^2 with p = w / sum w; NaN where the squares are too small to be told from 0.
template <class Real>
LUMICROP_HOST_DEVICE Real filter_denominator(const FilterSumsOf<Real>& sums)
{
    const Real normalised = Real(1.0) / sums.weights;
    return select(sums.squares == Real(0), Real(not_a_number()), sums.squares * normalised * normalised);
}

/// Whether a PSF of that sum and denominator counts anything: both finite and not 0.
template <class Real>
LUMICROP_HOST_DEVICE Condition<Real> is_countable(Real psf_sum, Real denominator)
{
    return is_finite(psf_sum) & (psf_sum != Real(0)) & is_finite(denominator) & (denominator != Real(0));
}

/// N_raw = sum p (crop - b) / sum p^2.
template <class Real>
LUMICROP_HOST_DEVICE Real filter_counts(const FilterSumsOf<Real>& sums)
{
    return sums.products * sums.weights / sums.squares;
}

/// Background to subtract, in counts above the camera's offset, from the fitted one in photons per pixel: times qe / gain.
LUMICROP_HOST_DEVICE double counts_per_photon(double gain, double qe)
{
    return qe / gain;
}
LUMICROP_HOST_DEVICE double photons_per_count(double gain, double qe)
{
    return gain / qe;
}

/// PSF centre from the crop's first pixel's centre [nm]: `fit` in the whole frame, the crop's first pixel, and how much earlier than that
/// pixel's centre the origin lies (SPEC section 2).
template <class Real>
LUMICROP_HOST_DEVICE Real position_in_crop(Real fit_nm, Real first_pixel, Real pixel_nm, Real corner_nm)
{
    return fit_nm - first_pixel * pixel_nm - corner_nm;
}

/// The same from the frame's first pixel's centre [px].
LUMICROP_HOST_DEVICE double position_in_frame(double fit_nm, double pixel_nm, double corner_nm)
{
    return (fit_nm - corner_nm) / pixel_nm;
}

/// Whether a centre, in pixels from the first one's, lies outside the crop's pixels. Not for NaN.
template <class Real>
LUMICROP_HOST_DEVICE Condition<Real> lies_outside(Real column, Real row, Real height, Real width)
{
    return (column < Real(-0.5)) | (column > width - Real(0.5)) | (row < Real(-0.5)) | (row > height - Real(0.5));
}

/// What a filter came to.
template <class Real>
struct FilterOutcomeOf
{
    Real counts, psf_sum, denominator;
    Condition<Real> parameter_is_nan, zero_denominator; // flags
    Condition<Real> is_doubtful;                        // the pixels must be searched for numbers that are not finite
};
using FilterOutcome = FilterOutcomeOf<double>;

/// From sums to the outcome.
///
///  amplitude        the PSF's height over the weights', m = amplitude * w
///  shape_is_nan     a parameter of the PSF is NaN;  background_is_nan  the fitted background is
template <class Real>
LUMICROP_HOST_DEVICE FilterOutcomeOf<Real> filter_outcome(const FilterSumsOf<Real>& sums, Real amplitude,
                                                          Condition<Real> shape_is_nan, Condition<Real> background_is_nan)
{
    const Real psf_sum = amplitude * sums.weights, denominator = filter_denominator(sums), nan(not_a_number());
    const Real counts = without_origin(filter_counts(sums));
    const Condition<Real> uncountable = !is_countable(psf_sum, denominator), counts_infinite = !is_finite(counts);
    const Condition<Real> parameter_is_nan = shape_is_nan | background_is_nan;
    FilterOutcomeOf<Real> outcome;
    outcome.counts = select(parameter_is_nan | uncountable, nan, counts);
    outcome.psf_sum = select(shape_is_nan, nan, psf_sum);
    outcome.denominator = select(shape_is_nan, nan, denominator);
    outcome.parameter_is_nan = parameter_is_nan;
    outcome.zero_denominator = uncountable & (!shape_is_nan);
    outcome.is_doubtful = uncountable | counts_infinite | parameter_is_nan;
    return outcome;
}

/// A number as two of the narrower type, so that subtracting both from a pixel loses nothing.
template <class Scalar>
struct Parts
{
    Scalar high, low;
};
template <class Scalar>
LUMICROP_HOST_DEVICE Parts<Scalar> in_parts(double value)
{
    const Scalar high = static_cast<Scalar>(value);
    return {high, static_cast<Scalar>(value - static_cast<double>(high))};
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
