// Padding by zeros: pixels of raw value 0 that connect to the crop's border through such pixels (SPEC section 3, step 1).
#pragma once

#include "math/border.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Grows the padding of many crops at once until it is complete. A word holds one pixel of all crops, a bit each.
///
///  zero     [height * width], row-major: bit i says that the pixel of crop i is exactly 0
///  padding  [height * width], written: bit i says that it is padding
///
/// Sweeps down and up alternate. Each finishes what flows in its direction, so few are needed but for mazes.
template <class Bits>
LUMICROP_HOST_DEVICE void grow_padding(const Bits* zero, Bits* padding, int64_t height, int64_t width)
{
    for (int64_t row = 0; row < height; ++row)
        for (int64_t column = 0; column < width; ++column) {
            const int64_t pixel = row * width + column;
            padding[pixel] = on_border(row, column, height, width) ? zero[pixel] : Bits(0);
        }
    Bits change = 0;
    const auto grow = [&](int64_t pixel) {
        const Bits before = padding[pixel];
        const auto beside =
            static_cast<Bits>(padding[pixel - width] | padding[pixel - 1] | padding[pixel + 1] | padding[pixel + width]);
        padding[pixel] = static_cast<Bits>(before | (zero[pixel] & beside));
        change = static_cast<Bits>(change | (before ^ padding[pixel]));
    };
    do {
        change = 0;
        for (int64_t row = 1; row + 1 < height; ++row)
            for (int64_t column = 1; column + 1 < width; ++column) grow(row * width + column);
        if (change == 0) return;
        change = 0;
        for (int64_t row = height - 2; row > 0; --row)
            for (int64_t column = width - 2; column > 0; --column) grow(row * width + column);
    } while (change != 0);
}

/// Bits of a word in opposite order.
LUMICROP_HOST_DEVICE uint32_t reversed(uint32_t bits)
{
#if defined(__CUDA_ARCH__)
    return __brev(bits);
#else
    bits = (bits >> 1 & 0x55555555u) | (bits & 0x55555555u) << 1;
    bits = (bits >> 2 & 0x33333333u) | (bits & 0x33333333u) << 2;
    bits = (bits >> 4 & 0x0F0F0F0Fu) | (bits & 0x0F0F0F0Fu) << 4;
    return __builtin_bswap32(bits);
#endif
}

/// The runs of ones of `zero` that hold a bit of `seeds`, which lie in `zero`: a whole row of pixels grown at once. Adding a seed to
/// its run carries to the run's end, which tells the bits above it; those below are found in the opposite order.
LUMICROP_HOST_DEVICE uint32_t filled_runs(uint32_t zero, uint32_t seeds)
{
    const uint32_t above = (zero + seeds) ^ zero;
    const uint32_t turned = reversed(zero);
    const uint32_t below = reversed((turned + reversed(seeds)) ^ turned);
    return zero & (above | below | seeds);
}

/// The runs of ones of `zero`, a row of `width` pixels, that reach its first or its last pixel.
inline uint32_t runs_from_edges(uint32_t zero, int64_t width)
{
    const uint32_t at_first = zero & ~(zero + 1);
    const uint32_t top = ~(zero << (32 - width)); // its leading zeros are the run at the last pixel
    const uint32_t at_last = top == 0 ? zero : zero & ~(0xFFFFFFFFu >> __builtin_clz(top) >> (32 - width));
    return at_first | at_last;
}

/// grow_padding for one crop of at most 32 columns, a word a row: bit c of zeros[r] says that pixel (r, c) is exactly 0.
inline void grow_rows(const uint32_t* zeros, uint32_t* padded, int64_t height, int64_t width)
{
    uint32_t left = 0;
    for (int64_t row = 0; row < height; ++row) {
        const bool edge = row == 0 || row == height - 1;
        padded[row] = edge ? zeros[row] : runs_from_edges(zeros[row], width);
        left |= padded[row] ^ zeros[row];
    }
    while (left != 0) { // zeros inside; few turns but for mazes
        left = 0;
        const auto grow = [&](int64_t row, int64_t from) {
            const uint32_t grown = filled_runs(zeros[row], padded[row] | (zeros[row] & padded[from]));
            left |= grown ^ padded[row];
            padded[row] = grown;
        };
        for (int64_t row = 1; row < height; ++row) grow(row, row - 1);
        for (int64_t row = height - 2; row >= 0; --row) grow(row, row + 1);
    }
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
