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

/// Electrons of a pixel with an offset [counts] and a gain [e-/count] of its own. An offset that all pixels share comes in two parts, the second
/// what the first leaves.
template <class Real>
LUMICROP_HOST_DEVICE Real uneven_electrons(Real raw, Real offset_high, Real offset_low, Real gain)
{
    return ((raw - offset_high) - offset_low) * gain;
}

/// The largest number that a map may hold.
template <class Real>
LUMICROP_HOST_DEVICE Real most_in_map()
{
    return Real(ScalarOf<Real>(sizeof(ScalarOf<Real>) == sizeof(float) ? 3.4e38 : 1.7e308));
}

/// Whether a map says something usable of a pixel: an offset or a background; a gain; a variance. Where it does not the pixel is masked.
template <class Real>
LUMICROP_HOST_DEVICE decltype(Real(0) < Real(0)) is_usable_level(Real level)
{
    return absolute(level) <= most_in_map<Real>();
}
template <class Real>
LUMICROP_HOST_DEVICE decltype(Real(0) < Real(0)) is_usable_gain(Real gain)
{
    return (gain > Real(0)) & (gain <= most_in_map<Real>());
}
template <class Real>
LUMICROP_HOST_DEVICE decltype(Real(0) < Real(0)) is_usable_variance(Real variance)
{
    return (Real(0) <= variance) & (variance <= most_in_map<Real>());
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
