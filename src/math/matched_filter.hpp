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
