// Sums over a crop's pixels as they lie: whole numbers of up to 16 bits exactly, others above a level.
#pragma once

#include "cpu/crops.hpp"
#include "cpu/transpose.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// int32 lanes, which can be added up and no more.
struct WordLanes
{
    static constexpr int kCount = kRegisterBytes / 4;
    typedef int32_t Vector __attribute__((vector_size(kRegisterBytes)));

    Vector v;

    WordLanes() = default;
    LUMICROP_INLINE explicit WordLanes(Vector vector) : v(vector) {}
    LUMICROP_INLINE void store(int32_t* to) const { __builtin_memcpy(to, &v, sizeof v); }

    friend LUMICROP_INLINE WordLanes operator+(WordLanes a, WordLanes b) { return WordLanes(a.v + b.v); }
};

typedef int16_t Shorts __attribute__((vector_size(kRegisterBytes)));

/// sum + the shorts, each word getting two of them.
LUMICROP_INLINE WordLanes add_pairs(WordLanes sum, Shorts shorts)
{
#if defined(__AVX512F__)
    return WordLanes(sum.v + (WordLanes::Vector)_mm512_madd_epi16((__m512i)shorts, _mm512_set1_epi16(1)));
#elif defined(__AVX2__)
    return WordLanes(sum.v + (WordLanes::Vector)_mm256_madd_epi16((__m256i)shorts, _mm256_set1_epi16(1)));
#elif defined(__SSE2__)
    return WordLanes(sum.v + (WordLanes::Vector)_mm_madd_epi16((__m128i)shorts, _mm_set1_epi16(1)));
#elif defined(__aarch64__)
    return WordLanes((WordLanes::Vector)vpadalq_s16((int32x4_t)sum.v, (int16x8_t)shorts));
#else
    WordLanes::Vector pairs;
    for (int i = 0; i < WordLanes::kCount; ++i) pairs[i] = shorts[2 * i] + shorts[2 * i + 1];
    return WordLanes(sum.v + pairs);
#endif
}

/// Exact sums of whole numbers of up to 16 bits.
template <class Pixel>
class ExactSum
{
    static constexpr int kPixels = kRegisterBytes / 2;
    static constexpr bool kUnsignedShort = sizeof(Pixel) == 2 && Pixel(-1) > Pixel(0);

public:
    /// What each register's pixels are taken less of, so that they fit an int16.
    static constexpr int32_t kShift = kUnsignedShort ? 32768 : 0;
    /// Pixels whose sum surely fits an int32.
    static constexpr int64_t kMostPixels = 32767;

    ExactSum(int64_t width, const std::byte* limit) : width_(width), tail_(width % kPixels, limit) {}

    /// Registers in a run of `width` pixels.
    int64_t registers() const { return (width_ + kPixels - 1) / kPixels; }
    /// What the shift has taken off rows runs.
    int64_t shifted_by(int64_t rows) const { return rows * registers() * kPixels * kShift; }

    /// kWidth: the run's, where the compiler knows it, else 0.
    template <int kWidth>
    LUMICROP_INLINE WordLanes add(WordLanes sum, const std::byte* run) const
    {
        const int64_t width = kWidth > 0 ? kWidth : width_;
        int64_t i = 0;
        for (; i + kPixels <= width; i += kPixels)
            sum = add_pairs(sum, shifted(load_pixels<Pixel, kPixels>(run + i * kSize)));
        if (i < width) sum = add_pairs(sum, shifted(tail_.load(run + i * kSize)));
        return sum;
    }

private:
    static constexpr int64_t kSize = sizeof(Pixel);

    template <class Vector>
    static LUMICROP_INLINE Shorts shifted(Vector pixels)
    {
        if constexpr (sizeof(Pixel) == 1)
            return __builtin_convertvector(pixels, Shorts);
        else if constexpr (kUnsignedShort)
            return (Shorts)pixels ^ static_cast<int16_t>(INT16_MIN);
        else
            return pixels;
    }

    int64_t width_;
    FirstPixels<Pixel, kPixels> tail_;
};

/// The pixels of a crop above a level, a register at a time.
template <class Pixel, class Real>
class LevelledPixels
{
    static constexpr int kPixels = Real::kCount;

public:
    /// Of crops with `n` pixels.
    LevelledPixels(int64_t n, const std::byte* limit)
        : tail_(n % kPixels, limit), in_tail_(mask_of<Real>((uint32_t{1} << n % kPixels) - 1))
    {
    }

    /// Calls `add(pixel - level)` for `n` adjacent pixels, whole registers or what is left of a crop; 0 for pixels that are exactly 0, where
    /// kWithoutZeros, and behind the last.
    template <bool kWithoutZeros, class Add>
    LUMICROP_INLINE void for_each(const std::byte* run, int64_t n, Real level, Add add) const
    {
        const auto above = [&](Real pixel) {
            return kWithoutZeros ? select(pixel == Real(0), Real(0), pixel - level) : pixel - level;
        };
        int64_t i = 0;
        for (; i + kPixels <= n; i += kPixels) add(above(converted<Real>(load_pixels<Pixel, kPixels>(run + i * kSize))));
        if (i < n) add(select(in_tail_, above(converted<Real>(tail_.load(run + i * kSize))), Real(0)));
    }

private:
    static constexpr int64_t kSize = sizeof(Pixel);

    FirstPixels<Pixel, kPixels> tail_;
    typename Real::Mask in_tail_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
