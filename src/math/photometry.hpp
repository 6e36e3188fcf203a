// From a crop's sums to what is said of the detection: errors, goodness of fit, fractions (SPEC section 8). In float64, one detection at a time.
#pragma once

#include "math/estimators.hpp"
#include "math/skewed_median.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// A background as it was measured or given, in electrons a pixel.
template <class Real>
struct KnownBackgroundOf
{
    Real value;
    Real variance;   // of the value; 0: taken as known
    Real covariance; // of the value with each pixel it was measured on
    Real pixels;     // whose mean would be as certain
};
using KnownBackground = KnownBackgroundOf<double>;

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
template <class Real>
LUMICROP_HOST_DEVICE Real with_background(Real of_pixels, Real all, Real measured, const KnownBackgroundOf<Real>& background)
{
    return of_pixels + all * all * background.variance - Real(2.0) * all * measured * background.covariance;
}

/// What is said of a detection beside its photons, in electrons.
template <class Real>
struct CertaintyOf
{
    Real variance;            // of S
    Real background_variance; // of b
    Real background_pixels;
    Real chi2; // reduced
};
using Certainty = CertaintyOf<double>;

/// Which variance an estimator has.
enum class Weights { alike, by_variance };

/// Chi-square by the pixels less the parameters; NaN where none are left.
template <class Real>
LUMICROP_HOST_DEVICE Real reduced(Real squares, Real pixels, double parameters)
{
    const Real freedom = pixels - Real(parameters);
    return select(freedom > Real(0.0), squares / freedom, Real(not_a_number()));
}

/// Of an estimate with a known background.
///
///  normal    sum p^2 over the pixels;  measured  sum of p, and of p / V, over the pixels that b was measured on
template <class Real>
LUMICROP_HOST_DEVICE CertaintyOf<Real> certainty(Weights weights, Real normal, const Spread<Real>& spread,
                                                 const Light<Real>& measured, const KnownBackgroundOf<Real>& background)
{
    const bool alike = weights == Weights::alike;
    const Real scale = Real(1.0) / (alike ? normal : spread.weighted.ss);
    const Real of_pixels = alike ? spread.unweighted.ss * scale * scale : scale;
    const Real all = (alike ? spread.light : spread.weighted.sb) * scale;
    const Real on_measured = (alike ? measured.signal : measured.background) * scale;
    return {with_background(of_pixels, all, on_measured, background), background.variance, background.pixels,
            reduced(spread.squares, spread.pixels, 1)};
}

/// Of an estimate that fitted the background, whose pixels have that variance.
template <class Real>
LUMICROP_HOST_DEVICE CertaintyOf<Real> certainty_of_fit(Weights weights, const Square<Real>& normal,
                                                        const Spread<Real>& spread, Real pixel_variance_of_background)
{
    const Square<Real> covariance =
        weights == Weights::alike ? sandwich(inverse<true>(normal), spread.unweighted) : inverse<true>(spread.weighted);
    return {covariance.ss, covariance.bb, pixel_variance_of_background / covariance.bb,
            reduced(spread.squares, spread.pixels, 2)};
}

/// What adding up pixels above a background comes to, each counted in part: c is 1 in a plain sum.
template <class Real>
struct PartSums
{
    Real electrons, pixels;         // sum c d, sum c
    Real squared, squared_variance; // sum c^2 d, sum c^2 v
};

template <bool kWhole, class Real, class Pixels>
LUMICROP_HOST_DEVICE PartSums<Real> part_sums(const Pixels& counted)
{
    constexpr int kSums = kWhole ? 3 : 4;
    Real sums[kSums];
    for (Real& sum : sums) sum = Real(0);
    counted.add_up(sums, [](Real(&s)[kSums], Real c, Real d, Real v) {
        if constexpr (kWhole) {
            s[0] = s[0] + d;
            s[1] = s[1] + Real(1);
            s[2] = s[2] + v;
        } else {
            const Real light = c * d;
            s[0] = s[0] + light;
            s[1] = s[1] + c;
            s[2] = muladd(c * c, v, s[2]);
            s[3] = muladd(c, light, s[3]);
        }
    });
    return {sums[0], sums[1], sums[kWhole ? 0 : 3], sums[2]};
}

/// Of such a sum: sum c^2 V = F^2 sum c^2 d + sum c^2 v, which noise may take below 0; NaN stays NaN.
///
///  measured  sum c over the pixels that b was measured on
LUMICROP_HOST_DEVICE Certainty certainty_of_sum(const PartSums<double>& sums, double measured, double excess,
                                                const KnownBackground& background)
{
    const double of_pixels = excess * sums.squared + sums.squared_variance, pixels = sums.pixels;
    return {with_background(of_pixels < 0 ? 0 : of_pixels, pixels, measured, background), background.variance,
            background.pixels, not_a_number()};
}

/// Whether the normal equations, summed in `Scalar`, tell light and background apart by more than their rounding.
template <class Scalar, class Real>
LUMICROP_HOST_DEVICE Condition<Real> is_solvable(const Square<Real>& normal)
{
    const Real least(sizeof(Scalar) == sizeof(float) ? 4e-6 : 1e-9);
    return normal.ss * normal.bb - normal.sb * normal.sb > least * normal.ss * normal.bb;
}

template <class Real>
LUMICROP_HOST_DEVICE Real error_of(Real variance)
{
    return square_root(select(variance < Real(0.0), Real(not_a_number()), variance));
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
