// From a crop's sums to what is told of its detection, where the channel is not plain (SPEC section 8). In float64, one detection at a time, the
// same for teams and for lanes.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "math/photometry.hpp"

namespace lumicrop {
namespace cuda {

__device__ __forceinline__ bool is_wanted(const ColumnView& column)
{
    return column.data != nullptr;
}

/// Whether something is wanted that the model's errors are summed up for.
__device__ __forceinline__ bool wants_spread(const OutputColumns& results)
{
    return is_wanted(results.photons_sigma) || is_wanted(results.background_sigma) || is_wanted(results.chi2) ||
           is_wanted(results.background_pixels);
}

__device__ __forceinline__ bool wants_enclosed(const OutputColumns& results)
{
    return is_wanted(results.enclosed) || is_wanted(results.photons_total);
}

/// The median of the border's pixels as a background.
struct MeasuredMedian
{
    double median;     // counts; electrons above the offset where pixels differ in gain or offset
    bool in_electrons; // such pixels
    bool whole_counts; // pixels share their gain: equal ones are counts that were rounded alike
    double n;          // pixels
    double read;       // their mean variance of reading
    math::Ranks ranks; // of the corrected median
};

/// What is subtracted.
struct Level
{
    double counts; // of each pixel, the camera's offset among them; not used where pixels differ
    math::KnownBackground known;
};

__device__ __forceinline__ Level level_of_median(const ChannelView& view, const MeasuredMedian& measured)
{
    const Counting& counting = view.counting;
    double value = measured.in_electrons ? measured.median : (measured.median - view.camera_offset) * counting.electrons;
    Level level{measured.median, {}};
    if (counting.background == Subtracted::corrected_median && measured.n > 0) {
        const double step = measured.whole_counts ? counting.electrons : 0; // electrons a count
        const double within = measured.in_electrons ? 0 : math::median_within_count(measured.ranks) * step;
        const double mean =
            math::mean_of_skewed(value + within, measured.n, counting.excess, measured.read + step * step / 12);
        if (!measured.in_electrons) level.counts += (mean - value) / counting.electrons;
        value = mean;
    }
    const double variance = math::pixel_variance(value, measured.read, counting.excess);
    level.known = math::median_background(value, variance, measured.n);
    return level;
}

/// The level of a background that is not measured: `photons` from the column; a fitted one is found above the crop's first pixel, so that a large
/// level costs no digits, unless that is `first_is_usable` not.
__device__ __forceinline__ Level level_not_measured(const ChannelView& view, double photons, double first,
                                                    bool first_is_usable)
{
    const Counting& counting = view.counting;
    Level level{view.camera_offset, math::given_background(0)};
    if (counting.background == Subtracted::column) {
        level.known.value = photons * view.qe;
        level.counts = view.camera_offset + level.known.value / counting.electrons;
    } else if (counting.background == Subtracted::fitted && first_is_usable && math::is_finite(first)) {
        level.known.value = (first - view.camera_offset) * counting.electrons;
        level.counts = first;
    }
    return level;
}

/// From counts to electrons above the level: (raw - high) gain - low.
template <class Real>
struct LightScale
{
    Real high, low, gain;
    Real background; // where pixels differ: electrons, taken off there
    Real variance;   // of a pixel without the model: F^2 background, and reading where no map tells it

    __device__ __forceinline__ LightScale(const ChannelView& view, const Level& level)
    {
        const Counting& counting = view.counting;
        const math::Parts<Real> parts = math::in_parts<Real>(level.counts);
        high = parts.high;
        low = static_cast<Real>(static_cast<double>(parts.low) * counting.electrons);
        gain = static_cast<Real>(counting.electrons);
        background = static_cast<Real>(level.known.value);
        variance = static_cast<Real>(counting.excess * level.known.value +
                                     (counting.maps.read_variance.data != nullptr ? 0 : counting.read_variance));
    }
    __device__ __forceinline__ Real light(Real raw) const { return math::muladd(raw - high, gain, Real(0) - low); }
};

/// What an estimator found.
template <class Real>
struct Estimate
{
    math::Square<Real> normal; // A^T A
    math::Iterated<Real> found;
    math::Spread<Real> spread;
    Real likelihood_ratio;
    math::Light<double> measured; // sum of p, and of p / V, over the pixels that the background was measured on
    double psf_sum;
    double read_variance; // mean of the pixels
    bool shape_is_nan;
    bool level_is_missing; // no pixel was left of a ring
};

__device__ __forceinline__ bool iterates(Method method)
{
    return method == Method::optimal || method == Method::mle;
}

template <bool kFitted, class Real, class Pixels>
__device__ __forceinline__ math::Iterated<Real> find_light(Method method, const Pixels& pixels, Real excess,
                                                           math::Square<Real>& normal)
{
    const math::Light<Real> start = math::least_squares<kFitted>(pixels, normal);
    if (!iterates(method)) return {start, Real(0), true};
    const bool is_mle = method == Method::mle;
    return math::reweighted<kFitted>(pixels, excess, start, is_mle ? math::kMostIterations : math::kOptimalIterations,
                                     is_mle);
}

/// What the channel's estimator finds on the pixels, and what of it is wanted. The rest is left to the caller: what the PSF and the background
/// are.
template <class Real, class Pixels>
__device__ __forceinline__ Estimate<Real> estimate_light(const ChannelView& view, const Pixels& pixels)
{
    const Counting& counting = view.counting;
    const Real excess = static_cast<Real>(counting.excess);
    Estimate<Real> estimate{};
    estimate.found = counting.background == Subtracted::fitted
                         ? find_light<true>(counting.method, pixels, excess, estimate.normal)
                         : find_light<false>(counting.method, pixels, excess, estimate.normal);
    if (wants_spread(view.results)) estimate.spread = math::spread(pixels, excess, estimate.found.light);
    if (is_wanted(view.results.log_likelihood_ratio))
        estimate.likelihood_ratio = math::likelihood_ratio(pixels, excess, estimate.found.light);
    return estimate;
}

__device__ __forceinline__ DetailedOutcome outcome_of(const ChannelView& view, double electrons, double background,
                                                      const math::Certainty& certainty)
{
    const double per_qe = 1 / view.qe;
    DetailedOutcome outcome{};
    outcome.electrons = math::without_origin(electrons);
    outcome.background = background * (1 / view.counting.electrons);
    outcome.background_photons = background * per_qe;
    outcome.photons_sigma = math::error_of(certainty.variance) * per_qe;
    outcome.background_sigma = math::error_of(certainty.background_variance) * per_qe;
    outcome.background_pixels = certainty.background_pixels;
    outcome.chi2 = certainty.chi2;
    outcome.psf_sum = outcome.denominator = outcome.log_likelihood_ratio = math::not_a_number();
    return outcome;
}

/// Of an estimate: NaN where the PSF counts nothing, and flags.
template <bool kFitted, class Real>
__device__ __forceinline__ DetailedOutcome outcome_as(const ChannelView& view, const Estimate<Real>& estimate,
                                                      const math::KnownBackground& known)
{
    const Counting& counting = view.counting;
    const auto wide = [](const math::Square<Real>& square) { return math::Square<double>{square.ss, square.sb, square.bb}; };
    const math::Square<double> normal = wide(estimate.normal);
    const math::Spread<double> spread{wide(estimate.spread.unweighted), wide(estimate.spread.weighted),
                                      estimate.spread.light, estimate.spread.pixels, estimate.spread.squares};
    const math::Weights weights = iterates(counting.method) ? math::Weights::by_variance : math::Weights::alike;
    // A NaN pixel leaves a background as it is that was not fitted.
    const double background = known.value + (kFitted ? static_cast<double>(estimate.found.light.background) : 0.0);
    math::Certainty certainty;
    if constexpr (kFitted)
        certainty = math::certainty_of_fit(weights, normal, spread,
                                           math::pixel_variance(background, estimate.read_variance, counting.excess));
    else
        certainty = math::certainty(weights, normal.ss, spread, estimate.measured, known);
    DetailedOutcome outcome = outcome_of(view, static_cast<double>(estimate.found.light.signal), background, certainty);
    outcome.psf_sum = estimate.psf_sum;
    outcome.denominator = normal.ss;
    outcome.log_likelihood_ratio = static_cast<double>(estimate.likelihood_ratio);

    const double nan = math::not_a_number();
    const bool parameter_is_nan = estimate.shape_is_nan || known.value != known.value;
    const bool countable = math::is_countable(estimate.psf_sum, normal.ss);
    const bool solvable = !kFitted || math::is_solvable<Real>(normal);
    if (estimate.shape_is_nan || (parameter_is_nan && !estimate.level_is_missing))
        outcome.flags |= LUMICROP_FLAG_PARAMETER_NAN;
    if ((!countable || !solvable) && !estimate.shape_is_nan) outcome.flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (!parameter_is_nan) outcome.iterations = static_cast<uint32_t>(estimate.found.iterations);
    if (counting.method == Method::mle && !estimate.found.converged && !parameter_is_nan)
        outcome.flags |= LUMICROP_FLAG_NOT_CONVERGED;
    if (parameter_is_nan || !countable || !solvable) {
        outcome.electrons = outcome.photons_sigma = outcome.chi2 = outcome.log_likelihood_ratio = nan;
        if (kFitted)
            outcome.background = outcome.background_photons = outcome.background_sigma = outcome.background_pixels = nan;
    }
    if (estimate.shape_is_nan) outcome.psf_sum = outcome.denominator = nan;
    return outcome;
}

template <class Real>
__device__ __forceinline__ DetailedOutcome outcome_of(const ChannelView& view, const Estimate<Real>& estimate,
                                                      const math::KnownBackground& known)
{
    return view.counting.background == Subtracted::fitted ? outcome_as<true>(view, estimate, known)
                                                          : outcome_as<false>(view, estimate, known);
}

/// The fraction of all light of the PSF, `all`, that is on the crop, in the PSF's weights.
__device__ __forceinline__ void tell_enclosed(const ChannelView& view, double on_crop, double all, bool shape_is_nan,
                                              DetailedOutcome& outcome)
{
    outcome.enclosed = shape_is_nan ? math::not_a_number() : on_crop / all;
    outcome.photons_total = outcome.electrons / view.qe / outcome.enclosed;
}

__device__ __forceinline__ bool lies_outside(const ChannelView& view, const PsfCentre& centre)
{
    return math::lies_outside(centre.column(view), centre.row(view), static_cast<double>(view.height),
                              static_cast<double>(view.width));
}

} // namespace cuda
} // namespace lumicrop
