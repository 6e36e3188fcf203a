// The complementary error function without branches or tables, e^-a and 2^-t.
//
// erfc(x) = exp(-x^2) Q((x - K) / (x + K)), x >= 0: the variable of Shepherd & Laframboise 1981, Math. Comp. 36:249. Coefficients:
// scripts/fit_error_function.py. Relative error, beside the rounding of x^2: below 4e-7 (float), 3e-15 (double).
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
    static constexpr float kBits = 127.0f; // 2^-t from here on counts as 0
    static constexpr float kK = 3.0f;

    template <class Real>
    static LUMICROP_HOST_DEVICE Real scaled_erfc(Real t)
    {
        return polynomial(t, 5.268351037e-5f, 2.172573909e-5f, -0.0005971377673f, 0.0007194820142f, 0.004271081637f,
                          -0.02439489401f, 0.07166541301f, -0.1501157318f, 0.2456038258f, -0.3262335653f, 0.179001151f);
    }
    template <class Real>
    static LUMICROP_HOST_DEVICE Real power(Real r) // 2^-r, |r| <= 1/2
    {
        return polynomial(r, -0.001326477095f, 0.009671528296f, -0.05550733785f, 0.2402224185f, -0.6931469775f, 1.0f);
    }
};

template <>
struct ErrorFunction<double>
{
    static constexpr double kLimit = 26.5;
    static constexpr double kLog2E = 1.4426950408889634, kLn2High = 0.693147180369123816490,
                            kLn2Low = 1.90821492927058770002e-10;
    static constexpr double kBits = 1023.0;
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
    static LUMICROP_HOST_DEVICE Real power(Real r)
    {
        return polynomial(r, -4.45581790833606449e-10, 7.07419429728852101e-9, -1.01780570877339411e-7,
                          1.32154325359123762e-6, -0.0000152527338415567726, 0.000154035304637243542,
                          -0.00133335581464064707, 0.00961812910758725667, -0.055504108664821627, 0.240226506959101596,
                          -0.693147180559945309, 0.999999999999999997);
    }
};

/// 2^-t for 0 <= t <= kBits; 0 at kBits.
template <class Real>
LUMICROP_HOST_DEVICE Real exp2_minus(Real t)
{
    using Shift = RoundingShift<ScalarOf<Real>>;
    const Real shifted = Real(Shift::kShift + Shift::kBias) - t; // -t rounded, and the exponent's bias
    const Real rest = t + (shifted - Real(Shift::kShift + Shift::kBias));
    return ErrorFunction<ScalarOf<Real>>::power(rest) * power_of_two(shifted);
}
#if defined(__CUDA_ARCH__)
LUMICROP_HOST_DEVICE float exp2_minus(float t)
{
    float power; // one instruction; relative error at most 2^-22
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(-t));
    return power;
}
#endif

/// e^-a for a >= 0 that keeps the result a normal number (a up to 87 for float, 708 for double).
template <class Real>
LUMICROP_HOST_DEVICE Real exp_minus(Real a)
{
    using Scalar = ScalarOf<Real>;
    using Constants = ErrorFunction<Scalar>;
    using Shift = RoundingShift<Scalar>;
    const Real shifted = muladd(a, Real(-Constants::kLog2E), Real(Shift::kShift + Shift::kBias));
    const Real n = shifted - Real(Shift::kShift + Shift::kBias);
    const Real rest = muladd(n, Real(Constants::kLn2Low), muladd(n, Real(Constants::kLn2High), a));
    return Constants::power(rest * Real(Constants::kLog2E)) * power_of_two(shifted);
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
