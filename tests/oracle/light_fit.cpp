#include "light_fit.hpp"

#include <algorithm>
#include <cmath>

namespace oracle {

namespace {

Light times(const Matrix& m, const Light& x)
{
    return {m.ss * x.s + m.sb * x.b, m.sb * x.s + m.bb * x.b};
}

Matrix absolute(const Matrix& m)
{
    return {std::abs(m.ss), std::abs(m.sb), std::abs(m.bb)};
}

/// sum w [p, 1]^T [p, 1]
template <class Weight>
Matrix normal_matrix(const LightFit& fit, Weight weight)
{
    Matrix a;
    for (const LightPixel& pixel : fit.pixels) {
        const Real w = weight(pixel);
        a.ss += w * pixel.p * pixel.p;
        if (!fit.fits_background) continue;
        a.sb += w * pixel.p;
        a.bb += w;
    }
    return a;
}

/// sum w [p, 1] d
template <class Weight>
Light right_side(const LightFit& fit, Weight weight)
{
    Light r;
    for (const LightPixel& pixel : fit.pixels) {
        const Real w = weight(pixel);
        r.s += w * pixel.p * pixel.d;
        if (fit.fits_background) r.b += w * pixel.d;
    }
    return r;
}

/// Each of the sums that make up the 2 x 2 system is good to `step` (4e-6 or 1e-13, SPEC 7) of the absolute sum of its terms, and each d
/// to its own slack. Carried through the solution x = M r: |dx| <= |M| (step sum w |a| (|d - b| + |S p|) + sum w |a| slack). A level common
/// to all pixels is no term: it can be taken off before anything is added up, as SPEC 4 asks.
template <class Weight>
Light solution_rounding(const LightFit& fit, const Matrix& inverse, const Light& x, Weight weight)
{
    Light terms;
    for (const LightPixel& pixel : fit.pixels) {
        const Real w = weight(pixel);
        const Real term = w * (step(fit.precision) * (std::abs(pixel.d - x.b) + std::abs(x.s * pixel.p)) + pixel.slack);
        terms.s += std::abs(pixel.p) * term;
        if (fit.fits_background) terms.b += term;
    }
    return times(absolute(inverse), terms);
}

bool is_finite(const Light& x)
{
    return std::isfinite(x.s) && std::isfinite(x.b);
}

/// First-order bounds hold while the matrix's own rounding, step / independence, is far below 1.
bool is_well_posed(const LightFit& fit, const Matrix& a)
{
    return fit.independence(a) > 100 * step(fit.precision);
}

/// The slope of a pixel's log likelihood by its mean is (d - mu) / V; this is the likelihood, over F^4 and up to a constant.
Real log_likelihood(const LightFit& fit, const Light& x)
{
    Real sum = 0;
    const Real f = fit.excess;
    const Real floor = f * LightFit::least_mean;
    for (const LightPixel& pixel : fit.pixels) {
        const Real mu = fit.mean(pixel, x);
        const Real unbounded = f * (mu + pixel.base) + pixel.v;
        const Real total = f * (pixel.d + pixel.base) + pixel.v;
        const Real v = std::max(unbounded, floor);
        sum += (total * std::log(v) - v) / (f * f);
        if (unbounded >= floor) continue;
        const Real at_floor = (floor - pixel.v) / f - pixel.base;
        sum += ((pixel.d - at_floor) * (pixel.d - at_floor) - (pixel.d - mu) * (pixel.d - mu)) / (2 * floor);
    }
    return sum;
}

Light score(const LightFit& fit, const Light& x)
{
    Light sum;
    for (const LightPixel& pixel : fit.pixels) {
        const Real slope = (pixel.d - fit.mean(pixel, x)) / fit.variance(pixel, x);
        sum.s += pixel.p * slope;
        if (fit.fits_background) sum.b += slope;
    }
    return sum;
}

/// Minus the second derivative of the likelihood.
Matrix curvature(const LightFit& fit, const Light& x)
{
    return normal_matrix(fit, [&](const LightPixel& pixel) {
        const Real v = fit.variance(pixel, x);
        const bool above_floor =
            fit.excess * (fit.mean(pixel, x) + pixel.base) + pixel.v >= fit.excess * LightFit::least_mean;
        return 1 / v + (above_floor ? fit.excess * (pixel.d - fit.mean(pixel, x)) / (v * v) : 0);
    });
}

bool is_positive(const LightFit& fit, const Matrix& a)
{
    return fit.fits_background ? a.ss > 0 && a.ss * a.bb - a.sb * a.sb > Real(1e-12) * a.ss * a.bb : a.ss > 0;
}

Real length_of(const Light& step, const Light& score)
{
    const Real square = step.s * score.s + step.b * score.b;
    return square > 0 ? std::sqrt(square) : 0;
}

/// How much is left, in errors, by a last step of one error: with 1 - m an eigenvalue of F^-1 H the step is (1 - m) times the distance
/// before it, and m / (1 - m) steps are left; where the step was halved, (1 + m) / 2 (1 - m).
Real left_by_a_step(const LightFit& fit, const Matrix& f, const Matrix& h)
{
    const auto left = [](Real kept) { // 1 - m
        const Real m = 1 - kept;
        return kept > 0 ? std::max(std::abs(m) / kept, std::abs(1 + m) / (2 * kept)) : INFINITY;
    };
    if (!fit.fits_background) return left(h.ss / f.ss);
    const Matrix inverse = fit.inverse(f);
    const Real trace = inverse.ss * h.ss + 2 * inverse.sb * h.sb + inverse.bb * h.bb;
    const Real determinant = (h.ss * h.bb - h.sb * h.sb) / (f.ss * f.bb - f.sb * f.sb);
    const Real root = std::sqrt(std::max(trace * trace / 4 - determinant, Real(0)));
    return std::max(left(trace / 2 - root), left(trace / 2 + root));
}

} // namespace

Matrix LightFit::inverse(const Matrix& a) const
{
    if (!fits_background) return {1 / a.ss, 0, 0};
    const Real determinant = a.ss * a.bb - a.sb * a.sb;
    return {a.bb / determinant, -a.sb / determinant, a.ss / determinant};
}

Real LightFit::independence(const Matrix& a) const
{
    return fits_background ? 1 - a.sb * a.sb / (a.ss * a.bb) : 1;
}

Matrix fisher(const LightFit& fit, const Light& x)
{
    return normal_matrix(fit, [&](const LightPixel& pixel) { return 1 / fit.variance(pixel, x); });
}

Estimate least_squares(const LightFit& fit, Matrix& normal)
{
    const auto alike = [](const LightPixel&) { return Real(1); };
    normal = normal_matrix(fit, alike);
    const Matrix inverse = fit.inverse(normal);
    Estimate estimate;
    estimate.light = times(inverse, right_side(fit, alike));
    estimate.bound = solution_rounding(fit, inverse, estimate.light, alike);
    estimate.usable = is_well_posed(fit, normal);
    return estimate;
}

Estimate optimal(const LightFit& fit)
{
    Matrix normal;
    Estimate estimate = least_squares(fit, normal);
    for (int i = 0; i < 3 && is_finite(estimate.light); ++i) {
        const Light before = estimate.light;
        const Light before_bound = estimate.bound;
        const auto weight = [&](const LightPixel& pixel) { return 1 / fit.variance(pixel, before); };
        const Matrix a = normal_matrix(fit, weight);
        const Matrix inverse = fit.inverse(a);
        estimate.light = times(inverse, right_side(fit, weight));
        estimate.bound = solution_rounding(fit, inverse, estimate.light, weight);
        estimate.usable = estimate.usable && is_well_posed(fit, a);
        // What moved the weights: dx = M sum a dw (d - a x), |dw| <= F^2 / V^2 |a| |dx before|.
        Light moved;
        for (const LightPixel& pixel : fit.pixels) {
            const Real w = weight(pixel);
            const Real change = fit.excess * w * w * (std::abs(pixel.p) * before_bound.s + before_bound.b);
            const Real term = change * std::abs(pixel.d - fit.mean(pixel, estimate.light));
            moved.s += std::abs(pixel.p) * term;
            if (fit.fits_background) moved.b += term;
        }
        const Light further = times(absolute(inverse), moved);
        estimate.bound = {estimate.bound.s + further.s, estimate.bound.b + further.b};
    }
    return estimate;
}

Estimate maximum_likelihood(const LightFit& fit)
{
    Matrix normal;
    Estimate estimate = least_squares(fit, normal);
    if (!is_finite(estimate.light) || !estimate.usable) return estimate;
    Light x = estimate.light;
    Real likelihood = log_likelihood(fit, x);
    for (int i = 0; i < 200; ++i) {
        const Light g = score(fit, x);
        const Matrix h = curvature(fit, x);
        const bool curves_down = is_positive(fit, h);
        const Light move = times(fit.inverse(curves_down ? h : fisher(fit, x)), g);
        const Real length = length_of(move, g);
        if (length < Real(1e-12)) break;
        if (length < Real(1e-3) && curves_down && i < 100) { // Newton's own way: nothing to be gained by looking
            x = {x.s + move.s, x.b + move.b};
            likelihood = -INFINITY;
            continue;
        }
        if (likelihood == -INFINITY) likelihood = log_likelihood(fit, x);
        Real part = 1;
        for (; part > Real(1e-6); part /= 2) {
            const Light tried{x.s + part * move.s, x.b + part * move.b};
            const Real there = log_likelihood(fit, tried);
            if (there >= likelihood) {
                x = tried;
                likelihood = there;
                break;
            }
        }
        if (part <= Real(1e-6)) break; // the likelihood's own last digit
    }
    const Matrix f = fisher(fit, x);
    const Matrix h = curvature(fit, x);
    estimate.light = x;
    // Where a pixel lies far below anything that a camera counts, the likelihood has more than one maximum.
    bool has_one_maximum = true;
    for (const LightPixel& pixel : fit.pixels) {
        const Real rest = pixel.d - fit.mean(pixel, x);
        const bool below = fit.excess * (pixel.d + pixel.base) + pixel.v < 0;
        has_one_maximum = has_one_maximum && !(below && rest * rest > 36 * fit.variance(pixel, x));
    }
    if (!has_one_maximum || !is_positive(fit, h) || !is_well_posed(fit, f)) {
        estimate.usable = false;
        return estimate;
    }
    const Matrix covariance = fit.inverse(f);
    const Real left = Real(1e-4) * left_by_a_step(fit, f, h);
    // A fixed point's score is off by rounding, and the estimate by H^-1 of that.
    estimate.bound =
        solution_rounding(fit, fit.inverse(h), x, [&](const LightPixel& pixel) { return 1 / fit.variance(pixel, x); });
    estimate.bound.s += left * std::sqrt(covariance.ss);
    estimate.bound.b += left * std::sqrt(std::max(covariance.bb, Real(0)));
    return estimate;
}

Scoring scoring(const LightFit& fit)
{
    constexpr int most_iterations = 10;
    const Real limit = Real(1e-4);
    const Real band = 3; // steps within a factor of three of the limit may be judged either way
    Matrix normal;
    const Estimate start = least_squares(fit, normal);
    Scoring result;
    result.is_clear = start.usable && is_finite(start.light);
    Light x = start.light;
    Real before = INFINITY;
    for (int i = 1; i <= most_iterations; ++i) {
        const Light g = score(fit, x);
        const Matrix inverse = fit.inverse(fisher(fit, x));
        const Light move = times(inverse, g);
        const Real length = length_of(move, g);
        const Light rounding =
            solution_rounding(fit, inverse, x, [&](const LightPixel& pixel) { return 1 / fit.variance(pixel, x); });
        // What SPEC allows is eight times the rounding, random in sign, of the sixteen terms that are added up plainly (running_sum.hpp): what a
        // step of the same kind is likely to be off by.
        const Real noise = std::max(rounding.s / std::sqrt(inverse.ss),
                                    fit.fits_background ? rounding.b / std::sqrt(inverse.bb) : Real(0)) /
                           8;
        const bool may_end = length - noise <= limit * band;
        const bool must_end = length + noise <= limit / band;
        if (may_end && result.least == 0) result.least = i;
        if (must_end) {
            result.most = i;
            result.converges = true;
            return result;
        }
        const bool near_the_last = i > 1 && std::abs(length - before) <= Real(1e-3) * before + noise;
        if (near_the_last) result.is_clear = false; // halved or not
        const Real part = length < before ? 1 : Real(0.5);
        x = {x.s + part * move.s, x.b + part * move.b};
        before = length;
    }
    result.most = most_iterations;
    if (result.least == 0)
        result.least = most_iterations;
    else
        result.is_clear = false;
    return result;
}

} // namespace oracle
