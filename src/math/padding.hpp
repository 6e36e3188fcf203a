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

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
