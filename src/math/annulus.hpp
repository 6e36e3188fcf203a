// The background around a position: the pixels of a ring, less those near other molecules, and what they come to (SPEC section 8).
#pragma once

#include "math/border_median.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Pixels whose centres lie no nearer than `inner` to a position, and nearer than `outer` [px].
struct Annulus
{
    double inner, outer;
    double neighbour; // pixels nearer than this to another molecule are left out; 0: none are

    LUMICROP_HOST_DEVICE bool holds(double down, double along) const
    {
        const double squared = muladd(down, down, along * along);
        return squared >= inner * inner && squared < outer * outer;
    }
    /// Whether a molecule so far away may hide one of its pixels.
    LUMICROP_HOST_DEVICE bool meets(double down, double along) const
    {
        const double reach = outer + neighbour;
        return muladd(down, down, along * along) < reach * reach;
    }
    /// Whether a pixel lies near a molecule so far away from it.
    LUMICROP_HOST_DEVICE bool hides(double down, double along) const
    {
        return muladd(down, down, along * along) < neighbour * neighbour;
    }
    /// Rows and columns on either side of the one nearest to the position: no pixel of the annulus lies further off.
    LUMICROP_HOST_DEVICE int64_t reach() const
    {
        const auto whole = static_cast<int64_t>(outer);
        return static_cast<double>(whole) < outer ? whole + 1 : whole;
    }
};

/// The whole number at or below x, or the nearest one of -2^40 ... 2^40. 0 for NaN.
LUMICROP_HOST_DEVICE int64_t whole_below(double x)
{
    constexpr double kMost = 1099511627776.0;
    const double within = x < -kMost ? -kMost : x > kMost ? kMost : x == x ? x : 0.0;
    const auto whole = static_cast<int64_t>(within);
    return static_cast<double>(whole) > within ? whole - 1 : whole;
}

/// The row or column whose centre lies nearest.
LUMICROP_HOST_DEVICE int64_t nearest_pixel(double position)
{
    return whole_below(position + 0.5);
}

// -- molecules of the same frame -------------------------------------------------------------------------------------

/// No detection of this key is a neighbour.
constexpr uint64_t kNoNeighbour = UINT64_MAX;
/// Frame numbers that keys have room for.
constexpr int64_t kMostFrames = int64_t{1} << 40;

/// A detection's frame, and the band of rows that it lies in. Those of a frame whose rows differ by less than `band_height` have keys that
/// differ by 1 at most, and 0 is no key, so that key - 1 ... key + 1 holds all neighbours and none of another frame.
LUMICROP_HOST_DEVICE uint64_t neighbour_key(int64_t frame, double row, double band_height)
{
    constexpr int kBits = 23;
    constexpr int64_t kMiddle = 1 << 22, kLast = (1 << 23) - 2;
    if (frame < 0 || frame >= kMostFrames || row != row) return kNoNeighbour;
    const int64_t band = whole_below(row / band_height) + kMiddle;
    return static_cast<uint64_t>(frame) << kBits | static_cast<uint64_t>(band < 1 ? 1 : band > kLast ? kLast : band);
}

/// How many of `n` sorted keys are below `key`.
LUMICROP_HOST_DEVICE int64_t keys_below(const uint64_t* keys, int64_t n, uint64_t key)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// -- what the pixels come to -----------------------------------------------------------------------------------------

enum class RingStatistic { median, mean, clipped };

/// Clipping leaves out what lies further than that many standard deviations from the median, as often as that at most.
constexpr double kClipSigmas = 3;
constexpr int kMostClips = 5;

/// Sums of value - pivot over pixels.
struct PivotedSums
{
    double sum, squares;
};

/// A ring's level, and the pixels that it was taken from: those whose values lie in [low, high].
struct RingLevel
{
    double value; // NaN where there is none
    double n;
    double low, high;
};

/// What a level is worth that n pixels of that variance came to; NaN of none.
LUMICROP_HOST_DEVICE KnownBackground ring_background(RingStatistic statistic, double electrons, double pixel_variance,
                                                     double n)
{
    if (!(n > 0)) return {electrons, electrons, 0, 0};
    return statistic == RingStatistic::median ? median_background(electrons, pixel_variance, n)
                                              : KnownBackground{electrons, pixel_variance / n, pixel_variance / n, n};
}

/// `Ring` shows the pixels: count(low, high), middle(low, high, n) and sums(pivot, low, high) of those in [low, high].
template <class Ring>
LUMICROP_HOST_DEVICE RingLevel ring_level(RingStatistic statistic, const Ring& ring)
{
    RingLevel level{not_a_number(), 0, -__builtin_inf(), __builtin_inf()};
    int64_t n = ring.count(level.low, level.high);
    level.n = static_cast<double>(n);
    if (n == 0) return level;
    if (statistic == RingStatistic::mean) {
        level.value = ring.sums(0, level.low, level.high).sum / level.n;
        return level;
    }
#if defined(__CUDA_ARCH__)
#pragma unroll 1
#endif
    for (int clips = 0;; ++clips) {
        const auto middle = ring.middle(level.low, level.high, n);
        const double median = median_of_middle(static_cast<double>(middle.low), static_cast<double>(middle.high));
        level.value = median;
        if (statistic == RingStatistic::median) return level;
        const PivotedSums sums = ring.sums(median, level.low, level.high);
        const double shift = sums.sum / level.n, variance = sums.squares / level.n - shift * shift;
        level.value = median + shift;
        const double reach = kClipSigmas * square_root(variance > 0 ? variance : 0.0);
        if (clips == kMostClips) return level;
        const double low = level.low < median - reach ? median - reach : level.low;
        const double high = level.high > median + reach ? median + reach : level.high;
        const int64_t kept = ring.count(low, high);
        if (kept == n) return level;
        level.low = low;
        level.high = high;
        n = kept;
        level.n = static_cast<double>(n);
    }
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
