// The part of a pixel within an ellipse against the oracle's chords.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>

#include "../oracle/aperture.hpp"
#include "../support/asked_numbers.hpp"
#include "math/aperture.hpp"
#include "math/rotation.hpp"

namespace {

using namespace lumicrop::math;
using Wide = long double;

struct Case
{
    oracle::Ellipse ellipse;
    int64_t row, column;

    double part() const
    {
        const RotationOf<double> turn = rotation(ellipse.theta_deg);
        const Aperture aperture{ellipse.x, ellipse.y, turn.cosine, turn.sine, ellipse.semi_x, ellipse.semi_y};
        return aperture.part_of_pixel(static_cast<double>(column), static_cast<double>(row));
    }
    /// Where the ellipse lies is known to a few roundings of its size: of each coordinate, of each product that turns it, of sine and cosine, and
    /// of its square; eight half units for each of them together. Within a pixel two sides of a narrow ellipse are at most 2 sqrt(2) long. What is
    /// left are the roundings of an area of at most 1.
    Wide unsure() const
    {
        const Wide size = 1 + std::max(ellipse.semi_x, ellipse.semi_y) + std::abs(ellipse.x) + std::abs(ellipse.y);
        return 8 * std::ldexp(size, -53);
    }
    Wide bound() const { return (2 * std::sqrt(Wide(2)) + 1) * unsure(); }
    std::string text() const
    {
        char text[300];
        std::snprintf(text, sizeof text, "ellipse of %.17g and %.17g px turned by %.17g at (%.17g, %.17g), pixel (%d, %d)",
                      ellipse.semi_x, ellipse.semi_y, ellipse.theta_deg, ellipse.x, ellipse.y, static_cast<int>(column),
                      static_cast<int>(row));
        return text;
    }
};

class PartOfPixel : public testing::Test
{
protected:
    void check(const Case& one)
    {
        const Wide expected = oracle::part_within(one.ellipse, one.row, one.column);
        const Wide found = one.part();
        const Wide deviation = std::abs(found - expected);
        ++cases_;
        partial_ += expected > 0 && expected < 1 ? 1 : 0;
        largest_ = std::max(largest_, deviation);
        if (!(deviation / one.bound() <= of_bound_)) {
            of_bound_ = deviation / one.bound();
            worst_ = one.text();
        }
        if (!(deviation <= one.bound()) && ++failures_ <= 5)
            ADD_FAILURE() << one.text() << ": part " << static_cast<double>(found) << ", expected "
                          << static_cast<double>(expected) << ": off by " << static_cast<double>(deviation) << ", "
                          << static_cast<double>(one.bound()) << " allowed";
        // A pixel that lies clear of the ellipse has no part at all: what it holds is not looked at.
        if (found != 0 && expected == 0 && oracle::part_within(one.ellipse.grown(one.unsure()), one.row, one.column) == 0 &&
            ++touched_ <= 5)
            ADD_FAILURE() << one.text() << " is not touched, yet has a part of " << static_cast<double>(found);
    }
    void TearDown() override
    {
        std::printf("%d pixels, %d in part; largest deviation %.3Lg, at most %.3Lg of the bound, at %s\n", cases_, partial_,
                    largest_, of_bound_, worst_.c_str());
        EXPECT_LE(failures_, 0) << "pixels whose part is beyond the bound";
        EXPECT_LE(touched_, 0) << "pixels that have a part without being touched";
    }
    int cases_ = 0, partial_ = 0;
    std::mt19937_64 chance_{20270301};
    double unit() { return std::uniform_real_distribution<double>(0, 1)(chance_); }
    double decade(double low, double high) { return low * std::pow(high / low, unit()); }
    double angle(int64_t turn)
    {
        return turn % 3 == 0   ? 90 * static_cast<double>(turn % 9 - 4)
               : turn % 3 == 1 ? 45 * (turn % 11)
                               : 720 * unit() - 360;
    }

private:
    Wide largest_ = 0, of_bound_ = 0;
    int failures_ = 0, touched_ = 0;
    std::string worst_;
};

/// Ellipses from specks to some that are larger than any crop, on all pixels around their edge.
TEST_F(PartOfPixel, IsThatOfTheOracleForCropsOfAnySize)
{
    for (int64_t turn = 0; cases_ < test::fewer_of(150000); ++turn) {
        const auto size = static_cast<int64_t>(3 + 20 * unit());
        oracle::Ellipse ellipse;
        ellipse.semi_x = decade(0.05, 30);
        ellipse.semi_y = turn % 4 == 0 ? ellipse.semi_x : decade(0.05, 30);
        ellipse.theta_deg = angle(turn);
        ellipse.x = unit() * static_cast<double>(size) - 0.5;
        ellipse.y = unit() * static_cast<double>(size) - 0.5;
        for (int64_t row = 0; row < size; ++row)
            for (int64_t column = 0; column < size; ++column) check({ellipse, row, column});
    }
    EXPECT_GE(partial_, test::fewer_of(8000));
}

/// Pixels near the edge of ellipses of every size that is allowed, 0.001 to 10,000 px.
TEST_F(PartOfPixel, IsThatOfTheOracleForTinyAndHugeEllipses)
{
    for (int64_t turn = 0; turn < test::fewer_of(100000); ++turn) {
        oracle::Ellipse ellipse;
        ellipse.semi_x = decade(1e-3, 1e4);
        ellipse.semi_y = turn % 4 == 0 ? ellipse.semi_x : decade(1e-3, 1e4);
        ellipse.theta_deg = angle(turn);
        const double of_edge = 2 * 3.141592653589793 * unit();
        const double theta = ellipse.theta_deg / 180 * 3.141592653589793;
        const double x = ellipse.semi_x * std::cos(of_edge), y = ellipse.semi_y * std::sin(of_edge);
        ellipse.x = unit() - (x * std::cos(theta) + y * std::sin(theta));
        ellipse.y = unit() - (y * std::cos(theta) - x * std::sin(theta));
        check({ellipse, 0, 0});
        check({ellipse, turn % 2, -(turn % 3)});
    }
    EXPECT_GE(partial_, test::fewer_of(30000));
}

/// Centres on pixels' corners, edges and centres, and ellipses that end on pixels' edges: what is tangent, and what passes through corners.
TEST_F(PartOfPixel, IsThatOfTheOracleWhereEdgesAndCornersAreMet)
{
    for (double x : {3.0, 3.5, 3.25})
        for (double y : {3.0, 2.5, 2.75}) {
            if (test::few_jobs_are_asked_for() && (x == 3.5 || y != 2.5)) continue;
            for (double semi_x : {0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, std::sqrt(0.5), std::sqrt(2.5), std::sqrt(8.0)})
                for (double semi_y : {0.25, 0.5, 1.0, 1.5, 2.5, std::sqrt(0.5), std::sqrt(2.5)})
                    for (double theta : {0.0, 90.0, 180.0, 270.0, -90.0, 45.0, 30.0})
                        for (int64_t pixel = 0; pixel < 49; ++pixel)
                            check({{x, y, semi_x, semi_y, theta}, pixel / 7, pixel % 7});
        }
    EXPECT_GE(partial_, test::few_jobs_are_asked_for() ? 5000 : 40000);
}

/// All parts of an ellipse are its area.
TEST_F(PartOfPixel, AddsUpToTheAreaOfTheEllipse)
{
    for (int64_t turn = 0; turn < 300; ++turn) {
        Case one{{20 + unit(), 20 + unit(), decade(0.01, 19), decade(0.01, 19), angle(turn)}, 0, 0};
        Wide area = 0, bound = 0;
        for (one.row = 0; one.row < 42; ++one.row)
            for (one.column = 0; one.column < 42; ++one.column) {
                area += one.part();
                bound += one.part() > 0 ? one.bound() : 0;
            }
        EXPECT_NEAR(static_cast<double>(area / one.ellipse.area()), 1, static_cast<double>(bound / one.ellipse.area()))
            << one.text();
    }
}

} // namespace
