// The mean of counted light from the median of its pixels (SPEC section 8).
//
// A distribution of variance k2 and third cumulant k3 has its median about k3 / (6 k2) below its mean (Cornish & Fisher 1938): 1/6 of an electron for counted
// light, half of one behind an EM register. The median of n pixels lies a little higher, by 0.26 k3 / (k2 n).
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Pixels below the median, and equal to it, of `all`.
struct Ranks
{
    double below, equal, all;
};

/// Where among equal whole counts the median lies, from their middle [counts]: the median of grouped data, a count being all values that
/// round to it. 0 where the two middle ones differ.
LUMICROP_HOST_DEVICE double median_within_count(const Ranks& ranks)
{
    return ranks.equal > 0 ? (0.5 * ranks.all - ranks.below) / ranks.equal - 0.5 : 0.0;
}

/// Mean of background pixels whose grouped median is `median` [e-].
///
///  excess         F^2 of the camera;  read_variance [e-^2], that of rounding to whole counts included
LUMICROP_HOST_DEVICE double mean_of_skewed(double median, double n, double excess, double read_variance)
{
    const double third =
        excess > 1 ? 6.0 : 1.0; // of a compound Poisson number by its mean: E x^3 of what an electron becomes
    double mean = median > 0 ? median : 0;
    for (int i = 0; i < 4; ++i) {
        const double counted = mean > 0 ? mean : 0, variance = excess * counted + read_variance;
        const double shift = variance > 0 ? third * counted / variance * (1.0 / 6 - 0.26 / n) : 0.0;
        mean = median + shift;
    }
    return mean;
}

/// Variance of the median of n pixels of that variance, large n, and its covariance with each of them.
LUMICROP_HOST_DEVICE double median_variance(double pixel_variance, double n)
{
    return 1.5707963267948966 * pixel_variance / n;
}

/// Pixels whose mean would be as certain as the median of n.
LUMICROP_HOST_DEVICE double pixels_of_median(double n)
{
    return n / 1.5707963267948966;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
