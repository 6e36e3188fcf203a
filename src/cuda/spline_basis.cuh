// A pixel's column or row among a spline's knots, on the device.
#pragma once

#include "cuda/views.hpp"
#include "math/bspline.hpp"

namespace lumicrop {
namespace cuda {

/// The first of four coefficients and their weights; first is -1 outside the domain.
template <class Real>
struct SplineBasis
{
    int32_t first;
    Real weights[math::kOrder];
};

template <class Real>
__device__ __forceinline__ SplineBasis<Real> spline_basis(const KnotAxis& axis, double x)
{
    SplineBasis<Real> basis{-1, {}};
    const math::Knot knot = math::find_knot(axis, x);
    if (knot.interval < 0) return basis;
    double weights[math::kOrder];
    math::basis_weights(axis, knot, weights);
    basis.first = static_cast<int32_t>(knot.interval - math::kDegree);
#pragma unroll
    for (int k = 0; k < math::kOrder; ++k) basis.weights[k] = static_cast<Real>(weights[k]);
    return basis;
}

/// Where a crop's first pixel stands among even knots: whether its row of pixels shares one set of weights, then which.
struct EvenBasis
{
    bool shared;
    SplineBasis<float> basis;
};

__device__ __forceinline__ EvenBasis even_basis(const EvenPixels& even, double x)
{
    const double at = (x - even.begin) * even.inverse_step;
    EvenBasis found{at >= 0 && at < even.count, {0, {}}};
    if (!found.shared) return found;
    const auto whole = static_cast<int32_t>(at);
    found.basis.first = static_cast<int32_t>(even.first) + whole;
    math::even_weights(static_cast<float>(at - whole), found.basis.weights);
    return found;
}

} // namespace cuda
} // namespace lumicrop
