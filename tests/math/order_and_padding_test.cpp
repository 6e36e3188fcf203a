// Sorting networks, the border and its padding, against the plainest way to do the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/padding.hpp"

namespace {

using namespace lumicrop::math;

/// A network that sorts every sequence of zeros and ones sorts everything (Knuth 5.3.4, Z); beyond 18 values, random ones.
TEST(SortingNetwork, SortsAnyNumberOfValues)
{
    std::mt19937 chance(20260101);
    for (int64_t count = 1; count <= 70; ++count) {
        const int64_t trials = count <= 16 ? int64_t(1) << count : 2000;
        for (int64_t trial = 0; trial < trials; ++trial) {
            std::vector<double> values(static_cast<std::size_t>(count));
            for (int64_t i = 0; i < count; ++i)
                values[static_cast<std::size_t>(i)] =
                    count <= 16 ? static_cast<double>(trial >> i & 1) : static_cast<double>(chance() % 97);
            sort(values.data(), count);
            ASSERT_TRUE(std::is_sorted(values.begin(), values.end())) << count << " values, trial " << trial;
        }
    }
}

TEST(SortingNetwork, TheUnrolledMedianIsTheSortedOne)
{
    std::mt19937 chance(7);
    for (int trial = 0; trial < 5000; ++trial) {
        float values[40];
        for (float& value : values) value = static_cast<float>(chance() % 50) * 0.25f;
        std::vector<float> sorted(values, values + 40);
        std::sort(sorted.begin(), sorted.end());
        const Middle<float> middle = middle_of(values);
        ASSERT_EQ(middle.low, sorted[19]);
        ASSERT_EQ(middle.high, sorted[20]);
    }
}

TEST(MedianOfMiddle, IsTheMeanOfBothWithoutOverflowOrSignedZero)
{
    EXPECT_EQ(median_of_middle(3, 4), 3.5);
    EXPECT_EQ(median_of_middle(1.7e308, 1.7e308), 1.7e308);
    EXPECT_EQ(median_of_middle(1.5e308, 1.7e308), 1.6e308);
    EXPECT_FALSE(std::signbit(median_of_middle(-0.0, -0.0)));
}

TEST(Border, HoldsEachPixelOfTheRingOnce)
{
    for (int64_t height = 1; height <= 9; ++height)
        for (int64_t width = 1; width <= 9; ++width) {
            std::set<std::pair<int64_t, int64_t>> seen, expected;
            for (int64_t i = 0; i < border_size(height, width); ++i) {
                const PixelPosition at = border_pixel(i, height, width);
                EXPECT_TRUE(seen.insert({at.row, at.column}).second) << height << "x" << width << " pixel " << i << " twice";
            }
            for (int64_t row = 0; row < height; ++row)
                for (int64_t column = 0; column < width; ++column)
                    if (on_border(row, column, height, width)) expected.insert({row, column});
            EXPECT_EQ(seen, expected) << height << "x" << width;
        }
}

/// Flood fill of one crop by a stack, as plainly as can be.
std::vector<bool> flooded(const std::vector<bool>& zero, int64_t height, int64_t width)
{
    std::vector<bool> padding(zero.size(), false);
    std::vector<std::pair<int64_t, int64_t>> open;
    for (int64_t row = 0; row < height; ++row)
        for (int64_t column = 0; column < width; ++column)
            if (on_border(row, column, height, width)) open.push_back({row, column});
    while (!open.empty()) {
        const auto [row, column] = open.back();
        open.pop_back();
        if (row < 0 || column < 0 || row >= height || column >= width) continue;
        const auto pixel = static_cast<std::size_t>(row * width + column);
        if (!zero[pixel] || padding[pixel]) continue;
        padding[pixel] = true;
        for (const auto& [dy, dx] : {std::pair<int, int>{-1, 0}, {1, 0}, {0, -1}, {0, 1}})
            open.push_back({row + dy, column + dx});
    }
    return padding;
}

/// Sixteen crops side by side, from a few zeros to mazes of them: each floods as if it were alone.
TEST(Padding, GrowsInEveryCropAsInOneAlone)
{
    std::mt19937 chance(11);
    for (int trial = 0; trial < 2000; ++trial) {
        const int64_t height = 1 + static_cast<int64_t>(chance() % 20), width = 1 + static_cast<int64_t>(chance() % 20);
        const auto n = static_cast<std::size_t>(height * width);
        const auto share = chance() % 100;
        std::vector<uint16_t> zero(n), padding(n);
        std::vector<std::vector<bool>> single(16, std::vector<bool>(n));
        for (std::size_t pixel = 0; pixel < n; ++pixel)
            for (std::size_t crop = 0; crop < 16; ++crop) {
                single[crop][pixel] = chance() % 100 < share;
                if (single[crop][pixel]) zero[pixel] = static_cast<uint16_t>(zero[pixel] | 1u << crop);
            }
        grow_padding(zero.data(), padding.data(), height, width);
        for (std::size_t crop = 0; crop < 16; ++crop) {
            const std::vector<bool> expected = flooded(single[crop], height, width);
            for (std::size_t pixel = 0; pixel < n; ++pixel)
                ASSERT_EQ((padding[pixel] >> crop & 1) != 0, expected[pixel])
                    << height << "x" << width << " trial " << trial;
        }
    }
}

} // namespace
