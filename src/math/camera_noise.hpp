// How much a pixel's value varies (SPEC section 8): counting of electrons, multiplication, read-out.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// The least mean that a pixel's variance is taken from [e-]: a fitted mean may be lower, also negative; its weight must stay finite.
constexpr double kLeastMean = 0.01;

/// F^2 of a camera that multiplies its electrons by `em_gain` before it reads them out (Robbins & Hadwen 2003, IEEE Trans. Electron
/// Devices 50:1227).
LUMICROP_HOST_DEVICE double excess_noise(double em_gain)
{
    return em_gain > 1 ? 2.0 : 1.0;
}

/// V = F^2 mu + v of a pixel of that mean [e-] and variance of reading [e-^2], both referred to the electrons before multiplication.
template <class Real>
LUMICROP_HOST_DEVICE Real pixel_variance(Real mean, Real read_variance, Real excess)
{
    return larger(muladd(excess, mean, read_variance), excess * Real(ScalarOf<Real>(kLeastMean)));
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
