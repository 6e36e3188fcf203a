// The complementary error function and the pixel's fraction against the C library's long double ones, over the whole range.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "math/pixel_gaussian.hpp"

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
    for (int i = -300000; i <= 300000; ++i) {
        const auto x = static_cast<TypeParam>(limit * i / 300000.0);
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
                value = fraction_around(pixel_series(half), squared(static_cast<double>(middle)));
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
                sum += static_cast<double>(
                    fraction_around(pixel_series(static_cast<TypeParam>(0.5 * scale)), squared(at * scale)));
            else
                sum += static_cast<double>(fraction_between(edge((at - 0.5) * scale), edge((at + 0.5) * scale)));
        }
        EXPECT_NEAR(sum, 1, sizeof(TypeParam) == 4 ? 1e-6 : 1e-14) << "sigma " << sigma << " px";
    }
}

} // namespace
