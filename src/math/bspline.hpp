// Cubic B-splines over any non-decreasing knots (de Boor 1972, J. Approx. Theory 6:50; SPEC section 5).
//
// Between two knots each of the four basis functions is a cubic in s = (x - t[j]) / (t[j+1] - t[j]), worked out once
// per interval when the spline is made; a weight is then three muladds in float64.
#pragma once

#include "math/host_device.hpp"
#include "math/spline_view.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

constexpr int kDegree = kSplineDegree;
constexpr int kOrder = kSplineOrder;

/// The basis functions B[j-3] to B[j] on the interval from t[j] to t[j+1], which is not empty.
inline BasisPolynomials basis_polynomials(const double* t, int64_t j)
{
    const double width = t[j + 1] - t[j];
    BasisPolynomials lower{};
    lower.power[kDegree][0] = 1; // degree 0: only B[j]
    for (int degree = 1; degree <= kDegree; ++degree) {
        BasisPolynomials higher{};
        for (int function = kDegree - degree; function < kOrder; ++function) {
            const int64_t i = j - kDegree + function;
            const double rise = t[i + degree] - t[i], fall = t[i + degree + 1] - t[i + 1];
            for (int power = 0; power < kOrder; ++power) {
                double sum = 0;
                if (rise > 0) { // (x - t[i]) / rise * B[i]
                    sum += (t[j] - t[i]) / rise * lower.power[function][power];
                    if (power > 0) sum += width / rise * lower.power[function][power - 1];
                }
                if (fall > 0 && function + 1 < kOrder) { // (t[i+degree+1] - x) / fall * B[i+1]
                    sum += (t[i + degree + 1] - t[j]) / fall * lower.power[function + 1][power];
                    if (power > 0) sum -= width / fall * lower.power[function + 1][power - 1];
                }
                higher.power[function][power] = sum;
            }
        }
        lower = higher;
    }
    return lower;
}

/// Where x lies: the interval j with t[j] <= x < t[j+1] (at the upper end, the last that is not empty), or outside the domain.
struct Knot
{
    int64_t interval; // -1: outside [t[3], t[n]], or NaN
    double s;         // position in the interval, 0 to 1
};

LUMICROP_HOST_DEVICE Knot find_knot(const KnotAxis& axis, double x)
{
    const double* t = axis.knots;
    const int64_t first = kDegree, last = axis.n_coefficients - 1;
    if (!(x >= t[first] && x <= t[last + 1])) return {-1, 0};
    int64_t j = first + static_cast<int64_t>((x - t[first]) * axis.inverse_step);
    j = j > last ? last : j;
    if (!(t[j] <= x && x < t[j + 1])) { // the guess is right for even knots, rounding aside
        int64_t below = first, above = last + 1;
        while (above - below > 1) {
            const int64_t between = below + (above - below) / 2;
            if (t[between] <= x)
                below = between;
            else
                above = between;
        }
        j = below;
        while (t[j + 1] <= t[j]) --j; // x = t[n] with repeated end knots
    }
    return {j, (x - t[j]) / (t[j + 1] - t[j])};
}

/// The weights of coefficients j-3 to j at a knot inside the domain.
LUMICROP_HOST_DEVICE void basis_weights(const KnotAxis& axis, const Knot& knot, double (&weights)[kOrder])
{
    const double* const basis = axis.polynomials + knot.interval * axis.polynomials_stride;
    for (int k = 0; k < kOrder; ++k) {
        const double* const power = basis + k * kOrder;
        weights[k] = muladd(muladd(muladd(power[3], knot.s, power[2]), knot.s, power[1]), knot.s, power[0]);
    }
}

/// The tensor product along one axis: four coefficients, or four rows of lanes of them.
template <class Real>
LUMICROP_HOST_DEVICE Real contract(const Real (&weights)[kOrder], Real c0, Real c1, Real c2, Real c3)
{
    return muladd(weights[3], c3, muladd(weights[2], c2, muladd(weights[1], c1, weights[0] * c0)));
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
