#include "random_spline.hpp"

#include <algorithm>

namespace test {

namespace {

enum class Knots { uniform, clamped, not_a_knot, uneven };

/// n + 4 knots whose domain [t[3], t[n]] is about [-reach, reach].
std::vector<double> random_knots(Chance& chance, Knots kind, int64_t n, double reach, double pixel)
{
    std::vector<double> t;
    const auto cells = static_cast<double>(n - 3);
    double step = 2 * reach / cells;
    if (kind == Knots::uniform) {
        if (chance.happens(0.5))
            step = pixel * chance.one_of({0.5, 1.0, 2.0}); // the fractional position repeats from pixel to pixel
        for (int64_t i = 0; i < n + 4; ++i) t.push_back((static_cast<double>(i) - 3 - cells / 2) * step);
        return t;
    }
    if (kind == Knots::uneven) {
        double at = -reach - 3 * step;
        for (int64_t i = 0; i < n + 4; ++i, at += step * (chance.happens(0.1) ? 0 : chance.between(0.1, 1.9)))
            t.push_back(at);
        for (int64_t i = 3; i + 3 < n + 4; ++i) // no more than three alike, or S would jump
            if (t[static_cast<size_t>(i)] == t[static_cast<size_t>(i - 3)])
                for (int64_t j = i; j < n + 4; ++j) t[static_cast<size_t>(j)] += step;
        if (!(t[3] < t[static_cast<size_t>(n)]))
            for (int64_t j = n; j < n + 4; ++j) t[static_cast<size_t>(j)] += step;
        return t;
    }
    const double shift = chance.between(-0.2, 0.2) * step;
    const int64_t skipped =
        kind == Knots::not_a_knot && n >= 6 ? 1 : 0; // not-a-knot: the second and last but one sites carry no knot
    t.insert(t.end(), 4, -reach + shift);
    const int64_t interior = n - 4;
    for (int64_t i = 0; i < interior; ++i)
        t.push_back(-reach + shift +
                    (static_cast<double>(i + 1 + skipped)) * 2 * reach / static_cast<double>(interior + 1 + 2 * skipped));
    t.insert(t.end(), 4, reach + shift);
    return t;
}

std::vector<double> all_held(lumicrop_dtype dtype, std::vector<double> values)
{
    for (double& value : values) value = as_held(dtype, value);
    return values;
}

} // namespace

std::shared_ptr<const SplineInput> random_spline(Chance& chance, const ChannelInput& channel)
{
    auto spline = std::make_shared<SplineInput>();
    const auto kind = [&] { return chance.one_of({Knots::uniform, Knots::clamped, Knots::not_a_knot, Knots::uneven}); };
    const auto size = [&] { return chance.happens(0.15) ? chance.whole(4, 6) : chance.whole(7, 26); };
    const auto reach = [&](int64_t pixels, double pixel) {
        return pixel * std::min(static_cast<double>(pixels) * chance.between(0.4, 1.2) + 2, 40.0);
    };
    spline->knots = chance.one_of({LUMICROP_F32, LUMICROP_F64});
    spline->coefficients = chance.one_of({LUMICROP_F32, LUMICROP_F64});
    const int64_t nx = size();
    const int64_t ny = size();
    const int64_t nz = size();
    // One draw a statement: the order in which arguments are evaluated is the compiler's.
    const double reach_x = reach(channel.width, channel.pixel_x_nm);
    const Knots kind_x = kind();
    spline->values.tx = all_held(spline->knots, random_knots(chance, kind_x, nx, reach_x, channel.pixel_x_nm));
    const double reach_y = reach(channel.height, channel.pixel_y_nm);
    const Knots kind_y = kind();
    spline->values.ty = all_held(spline->knots, random_knots(chance, kind_y, ny, reach_y, channel.pixel_y_nm));
    spline->values.tz = all_held(spline->knots, random_knots(chance, kind(), nz, 600, 100));
    const double scale = chance.one_of({1.0, 1.0, 1.0, 1e-3, 50.0});
    for (int64_t z = 0; z < nz; ++z)
        for (int64_t y = 0; y < ny; ++y)
            for (int64_t x = 0; x < nx; ++x) {
                const double u =
                    (static_cast<double>(x) - 0.5 * static_cast<double>(nx - 1)) / (0.2 * static_cast<double>(nx));
                const double v =
                    (static_cast<double>(y) - 0.5 * static_cast<double>(ny - 1)) / (0.2 * static_cast<double>(ny));
                const double value = std::exp(-0.5 * (u * u + v * v)) + 0.03 * chance.normal();
                spline->values.coefficients.push_back(as_held(spline->coefficients, scale * value));
            }
    return spline;
}

} // namespace test
