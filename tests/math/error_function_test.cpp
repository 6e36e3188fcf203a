// The complementary error function and the pixel's fraction against the C library's long double ones, over the whole range.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "../support/asked_numbers.hpp"
#include "math/near_pixels.hpp"
#include "math/rotated_gaussian.hpp"

namespace {

using namespace lumicrop::math;

template <class Real>
class ErrorFunctionOf : public testing::Test
{
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(ErrorFunctionOf, Reals);

/// What error_function.hpp promises, relative, and the one rounding of x^2 in exp(-x^2): half an ulp of it.
template <class Real>
double bound(double x)
{
    return sizeof(Real) == 4 ? 4e-7 + 6e-8 * x * x : 3e-15 + 1.2e-16 * x * x;
}

TYPED_TEST(ErrorFunctionOf, ErfcIsWithinItsBoundEverywhere)
{
    const double limit = sizeof(TypeParam) == 4 ? 9.19 : 26.4;
    double worst = 0;
    const int cases = test::fewer_of(300000);
    for (int i = -cases; i <= cases; ++i) {
        const auto x = static_cast<TypeParam>(limit * i / cases);
        const auto square = static_cast<TypeParam>(static_cast<long double>(x) * static_cast<long double>(x));
        const long double expected = std::erfc(std::fabs(static_cast<long double>(x)));
        const auto relative =
            static_cast<double>(std::fabs(static_cast<long double>(erfc_of_size(x, square)) / expected - 1));
        worst = std::max(worst, relative / bound<TypeParam>(static_cast<double>(x)));
    }
    EXPECT_LT(worst, 1) << "of the bound";
}

TYPED_TEST(ErrorFunctionOf, BeyondTheLimitErfcIsZeroAndNothingIsNegative)
{
    for (const double x : {26.6, 1e3, 1e30, HUGE_VAL}) {
        const auto square = static_cast<TypeParam>(x * x);
        EXPECT_EQ(erfc_of_size(static_cast<TypeParam>(x), square), 0);
        EXPECT_EQ(erfc_of_size(static_cast<TypeParam>(-x), square), 0);
        EXPECT_EQ(exp_minus_square(square), 0);
    }
}

/// Relative 2e-7 and the rounding of nothing else: t is taken as it is.
TYPED_TEST(ErrorFunctionOf, PowersOfTwoAreWithinTheirBoundEverywhere)
{
    const double limit = sizeof(TypeParam) == 4 ? 126.0 : 1022.0;
    const int cases = test::fewer_of(300000);
    for (int i = 0; i <= cases; ++i) {
        const auto t = static_cast<TypeParam>(limit * i / cases);
        const long double expected = std::exp2(-static_cast<long double>(t));
        const auto relative = static_cast<double>(std::fabs(static_cast<long double>(exp2_minus(t)) / expected - 1));
        ASSERT_LT(relative, sizeof(TypeParam) == 4 ? 2.3e-7 : 3e-16) << static_cast<double>(t);
    }
    EXPECT_EQ(exp2_minus(static_cast<TypeParam>(ErrorFunction<TypeParam>::kBits)), 0);
}

/// The polynomial of pixel_exponents against the square of the distance, in ulps of the narrower type: wherever the centre lies, and far out.
TYPED_TEST(ErrorFunctionOf, ExponentsOfPixelsAreWithinAnUlpOrTwo)
{
    std::mt19937 chance(7);
    std::uniform_real_distribution<double> anywhere(-40, 60), fine(-1e-3, 1e-3);
    for (int trial = 0; trial < 3000; ++trial) {
        const double centre = trial % 3 == 0 ? std::round(anywhere(chance)) + fine(chance) : anywhere(chance);
        const double scale = series_limit(TypeParam(0)) * std::exp2(-0.02 * (trial % 500));
        const PixelExponents<double> wide = pixel_exponents(centre, scale);
        const PixelExponents<TypeParam> narrow{static_cast<TypeParam>(wide.nearest),
                                               static_cast<TypeParam>(wide.square_high),
                                               static_cast<TypeParam>(wide.square_low), static_cast<TypeParam>(wide.linear),
                                               static_cast<TypeParam>(wide.constant)};
        for (int i = 0; i < 33; ++i) {
            const long double m = (i - static_cast<long double>(centre)) * static_cast<long double>(scale);
            const long double expected = m * m * 1.442695040888963407L;
            const double ulp = std::numeric_limits<TypeParam>::epsilon() * static_cast<double>(expected);
            // Near the centre the terms are larger than the exponent, which then is small itself.
            const double floor = std::numeric_limits<TypeParam>::epsilon() * scale * scale;
            ASSERT_NEAR(static_cast<double>(exponent_of_pixel(narrow, static_cast<TypeParam>(i))),
                        static_cast<double>(expected), 2 * ulp + floor)
                << "centre " << centre << " scale " << scale << " pixel " << i;
        }
    }
}

/// The same for places along a turned axis, also where columns and rows cancel.
TYPED_TEST(ErrorFunctionOf, ExponentsAlongTurnedAxesAreWithinAFewUlps)
{
    std::mt19937 chance(8);
    std::uniform_real_distribution<double> anywhere(-20, 50), degrees(-400, 400);
    for (int trial = 0; trial < test::fewer_of(2000); ++trial) {
        const double column = anywhere(chance), row = anywhere(chance);
        const double scale = series_limit(TypeParam(0)) * std::exp2(-0.02 * (trial % 300)), ratio = trial % 2 ? 1.0 : 1.3;
        const Rotation turn = rotation(degrees(chance));
        const TurnedAxis axis = trial % 4 < 2 ? turned_x(turn, scale, ratio) : turned_y(turn, scale, ratio);
        const double column_rest = column - std::round(column), row_rest = row - std::round(row);
        const TurnedPlaces<double> wide = turned_places(axis, column_rest, row_rest);
        const auto narrowed = [](double value) { return static_cast<TypeParam>(value); };
        const TurnedPlaces<TypeParam> places{narrowed(wide.column_high), narrowed(wide.column_low),
                                             narrowed(wide.row_high),    narrowed(wide.row_low),
                                             narrowed(wide.start_high),  narrowed(wide.start_low)};
        for (int j = 0; j < 31; ++j) {
            const TurnedRow<TypeParam> turned = turned_row(places, narrowed(j - std::round(row)));
            for (int i = 0; i < 31; ++i) {
                const long double along =
                    (i - static_cast<long double>(column)) * static_cast<long double>(axis.along_column) +
                    (j - static_cast<long double>(row)) * static_cast<long double>(axis.along_row);
                const long double expected = along * along * 1.442695040888963407L;
                const double ulp = std::numeric_limits<TypeParam>::epsilon() * static_cast<double>(expected);
                const double floor = 1e-3 * std::numeric_limits<TypeParam>::epsilon();
                const double far = sizeof(TypeParam) == 4 ? 0 : 60 * ulp / std::max(1e-3, static_cast<double>(expected));
                ASSERT_NEAR(static_cast<double>(turned_exponent(places, turned, narrowed(i - std::round(column)))),
                            static_cast<double>(expected), 3 * ulp + floor + far)
                    << "trial " << trial << " pixel " << j << " " << i;
            }
        }
    }
}

/// (erf(high) - erf(low)) / 2 without cancellation.
long double exact_fraction(long double low, long double high)
{
    if (low > 0) return (std::erfc(low) - std::erfc(high)) / 2;
    if (high < 0) return (std::erfc(-high) - std::erfc(-low)) / 2;
    return (std::erf(high) - std::erf(low)) / 2;
}

/// The same around a middle; for narrow pixels by Simpson's rule, which is exact to 1e-14 there.
long double exact_fraction_around(long double middle, long double half)
{
    const long double low = middle - half, high = middle + half;
    if (half > 5e-4L) return exact_fraction(low, high);
    return half / 3 * (std::exp(-low * low) + 4 * std::exp(-middle * middle) + std::exp(-high * high)) /
           1.7724538509055160273L;
}

/// Both forms of a pixel's fraction are good enough for SPEC section 7, each over the widths it serves, out to where a crop
/// holds 1e-6 of the PSF (3.4); half of the bound is left for the sums.
TYPED_TEST(ErrorFunctionOf, FractionsAreWithinHalfOfTheSpecifiedBound)
{
    const auto squared = [](double x) { return static_cast<TypeParam>(x * x); };
    const auto bits = [](double x) { return static_cast<TypeParam>(x * x * kLog2E); };
    const auto edge = [&](double x) { return pixel_edge(static_cast<TypeParam>(x), squared(x)); };
    const double limit = series_limit(TypeParam(0));
    const double allowed = sizeof(TypeParam) == 4 ? 2e-6 : 5e-14;
    for (const double share : {1e-6, 0.001, 0.1, 0.4, 0.8, 1.0, 1.0001, 1.5, 3.0, 10.0, 100.0}) {
        const double width = limit * share;
        const auto half = static_cast<TypeParam>(width / 2);
        for (int i = -3400; i <= 3400; ++i) {
            const auto middle = static_cast<TypeParam>(i * 0.001 + 0.0003);
            TypeParam value;
            long double expected;
            if (share <= 1) {
                value = fraction_around(pixel_series(half), bits(static_cast<double>(middle)));
                expected = exact_fraction_around(static_cast<long double>(middle), static_cast<long double>(half));
            } else {
                const TypeParam low = middle - half, high = middle + half;
                value = fraction_between(edge(static_cast<double>(low)), edge(static_cast<double>(high)));
                expected = exact_fraction(static_cast<long double>(low), static_cast<long double>(high));
            }
            const double x = std::fabs(static_cast<double>(middle));
            // A tail that holds less than the bound of the whole may be rounded off.
            const double slack = sizeof(TypeParam) == 4 ? 1.3e-7 * x * x : 3e-16 * x * x;
            ASSERT_NEAR(static_cast<double>(value), static_cast<double>(expected),
                        (allowed + slack) * static_cast<double>(expected) + 1e-30)
                << "width " << width << " middle " << static_cast<double>(middle);
        }
    }
}

/// Fractions of all pixels add up to one, however wide or narrow they are.
TYPED_TEST(ErrorFunctionOf, FractionsOfAllPixelsAddUpToOne)
{
    const auto squared = [](double x) { return static_cast<TypeParam>(x * x); };
    const auto edge = [&](double x) { return pixel_edge(static_cast<TypeParam>(x), squared(x)); };
    for (const double sigma : {0.01, 0.3, 0.7, 1.0, 1.7, 5.0, 20.0, 300.0}) { // in pixels
        const double scale = gaussian_scale(sigma, 1.0);
        const auto half_width = static_cast<int>(8 * sigma) + 2;
        double sum = 0;
        for (int pixel = -half_width; pixel <= half_width; ++pixel) {
            const double at = pixel - 0.237;
            if (scale <= series_limit(TypeParam(0)))
                sum += static_cast<double>(fraction_around(pixel_series(static_cast<TypeParam>(0.5 * scale)),
                                                           static_cast<TypeParam>(at * scale * (at * scale) * kLog2E)));
            else
                sum += static_cast<double>(fraction_between(edge((at - 0.5) * scale), edge((at + 0.5) * scale)));
        }
        EXPECT_NEAR(sum, 1, sizeof(TypeParam) == 4 ? 1e-6 : 1e-14) << "sigma " << sigma << " px";
    }
}

/// Fewer terms of the series give what all of them give, for all pixels that are near enough; and most usual ones are.
TEST(NearPixels, FewerTermsAreAsGood)
{
    int64_t near = 0, all = 0;
    for (const double sigma : {0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0}) { // in pixels
        const double scale = gaussian_scale(sigma, 1.0);
        if (scale > series_limit(0.0f)) continue;
        const PixelSeries<float> series = pixel_series(static_cast<float>(0.5 * scale));
        const PixelExponents<double> wide = pixel_exponents(5.3, scale);
        const PixelExponents<float> exponents{static_cast<float>(wide.nearest), static_cast<float>(wide.square_high),
                                              static_cast<float>(wide.square_low), static_cast<float>(wide.linear),
                                              static_cast<float>(wide.constant)};
        const auto check = [&](auto terms) {
            constexpr int kTerms = decltype(terms)::value;
            for (int i = 0; i <= 4000; ++i) {
                const float bits = 0.02f * static_cast<float>(i);
                ++all;
                if (!are_near<kTerms>(exponents, bits)) continue;
                ++near;
                const float expected = fraction_around(series, bits);
                ASSERT_NEAR(fraction_near<kTerms>(series, bits), expected, 3e-7f * expected) << kTerms << " terms, " << bits;
            }
        };
        check(std::integral_constant<int, 7>());
        check(std::integral_constant<int, 9>());
    }
    EXPECT_GT(near, all / 10);
}

} // namespace
