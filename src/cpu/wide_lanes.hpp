// Float64 numbers beside float32 lanes: positions and arguments that must not be rounded early.
#pragma once

#include "cpu/lanes.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

typedef float HalfFloats __attribute__((vector_size(kRegisterBytes / 2)));

template <int... kLane>
LUMICROP_INLINE FloatLanes joined(HalfFloats low, HalfFloats high, std::integer_sequence<int, kLane...>)
{
    return FloatLanes(__builtin_shufflevector(low, high, kLane...));
}

// GCC 12 makes a wide conversion of narrower ones.
LUMICROP_INLINE DoubleLanes widened(HalfFloats half)
{
#if defined(__AVX512F__)
    return DoubleLanes((DoubleLanes::Vector)_mm512_cvtps_pd((__m256)half));
#elif defined(__AVX2__)
    return DoubleLanes((DoubleLanes::Vector)_mm256_cvtps_pd((__m128)half));
#else
    return DoubleLanes(__builtin_convertvector(half, DoubleLanes::Vector));
#endif
}
LUMICROP_INLINE HalfFloats narrowed(DoubleLanes wide)
{
#if defined(__AVX512F__)
    return (HalfFloats)_mm512_cvtpd_ps((__m512d)wide.v);
#elif defined(__AVX2__)
    return (HalfFloats)_mm256_cvtpd_ps((__m256d)wide.v);
#else
    return __builtin_convertvector(wide.v, HalfFloats);
#endif
}

/// A float64 for each lane of Real: one register, or two beside float32 lanes. (Through memory, two narrow stores
/// before one wide load would stall.)
template <class Real>
struct WideLanes
{
    static constexpr int kParts = Real::kCount / DoubleLanes::kCount;
    DoubleLanes part[kParts];

    WideLanes() = default;
    LUMICROP_INLINE explicit WideLanes(double value)
    {
        for (DoubleLanes& one : part) one = DoubleLanes(value);
    }

    static LUMICROP_INLINE WideLanes widened(Real real)
    {
        WideLanes wide;
        if constexpr (kParts == 1) {
            wide.part[0] = real;
        } else {
            HalfFloats halves[2];
            __builtin_memcpy(halves, &real.v, sizeof halves);
            for (int i = 0; i < 2; ++i) wide.part[i] = kernel::widened(halves[i]);
        }
        return wide;
    }
    static LUMICROP_INLINE WideLanes load(const double* from)
    {
        WideLanes wide;
        for (int i = 0; i < kParts; ++i) wide.part[i] = DoubleLanes::load(from + int64_t{i} * DoubleLanes::kCount);
        return wide;
    }
    LUMICROP_INLINE void store(double* to) const
    {
        for (int i = 0; i < kParts; ++i) part[i].store(to + int64_t{i} * DoubleLanes::kCount);
    }

    /// Each lane rounded to Real.
    LUMICROP_INLINE Real rounded() const
    {
        if constexpr (kParts == 1)
            return part[0];
        else
            return joined(narrowed(part[0]), narrowed(part[1]), std::make_integer_sequence<int, Real::kCount>());
    }

    friend LUMICROP_INLINE WideLanes operator+(WideLanes a, const WideLanes& b)
    {
        for (int i = 0; i < kParts; ++i) a.part[i] = a.part[i] + b.part[i];
        return a;
    }
    friend LUMICROP_INLINE WideLanes operator-(WideLanes a, const WideLanes& b)
    {
        for (int i = 0; i < kParts; ++i) a.part[i] = a.part[i] - b.part[i];
        return a;
    }
    friend LUMICROP_INLINE WideLanes operator*(WideLanes a, const WideLanes& b)
    {
        for (int i = 0; i < kParts; ++i) a.part[i] = a.part[i] * b.part[i];
        return a;
    }
    friend LUMICROP_INLINE WideLanes operator/(WideLanes a, const WideLanes& b)
    {
        for (int i = 0; i < kParts; ++i) a.part[i] = a.part[i] / b.part[i];
        return a;
    }
    friend LUMICROP_INLINE WideLanes muladd(WideLanes a, const WideLanes& b, const WideLanes& c)
    {
        for (int i = 0; i < kParts; ++i) a.part[i] = muladd(a.part[i], b.part[i], c.part[i]);
        return a;
    }
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
