// Sorting networks for any number of values: Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, M).
//
// The order of the comparisons depends on nothing but the count, so lanes that hold different crops sort side by side. For
// counts known to the compiler the network is unrolled, and what only feeds unused outputs is pruned by it.
#pragma once

#include <utility>

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Calls `compare(i, j)`, i < j, for every comparator of the network of `count` values, in order.
template <class Compare>
LUMICROP_HOST_DEVICE constexpr void for_each_comparator(int64_t count, Compare compare)
{
    int64_t top = 1;
    while (2 * top < count) top *= 2;
    for (int64_t p = top; p > 0; p /= 2) {
        int64_t q = top, r = 0, d = p;
        for (;;) {
            for (int64_t i = 0; i < count - d; ++i)
                if ((i & p) == r) compare(i, i + d);
            if (q == p) break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
}

struct Comparator
{
    short low, high;
};

constexpr int64_t comparator_count(int64_t count)
{
    int64_t n = 0;
    for_each_comparator(count, [&n](int64_t, int64_t) { ++n; });
    return n;
}

template <int kCount>
struct SortingNetwork
{
    static constexpr int kComparators = static_cast<int>(comparator_count(kCount));
    struct Table
    {
        Comparator at[kComparators > 0 ? kComparators : 1];
    };
    static constexpr Table make()
    {
        Table table{};
        int n = 0;
        for_each_comparator(kCount, [&](int64_t i, int64_t j) {
            table.at[n].low = static_cast<short>(i);
            table.at[n].high = static_cast<short>(j);
            ++n;
        });
        return table;
    }
    static constexpr Table kTable = make();
};

template <class Real>
LUMICROP_HOST_DEVICE void compare_exchange(Real& low, Real& high)
{
    const Real least = smaller(low, high);
    high = larger(low, high);
    low = least;
}

/// The network's comparators from the kFirst-th on, as many as there are indices.
template <int kCount, int kFirst, class Real, int... kIndex>
LUMICROP_HOST_DEVICE void exchange_from(Real (&values)[kCount], std::integer_sequence<int, kIndex...>)
{
    using Network = SortingNetwork<kCount>;
    (compare_exchange(values[std::integral_constant<int, Network::kTable.at[kFirst + kIndex].low>::value],
                      values[std::integral_constant<int, Network::kTable.at[kFirst + kIndex].high>::value]),
     ...);
}

/// The network from the kFirst-th comparator on, in folds of a length that every compiler takes.
template <int kCount, int kFirst, class Real>
LUMICROP_HOST_DEVICE void sort_from(Real (&values)[kCount])
{
    constexpr int kLeft = SortingNetwork<kCount>::kComparators - kFirst;
    constexpr int kFold = kLeft < 128 ? kLeft : 128;
    if constexpr (kFold > 0) {
        exchange_from<kCount, kFirst>(values, std::make_integer_sequence<int, kFold>());
        sort_from<kCount, kFirst + kFold>(values);
    }
}

/// Sorts values whose number the compiler knows. NaN is not allowed.
template <int kCount, class Real>
LUMICROP_HOST_DEVICE void sort(Real (&values)[kCount])
{
    sort_from<kCount, 0>(values);
}

/// Sorts `count` values in memory. NaN is not allowed.
template <class Real>
LUMICROP_HOST_DEVICE void sort(Real* values, int64_t count)
{
    for_each_comparator(count, [values](int64_t i, int64_t j) { compare_exchange(values[i], values[j]); });
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
