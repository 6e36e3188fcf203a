// Sine and cosine of an angle in degrees, the same on every machine: exact at multiples of 90 degrees.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

template <class Real>
struct RotationOf
{
    Real sine, cosine;
};
using Rotation = RotationOf<double>;

/// Angles below this have a number of quarter turns whose multiple of 90 is exact.
constexpr double kMostDegrees = 1125899906842624.0; // 2^50

/// Rotation by `degrees` of at most kMostDegrees (reduced exactly to within 45 degrees of an axis; series to 1e-17). NaN gives NaN.
template <class Real>
LUMICROP_HOST_DEVICE RotationOf<Real> rotation_of_moderate(Real degrees)
{
    const Real shift(RoundingShift<double>::kShift);
    const Real quarters = (degrees * Real(1.0 / 90.0) + shift) - shift;
    const Real x = (degrees - quarters * Real(90.0)) * Real(0.017453292519943295);
    const Real s = x * x;
    const Real sine = x * polynomial(s, 1.0 / 355687428096000.0, -1.0 / 1307674368000.0, 1.0 / 6227020800.0,
                                     -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0);
    const Real cosine = polynomial(s, -1.0 / 6402373705728000.0, 1.0 / 20922789888000.0, -1.0 / 87178291200.0,
                                   1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0);
    // Quarter turns beyond whole ones: -2 to 2.
    const Real rest = quarters - Real(4.0) * ((quarters * Real(0.25) + shift) - shift), size = absolute(rest);
    const Real zero(0);
    const Real along = select(size == Real(1.0), cosine, sine), across = select(size == Real(1.0), sine, cosine);
    const auto backwards = (size == Real(2.0)) | (rest == Real(-1.0));
    const auto mirrored = (size == Real(2.0)) | (rest == Real(1.0));
    return {select(backwards, zero - along, along), select(mirrored, zero - across, across)};
}

/// Rotation by any number of degrees. NaN and infinity give NaN.
LUMICROP_HOST_DEVICE Rotation rotation(double degrees)
{
    if (!(absolute(degrees) < kMostDegrees)) degrees = __builtin_fmod(degrees, 360.0);
    return rotation_of_moderate(degrees);
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
