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

struct FilterResult
{
    double counts, psf_sum, denominator; // N_raw, sum m, sum p^2
    bool denominator_zero;               // psf_sum or denominator is 0 or not finite
};

LUMICROP_HOST_DEVICE bool is_finite(double x) { return absolute(x) <= 1.7976931348623157e308; }
LUMICROP_HOST_DEVICE double not_a_number() { return __builtin_nan(""); }

/// `amplitude`: the PSF's height over the weights', m = amplitude * w.
LUMICROP_HOST_DEVICE FilterResult matched_filter(const FilterSums& sums, double amplitude)
{
    FilterResult result;
    result.psf_sum = amplitude * sums.weights;
    result.denominator = (sums.squares / sums.weights) / sums.weights;
    result.denominator_zero = !(is_finite(result.psf_sum) && result.psf_sum != 0 && is_finite(result.denominator) &&
                                result.denominator != 0);
    result.counts =
        result.denominator_zero ? not_a_number() : sums.products * (sums.weights / sums.squares);
    return result;
}

/// Background to subtract, in counts above the camera's offset, from the fitted one in photons per pixel.
LUMICROP_HOST_DEVICE double background_counts(double os_fit, double gain, double qe) { return os_fit * qe / gain; }

LUMICROP_HOST_DEVICE double photons_from_counts(double counts, double gain, double qe) { return counts * gain / qe; }

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
