// From a crop's sums to what is said of the detection: errors, goodness of fit, fractions (SPEC section 8). In float64, one detection at a time.
#pragma once

#include "math/estimators.hpp"
#include "math/skewed_median.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// A background as it was measured or given, in electrons a pixel.
struct KnownBackground
{
    double value;
    double variance;   // of the value; 0: taken as known
    double covariance; // of the value with each pixel it was measured on
    double pixels;     // whose mean would be as certain
};

LUMICROP_HOST_DEVICE KnownBackground given_background(double value)
{
    return {value, 0, 0, __builtin_inf()};
}

/// Measured as the median of n pixels of that variance.
LUMICROP_HOST_DEVICE KnownBackground median_background(double value, double pixel_variance, double n)
{
    if (!(n > 0)) return {value, 0, 0, 0};
    return {value, median_variance(pixel_variance, n), pixel_variance / n, pixels_of_median(n)};
}

/// Variance of S = sum c (d - b) with coefficients c, when b was measured, also on pixels that are summed (SPEC section 8, sum).
///
///  of_pixels  sum c^2 V;  all  sum c;  measured  sum c over the pixels that b was measured on
LUMICROP_HOST_DEVICE double with_background(double of_pixels, double all, double measured, const KnownBackground& background)
{
    return of_pixels + all * all * background.variance - 2 * all * measured * background.covariance;
}

/// What is said of a detection beside its photons, in electrons.
struct Certainty
{
    double variance;            // of S
    double background_variance; // of b
    double background_pixels;
    double chi2; // reduced
};

/// Which variance an estimator has.
enum class Weights { alike, by_variance };

/// Of an estimate with a known background.
///
///  normal    sum p^2 over the pixels;  measured  sum of p, and of p / V, over the pixels that b was measured on
LUMICROP_HOST_DEVICE Certainty certainty(Weights weights, double normal, const Spread<double>& spread,
                                         const Light<double>& measured, const KnownBackground& background)
{
    const bool alike = weights == Weights::alike;
    const double scale = 1 / (alike ? normal : spread.weighted.ss);
    const double of_pixels = alike ? spread.unweighted.ss * scale * scale : scale;
    const double all = (alike ? spread.light : spread.weighted.sb) * scale;
    const double on_measured = (alike ? measured.signal : measured.background) * scale;
    return {with_background(of_pixels, all, on_measured, background), background.variance, background.pixels,
            spread.pixels > 1 ? spread.squares / (spread.pixels - 1) : not_a_number()};
}

/// Of an estimate that fitted the background, which is `mean_variance` the variance of its pixels.
LUMICROP_HOST_DEVICE Certainty certainty_of_fit(Weights weights, const Square<double>& normal, const Spread<double>& spread,
                                                double pixel_variance_of_background)
{
    const Square<double> covariance =
        weights == Weights::alike ? sandwich(inverse<true>(normal), spread.unweighted) : inverse<true>(spread.weighted);
    return {covariance.ss, covariance.bb, pixel_variance_of_background / covariance.bb,
            spread.pixels > 2 ? spread.squares / (spread.pixels - 2) : not_a_number()};
}

/// Variance of the sum of all pixels above a measured background: sum V = F^2 sum d + sum v.
LUMICROP_HOST_DEVICE Certainty certainty_of_sum(double electrons, double read_variances, double pixels, double measured,
                                                double excess, const KnownBackground& background)
{
    const double counted = electrons > 0 ? electrons : 0;
    return {with_background(excess * counted + read_variances, pixels, measured, background), background.variance,
            background.pixels, not_a_number()};
}

LUMICROP_HOST_DEVICE double error_of(double variance)
{
    return variance >= 0 ? __builtin_sqrt(variance) : not_a_number();
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
