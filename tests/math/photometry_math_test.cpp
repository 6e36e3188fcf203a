// Logarithm, deviance, reciprocals and the mean of skewed light against long double, over their ranges.
#include "../support/asked_numbers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "math/natural_logarithm.hpp"
#include "math/skewed_median.hpp"

namespace {

using namespace lumicrop::math;
using Wide = long double;

template <class Real>
class PhotometryMathOf : public testing::Test
{
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(PhotometryMathOf, Reals, ); // an empty argument: none at all is not ISO C++

template <class Real>
Real anything_above_zero(std::mt19937_64& chance)
{
    const double exponents = sizeof(Real) == 4 ? 125 : 1021;
    std::uniform_real_distribution<double> exponent(-exponents, exponents), fraction(1, 2);
    return static_cast<Real>(std::ldexp(fraction(chance), static_cast<int>(exponent(chance))));
}

TYPED_TEST(PhotometryMathOf, MantissaTimesPowerOfTwoIsTheNumberItself)
{
    std::mt19937_64 chance(1);
    const Wide root = std::sqrt(Wide(2));
    const auto check = [&](TypeParam x) {
        TypeParam exponent;
        const TypeParam m = mantissa_of(x, exponent);
        ASSERT_EQ(std::ldexp(static_cast<Wide>(m), static_cast<int>(exponent)), static_cast<Wide>(x));
        // sqrt(1/2) and sqrt(2) as the type rounds them are the ends.
        ASSERT_GE(static_cast<Wide>(m), (1 / root) * (1 - std::numeric_limits<TypeParam>::epsilon()));
        ASSERT_LT(static_cast<Wide>(m), root * (1 + std::numeric_limits<TypeParam>::epsilon()));
    };
    for (int i = 0; i < 200000; ++i) check(anything_above_zero<TypeParam>(chance));
    for (TypeParam x : {std::numeric_limits<TypeParam>::min(), std::numeric_limits<TypeParam>::max(), TypeParam(1),
                        TypeParam(0.5), TypeParam(2), std::nextafter(TypeParam(1), TypeParam(0))})
        check(x);
}

/// What natural_logarithm.hpp promises, relative: 2.3e-7 and 4.1e-16, also about 1.
TYPED_TEST(PhotometryMathOf, TheLogarithmIsWithinItsBoundEverywhere)
{
    std::mt19937_64 chance(2);
    const Wide bound = sizeof(TypeParam) == 4 ? Wide(2.3e-7) : Wide(4.1e-16);
    Wide worst = 0;
    TypeParam where = 1;
    const auto check = [&](TypeParam x) {
        const Wide expected = std::log(static_cast<Wide>(x));
        const auto found = static_cast<Wide>(natural_logarithm(x));
        const Wide error = expected == 0 ? std::abs(found) : std::abs(found / expected - 1);
        if (error > worst) where = x;
        worst = std::max(worst, error);
    };
    const int cases = test::fewer_of(300000);
    for (int i = 0; i < cases; ++i) check(anything_above_zero<TypeParam>(chance));
    for (int i = 1; i <= cases; ++i) check(static_cast<TypeParam>(3.0 * i / cases));
    TypeParam near = 1;
    for (int i = 0; i < 2000; ++i) check(near = std::nextafter(near, TypeParam(2)));
    near = 1;
    for (int i = 0; i < 2000; ++i) check(near = std::nextafter(near, TypeParam(0)));
    EXPECT_LT(worst, bound) << "at " << std::scientific << static_cast<double>(where);
    EXPECT_EQ(natural_logarithm(TypeParam(1)), 0);
}

/// 1 - t + t ln t: each of its terms is rounded once, the logarithm twice: 3 ulps of their absolute sum.
TYPED_TEST(PhotometryMathOf, TheDevianceIsWithinItsTermsRoundings)
{
    std::mt19937_64 chance(3);
    std::uniform_real_distribution<double> decade(-28, 12);
    const auto check = [&](TypeParam t) {
        const Wide wide = t;
        const Wide expected = t == 0 ? 1 : 1 - wide + wide * std::log(wide);
        const Wide terms = 1 + wide + (t == 0 ? 0 : std::abs(wide * std::log(wide)));
        ASSERT_NEAR(static_cast<double>(deviance(t)), static_cast<double>(expected),
                    static_cast<double>(3 * std::numeric_limits<TypeParam>::epsilon() * terms))
            << static_cast<double>(t);
    };
    for (int i = 0; i < test::fewer_of(200000); ++i) check(static_cast<TypeParam>(std::pow(10.0, decade(chance))));
    const int even = test::fewer_of(40000);
    for (int i = 0; i <= even; ++i) check(static_cast<TypeParam>(4.0 * i / even));
    check(0);
    EXPECT_EQ(deviance(TypeParam(0)), 1);
    EXPECT_EQ(deviance(TypeParam(1)), 0);
}

/// "To the last few bits": within two units in the last place.
TYPED_TEST(PhotometryMathOf, ReciprocalsAreGoodToTheLastBits)
{
    std::mt19937_64 chance(4);
    for (int i = 0; i < 200000; ++i) {
        const auto x = anything_above_zero<TypeParam>(chance);
        ASSERT_NEAR(static_cast<double>(static_cast<Wide>(reciprocal(x)) * x), 1.0,
                    2 * static_cast<double>(std::numeric_limits<TypeParam>::epsilon()))
            << static_cast<double>(x);
    }
}

TEST(SkewedMedian, TheMeanIsTheFixedPointOfItsOwnShift)
{
    std::mt19937_64 chance(5);
    std::uniform_real_distribution<double> decade(-1, 4);
    std::uniform_int_distribution<int> pixels(4, 200);
    const int cases = test::fewer_of(100000);
    for (int i = 0; i < cases; ++i) {
        const double median = std::pow(10.0, decade(chance));
        const double reading = std::pow(10.0, decade(chance)) / 100;
        const double n = pixels(chance);
        const double excess = i % 2 == 0 ? 1 : 2;
        const Wide third = i % 2 == 0 ? 1 : 6;
        // The shift by the mean: each of four rounds shrinks what is left by the slope, third v / (6 V^2), at most.
        Wide mean = median;
        for (int round = 0; round < 200; ++round) {
            const Wide variance = excess * mean + reading;
            mean = median + third * mean / variance * (Wide(1) / 6 - Wide(0.26) / n);
        }
        const Wide variance = excess * std::min(mean, Wide(median)) + reading;
        const Wide slope = third * reading / (variance * variance) / 6;
        const Wide left =
            std::abs(mean - median) * std::pow(slope, 4) / (1 - std::min(slope, Wide(0.9))) + mean * Wide(1e-14);
        if (slope > Wide(0.9)) continue;
        ASSERT_NEAR(mean_of_skewed(median, n, excess, reading), static_cast<double>(mean), static_cast<double>(left))
            << "median " << median << ", read variance " << reading << ", n " << n << ", excess " << excess;
    }
}

TEST(SkewedMedian, DarkPixelsAreLeftAsTheyAre)
{
    for (double median : {-100.0, -0.5, 0.0})
        for (double excess : {1.0, 2.0}) EXPECT_EQ(mean_of_skewed(median, 24, excess, 1.5), median);
    EXPECT_EQ(mean_of_skewed(0, 24, 1, 0), 0);
}

TEST(SkewedMedian, TheMedianLiesWhereItDividesTheEqualCounts)
{
    EXPECT_EQ(median_within_count({5, 0, 10}), 0);     // between two counts
    EXPECT_EQ(median_within_count({4, 2, 10}), 0);     // in the middle of the equal ones
    EXPECT_EQ(median_within_count({5, 5, 10}), -0.5);  // at their lower end
    EXPECT_EQ(median_within_count({0, 8, 10}), 0.125); // 5 of 8
}

/// Over many borders of counted light the corrected medians' mean is the light's mean: within five errors of that mean, and what the third
/// cumulant leaves out, which is of the order of 1 / 50 of a pixel's error where light is a few electrons (skewness^3 of a Poisson number).
TEST(SkewedMedian, CorrectedMediansOfPoissonLightAreUnbiased)
{
    std::mt19937_64 chance(6);
    const int borders = test::fewer_of(20000);
    for (double mean : {1.0, 2.5, 7.0, 30.0, 200.0}) {
        constexpr int n = 48;
        std::poisson_distribution<int> light(mean);
        double sum = 0, squares = 0;
        std::vector<double> border(n);
        for (int k = 0; k < borders; ++k) {
            for (double& pixel : border) pixel = light(chance);
            std::sort(border.begin(), border.end());
            const double median = 0.5 * (border[n / 2 - 1] + border[n / 2]);
            Ranks ranks{0, 0, n};
            for (double pixel : border) {
                ranks.below += pixel < median ? 1 : 0;
                ranks.equal += pixel == median ? 1 : 0;
            }
            const double corrected = mean_of_skewed(median + median_within_count(ranks), n, 1, 1.0 / 12);
            sum += corrected;
            squares += corrected * corrected;
        }
        const double average = sum / borders;
        const double error = std::sqrt((squares / borders - average * average) / borders);
        EXPECT_NEAR(average, mean, 5 * error + 0.02 * std::sqrt(mean)) << mean;
    }
}

} // namespace
