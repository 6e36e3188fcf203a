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

LUMICROP_HOST_DEVICE Point between(const Point& p, const Point& q, double part)
{
    return {muladd(part, q.x - p.x, p.x), muladd(part, q.y - p.y, p.y)};
}

LUMICROP_HOST_DEVICE double cross(const Point& p, const Point& q)
{
    return p.x * q.y - p.y * q.x;
}

/// Twice the area of the unit circle's sector from p's direction to q's, negative where that is clockwise.
LUMICROP_HOST_DEVICE double twice_sector(const Point& p, const Point& q)
{
    return std::atan2(cross(p, q), muladd(p.x, q.x, p.y * q.y));
}

/// Twice the area that the unit circle shares with the triangle of its centre, p and q, negative where that is clockwise. These, added up
/// around a polygon, are what the circle shares with it.
LUMICROP_HOST_DEVICE double twice_shared(const Point& p, const Point& q)
{
    const double dx = q.x - p.x, dy = q.y - p.y;
    // p + t (q - p) lies on the circle where a t^2 + 2 b t + c is 0.
    const double a = dx * dx + dy * dy, b = p.x * dx + p.y * dy, c = p.x * p.x + p.y * p.y - 1;
    const double discriminant = b * b - a * c;
    if (!(discriminant > 0)) return twice_sector(p, q);
    const double root = square_root(discriminant);
    const double enters = (-b - root) / a, leaves = (-b + root) / a;
    if (enters <= 0 && leaves >= 1) return cross(p, q);
    if (enters >= 1 || leaves <= 0) return twice_sector(p, q);
    const Point first = enters > 0 ? between(p, q, enters) : p, last = leaves < 1 ? between(p, q, leaves) : q;
    double twice = cross(first, last);
    if (enters > 0) twice += twice_sector(p, first);
    if (leaves < 1) twice += twice_sector(last, q);
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
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
        for (int edge = 0; edge < 4; ++edge) {
            const Point& along = edge % 2 == 0 ? right : down;
            const double way = edge < 2 ? 2 : -2;
            const Point to{muladd(way, along.x, from.x), muladd(way, along.y, from.y)};
            twice += twice_shared(from, to);
            from = to;
        }
        const double part = 0.5 * twice * along_x * along_y;
        return part < 0 ? 0 : part > 1 ? 1 : part;
    }
};

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
