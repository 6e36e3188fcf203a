// The error functions against the C library's long double ones, over the whole range, as scalars.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "math/error_function.hpp"
#include "math/pixel_gaussian.hpp"

namespace {

using namespace lumicrop::math;

/// What error_function.hpp promises, relative.
template <class Real>
constexpr double kBound = sizeof(Real) == 4 ? 4e-7 : 3e-15;

template <class Real>
class ErrorFunctionOf : public testing::Test
{
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(ErrorFunctionOf, Reals);

/// x from -limit to limit, denser around 0 and around the seam at 1.
template <class Real, class Use>
void sweep(double limit, Use use)
{
    for (int i = -200000; i <= 200000; ++i) {
        const double t = i / 200000.0;
        use(static_cast<Real>(limit * t * std::fabs(t)));
        use(static_cast<Real>(1.0 + 0.01 * t));
    }
}

TYPED_TEST(ErrorFunctionOf, ErfIsWithinItsBoundEverywhere)
{
    double worst = 0;
    sweep<TypeParam>(30, [&](TypeParam x) {
        if (x == 0) return;
        const double expected = static_cast<double>(std::erf(static_cast<long double>(x)));
        worst = std::max(worst, std::fabs(static_cast<double>(error_functions(x).erf) / expected - 1));
    });
    EXPECT_LT(worst, kBound<TypeParam>);
}

/// exp(-x^2) carries the rounding of x^2: half an ulp of x^2 relative.
TYPED_TEST(ErrorFunctionOf, ErfcInTheTailIsWithinItsBoundAndTheRoundingOfItsSquare)
{
    const double limit = sizeof(TypeParam) == 4 ? 9.19 : 26.4;
    const double half_ulp = sizeof(TypeParam) == 4 ? 6e-8 : 1.2e-16;
    double worst = 0;
    sweep<TypeParam>(limit, [&](TypeParam x) {
        if (std::fabs(x) <= 1) return;
        const long double expected = std::erfc(std::fabs(static_cast<long double>(x)));
        const double relative = std::fabs(static_cast<double>(static_cast<long double>(error_functions(x).erfc) / expected - 1));
        worst = std::max(worst, relative - half_ulp * static_cast<double>(x) * static_cast<double>(x));
    });
    EXPECT_LT(worst, kBound<TypeParam>);
}

TYPED_TEST(ErrorFunctionOf, BeyondTheLimitErfIsOneAndErfcZero)
{
    for (const double x : {9.3, 27.0, 1e3, 1e30}) {
        if (sizeof(TypeParam) == 8 && x < 26.5) continue;
        EXPECT_EQ(error_functions(static_cast<TypeParam>(x)).erf, 1);
        EXPECT_EQ(error_functions(static_cast<TypeParam>(-x)).erf, -1);
        EXPECT_EQ(error_functions(static_cast<TypeParam>(x)).erfc, 0);
    }
}

/// Fractions of all pixels add up to one, however wide or narrow they are.
TYPED_TEST(ErrorFunctionOf, FractionsOfAllPixelsAddUpToOne)
{
    for (const double sigma : {0.01, 0.3, 1.0, 1.7, 5.0, 20.0, 300.0}) { // in pixels
        const double scale = gaussian_scale(sigma, 1.0);
        const auto half_width = static_cast<int>(8 * sigma) + 2;
        double sum = 0;
        for (int pixel = -half_width; pixel <= half_width; ++pixel) {
            const double at = pixel - 0.237;
            if (is_wide<TypeParam>(scale))
                sum += static_cast<double>(
                    narrow_pixel_fraction(static_cast<TypeParam>(at * scale), static_cast<TypeParam>(0.5 * scale)));
            else
                sum += static_cast<double>(pixel_fraction(error_functions(static_cast<TypeParam>((at - 0.5) * scale)),
                                                          error_functions(static_cast<TypeParam>((at + 0.5) * scale))));
        }
        EXPECT_NEAR(sum, 1, sizeof(TypeParam) == 4 ? 1e-6 : 1e-14) << "sigma " << sigma << " px";
    }
}

/// At the width where one form hands over to the other both are right, out to where a crop holds 1e-6 of the PSF.
TYPED_TEST(ErrorFunctionOf, BothFormsOfAPixelAgreeWhereTheyMeet)
{
    const double width = wide_pixel_limit(TypeParam(0));
    for (int i = 0; i <= 4000; ++i) {
        const double middle = -4.0 + i * 0.002;
        const double low = middle - width / 2, high = middle + width / 2;
        const auto expected = static_cast<double>(middle > 0 ? std::erfc(static_cast<long double>(low)) - std::erfc(static_cast<long double>(high))
                                                             : std::erfc(static_cast<long double>(-high)) - std::erfc(static_cast<long double>(-low)));
        const auto across = static_cast<double>(erf_across(static_cast<TypeParam>(middle), static_cast<TypeParam>(width / 2)));
        const auto between = static_cast<double>(
            erf_between(error_functions(static_cast<TypeParam>(low)), error_functions(static_cast<TypeParam>(high))));
        const double bound = sizeof(TypeParam) == 4 ? 4e-6 : 1e-13;
        EXPECT_NEAR(across / expected, 1, bound) << "middle " << middle;
        EXPECT_NEAR(between / expected, 1, bound) << "middle " << middle;
    }
}

} // namespace
