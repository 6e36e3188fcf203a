// The matched filter and the sum, once their pixels have been added up (SPEC sections 3 and 4).
//
// With p = m / sum m the filter is N = sum p (crop - b) / sum p^2. Everything here is in float64, one detection at a time.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// What a crop's pixels came to, with weights w that are the PSF up to a factor.
struct FilterSums
{
    double weights;  // sum w
    double squares;  // sum w^2
    double products; // sum w (crop - b), raw counts
};

LUMICROP_HOST_DEVICE bool is_finite(double x)
{
    return absolute(x) <= 1.7976931348623157e308;
}
LUMICROP_HOST_DEVICE double not_a_number()
{
    return __builtin_nan("");
}

/// sum p^2 with p = w / sum w; NaN where the squares are too small to be told from 0.
LUMICROP_HOST_DEVICE double filter_denominator(const FilterSums& sums)
{
    const double normalised = 1.0 / sums.weights;
    return sums.squares == 0 ? not_a_number() : sums.squares * normalised * normalised;
}

/// Whether a PSF of that sum and denominator counts anything: both finite and not 0.
LUMICROP_HOST_DEVICE bool is_countable(double psf_sum, double denominator)
{
    return is_finite(psf_sum) && psf_sum != 0 && is_finite(denominator) && denominator != 0;
}

/// N_raw = sum p (crop - b) / sum p^2.
LUMICROP_HOST_DEVICE double filter_counts(const FilterSums& sums)
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
LUMICROP_HOST_DEVICE double position_in_crop(double fit_nm, double first_pixel, double pixel_nm, double corner_nm)
{
    return fit_nm - first_pixel * pixel_nm - corner_nm;
}

/// Whether a centre, in pixels from the first one's, lies outside the crop's pixels. Not for NaN.
LUMICROP_HOST_DEVICE bool lies_outside(double column, double row, double height, double width)
{
    return (column < -0.5) | (column > width - 0.5) | (row < -0.5) | (row > height - 0.5);
}

/// What a filter came to.
struct FilterOutcome
{
    double counts, psf_sum, denominator;
    bool parameter_is_nan, zero_denominator; // flags
    bool is_doubtful;                        // the pixels must be searched for numbers that are not finite
};

/// From sums to the outcome.
///
///  amplitude        the PSF's height over the weights', m = amplitude * w
///  shape_is_nan     a parameter of the PSF is NaN;  background_is_nan  the fitted background is
LUMICROP_HOST_DEVICE FilterOutcome filter_outcome(const FilterSums& sums, double amplitude, bool shape_is_nan,
                                                  bool background_is_nan)
{
    FilterOutcome outcome;
    outcome.psf_sum = amplitude * sums.weights;
    outcome.denominator = filter_denominator(sums);
    outcome.counts = filter_counts(sums);
    const bool countable = is_countable(outcome.psf_sum, outcome.denominator);
    outcome.parameter_is_nan = shape_is_nan | background_is_nan;
    outcome.zero_denominator = !countable & !shape_is_nan;
    outcome.is_doubtful = !countable | !is_finite(outcome.counts) | outcome.parameter_is_nan;
    if (shape_is_nan) outcome.psf_sum = outcome.denominator = not_a_number();
    if (outcome.parameter_is_nan | !countable) outcome.counts = not_a_number();
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
