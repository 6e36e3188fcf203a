// The estimators of SPEC section 8 over the pixels of one crop: filter, joint, optimal and mle, their errors, and how well the model fits.
//
// `Pixels` shows the pixels that count, wherever they lie: add_up(sums, term) adds term(sums, p, d, v) of every pixel to the sums, with
//   p  the PSF, normalised;   d  electrons above a level;   v  variance of the pixel's value where the model is 0 (F^2 level + reading)
// A lane holds a crop of its own where Real has lanes; a crop whose iterations have ended stands still, so that no crop depends on another.
#pragma once

#include "math/camera_noise.hpp"
#include "math/linear_fit.hpp"
#include "math/matched_filter.hpp"
#include "math/natural_logarithm.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Times that `optimal` takes its weights anew, and the most that `mle` may.
constexpr int kOptimalIterations = 3, kMostIterations = 10;
/// An iteration that moves the estimate by less than this part of its error is the last.
constexpr double kStandsStill = 1e-4;

/// Least squares with all pixels alike: `joint`, or with b known the matched filter.
template <bool kFitted, class Real, class Pixels>
LUMICROP_HOST_DEVICE Light<Real> least_squares(const Pixels& pixels, Square<Real>& normal)
{
    if constexpr (kFitted) {
        Real sums[5] = {Real(0), Real(0), Real(0), Real(0), Real(0)};
        pixels.add_up(sums, [](Real(&s)[5], Real p, Real d, Real) {
            s[0] = muladd(p, p, s[0]);
            s[1] = s[1] + p;
            s[2] = s[2] + Real(1);
            s[3] = muladd(p, d, s[3]);
            s[4] = s[4] + d;
        });
        normal = {sums[0], sums[1], sums[2]};
        return product(inverse<true>(normal), {sums[3], sums[4]});
    } else {
        Real sums[2] = {Real(0), Real(0)};
        pixels.add_up(sums, [](Real(&s)[2], Real p, Real d, Real) {
            s[0] = muladd(p, p, s[0]);
            s[1] = muladd(p, d, s[1]);
        });
        normal = {sums[0], Real(0), Real(0)};
        return {sums[1] / sums[0], Real(0)};
    }
}

/// What iterations came to.
template <class Real>
struct Iterated
{
    Light<Real> light;
    Real iterations;
    Condition<Real> converged;
};

/// Fisher's scoring from `start` on: least squares with the weights 1 / V of the model before, which at its fixed point is the
/// maximum of the Poisson likelihood (the identity link of Nelder & Wedderburn 1972; sCMOS: Huang et al. 2013).
///
///  until_still  ends a crop's iterations when it stands still;  a step that is not shorter than the one before is halved
template <bool kFitted, class Real, class Pixels>
LUMICROP_HOST_DEVICE Iterated<Real> reweighted(const Pixels& pixels, Real excess, const Light<Real>& start, int most,
                                               bool until_still)
{
    using Scalar = ScalarOf<Real>;
    Iterated<Real> now{start, Real(0), start.signal != start.signal};
    Real before(Scalar(3e38));
    for (int i = 0; i < most && any(!now.converged); ++i) {
        const Light<Real> light = now.light;
        Real s[5] = {Real(0), Real(0), Real(0), Real(0), Real(0)};
        pixels.add_up(s, [&](Real(&sum)[5], Real p, Real d, Real v) {
            const Real mean = kFitted ? muladd(light.signal, p, light.background) : light.signal * p;
            const Real weight = reciprocal(pixel_variance(mean, v, excess));
            const Real weighted = p * weight, rest = d - mean;
            sum[0] = muladd(p, weighted, sum[0]);
            sum[3] = muladd(weighted, rest, sum[3]);
            if constexpr (kFitted) {
                sum[1] = sum[1] + weighted;
                sum[2] = sum[2] + weight;
                sum[4] = muladd(weight, rest, sum[4]);
            }
        });
        const Light<Real> score{s[3], s[4]};
        const Light<Real> step = product(inverse<kFitted>(Square<Real>{s[0], s[1], s[2]}), score);
        const Real length = muladd(step.signal, score.signal, step.background * score.background); // squared, in errors
        const Real part = until_still ? select(length < before, Real(1), Real(Scalar(0.5))) : Real(1);
        now.light.signal = select(now.converged, light.signal, muladd(part, step.signal, light.signal));
        now.light.background = select(now.converged, light.background, muladd(part, step.background, light.background));
        now.iterations = select(now.converged, now.iterations, now.iterations + Real(1));
        before = select(now.converged, before, length);
        if (until_still) // a NaN does
            now.converged = now.converged | !(length > Real(Scalar(kStandsStill * kStandsStill)));
    }
    return now;
}

/// Sums over the pixels from which errors are made, at the model that was found.
template <class Real>
struct Spread
{
    Square<Real> unweighted; // A^T V A
    Square<Real> weighted;   // A^T V^-1 A
    Real light, pixels;      // sum p, sum 1
    Real squares;            // sum (d - mu)^2 / V
};

template <class Real, class Pixels>
LUMICROP_HOST_DEVICE Spread<Real> spread(const Pixels& pixels, Real excess, const Light<Real>& light)
{
    Real s[9];
    for (Real& sum : s) sum = Real(0);
    pixels.add_up(s, [&](Real(&sum)[9], Real p, Real d, Real v) {
        const Real mean = muladd(light.signal, p, light.background), rest = d - mean;
        const Real variance = pixel_variance(mean, v, excess), weight = reciprocal(variance);
        const Real spread = p * variance, weighted = p * weight;
        sum[0] = muladd(p, spread, sum[0]);
        sum[1] = sum[1] + spread;
        sum[2] = sum[2] + variance;
        sum[3] = muladd(p, weighted, sum[3]);
        sum[4] = sum[4] + weighted;
        sum[5] = sum[5] + weight;
        sum[6] = sum[6] + p;
        sum[7] = sum[7] + Real(1);
        sum[8] = muladd(rest * weight, rest, sum[8]);
    });
    return {{s[0], s[1], s[2]}, {s[3], s[4], s[5]}, s[6], s[7], s[8]};
}

/// 2 sum [mu' - d' - d' ln(mu' / d')] of d' = d/F^2 + v/F^4 (below 0 counted as 0) and its mean mu' (SPEC section 8).
///
template <class Real, class Pixels>
LUMICROP_HOST_DEVICE Real likelihood_ratio(const Pixels& pixels, Real excess, const Light<Real>& light)
{
    const Real once = reciprocal(excess), twice = once * once;
    Real sum[1] = {Real(0)};
    pixels.add_up(sum, [&](Real(&s)[1], Real p, Real d, Real v) {
        const Real mean = muladd(light.signal, p, light.background);
        const Real expected = pixel_variance(mean, v, excess) * twice;
        const Real found = larger(muladd(d, once, v * twice), Real(0));
        s[0] = muladd(expected, deviance(found / expected), s[0]);
    });
    return sum[0] + sum[0];
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
