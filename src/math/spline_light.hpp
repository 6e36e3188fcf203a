// Light of a B-spline PSF on all pixels of its lateral domain (SPEC section 8, fraction enclosed).
#pragma once

#include "math/bspline.hpp"
#include "math/spline_view.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Whether the pixels of a row that lie in the domain can be counted.
LUMICROP_HOST_DEVICE bool has_countable_pixels(const KnotAxis& axis, double pixel, double first)
{
    constexpr double kMostPixels = 1048576;
    const double low = (axis.knots[kDegree] - first) / pixel, high = (axis.knots[axis.n_coefficients] - first) / pixel;
    return absolute(low) < 1e15 && high - low < kMostPixels;
}

/// Sum of each basis function over the pixels of a row that lie in the domain, the first pixel of the crop being `first` from the PSF's
/// centre: totals[n_coefficients]. False where that lies beyond counting.
LUMICROP_HOST_DEVICE bool pixels_under_basis(const KnotAxis& axis, double pixel, double first, double* totals)
{
    for (int64_t i = 0; i < axis.n_coefficients; ++i) totals[i] = 0;
    if (!has_countable_pixels(axis, pixel, first)) return false;
    const double low = (axis.knots[kDegree] - first) / pixel, high = (axis.knots[axis.n_coefficients] - first) / pixel;
    const auto last = static_cast<int64_t>(high) + 1;
    for (auto i = static_cast<int64_t>(low) - 1; i <= last; ++i) {
        const Knot knot = find_knot(axis, static_cast<double>(i) * pixel + first);
        if (knot.interval < 0) continue;
        double weights[kOrder];
        basis_weights(axis, knot, weights);
        for (int k = 0; k < kOrder; ++k) totals[knot.interval - kDegree + k] += weights[k];
    }
    return true;
}

/// The total of one basis function alone: where they can be counted, that of pixels_under_basis.
LUMICROP_HOST_DEVICE double pixels_under_function(const KnotAxis& axis, double pixel, double first, int64_t function)
{
    const int64_t begin = function < kDegree ? kDegree : function; // its first knot inside the domain
    const int64_t end = function + kOrder < axis.n_coefficients ? function + kOrder : axis.n_coefficients;
    const auto last = static_cast<int64_t>((axis.knots[end] - first) / pixel) + 1;
    double total = 0;
    for (auto i = static_cast<int64_t>((axis.knots[begin] - first) / pixel) - 1; i <= last; ++i) {
        const Knot knot = find_knot(axis, static_cast<double>(i) * pixel + first);
        const int64_t which = function - (knot.interval - kDegree);
        if (knot.interval < 0 || which < 0 || which > kDegree) continue;
        const double* const power = axis.polynomials + knot.interval * axis.polynomials_stride + which * kOrder;
        total += muladd(muladd(muladd(power[3], knot.s, power[2]), knot.s, power[1]), knot.s, power[0]);
    }
    return total;
}

/// The basis functions along z at one depth; false outside the domain.
struct Depth
{
    int64_t first;
    double weights[kOrder];
};
LUMICROP_HOST_DEVICE bool depth_at(const KnotAxis& axis, double z, Depth& depth)
{
    const Knot knot = find_knot(axis, z);
    if (knot.interval < 0) return false;
    depth.first = knot.interval - kDegree;
    basis_weights(axis, knot, depth.weights);
    return true;
}

/// Light of the coefficients [iy][ix] at that depth: their part of the sum over all pixels.
LUMICROP_HOST_DEVICE double light_of(const SplineView& spline, const Depth& depth, int64_t iy, int64_t ix)
{
    double sum = 0;
    for (int k = 0; k < kOrder; ++k)
        sum += depth.weights[k] *
               spline.wide[((depth.first + k) * spline.y.n_coefficients + iy) * spline.x.n_coefficients + ix];
    return sum;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
