// The border of a crop: its outer ring, each pixel once (SPEC section 3).
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Pixels in the border: 2(H-1) + 2(W-1), or all of a single row or column.
LUMICROP_HOST_DEVICE constexpr int64_t border_size(int64_t height, int64_t width)
{
    return height == 1 || width == 1 ? height * width : 2 * (height - 1) + 2 * (width - 1);
}

struct PixelPosition
{
    int64_t row, column;
};

/// The i-th pixel of the border: first row, last row, then the two columns between them, row by row.
LUMICROP_HOST_DEVICE constexpr PixelPosition border_pixel(int64_t i, int64_t height, int64_t width)
{
    if (i < width) return {0, i};
    if (width == 1) return {i, 0};
    if (i < 2 * width) return {height - 1, i - width};
    const int64_t side = i - 2 * width;
    return {1 + side / 2, side % 2 ? width - 1 : 0};
}

LUMICROP_HOST_DEVICE constexpr bool on_border(int64_t row, int64_t column, int64_t height, int64_t width)
{
    return row == 0 || column == 0 || row == height - 1 || column == width - 1;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
