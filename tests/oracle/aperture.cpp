#include "aperture.hpp"

#include "gaussian.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace oracle {

namespace {

constexpr size_t n_nodes = 20;

struct GaussLegendre
{
    std::array<Real, n_nodes> node{}, weight{};
};

/// Zeros of the Legendre polynomial by Newton's steps from the usual guess.
GaussLegendre make_rule()
{
    GaussLegendre rule;
    const Real n = n_nodes;
    for (size_t k = 0; k < n_nodes; ++k) {
        Real x = std::cos(pi * (Real(k) + Real(0.75)) / (n + Real(0.5)));
        Real slope = 1;
        for (int step = 0; step < 20; ++step) {
            Real before = 1;
            Real value = x;
            for (size_t j = 2; j <= n_nodes; ++j) {
                const Real next = ((2 * Real(j) - 1) * x * value - (Real(j) - 1) * before) / Real(j);
                before = value;
                value = next;
            }
            slope = n * (x * value - before) / (x * x - 1);
            x -= value / slope;
        }
        rule.node[k] = x;
        rule.weight[k] = 2 / ((1 - x * x) * slope * slope);
    }
    return rule;
}

/// The chord at `along` from the centre: its middle lies on a line through the centre, its half length is that of a stretched circle.
struct Chords
{
    Real reach; ///< the ellipse's extent along this axis, to either side
    Real slope; ///< of the middle of the chords
    Real scale; ///< half a chord is scale * sqrt(reach^2 - along^2)

    Real half(Real along) const
    {
        return std::abs(along) < reach ? scale * std::sqrt((reach - along) * (reach + along)) : 0;
    }
};

/// From the quadratic form of x' and y': chords across x, or, with sine and cosine exchanged, across y.
Chords chords(const Ellipse& e, Real cosine, Real sine)
{
    const Real a = e.semi_x;
    const Real b = e.semi_y;
    const Real square = a * a * cosine * cosine + b * b * sine * sine;
    return {std::sqrt(square), -cosine * sine * (a - b) * (a + b) / square, a * b / square};
}

/// Sine and cosine of degrees; quarters of a turn are exact.
void turn(double degrees, Real& cosine, Real& sine)
{
    const double rest = std::remainder(degrees, 360);
    cosine = std::cos(Real(rest) * pi / 180);
    sine = std::sin(Real(rest) * pi / 180);
    if (std::fmod(rest, 90) != 0) return;
    cosine = std::round(cosine);
    sine = std::round(sine);
}

} // namespace

Real Ellipse::area() const
{
    return pi * Real(semi_x) * Real(semi_y);
}

Ellipse Ellipse::grown(Real by) const
{
    Ellipse other = *this;
    other.semi_x = std::max(static_cast<double>(Real(semi_x) + by), 0.0);
    other.semi_y = std::max(static_cast<double>(Real(semi_y) + by), 0.0);
    return other;
}

/// The chord's overlap with the pixel changes its form where the chord begins and where it crosses the pixel's upper or lower edge; between,
/// with x = reach sin(phi), it is a polynomial in sine and cosine of phi, which twenty nodes integrate exactly.
Real part_within(const Ellipse& ellipse, int64_t row, int64_t column)
{
    static const GaussLegendre rule = make_rule();
    if (!(ellipse.semi_x > 0) || !(ellipse.semi_y > 0)) return 0;
    Real cosine = 1;
    Real sine = 0;
    turn(ellipse.theta_deg, cosine, sine);
    const Chords across_x = chords(ellipse, cosine, sine);
    const Chords across_y = chords(ellipse, sine, cosine);
    const Real half_pixel = Real(0.5);
    const Real top = Real(row) - ellipse.y + half_pixel;
    const Real bottom = Real(row) - ellipse.y - half_pixel;
    const Real right = Real(column) - ellipse.x + half_pixel;
    const Real left = Real(column) - ellipse.x - half_pixel;
    const Real from = std::max(left, -across_x.reach);
    const Real to = std::min(right, across_x.reach);
    if (!(from < to) || bottom >= across_y.reach || top <= -across_y.reach) return 0;

    std::vector<Real> ends = {from, to};
    const auto break_at = [&](Real x) {
        if (x > from && x < to) ends.push_back(x);
    };
    for (Real edge : {bottom, top}) {
        if (std::abs(edge) >= across_y.reach) continue;
        break_at(across_y.slope * edge - across_y.half(edge));
        break_at(across_y.slope * edge + across_y.half(edge));
    }
    std::sort(ends.begin(), ends.end());

    const auto angle = [&](Real x) {
        return std::atan2(x, std::sqrt(std::max((across_x.reach - x) * (across_x.reach + x), Real(0))));
    };
    Real area = 0;
    for (size_t k = 0; k + 1 < ends.size(); ++k) {
        const Real middle = (angle(ends[k]) + angle(ends[k + 1])) / 2;
        const Real half = (angle(ends[k + 1]) - angle(ends[k])) / 2;
        for (size_t j = 0; j < n_nodes; ++j) {
            const Real phi = middle + half * rule.node[j];
            const Real x = across_x.reach * std::sin(phi);
            const Real of_chord = across_x.scale * across_x.reach * std::cos(phi);
            const Real upper = std::min(across_x.slope * x + of_chord, top);
            const Real lower = std::max(across_x.slope * x - of_chord, bottom);
            area += std::max(upper - lower, Real(0)) * across_x.reach * std::cos(phi) * half * rule.weight[j];
        }
    }
    return std::min(area, Real(1));
}

std::vector<Real> parts_within(const Ellipse& ellipse, int64_t height, int64_t width)
{
    std::vector<Real> parts;
    for (int64_t row = 0; row < height; ++row)
        for (int64_t column = 0; column < width; ++column) parts.push_back(part_within(ellipse, row, column));
    return parts;
}

} // namespace oracle
