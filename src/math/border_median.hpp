// The median of the border pixels: the exact order statistic of the pixels as given (SPEC section 3, step 3).
#pragma once

#include "math/sorting_network.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// The two middle values, which coincide for an odd count.
template <class Real>
struct Middle
{
    Real low, high;
};

/// Median of the two middle values, in counts: exact for all pixels of up to 32 bits, rounded once for float64 ones.
LUMICROP_HOST_DEVICE double median_of_middle(double low, double high)
{
    const double sum = low + high;
    const double mean = absolute(sum) <= 1.7976931348623157e308 ? 0.5 * sum : 0.5 * low + 0.5 * high;
    return low == high ? low + 0.0 : without_origin(mean + 0.0); // + 0.0: a zero has no sign
}

/// Middle of values whose number the compiler knows; their order is lost.
template <int kCount, class Real>
LUMICROP_HOST_DEVICE Middle<Real> middle_of(Real (&values)[kCount])
{
    sort(values);
    return {values[(kCount - 1) / 2], values[kCount / 2]};
}

/// What takes the place of the k-th value that is left out of an even number of values, so that the middle of all is that of the rest:
/// they go to both ends in turn. Where an odd number is left out, the lower middle is the rest's one middle value.
template <class Real>
LUMICROP_HOST_DEVICE Real stand_in(int64_t k)
{
    return Real((k & 1) == 0 ? __builtin_inf() : -__builtin_inf());
}
template <class Real>
LUMICROP_HOST_DEVICE Middle<Real> middle_of_rest(const Middle<Real>& of_all, int64_t n_left_out)
{
    return {of_all.low, n_left_out % 2 == 0 ? of_all.high : of_all.low};
}

/// Indices of the middle among `count` sorted values, count > 0.
LUMICROP_HOST_DEVICE constexpr int64_t lower_middle(int64_t count)
{
    return (count - 1) / 2;
}
LUMICROP_HOST_DEVICE constexpr int64_t upper_middle(int64_t count)
{
    return count / 2;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
