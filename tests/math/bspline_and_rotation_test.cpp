// Basis functions of uneven knots against de Boor's recursion, and rotations against the C library.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "../support/asked_numbers.hpp"
#include "math/even_knots.hpp"
#include "math/rotation.hpp"

namespace {

using namespace lumicrop;
using namespace lumicrop::math;

/// B[i] of degree k at x, straight from its definition (0/0 counts as 0; the last interval is closed).
double recursive(const std::vector<double>& t, std::size_t i, int k, double x, std::size_t last)
{
    if (k == 0) return (i < last && t[i] <= x && x < t[i + 1]) || (i == last && t[i] <= x && x <= t[i + 1]) ? 1 : 0;
    const auto degree = static_cast<std::size_t>(k);
    const double rise = t[i + degree] - t[i], fall = t[i + degree + 1] - t[i + 1];
    return (rise > 0 ? (x - t[i]) / rise * recursive(t, i, k - 1, x, last) : 0) +
           (fall > 0 ? (t[i + degree + 1] - x) / fall * recursive(t, i + 1, k - 1, x, last) : 0);
}

TEST(BSpline, WeightsAreThoseOfTheRecursionForAnyKnots)
{
    std::mt19937 chance(5);
    for (int trial = 0; trial < 300; ++trial) {
        std::vector<double> t;
        double knot = -500;
        for (int i = 0; i < 20; ++i) {
            t.push_back(knot);
            if (chance() % 4 != 0) knot += static_cast<double>(chance() % 1000) * 0.37; // one in four repeats
        }
        const auto n = static_cast<int64_t>(t.size()) - kOrder;
        if (!(t[3] < t[static_cast<std::size_t>(n)])) continue;
        std::vector<BasisPolynomials> polynomials(static_cast<std::size_t>(n));
        std::size_t last = 0;
        for (int64_t j = kDegree; j < n; ++j) {
            const auto at = static_cast<std::size_t>(j);
            if (!(t[at] < t[at + 1])) continue;
            polynomials[at] = basis_polynomials(t.data(), j);
            last = at;
        }
        const double low = t[3], high = t[static_cast<std::size_t>(n)];
        const KnotAxis axis{t.data(), &polynomials.front().power[0][0], kOrder * kOrder, n,
                            static_cast<double>(n - kDegree) / (high - low)};
        for (int step = 0; step <= 200; ++step) {
            const double x = step == 200 ? high : low + (high - low) * step / 200;
            const Knot found = find_knot(axis, x);
            ASSERT_GE(found.interval, kDegree);
            double weights[kOrder], sum = 0;
            basis_weights(axis, found, weights);
            for (int k = 0; k < kOrder; ++k) {
                const auto i = static_cast<std::size_t>(found.interval - kDegree + k);
                ASSERT_NEAR(weights[k], recursive(t, i, kDegree, x, last), 2e-14) << "trial " << trial << " x " << x;
                sum += weights[k];
            }
            ASSERT_NEAR(sum, 1, 2e-14);
        }
        EXPECT_EQ(find_knot(axis, std::nextafter(low, -1e9)).interval, -1);
        EXPECT_EQ(find_knot(axis, std::nextafter(high, 1e9)).interval, -1);
        EXPECT_EQ(find_knot(axis, std::nan("")).interval, -1);
    }
}

/// Wherever pixels are told to share their weights, each has them and the coefficients told; and where knots are even all along, they do.
TEST(EvenKnots, PixelsThatShareTheirWeightsHaveThem)
{
    std::mt19937 chance(6);
    std::uniform_real_distribution<double> unit(0, 1);
    for (const double step : {100.0, 97.3, 61.4}) {
        for (const bool not_a_knot : {false, true}) {
            const int64_t points = 25;
            std::vector<double> t;
            if (not_a_knot) t.insert(t.end(), 4, -12 * step);
            for (int64_t i = not_a_knot ? 2 : -3; i < points + (not_a_knot ? -2 : 3); ++i)
                t.push_back(static_cast<double>(i - 12) * step);
            if (not_a_knot) t.insert(t.end(), 4, 12 * step);
            const auto n = static_cast<int64_t>(t.size()) - kOrder;
            std::vector<BasisPolynomials> polynomials(static_cast<std::size_t>(n));
            for (int64_t j = kDegree; j < n; ++j)
                if (t[static_cast<std::size_t>(j)] < t[static_cast<std::size_t>(j) + 1])
                    polynomials[static_cast<std::size_t>(j)] = basis_polynomials(t.data(), j);
            const double low = t[3], high = t[static_cast<std::size_t>(n)];
            const KnotAxis axis{t.data(), &polynomials.front().power[0][0], kOrder * kOrder, n,
                                static_cast<double>(n - kDegree) / (high - low)};
            const int64_t side = 11;
            const EvenPixels even = even_pixels(axis, step, side);
            EXPECT_GE(even.count, not_a_knot ? 5 : 13) << "step " << step;
            EXPECT_EQ(even_pixels(axis, 1.001 * step, side).count, 0);
            for (int trial = 0; trial < 500; ++trial) {
                const double x = even.begin + (2 * unit(chance) - 0.5) * even.count * step;
                const double knots = (x - even.begin) * even.inverse_step;
                if (!(knots >= 0 && knots < even.count)) continue;
                const auto whole = static_cast<int64_t>(knots);
                double shared[kOrder], weights[kOrder];
                even_weights(knots - static_cast<double>(whole), shared);
                for (int64_t pixel = 0; pixel < side; ++pixel) {
                    const Knot found = find_knot(axis, x + static_cast<double>(pixel) * step);
                    // At a knot rounding may choose either side, which comes to the same sum.
                    if (found.s < 1e-9 || found.s > 1 - 1e-9) continue;
                    ASSERT_EQ(found.interval - kDegree, even.first + whole + pixel) << "x " << x << " pixel " << pixel;
                    basis_weights(axis, found, weights);
                    for (int k = 0; k < kOrder; ++k) ASSERT_NEAR(weights[k], shared[k], 1e-7);
                }
            }
        }
    }
}

TEST(Rotation, IsExactAtQuarterTurnsAndRightElsewhere)
{
    for (int quarter = -9; quarter <= 9; ++quarter) {
        const Rotation turn = rotation(90.0 * quarter);
        const int at = ((quarter % 4) + 4) % 4;
        EXPECT_EQ(turn.cosine, at == 0 ? 1 : at == 2 ? -1 : 0) << quarter;
        EXPECT_EQ(turn.sine, at == 1 ? 1 : at == 3 ? -1 : 0) << quarter;
    }
    const int cases = test::fewer_of(100000);
    for (int i = -cases; i <= cases; ++i) {
        const double degrees = 1370.0 * i / cases;
        const long double radians = static_cast<long double>(degrees) * 3.14159265358979323846264L / 180;
        const Rotation turn = rotation(degrees);
        ASSERT_NEAR(turn.cosine, static_cast<double>(std::cos(radians)), 3e-16) << degrees;
        ASSERT_NEAR(turn.sine, static_cast<double>(std::sin(radians)), 3e-16) << degrees;
    }
    for (const double huge : {1e9 + 0.25, 1e14 + 30, 1.2e15, 4.5e15, 1e18, -3e300}) { // as exact as the angle is
        const long double radians = std::fmod(static_cast<long double>(huge), 360.0L) * 3.14159265358979323846264L / 180;
        EXPECT_NEAR(rotation(huge).cosine, static_cast<double>(std::cos(radians)), 3e-16) << huge;
        EXPECT_NEAR(rotation(huge).sine, static_cast<double>(std::sin(radians)), 3e-16) << huge;
    }
    EXPECT_TRUE(std::isnan(rotation(std::nan("")).sine));
    EXPECT_TRUE(std::isnan(rotation(INFINITY).cosine));
}

} // namespace
