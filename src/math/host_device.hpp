// What lets one formula run as a scalar, as a lane of a vector register and as a lane of a warp.
//
// Formulas are templates over Real: float, double, or a register of lanes (src/cpu/lanes.hpp). They use the operators
// and the functions declared here, for which every Real has an overload.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define LUMICROP_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define LUMICROP_HOST_DEVICE inline __attribute__((always_inline))
#endif

// The inline namespace of the instruction set that a translation unit is compiled for, so that no copy of a
// template compiled for one can be linked into another.
#ifndef LUMICROP_TARGET
#define LUMICROP_TARGET portable
#endif

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// The scalar that a Real is made of, and what comparing two of them gives.
template <class Real>
struct RealTraits
{
    using Scalar = typename Real::Scalar;
};
template <>
struct RealTraits<float>
{
    using Scalar = float;
};
template <>
struct RealTraits<double>
{
    using Scalar = double;
};
template <class Real>
using ScalarOf = typename RealTraits<Real>::Scalar;

/// a * b + c; fused where the target has it. The only product and sum that ever fuse.
LUMICROP_HOST_DEVICE float muladd(float a, float b, float c)
{
#if defined(__FMA__) || defined(__CUDA_ARCH__) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}
LUMICROP_HOST_DEVICE double muladd(double a, double b, double c)
{
#if defined(__FMA__) || defined(__CUDA_ARCH__) || defined(__aarch64__)
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

LUMICROP_HOST_DEVICE float select(bool condition, float a, float b)
{
    return condition ? a : b;
}
LUMICROP_HOST_DEVICE double select(bool condition, double a, double b)
{
    return condition ? a : b;
}
LUMICROP_HOST_DEVICE float absolute(float x)
{
    return __builtin_fabsf(x);
}
LUMICROP_HOST_DEVICE double absolute(double x)
{
    return __builtin_fabs(x);
}

LUMICROP_HOST_DEVICE double square_root(double x)
{
    return __builtin_sqrt(x);
}

LUMICROP_HOST_DEVICE double not_a_number()
{
    return __builtin_nan("");
}
/// The number; NaN without sign and origin, so that which operation met it first does not show.
template <class Real>
LUMICROP_HOST_DEVICE Real without_origin(Real x)
{
    return select(x == x, x, Real(not_a_number()));
}

/// The smaller and the larger of two; where a is NaN, b.
LUMICROP_HOST_DEVICE float smaller(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return fminf(a, b); // one instruction
#else
    return a < b ? a : b;
#endif
}
LUMICROP_HOST_DEVICE double smaller(double a, double b)
{
    return a < b ? a : b;
}
LUMICROP_HOST_DEVICE float larger(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return fmaxf(a, b);
#else
    return a > b ? a : b;
#endif
}
LUMICROP_HOST_DEVICE double larger(double a, double b)
{
    return a > b ? a : b;
}

/// 1 / x, in float32 to the last few bits: for weights, which need not be exact.
LUMICROP_HOST_DEVICE float reciprocal(float x)
{
#if defined(__CUDA_ARCH__)
    float inverse; // one instruction
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(x));
    return inverse;
#else
    return 1.0f / x;
#endif
}
LUMICROP_HOST_DEVICE double reciprocal(double x)
{
    return 1.0 / x;
}

/// Whether it holds anywhere: in any lane, where Real has lanes.
LUMICROP_HOST_DEVICE bool any(bool condition)
{
    return condition;
}

/// Rounds by adding and taking away: |x| below 2^22 (float), 2^51 (double).
template <class Scalar>
struct RoundingShift;
template <>
struct RoundingShift<float>
{
    static constexpr float kShift = 12582912.0f; // 1.5 * 2^23
    static constexpr int kMantissa = 23, kBias = 127;
};
template <>
struct RoundingShift<double>
{
    static constexpr double kShift = 6755399441055744.0; // 1.5 * 2^52
    static constexpr int kMantissa = 52, kBias = 1023;
};

/// 2^n from `shifted` = n + kShift + kBias, n whole and within the exponent's range: its low bits are the exponent.
LUMICROP_HOST_DEVICE float power_of_two(float shifted)
{
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= RoundingShift<float>::kMantissa;
    memcpy(&shifted, &bits, sizeof bits);
    return shifted;
}
LUMICROP_HOST_DEVICE double power_of_two(double shifted)
{
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= RoundingShift<double>::kMantissa;
    memcpy(&shifted, &bits, sizeof bits);
    return shifted;
}

/// A number above 0 in [sqrt(1/2), sqrt(2)) whose product with 2^exponent is x; x is a normal number.
LUMICROP_HOST_DEVICE float mantissa_of(float x, float& exponent)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t whole = (bits - 0x3F3504F3) >> 23;
    bits -= whole * (1 << 23);
    memcpy(&x, &bits, sizeof bits);
    exponent = static_cast<float>(whole);
    return x;
}
LUMICROP_HOST_DEVICE double mantissa_of(double x, double& exponent)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t whole = (bits - 0x3FE6A09E667F3BCD) >> 52;
    bits -= whole * (int64_t{1} << 52);
    memcpy(&x, &bits, sizeof bits);
    exponent = static_cast<double>(whole);
    return x;
}

/// Horner's rule, highest power first.
template <class Real>
LUMICROP_HOST_DEVICE Real polynomial(Real, ScalarOf<Real> constant)
{
    return Real(constant);
}
template <class Real>
LUMICROP_HOST_DEVICE Real horner(Real, Real sum)
{
    return sum;
}
template <class Real, class... Rest>
LUMICROP_HOST_DEVICE Real horner(Real x, Real sum, ScalarOf<Real> next, Rest... rest)
{
    return horner(x, muladd(sum, x, Real(next)), rest...);
}
template <class Real, class... Rest>
LUMICROP_HOST_DEVICE Real polynomial(Real x, ScalarOf<Real> first, ScalarOf<Real> second, Rest... rest)
{
    return horner(x, Real(first), second, rest...);
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
