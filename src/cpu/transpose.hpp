// Transposition in registers: row i of as many registers as they have lanes becomes lane i of each. And sums over lanes, which are half of one.
#pragma once

#include "cpu/lanes.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <int kStep, bool kUpper, class Real, int... kLane>
LUMICROP_INLINE Real exchanged(Real a, Real b, std::integer_sequence<int, kLane...>)
{
    // kUpper false: a where the bit kStep of the lane is 0, else b moved up; true: a moved down, else b.
    constexpr int kCount = Real::kCount;
    return Real(__builtin_shufflevector(
        a.v, b.v, ((kLane & kStep) == 0 ? kLane + (kUpper ? kStep : 0) : kCount + kLane - (kUpper ? 0 : kStep))...));
}

/// Exchanges with neighbours kStep, kStep / 2 ... 1 apart; the widest first, so that what is not used is pruned early.
template <int kStep, class Real>
LUMICROP_INLINE void transpose_step(Real (&rows)[Real::kCount])
{
    if constexpr (kStep > 0) {
        using Sequence = std::make_integer_sequence<int, Real::kCount>;
        for (int i = 0; i < Real::kCount; ++i)
            if ((i & kStep) == 0) {
                const Real a = rows[i], b = rows[i + kStep];
                rows[i] = exchanged<kStep, false>(a, b, Sequence());
                rows[i + kStep] = exchanged<kStep, true>(a, b, Sequence());
            }
        transpose_step<kStep / 2>(rows);
    }
}

template <class Real>
LUMICROP_INLINE void transpose(Real (&rows)[Real::kCount])
{
    transpose_step<Real::kCount / 2>(rows);
}

template <int kStep, class Real>
LUMICROP_INLINE Real sum_step(Real (&rows)[Real::kCount])
{
    using Sequence = std::make_integer_sequence<int, Real::kCount>;
    for (int i = 0; i < kStep; ++i)
        rows[i] = exchanged<kStep, false>(rows[i], rows[i + kStep], Sequence()) +
                  exchanged<kStep, true>(rows[i], rows[i + kStep], Sequence());
    if constexpr (kStep > 1)
        return sum_step<kStep / 2>(rows);
    else
        return rows[0];
}

/// Lane i: the sum over the lanes of row i, in pairs. The rows are used up.
template <class Real>
LUMICROP_INLINE Real sums_over_lanes(Real (&rows)[Real::kCount])
{
    return sum_step<Real::kCount / 2>(rows);
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
