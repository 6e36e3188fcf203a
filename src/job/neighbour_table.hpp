// The detections of a channel in an order in which those near a position of a frame stand together.
#pragma once

#include <cstdint>

namespace lumicrop {

/// Where a detection lies in its frame [px].
struct FramePosition
{
    double row, column;
    int64_t crop; // of the channel
};

/// Detections sorted by math::neighbour_key.
struct NeighbourTable
{
    const uint64_t* keys;
    const FramePosition* positions;
    int64_t n; // 0: nobody's neighbours are looked for
};

} // namespace lumicrop
