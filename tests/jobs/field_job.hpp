// Detections at stated places of frames that hold nothing but background: for annuli.
#pragma once

#include "chance.hpp"
#include "photometry_cell.hpp"

namespace test {

/// A position in a frame [px].
struct FieldSpot
{
    int64_t frame;
    double row, column;
};

struct FieldRing
{
    double inner, outer, neighbour; ///< [px]
};

/// One channel of crops of `crop` x `crop` pixels around spots, gathered from frames of pixels of 100 nm. Counts from 100 to 150, each its own
/// where the type has room; the offset is 60, the gain 2. All columns are wanted.
Job field_job(const EstimateKind& kind, const std::vector<FieldSpot>& spots, const FieldRing& ring, lumicrop_dtype dtype,
              int64_t n_frames, int64_t height, int64_t width, int64_t crop, uint64_t seed);

/// The pixel of a frame.
inline double& frame_pixel(Job& job, int64_t frame, int64_t row, int64_t column, size_t channel = 0)
{
    ChannelInput& of = job.channels[channel];
    return of.pixels[static_cast<size_t>((frame * of.frame_height + row) * of.frame_width + column)];
}

/// Spots anywhere in their frames, and a little beyond.
std::vector<FieldSpot> random_spots(Chance& chance, int64_t n, int64_t n_frames, int64_t height, int64_t width);

/// The channel's crops as a stack, cut out of its frames.
Job as_given_crops(const Job& job, lumicrop_padding padding);

} // namespace test
