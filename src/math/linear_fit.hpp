// Least squares of a crop's light and background: d = S p + b, a row [p, 1] a pixel.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// A crop's light S and its background b a pixel.
template <class Real>
struct Light
{
    Real signal, background;
};

/// A symmetric 2 x 2 matrix over (S, b).
template <class Real>
struct Square
{
    Real ss, sb, bb;
};

template <class Real>
LUMICROP_HOST_DEVICE Light<Real> product(const Square<Real>& a, const Light<Real>& x)
{
    return {muladd(a.ss, x.signal, a.sb * x.background), muladd(a.sb, x.signal, a.bb * x.background)};
}

/// The inverse; with b known (kFitted false) that of S alone. Not finite where there is none.
template <bool kFitted, class Real>
LUMICROP_HOST_DEVICE Square<Real> inverse(const Square<Real>& a)
{
    if (!kFitted) return {Real(1) / a.ss, Real(0), Real(0)};
    const Real scale = Real(1) / (a.ss * a.bb - a.sb * a.sb);
    return {a.bb * scale, (Real(0) - a.sb) * scale, a.ss * scale};
}

/// M a M for symmetric M and a: how the variance of the sums becomes that of what M makes of them.
template <class Real>
LUMICROP_HOST_DEVICE Square<Real> sandwich(const Square<Real>& m, const Square<Real>& a)
{
    const Real ss = muladd(a.ss, m.ss, a.sb * m.sb), sb = muladd(a.ss, m.sb, a.sb * m.bb); // a M
    const Real bs = muladd(a.sb, m.ss, a.bb * m.sb), bb = muladd(a.sb, m.sb, a.bb * m.bb);
    return {muladd(m.ss, ss, m.sb * bs), muladd(m.ss, sb, m.sb * bb), muladd(m.sb, sb, m.bb * bb)};
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
