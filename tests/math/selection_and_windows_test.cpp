// What the GPU's kernels are built from beside the CPU's formulas: keys, stand-ins, runs of zeros, windows, batched sums.
#include "math/border_median.hpp"
#include "math/ordered_bits.hpp"
#include "math/padding.hpp"
#include "math/running_sum.hpp"
#include "math/window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace math = lumicrop::math;

namespace {

template <class Scalar>
void expect_keys_in_order(std::mt19937_64& random)
{
    std::vector<Scalar> values = {-std::numeric_limits<Scalar>::infinity(),   std::numeric_limits<Scalar>::lowest(),
                                  -std::numeric_limits<Scalar>::denorm_min(), Scalar(0),
                                  std::numeric_limits<Scalar>::denorm_min(),  std::numeric_limits<Scalar>::max(),
                                  std::numeric_limits<Scalar>::infinity()};
    std::uniform_real_distribution<double> sizes(-30, 30);
    for (int i = 0; i < 500; ++i) values.push_back(static_cast<Scalar>((i % 2 == 0 ? 1 : -1) * std::exp(sizes(random))));
    std::sort(values.begin(), values.end());
    for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(math::from_ordered_bits<Scalar>(math::ordered_bits(values[i])), values[i]);
        if (i == 0) continue;
        const bool less = values[i - 1] < values[i];
        EXPECT_EQ(math::ordered_bits(values[i - 1]) < math::ordered_bits(values[i]), less)
            << values[i - 1] << " and " << values[i];
    }
    EXPECT_LT(math::ordered_bits(Scalar(-0.0)), math::ordered_bits(Scalar(0.0)));
}

TEST(OrderedBits, HaveTheOrderOfTheNumbers)
{
    std::mt19937_64 random(1);
    expect_keys_in_order<float>(random);
    expect_keys_in_order<double>(random);
}

TEST(OrderedBits, LeadingZerosCountFromTheTop)
{
    for (int bit = 0; bit < 32; ++bit) EXPECT_EQ(math::leading_zeros(uint32_t{1} << bit), 31 - bit);
    for (int bit = 0; bit < 64; ++bit) EXPECT_EQ(math::leading_zeros(uint64_t{1} << bit), 63 - bit);
}

/// Runs of ones that hold a seed, walked bit by bit.
uint32_t runs_with_a_seed(uint32_t zero, uint32_t seeds)
{
    uint32_t filled = 0;
    for (int begin = 0; begin < 32;) {
        if ((zero >> begin & 1U) == 0) {
            ++begin;
            continue;
        }
        int end = begin;
        uint32_t run = 0;
        while (end < 32 && (zero >> end & 1U) != 0) run |= uint32_t{1} << end++;
        if ((run & seeds) != 0) filled |= run;
        begin = end;
    }
    return filled;
}

TEST(FilledRuns, AreTheRunsOfZerosThatHoldASeed)
{
    std::mt19937 random(2);
    for (int i = 0; i < 20000; ++i) {
        const uint32_t dense = random() | random(), zero = i % 3 == 0 ? random() : i % 3 == 1 ? dense : dense | random();
        const uint32_t seeds = zero & random() & (i % 2 == 0 ? random() : ~0U);
        EXPECT_EQ(math::filled_runs(zero, seeds), runs_with_a_seed(zero, seeds)) << zero << " " << seeds;
    }
    EXPECT_EQ(math::filled_runs(~0U, 1U), ~0U);
    EXPECT_EQ(math::filled_runs(~0U, 0U), 0U);
}

TEST(StandIns, LeaveTheMiddleToTheRest)
{
    std::mt19937 random(3);
    std::uniform_real_distribution<double> value(-5, 5);
    for (int count : {8, 24, 40, 56})
        for (int left_out = 0; left_out < count; ++left_out) {
            std::vector<double> all, rest;
            for (int i = 0; i < count - left_out; ++i) rest.push_back(std::round(value(random)));
            all = rest;
            for (int k = 0; k < left_out; ++k) all.push_back(math::stand_in<double>(k));
            std::sort(all.begin(), all.end());
            std::sort(rest.begin(), rest.end());
            const auto half = static_cast<size_t>(count / 2);
            const math::Middle<double> middle = math::middle_of_rest<double>({all[half - 1], all[half]}, left_out);
            const auto n = static_cast<int64_t>(rest.size());
            EXPECT_EQ(middle.low, rest[static_cast<size_t>(math::lower_middle(n))]) << left_out << " of " << count;
            EXPECT_EQ(middle.high, rest[static_cast<size_t>(math::upper_middle(n))]) << left_out << " of " << count;
        }
}

TEST(Clip, LeavesThePartInsideTheFrame)
{
    for (int64_t size : {1, 3, 8})
        for (int64_t extent : {1, 5, 20})
            for (int64_t origin = -12; origin < 30; ++origin) {
                int64_t begin = 0, end = 0, inside = 0;
                math::clip(origin, size, extent, begin, end);
                for (int64_t i = 0; i < size; ++i) {
                    const bool is_inside = origin + i >= 0 && origin + i < extent;
                    inside += is_inside ? 1 : 0;
                    EXPECT_TRUE(!is_inside || (i >= begin && i < end));
                }
                EXPECT_EQ(end - begin, inside);
            }
    int64_t begin = 0, end = 0;
    for (int64_t origin : {INT64_MIN, INT64_MAX}) {
        math::clip(origin, 11, 100, begin, end);
        EXPECT_EQ(begin, end);
    }
}

TEST(BatchedSum, LosesNoMoreThanAPlainSumOfSixteen)
{
    std::mt19937 random(4);
    std::uniform_real_distribution<float> value(-1, 3);
    for (int n : {0, 1, 16, 17, 1000, 100000}) {
        math::BatchedSum<float> sum;
        double exact = 0, sizes = 0;
        for (int i = 0; i < n; ++i) {
            const float term = value(random);
            sum.add(term);
            exact += static_cast<double>(term);
            sizes += std::abs(static_cast<double>(term));
        }
        // 16 additions, each rounded by at most 2^-24 of what it came to; one more for the result.
        EXPECT_NEAR(static_cast<double>(sum.value()), exact, 17 * std::ldexp(sizes, -24));
    }
}

} // namespace
