// Comparison with what the seed stored: float32, and itself within 1e-7 of the terms of SPEC's formulas.
#pragma once

#include "../jobs/expected.hpp"
#include "stored_case.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace test {

/// Upstream's fast-math reads a NaN sigma as 1e-12; SPEC 6 departs knowingly and gives NaN.
inline bool departs(const std::string& name, size_t detection)
{
    return name == "isogauss_odd_columns" && detection == 1;
}

/// What the seed itself may be off by: its storage in float32 and 1e-7 of the terms. A term is |crop| + |b|: the seed holds
/// both in float32 before it subtracts them.
inline oracle::Real stored_slack(double stored, oracle::Real terms)
{
    return oracle::storage_rounding(stored, true) + oracle::Real(1e-7) * terms;
}

/// FILTER: the seed computes os_fit * QE / gain in float32, with QE, gain, product and quotient each rounded once. SUM: it
/// rounds the pixels of i32 and f64 borders to float32 before the median (SPEC 6's table), and then the mean of two.
inline oracle::Real stored_background_slack(double stored, bool filter, oracle::Precision precision)
{
    const int roundings = filter ? 4 : precision == oracle::Precision::double_ ? 2 : 1;
    return roundings * oracle::storage_rounding(stored, true);
}

inline bool near(double found, double stored, oracle::Real bound)
{
    if (!std::isfinite(stored)) return !std::isfinite(found);
    return std::isfinite(found) && std::abs(oracle::Real(found) - stored) <= bound;
}

/// `photons` against the stored ones, row by row: SPEC 7 for the finder (0 for the oracle) and the seed's own slack.
inline void expect_photons_near(const std::string& who, const std::vector<double>& photons,
                                const std::vector<double>& stored, const Expected& expected, bool finder_is_the_oracle,
                                bool column_is_float32)
{
    ASSERT_EQ(photons.size(), stored.size()) << who;
    for (size_t i = 0; i < stored.size(); ++i) {
        if (departs(who, i)) continue;
        const oracle::Answer& answer = expected.answers[i];
        oracle::Real bound = stored_slack(stored[i], answer.count_magnitude * answer.photons_per_count);
        if (!finder_is_the_oracle) bound += oracle::photons_bound(answer, expected.precision[i], column_is_float32);
        EXPECT_TRUE(near(photons[i], stored[i], bound)) << who << " row " << i << ": photons " << photons[i]
                                                        << ", the seed gave " << stored[i] << ", bound " << double(bound);
    }
}

} // namespace test
