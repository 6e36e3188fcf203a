// erf and erfc without branches or tables, relative error below 4e-7 (float) and 3e-15 (double) wherever they are used.
//
// erf(x) = x P(x^2) near 0; erfc(x) = exp(-x^2) Q((x - 2) / (x + 2)) beyond (the variable of Schonfelder 1978,
// Math. Comp. 32:1232, and Shepherd & Laframboise 1981, Math. Comp. 36:249). Coefficients: scripts/fit_error_function.py.
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
    static constexpr float kLimit = 9.2f; // erfc beyond counts as 0: it is below the smallest normal float
    static constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

    template <class Real>
    static LUMICROP_HOST_DEVICE Real near(Real square)
    {
        return polynomial(square, 7.84301924e-5f, -0.0008007761015f, 0.005188148924f, -0.02685377022f, 0.1128358542f,
                          -0.3761262596f, 1.128379166f);
    }
    template <class Real>
    static LUMICROP_HOST_DEVICE Real far(Real t)
    {
        return polynomial(t, 0.0001467213451f, 6.609791927e-5f, -0.0009756604894f, -0.0008526394653f, 0.006996884329f,
                          0.003733401324f, -0.07897855515f, 0.2416581783f, -0.4271858479f, 0.2553956764f);
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

    template <class Real>
    static LUMICROP_HOST_DEVICE Real near(Real square)
    {
        return polynomial(
            square, 5.93018804473221097e-11, -1.13572418548946641e-9, 1.46558338300265387e-8, -1.63497420332530732e-7,
            1.64609482017270502e-6, -0.0000149255921107777269, 0.00012055330984893973, -0.000854832697749303887,
            0.00522397762476238298, -0.0268661706450713481, 0.112837916709548512, -0.376126389031837475,
            1.12837916709551257);
    }
    template <class Real>
    static LUMICROP_HOST_DEVICE Real far(Real t)
    {
        return polynomial(
            t, -4.82221326371286522e-8, 6.85529854197652391e-8, 2.69210456675554207e-7, -3.47114435093049491e-7,
            -4.97055985353764757e-7, -3.1069444760873337e-7, 1.14996892430634694e-6, 3.7334726480842628e-6,
            1.40756047772709943e-6, -0.0000139612652946310329, -0.000027582482209870987, 0.000027525083501808927,
            0.000174361397293182593, 0.0000435556086039710924, -0.000981977037744925303, -0.000847143250556987631,
            0.0069974617394861944, 0.00373289240431168112, -0.0789785810157355312, 0.241658194242466635,
            -0.427185847413958384, 0.255395676310505744);
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

/// Both functions at one place: `erf` of x, and `erfc` of |x|, which is exact to its last digits only for |x| > 1.
template <class Real>
struct ErrorFunctions
{
    Real x, erf, erfc;
};

template <class Real>
LUMICROP_HOST_DEVICE ErrorFunctions<Real> error_functions(Real x)
{
    using Scalar = ScalarOf<Real>;
    using Constants = ErrorFunction<Scalar>;
    const Real size = smaller(absolute(x), Real(Constants::kLimit));
    const Real square = size * size;
    const Real near = x * Constants::near(square);
    const Real far = exp_minus(square) * Constants::far((size - Real(2)) / (size + Real(2)));
    const Real erfc = select(size < Real(Constants::kLimit), far, Real(0));
    const Real rest = Real(1) - erfc;
    return {x, select(size <= Real(1), near, select(x < Real(0), Real(0) - rest, rest)), erfc};
}

/// erf(b) - erf(a), a <= b, by erfc where both lie in one tail: there the difference of erf would cancel.
template <class Real>
LUMICROP_HOST_DEVICE Real erf_between(const ErrorFunctions<Real>& a, const ErrorFunctions<Real>& b)
{
    const Real between = b.erf - a.erf;
    return select(a.x > Real(1), a.erfc - b.erfc, select(b.x < Real(-1), b.erfc - a.erfc, between));
}

/// The same around `middle` by a series in the half width, for widths below wide_pixel_limit(): there any difference of
/// erf cancels. Integral of exp(-t^2) = 2h exp(-m^2) (1 + h^2 H2(m)/3! + h^4 H4(m)/5! + h^6 H6(m)/7! ...), H Hermite.
template <class Real>
LUMICROP_HOST_DEVICE Real erf_across(Real middle, Real half)
{
    using Scalar = ScalarOf<Real>;
    using Constants = ErrorFunction<Scalar>;
    const Real limited = smaller(absolute(middle), Real(Constants::kLimit));
    const Real m2 = limited * limited;
    const Real h2 = half * half;
    const Real hermite2 = polynomial(m2, Scalar(4), Scalar(-2));
    const Real hermite4 = polynomial(m2, Scalar(16), Scalar(-48), Scalar(12));
    const Real hermite6 = polynomial(m2, Scalar(64), Scalar(-480), Scalar(720), Scalar(-120));
    const Real series =
        muladd(h2, muladd(h2, muladd(h2, hermite6 * Real(Scalar(1.0 / 5040)), hermite4 * Real(Scalar(1.0 / 120))),
                          hermite2 * Real(Scalar(1.0 / 6))),
               Real(1));
    const Real value = Real(Scalar(2.2567583341910251)) * half * exp_minus(m2) * series; // 4 / sqrt(pi)
    return select(limited < Real(Constants::kLimit), value, Real(0));
}

/// Width in units of the error function's argument below which erf_across is the better one.
/// Above, erf_between loses at most eps / width; below, the series is good to (2 m h)^8 / 9!.
LUMICROP_HOST_DEVICE constexpr double wide_pixel_limit(float) { return 0.125; }
LUMICROP_HOST_DEVICE constexpr double wide_pixel_limit(double) { return 1.0 / 64; }

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
