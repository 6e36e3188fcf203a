// SPEC 8: how much of a pixel lies within an ellipse, by integrating the ellipse's chords over the pixel's columns.
#pragma once

#include "crop.hpp"

namespace oracle {

/// An ellipse in pixels; (x, y) counts from the centre of the crop's first pixel. x' = dx cos t - dy sin t and y' = dx sin t + dy cos t lie
/// along its semi-axes (SPEC 5).
struct Ellipse
{
    double x = 0;
    double y = 0;
    double semi_x = 1;
    double semi_y = 1;
    double theta_deg = 0;

    Real area() const;
    Ellipse grown(Real by) const; ///< semi-axes longer by `by`; none at all where that leaves nothing
};

/// The part of the unit square around (column, row) that lies within the ellipse, 0 to 1. Good to some roundings of long double for
/// each pixel that the ellipse is long: 1e-15 up to semi-axes of 1000.
Real part_within(const Ellipse& ellipse, int64_t row, int64_t column);

/// That of every pixel of a crop, row by row.
std::vector<Real> parts_within(const Ellipse& ellipse, int64_t height, int64_t width);

} // namespace oracle
