#include "spline.hpp"

#include <cmath>

namespace bench {

namespace {

/// Not-a-knot knots of a cubic spline through 25 points, `step` apart and centred on 0.
std::vector<double> knots(double step)
{
    const auto point = [&](int64_t i) { return step * static_cast<double>(i - kSplineSide / 2); };
    std::vector<double> made(4, point(0));
    for (int64_t i = 2; i < kSplineSide - 2; ++i) made.push_back(point(i));
    made.insert(made.end(), 4, point(kSplineSide - 1));
    return made;
}

/// Where coefficient i acts: Greville's abscissa.
double site(const std::vector<double>& t, int64_t i)
{
    const auto at = static_cast<std::size_t>(i);
    return (t[at + 1] + t[at + 2] + t[at + 3]) / 3;
}

double width(double z, double focus)
{
    return 125 * std::sqrt(1 + std::pow((z - focus) / 400, 2));
}

} // namespace

SplineData spline_data()
{
    SplineData made{knots(100), knots(100), knots(50), {}};
    for (int64_t iz = 0; iz < kSplineSide; ++iz) {
        const double z = site(made.tz, iz);
        const double sigma_x = width(z, -200), sigma_y = width(z, 200);
        for (int64_t iy = 0; iy < kSplineSide; ++iy)
            for (int64_t ix = 0; ix < kSplineSide; ++ix) {
                const double x = site(made.tx, ix) / sigma_x, y = site(made.ty, iy) / sigma_y;
                made.coefficients.push_back(
                    static_cast<float>(std::exp(-0.5 * (x * x + y * y)) * 125 * 125 / (sigma_x * sigma_y)));
            }
    }
    return made;
}

} // namespace bench
