// Random jobs for SPEC 8: simulated spots on cameras of every kind.
#pragma once

#include "photometry_cell.hpp"

namespace test {

/// Job number `number` of the sequence that `seed` starts, and the cells of its channels. Estimates and dtypes go round evenly.
struct PhotometryJob
{
    Job job;
    std::vector<PhotometryCell> cells;
};
PhotometryJob photometry_job(uint64_t seed, uint64_t number);

/// One channel of `n` detections, every column given: for tests of a single property. Spots may be dim or bright, some cross the frame's
/// edges where crops are gathered, some crops hold zeros at their edges. `clean`: no NaN among pixels, maps and columns.
Job photometry_plain_job(const EstimateKind& kind, lumicrop_model model, lumicrop_dtype dtype, int64_t height, int64_t width,
                         int64_t n, uint64_t seed, lumicrop_source source = LUMICROP_GATHERED,
                         lumicrop_padding padding = LUMICROP_PADDING_DEFAULT, Maps maps = Maps::none, bool clean = true);

/// Settings of one channel before its detections are placed.
struct ChannelSettings
{
    EstimateKind kind;
    lumicrop_model model;
    lumicrop_dtype dtype;
    int64_t height, width, n;
    lumicrop_source source;
    lumicrop_padding padding;
    Maps maps;
    bool clean;
};

} // namespace test
