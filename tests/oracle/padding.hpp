// SPEC 3.1: which pixels of a crop are padding.
#pragma once

#include "crop.hpp"

#include <utility>

namespace oracle {

/// Zeros that connect to the crop's border through zeros, by a flood that starts at every border zero.
inline std::vector<char> zeros_reached_from_the_border(const Crop& crop)
{
    std::vector<char> reached(static_cast<size_t>(crop.pixels()), 0);
    std::vector<std::pair<int64_t, int64_t>> frontier;
    const auto visit = [&](int64_t row, int64_t column) {
        if (row < 0 || row >= crop.height || column < 0 || column >= crop.width) return;
        const auto pixel = static_cast<size_t>(row * crop.width + column);
        if (reached[pixel] != 0 || crop.raw[pixel] != 0) return;
        reached[pixel] = 1;
        frontier.emplace_back(row, column);
    };
    for (int64_t row = 0; row < crop.height; ++row)
        for (int64_t column = 0; column < crop.width; ++column)
            if (row == 0 || column == 0 || row == crop.height - 1 || column == crop.width - 1) visit(row, column);
    while (!frontier.empty()) {
        const auto [row, column] = frontier.back();
        frontier.pop_back();
        visit(row - 1, column);
        visit(row + 1, column);
        visit(row, column - 1);
        visit(row, column + 1);
    }
    return reached;
}

inline std::vector<char> padding_of(const Crop& crop, Padding rule)
{
    switch (rule) {
    case Padding::zeros: return zeros_reached_from_the_border(crop);
    case Padding::geometry:
        if (!crop.outside.empty()) return crop.outside;
        break;
    case Padding::none: break;
    }
    return std::vector<char>(static_cast<size_t>(crop.pixels()), 0);
}

} // namespace oracle
