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
    for (bool grown = true; grown;) {
        Bits change = 0;
        for (int64_t row = 1; row + 1 < height; ++row)
            for (int64_t column = 1; column + 1 < width; ++column) {
                const int64_t pixel = row * width + column;
                const Bits before = padding[pixel];
                const Bits after = static_cast<Bits>(before | (zero[pixel] & (padding[pixel - width] | padding[pixel - 1] |
                                                                              padding[pixel + 1] | padding[pixel + width])));
                padding[pixel] = after;
                change = static_cast<Bits>(change | (before ^ after));
            }
        if (!change) break;
        change = 0;
        for (int64_t row = height - 2; row > 0; --row)
            for (int64_t column = width - 2; column > 0; --column) {
                const int64_t pixel = row * width + column;
                const Bits before = padding[pixel];
                const Bits after = static_cast<Bits>(before | (zero[pixel] & (padding[pixel - width] | padding[pixel - 1] |
                                                                              padding[pixel + 1] | padding[pixel + width])));
                padding[pixel] = after;
                change = static_cast<Bits>(change | (before ^ after));
            }
        grown = change != 0;
    }
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
