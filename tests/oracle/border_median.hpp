// SPEC 3.2 and 3.3: the border ring and its median.
#pragma once

#include "crop.hpp"

#include <algorithm>
#include <cmath>

namespace oracle {

struct BorderMedian
{
    bool any = false; ///< false: no pixel is left, and the background above the offset is 0
    double raw = 0;   ///< the order statistic of the raw counts; an even count: the mean of the middle two, rounded once
};

/// Median of the outer ring's pixels that are neither padding nor NaN. Each pixel counts once, in single rows and columns too.
inline BorderMedian border_median(const Crop& crop, const std::vector<char>& padding)
{
    std::vector<double> ring;
    for (int64_t row = 0; row < crop.height; ++row)
        for (int64_t column = 0; column < crop.width; ++column) {
            if (row != 0 && column != 0 && row != crop.height - 1 && column != crop.width - 1) continue;
            const auto pixel = static_cast<size_t>(row * crop.width + column);
            if (padding[pixel] == 0 && !std::isnan(crop.raw[pixel])) ring.push_back(crop.raw[pixel]);
        }
    if (ring.empty()) return {};
    std::sort(ring.begin(), ring.end());
    const size_t middle = ring.size() / 2;
    if (ring.size() % 2 == 1) return {true, ring[middle]};
    return {true, static_cast<double>((Real(ring[middle - 1]) + Real(ring[middle])) / 2)};
}

} // namespace oracle
