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
            for (int i = 0; i < 2; ++i) wide.part[i] = DoubleLanes(__builtin_convertvector(halves[i], DoubleLanes::Vector));
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
            return joined(__builtin_convertvector(part[0].v, HalfFloats), __builtin_convertvector(part[1].v, HalfFloats),
                          std::make_integer_sequence<int, Real::kCount>());
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
    friend LUMICROP_INLINE WideLanes muladd(WideLanes a, const WideLanes& b, const WideLanes& c)
    {
        for (int i = 0; i < kParts; ++i) a.part[i] = muladd(a.part[i], b.part[i], c.part[i]);
        return a;
    }
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
