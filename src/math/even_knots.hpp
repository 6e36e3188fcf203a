// Where knots and pixels step alike: there all pixels of a row stand at the same place between two knots, and share the four weights of
// the uniform cubic B-spline (de Boor 1972, J. Approx. Theory 6:50).
#pragma once

#include "math/bspline.hpp"

namespace lumicrop {

/// Positions of a first pixel from which on all pixels of a row share their weights: x with 0 <= (x - begin) * inverse_step < count.
/// Plain data, the same type for every instruction set.
struct EvenPixels
{
    double begin, inverse_step;
    double count;  // of whole knots; 0: nowhere
    int64_t first; // coefficient of the first pixel at `begin`; each pixel's is the next
};

inline namespace LUMICROP_TARGET {
namespace math {

/// How far a pixel may be off, in steps between knots: half of float32's rounding of 1, so that the weights are as good as float32 has them.
constexpr double kEvenWithin = 3e-8;

/// The longest run of knots that are even, within what any pixel inside the domain uses.
struct KnotRun
{
    int64_t first, last;
    double step;
};
inline KnotRun longest_even_run(const KnotAxis& axis)
{
    const double* const t = axis.knots;
    const int64_t end =
        axis.n_coefficients + kDegree - 1; // the last knot that a basis function inside the domain depends on
    KnotRun longest{1, 1, 0};
    for (int64_t first = 1; first < end;) {
        const double step = t[first + 1] - t[first];
        int64_t last = first + 1;
        while (last < end && absolute(t[last + 1] - t[last] - step) <= kEvenWithin * step) ++last;
        if (step > 0 && last - first > longest.last - longest.first) longest = {first, last, step};
        first = last;
    }
    const auto steps = static_cast<double>(longest.last - longest.first);
    if (steps > 0) longest.step = (t[longest.last] - t[longest.first]) / steps;
    for (int64_t i = longest.first; i <= longest.last; ++i) {
        const double even = t[longest.first] + static_cast<double>(i - longest.first) * longest.step;
        if (absolute(t[i] - even) > kEvenWithin * longest.step) return {1, 1, 0};
    }
    return longest;
}

/// Where `n` pixels, `pixel` apart, share their weights.
inline EvenPixels even_pixels(const KnotAxis& axis, double pixel, int64_t n)
{
    const KnotRun run = longest_even_run(axis);
    // On an interval the weights depend on the knots from two before it to two behind it.
    const int64_t count = run.last - run.first - 2 * (kDegree - 1) - (n - 1);
    const double drift = static_cast<double>(n - 1) * absolute(pixel - run.step);
    if (count <= 0 || drift > kEvenWithin * run.step) return {0, 0, 0, 0};
    return {axis.knots[run.first + kDegree - 1], 1 / run.step, static_cast<double>(count), run.first - 1};
}

/// The weights of four coefficients at `s`, 0 to 1, between two even knots.
template <class Real>
LUMICROP_HOST_DEVICE void even_weights(Real s, Real (&weights)[kOrder])
{
    using Scalar = ScalarOf<Real>;
    const Real sixth(Scalar(1.0 / 6)), half(Scalar(0.5)), two_thirds(Scalar(2.0 / 3));
    const Real r = Real(1) - s, s2 = s * s, r2 = r * r;
    weights[0] = sixth * (r2 * r);
    weights[1] = muladd(s2, muladd(half, s, Real(-1)), two_thirds);
    weights[2] = muladd(r2, muladd(half, r, Real(-1)), two_thirds);
    weights[3] = sixth * (s2 * s);
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
