// A vector register as a Real: the formulas of src/math run on it as they run on a float.
//
// Written on the vector extensions of GCC and Clang, with intrinsics only where these have no operator. (A loop over lanes
// under `omp simd` was the first thought; compilers spill such arrays of lanes to memory between the steps of a formula.)
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <utility>

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif

#define LUMICROP_INLINED __attribute__((always_inline))
#define LUMICROP_INLINE inline LUMICROP_INLINED

/// The compiler's vector types (which a template cannot make from its parameter).
template <class Scalar>
struct RegisterOf;
template <>
struct RegisterOf<float>
{
    using Integer = int32_t;
    typedef float Vector __attribute__((vector_size(kRegisterBytes)));
    typedef int32_t Bits __attribute__((vector_size(kRegisterBytes)));
    typedef uint32_t Unsigned __attribute__((vector_size(kRegisterBytes)));
};
template <>
struct RegisterOf<double>
{
    using Integer = int64_t;
    typedef double Vector __attribute__((vector_size(kRegisterBytes)));
    typedef int64_t Bits __attribute__((vector_size(kRegisterBytes)));
    typedef uint64_t Unsigned __attribute__((vector_size(kRegisterBytes)));
};

template <class T>
struct Lanes
{
    using Scalar = T;
    using Integer = typename RegisterOf<T>::Integer;
    using Vector = typename RegisterOf<T>::Vector;
    using Bits = typename RegisterOf<T>::Bits;
    using Unsigned = typename RegisterOf<T>::Unsigned;
    static constexpr int kCount = kRegisterBytes / static_cast<int>(sizeof(T));

    /// Where a comparison holds: all bits of a lane set, or none.
    struct Mask
    {
        Bits bits;

        friend LUMICROP_INLINE Mask operator&(Mask a, Mask b) { return {a.bits & b.bits}; }
        friend LUMICROP_INLINE Mask operator|(Mask a, Mask b) { return {a.bits | b.bits}; }
        friend LUMICROP_INLINE Mask operator!(Mask a) { return {~a.bits}; }
    };

    Vector v;

    Lanes() = default;
    LUMICROP_INLINE Lanes(T scalar) : v(fill(scalar)) {}
    LUMICROP_INLINE explicit Lanes(Vector vector) : v(vector) {}

    static LUMICROP_INLINE Lanes load(const T* from)
    {
        Vector vector;
        __builtin_memcpy(&vector, from, sizeof vector);
        return Lanes(vector);
    }
    LUMICROP_INLINE void store(T* to) const { __builtin_memcpy(to, &v, sizeof v); }

    friend LUMICROP_INLINE Lanes operator+(Lanes a, Lanes b) { return Lanes(a.v + b.v); }
    friend LUMICROP_INLINE Lanes operator-(Lanes a, Lanes b) { return Lanes(a.v - b.v); }
    friend LUMICROP_INLINE Lanes operator*(Lanes a, Lanes b) { return Lanes(a.v * b.v); }
    friend LUMICROP_INLINE Lanes operator/(Lanes a, Lanes b) { return Lanes(a.v / b.v); }
    friend LUMICROP_INLINE Mask operator<(Lanes a, Lanes b) { return {(Bits)(a.v < b.v)}; }
    friend LUMICROP_INLINE Mask operator<=(Lanes a, Lanes b) { return {(Bits)(a.v <= b.v)}; }
    friend LUMICROP_INLINE Mask operator>(Lanes a, Lanes b) { return {(Bits)(a.v > b.v)}; }
    friend LUMICROP_INLINE Mask operator==(Lanes a, Lanes b) { return {(Bits)(a.v == b.v)}; }
    friend LUMICROP_INLINE Mask operator!=(Lanes a, Lanes b) { return {(Bits)(a.v != b.v)}; }

    friend LUMICROP_INLINE Lanes select(Mask condition, Lanes a, Lanes b) { return Lanes(condition.bits ? a.v : b.v); }
    friend LUMICROP_INLINE Lanes absolute(Lanes a)
    {
        constexpr Integer kNoSign = static_cast<Integer>(~(Integer(1) << (8 * sizeof(Integer) - 2) << 1));
        return Lanes((Vector)((Bits)a.v & kNoSign));
    }
    friend LUMICROP_INLINE Lanes power_of_two(Lanes shifted)
    {
        return Lanes((Vector)((Unsigned)shifted.v << math::RoundingShift<T>::kMantissa));
    }

    friend LUMICROP_INLINE Lanes mantissa_of(Lanes a, Lanes& exponent)
    {
        constexpr int kBits = math::RoundingShift<T>::kMantissa;
        constexpr Integer kRoot =
            sizeof(T) == 4 ? static_cast<Integer>(0x3F3504F3) : static_cast<Integer>(0x3FE6A09E667F3BCD);
        const Bits whole = ((Bits)a.v - kRoot) >> kBits;
        exponent = Lanes(__builtin_convertvector(whole, Vector));
        return Lanes((Vector)((Bits)a.v - (whole << kBits)));
    }

private:
    template <int... kIndex>
    static LUMICROP_INLINE Vector fill_with(T scalar, std::integer_sequence<int, kIndex...>)
    {
        return Vector{((void)kIndex, scalar)...};
    }
    static LUMICROP_INLINE Vector fill(T scalar) { return fill_with(scalar, std::make_integer_sequence<int, kCount>()); }
};

using FloatLanes = Lanes<float>;
using DoubleLanes = Lanes<double>;

#if defined(__AVX512F__)
LUMICROP_INLINE FloatLanes muladd(FloatLanes a, FloatLanes b, FloatLanes c)
{
    return FloatLanes((FloatLanes::Vector)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v));
}
LUMICROP_INLINE DoubleLanes muladd(DoubleLanes a, DoubleLanes b, DoubleLanes c)
{
    return DoubleLanes((DoubleLanes::Vector)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v));
}
LUMICROP_INLINE FloatLanes smaller(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)_mm512_min_ps((__m512)a.v, (__m512)b.v));
}
LUMICROP_INLINE DoubleLanes smaller(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)_mm512_min_pd((__m512d)a.v, (__m512d)b.v));
}
LUMICROP_INLINE FloatLanes larger(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)_mm512_max_ps((__m512)a.v, (__m512)b.v));
}
LUMICROP_INLINE DoubleLanes larger(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)_mm512_max_pd((__m512d)a.v, (__m512d)b.v));
}
LUMICROP_INLINE uint32_t lane_bits(FloatLanes::Mask m)
{
    return _mm512_movepi32_mask((__m512i)m.bits);
}
LUMICROP_INLINE uint32_t lane_bits(DoubleLanes::Mask m)
{
    return _mm512_movepi64_mask((__m512i)m.bits);
}
#elif defined(__AVX2__)
LUMICROP_INLINE FloatLanes muladd(FloatLanes a, FloatLanes b, FloatLanes c)
{
    return FloatLanes((FloatLanes::Vector)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v));
}
LUMICROP_INLINE DoubleLanes muladd(DoubleLanes a, DoubleLanes b, DoubleLanes c)
{
    return DoubleLanes((DoubleLanes::Vector)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v));
}
LUMICROP_INLINE FloatLanes smaller(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)_mm256_min_ps((__m256)a.v, (__m256)b.v));
}
LUMICROP_INLINE DoubleLanes smaller(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)_mm256_min_pd((__m256d)a.v, (__m256d)b.v));
}
LUMICROP_INLINE FloatLanes larger(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)_mm256_max_ps((__m256)a.v, (__m256)b.v));
}
LUMICROP_INLINE DoubleLanes larger(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)_mm256_max_pd((__m256d)a.v, (__m256d)b.v));
}
LUMICROP_INLINE uint32_t lane_bits(FloatLanes::Mask m)
{
    return static_cast<uint32_t>(_mm256_movemask_ps((__m256)m.bits));
}
LUMICROP_INLINE uint32_t lane_bits(DoubleLanes::Mask m)
{
    return static_cast<uint32_t>(_mm256_movemask_pd((__m256d)m.bits));
}
#elif defined(__SSE2__)
LUMICROP_INLINE FloatLanes muladd(FloatLanes a, FloatLanes b, FloatLanes c)
{
    return a * b + c;
}
LUMICROP_INLINE DoubleLanes muladd(DoubleLanes a, DoubleLanes b, DoubleLanes c)
{
    return a * b + c;
}
LUMICROP_INLINE FloatLanes smaller(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)_mm_min_ps((__m128)a.v, (__m128)b.v));
}
LUMICROP_INLINE DoubleLanes smaller(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)_mm_min_pd((__m128d)a.v, (__m128d)b.v));
}
LUMICROP_INLINE FloatLanes larger(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)_mm_max_ps((__m128)a.v, (__m128)b.v));
}
LUMICROP_INLINE DoubleLanes larger(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)_mm_max_pd((__m128d)a.v, (__m128d)b.v));
}
LUMICROP_INLINE uint32_t lane_bits(FloatLanes::Mask m)
{
    return static_cast<uint32_t>(_mm_movemask_ps((__m128)m.bits));
}
LUMICROP_INLINE uint32_t lane_bits(DoubleLanes::Mask m)
{
    return static_cast<uint32_t>(_mm_movemask_pd((__m128d)m.bits));
}
#else
#if defined(__aarch64__)
LUMICROP_INLINE FloatLanes muladd(FloatLanes a, FloatLanes b, FloatLanes c)
{
    return FloatLanes((FloatLanes::Vector)vfmaq_f32((float32x4_t)c.v, (float32x4_t)a.v, (float32x4_t)b.v));
}
LUMICROP_INLINE DoubleLanes muladd(DoubleLanes a, DoubleLanes b, DoubleLanes c)
{
    return DoubleLanes((DoubleLanes::Vector)vfmaq_f64((float64x2_t)c.v, (float64x2_t)a.v, (float64x2_t)b.v));
}
// By intrinsics: what the compiler finds to simplify in networks of the operators takes it minutes.
LUMICROP_INLINE FloatLanes smaller(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)vbslq_f32((uint32x4_t)(a < b).bits, (float32x4_t)a.v, (float32x4_t)b.v));
}
LUMICROP_INLINE DoubleLanes smaller(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)vbslq_f64((uint64x2_t)(a < b).bits, (float64x2_t)a.v, (float64x2_t)b.v));
}
LUMICROP_INLINE FloatLanes larger(FloatLanes a, FloatLanes b)
{
    return FloatLanes((FloatLanes::Vector)vbslq_f32((uint32x4_t)(a > b).bits, (float32x4_t)a.v, (float32x4_t)b.v));
}
LUMICROP_INLINE DoubleLanes larger(DoubleLanes a, DoubleLanes b)
{
    return DoubleLanes((DoubleLanes::Vector)vbslq_f64((uint64x2_t)(a > b).bits, (float64x2_t)a.v, (float64x2_t)b.v));
}
#else
LUMICROP_INLINE FloatLanes muladd(FloatLanes a, FloatLanes b, FloatLanes c)
{
    return a * b + c;
}
LUMICROP_INLINE DoubleLanes muladd(DoubleLanes a, DoubleLanes b, DoubleLanes c)
{
    return a * b + c;
}
template <class T>
LUMICROP_INLINE Lanes<T> smaller(Lanes<T> a, Lanes<T> b)
{
    return select(a < b, a, b);
}
template <class T>
LUMICROP_INLINE Lanes<T> larger(Lanes<T> a, Lanes<T> b)
{
    return select(a > b, a, b);
}
#endif
LUMICROP_INLINE uint32_t lane_bits(FloatLanes::Mask m)
{
    return (m.bits[0] & 1) | (m.bits[1] & 2) | (m.bits[2] & 4) | (m.bits[3] & 8);
}
LUMICROP_INLINE uint32_t lane_bits(DoubleLanes::Mask m)
{
    return static_cast<uint32_t>((m.bits[0] & 1) | (m.bits[1] & 2));
}
#endif

/// To the last few bits in float32: an estimate by table, and a step of Newton's where there is one.
LUMICROP_INLINE FloatLanes reciprocal(FloatLanes a)
{
#if defined(__AVX512F__)
    const FloatLanes near((FloatLanes::Vector)_mm512_rcp14_ps((__m512)a.v));
    const FloatLanes off(
        (FloatLanes::Vector)_mm512_fnmadd_ps((__m512)near.v, (__m512)a.v, (__m512)FloatLanes(1.0f).v)); // 1 - near a
    return muladd(near, off, near);
#else
    return FloatLanes(1.0f) / a;
#endif
}
LUMICROP_INLINE DoubleLanes reciprocal(DoubleLanes a)
{
    return DoubleLanes(1.0) / a;
}
LUMICROP_INLINE DoubleLanes square_root(DoubleLanes a)
{
#if defined(__AVX512F__)
    return DoubleLanes((DoubleLanes::Vector)_mm512_sqrt_pd((__m512d)a.v));
#elif defined(__AVX2__)
    return DoubleLanes((DoubleLanes::Vector)_mm256_sqrt_pd((__m256d)a.v));
#elif defined(__SSE2__)
    return DoubleLanes((DoubleLanes::Vector)_mm_sqrt_pd((__m128d)a.v));
#elif defined(__aarch64__)
    return DoubleLanes((DoubleLanes::Vector)vsqrtq_f64((float64x2_t)a.v));
#else
    for (int i = 0; i < DoubleLanes::kCount; ++i) a.v[i] = __builtin_sqrt(a.v[i]);
    return a;
#endif
}
LUMICROP_INLINE FloatLanes square_root(FloatLanes a)
{
#if defined(__AVX512F__)
    return FloatLanes((FloatLanes::Vector)_mm512_sqrt_ps((__m512)a.v));
#elif defined(__AVX2__)
    return FloatLanes((FloatLanes::Vector)_mm256_sqrt_ps((__m256)a.v));
#elif defined(__SSE2__)
    return FloatLanes((FloatLanes::Vector)_mm_sqrt_ps((__m128)a.v));
#elif defined(__aarch64__)
    return FloatLanes((FloatLanes::Vector)vsqrtq_f32((float32x4_t)a.v));
#else
    for (int i = 0; i < FloatLanes::kCount; ++i) a.v[i] = __builtin_sqrtf(a.v[i]);
    return a;
#endif
}
template <class Mask>
LUMICROP_INLINE auto any(Mask m) -> decltype(lane_bits(m) != 0)
{
    return lane_bits(m) != 0;
}

/// The mask that has the lanes of `bits` set.
template <class Real>
LUMICROP_INLINE typename Real::Mask mask_of(uint32_t bits)
{
    typename Real::Bits lane;
    for (int i = 0; i < Real::kCount; ++i) lane[i] = (bits >> i & 1) != 0 ? -1 : 0;
    return {lane};
}
#if defined(__AVX512F__)
template <>
LUMICROP_INLINE FloatLanes::Mask mask_of<FloatLanes>(uint32_t bits)
{
    return {(FloatLanes::Bits)_mm512_movm_epi32(static_cast<__mmask16>(bits))};
}
template <>
LUMICROP_INLINE DoubleLanes::Mask mask_of<DoubleLanes>(uint32_t bits)
{
    return {(DoubleLanes::Bits)_mm512_movm_epi64(static_cast<__mmask8>(bits))};
}
#endif

} // namespace kernel

} // namespace LUMICROP_TARGET
} // namespace lumicrop
