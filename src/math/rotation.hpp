// Sine and cosine of an angle in degrees, the same on every machine: exact at multiples of 90 degrees.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

struct Rotation
{
    double sine, cosine;
};

/// Rotation by `degrees` (reduced exactly to within 45 degrees of an axis; series to 1e-17). NaN and infinity give NaN.
LUMICROP_HOST_DEVICE Rotation rotation(double degrees)
{
    // fmod is exact; what is left is below 360, and the quarter turns to the nearest axis below 5.
    const double turn = __builtin_fmod(degrees, 360.0);
    const double shift = RoundingShift<double>::kShift;
    const double quarters = (turn * (1.0 / 90.0) + shift) - shift;
    const double x = (turn - quarters * 90.0) * 0.017453292519943295;
    const double s = x * x;
    const double sine = x * polynomial(s, 1.0 / 355687428096000.0, -1.0 / 1307674368000.0, 1.0 / 6227020800.0,
                                       -1.0 / 39916800.0, 1.0 / 362880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0);
    const double cosine =
        polynomial(s, -1.0 / 6402373705728000.0, 1.0 / 20922789888000.0, -1.0 / 87178291200.0, 1.0 / 479001600.0,
                   -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0);
    if (!(quarters == quarters)) return {quarters, quarters};
    switch (static_cast<int>(quarters) & 3) {
    case 0: return {sine, cosine};
    case 1: return {cosine, -sine};
    case 2: return {-sine, -cosine};
    default: return {-cosine, sine};
    }
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
