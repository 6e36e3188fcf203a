// Where a pixel lies along the axes of a Gaussian that is turned about its centre (SPEC section 5).
#pragma once

#include "math/rotation.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// One of the Gaussian's own axes, as erf's argument: the pixel `dx` columns and `dy` rows from the centre lies
/// dx * along_column + dy * along_row from it, and is 2 * half wide.
struct TurnedAxis
{
    double along_column, along_row, half;
};

/// x' = dx cos - dy sin;  `scale` from gaussian_scale, `ratio` = pixel height / pixel width.
LUMICROP_HOST_DEVICE TurnedAxis turned_x(const Rotation& turn, double scale, double ratio)
{
    return {turn.cosine * scale, -turn.sine * ratio * scale, 0.5 * scale};
}

/// y' = dx sin + dy cos.
LUMICROP_HOST_DEVICE TurnedAxis turned_y(const Rotation& turn, double scale, double ratio)
{
    return {turn.sine / ratio * scale, turn.cosine * scale, 0.5 * scale};
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
