// The complementary error function without branches or tables, and e^-a.
//
// erfc(x) = exp(-x^2) Q((x - K) / (x + K)), x >= 0: the variable of Shepherd & Laframboise 1981, Math. Comp. 36:249. Coefficients
// of Q: scripts/fit_error_function.py. Relative error, beside the rounding of x^2: below 4e-7 (float), 3e-15 (double).
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

template <class Scalar>
struct ErrorFunction;

template <>
struct ErrorFunction<float>
{
    static constexpr float kLimit = 9.2f; // erfc(x) and exp(-x^2) beyond count as 0: they leave the normal numbers
    static constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
    static constexpr float kK = 3.0f;

    template <class Real>
    static LUMICROP_HOST_DEVICE Real scaled_erfc(Real t)
    {
        return polynomial(t, 5.268351037e-5f, 2.172573909e-5f, -0.0005971377673f, 0.0007194820142f, 0.004271081637f,
                          -0.02439489401f, 0.07166541301f, -0.1501157318f, 0.2456038258f, -0.3262335653f, 0.179001151f);
    }
    template <class Real>
    static LUMICROP_HOST_DEVICE Real exponential(Real r) // |r| <= ln(2)/2
    {
        return polynomial(r, 1.9841270e-4f, 1.3888889e-3f, 8.3333333e-3f, 4.1666667e-2f, 0.16666667f, 0.5f, 1.0f, 1.0f);
    }
};

template <>
struct ErrorFunction<double>
{
    static constexpr double kLimit = 26.5;
    static constexpr double kLog2E = 1.4426950408889634, kLn2High = 0.693147180369123816490,
                            kLn2Low = 1.90821492927058770002e-10;
    static constexpr double kK = 3.75;

    template <class Real>
    static LUMICROP_HOST_DEVICE Real scaled_erfc(Real t)
    {
        return polynomial(t, -4.22972981799744458e-11, -1.33030233049690808e-9, -3.14750727838828784e-9,
                          1.00668266978502306e-8, 2.94728760069381109e-8, -7.41600111743012635e-8, -1.82104701499065401e-7,
                          6.60725622975195403e-7, 7.48048896534735949e-7, -6.18404772883632092e-6, 3.58382760352940007e-6,
                          0.0000478989660739003672, -0.000152462678534099817, -0.0000255353657047210057,
                          0.00180296241732191972, -0.00822062115020891387, 0.0241432239724886758, -0.0548023266952243086,
                          0.102604312032193336, -0.163571895523916835, 0.226008066916621547, -0.273421931495426543,
                          0.145589721275038539);
    }
    template <class Real>
    static LUMICROP_HOST_DEVICE Real exponential(Real r)
    {
        return polynomial(r, 1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
                          1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0);
    }
};

/// e^-a for a >= 0 that keeps the result a normal number (a up to 87 for float, 708 for double).
template <class Real>
LUMICROP_HOST_DEVICE Real exp_minus(Real a)
{
    using Scalar = ScalarOf<Real>;
    using Constants = ErrorFunction<Scalar>;
    using Shift = RoundingShift<Scalar>;
    const Real shifted = muladd(a, Real(-Constants::kLog2E), Real(Shift::kShift + Shift::kBias));
    const Real n = shifted - Real(Shift::kShift + Shift::kBias);
    const Real r = muladd(n, Real(-Constants::kLn2Low), muladd(n, Real(-Constants::kLn2High), Real(0) - a));
    return Constants::exponential(r) * power_of_two(shifted);
}

/// exp(-x^2) from x^2; 0 beyond kLimit. The caller squares, in float64 where it can: rounding x itself to Real before would cost
/// 2 x^2 half ulps.
template <class Real>
LUMICROP_HOST_DEVICE Real exp_minus_square(Real square)
{
    using Constants = ErrorFunction<ScalarOf<Real>>;
    const Real limit(Constants::kLimit * Constants::kLimit);
    const Real limited = smaller(square, limit);
    return select(limited < limit, exp_minus(limited), Real(0));
}

/// erfc(|x|) from x and x^2; 0 beyond kLimit.
template <class Real>
LUMICROP_HOST_DEVICE Real erfc_of_size(Real x, Real square)
{
    using Constants = ErrorFunction<ScalarOf<Real>>;
    const Real size = smaller(absolute(x), Real(Constants::kLimit));
    const Real scaled = Constants::scaled_erfc((size - Real(Constants::kK)) / (size + Real(Constants::kK)));
    return exp_minus_square(square) * scaled;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
