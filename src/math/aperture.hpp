// How much of each pixel an elliptic aperture covers, exactly: the area that a circle shares with a parallelogram.
#pragma once

#include <cmath>

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

struct Point
{
    double x, y;
};

LUMICROP_HOST_DEVICE Point scaled(const Point& step, double part)
{
    return {part * step.x, part * step.y};
}

LUMICROP_HOST_DEVICE double cross(const Point& p, const Point& q)
{
    return p.x * q.y - p.y * q.x;
}

/// Twice the area of the unit circle's sector from the direction of p to that of p + step, negative where that is clockwise. A pixel is a
/// short step on a large ellipse, and p alone all but parallel to p + step: their difference must not be taken again.
LUMICROP_HOST_DEVICE double twice_sector(const Point& p, const Point& step)
{
    return std::atan2(cross(p, step), muladd(p.x, p.x + step.x, p.y * (p.y + step.y)));
}

/// Twice the area that the unit circle shares with the triangle of its centre, p and p + step, negative where that is clockwise. These, added up
/// around a polygon, are what the circle shares with it. `meets` becomes true where some of the step lies within.
LUMICROP_HOST_DEVICE double twice_shared(const Point& p, const Point& step, bool& meets)
{
    // p + t step lies on the circle where a t^2 + 2 b t + c is 0.
    const double a = step.x * step.x + step.y * step.y, b = p.x * step.x + p.y * step.y, c = p.x * p.x + p.y * p.y - 1;
    const double discriminant = b * b - a * c;
    if (!(discriminant > 0)) return twice_sector(p, step);
    const double root = square_root(discriminant);
    const double enters = (-b - root) / a, leaves = (-b + root) / a;
    if (enters >= 1 || leaves <= 0) return twice_sector(p, step);
    meets = true;
    double twice = ((leaves < 1 ? leaves : 1) - (enters > 0 ? enters : 0)) * cross(p, step);
    if (enters > 0) twice += twice_sector(p, scaled(step, enters));
    if (leaves < 1)
        twice += twice_sector({muladd(leaves, step.x, p.x), muladd(leaves, step.y, p.y)}, scaled(step, 1 - leaves));
    return twice;
}

/// An ellipse among a crop's pixels, whose centres have whole numbers.
struct Aperture
{
    double column, row;      // of its centre
    double cosine, sine;     // of its angle, which turns as the PSF's does (SPEC section 5)
    double along_x, along_y; // semi-axes [px]

    LUMICROP_HOST_DEVICE double area() const { return 3.14159265358979323846 * along_x * along_y; }

    /// Whether some of it is missing from what pixels have of its area.
    LUMICROP_HOST_DEVICE bool is_cut_short(double found) const { return !(found >= (1 - 1e-9) * area()); }

    /// The part of a pixel that lies inside: 1 wholly, 0 not at all.
    LUMICROP_HOST_DEVICE double part_of_pixel(double pixel_column, double pixel_row) const
    {
        const double dx = pixel_column - column, dy = pixel_row - row;
        const double most = (along_x > along_y ? along_x : along_y) + 1;
        if (absolute(dx) > most || absolute(dy) > most) return 0;
        // In units of the axes the ellipse is the unit circle, and the pixel a parallelogram around `middle`.
        const Point middle{(dx * cosine - dy * sine) / along_x, (dx * sine + dy * cosine) / along_y};
        const Point right{0.5 * cosine / along_x, 0.5 * sine / along_y}, down{-0.5 * sine / along_x, 0.5 * cosine / along_y};
        const double distance = square_root(middle.x * middle.x + middle.y * middle.y);
        const double reach = 0.70710678118654757 / (along_x < along_y ? along_x : along_y); // of the corners, at most
        if (distance + reach <= 1) return 1;
        if (distance - reach >= 1) return 0;
        Point from{middle.x - right.x - down.x, middle.y - right.y - down.y};
        double twice = 0;
        bool meets = false;
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
        for (int edge = 0; edge < 4; ++edge) {
            const Point step = scaled(edge % 2 == 0 ? right : down, edge < 2 ? 2 : -2);
            twice += twice_shared(from, step, meets);
            from = {from.x + step.x, from.y + step.y};
        }
        // No edge inside: the whole ellipse lies in the pixel, or none of it, whatever rounding leaves of the sectors.
        if (!meets) return twice > 3 ? area() : 0;
        const double part = 0.5 * twice * along_x * along_y;
        return part < 0 ? 0 : part > 1 ? 1 : part;
    }
};

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
