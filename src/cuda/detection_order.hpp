// Detections put in order on the device: by channel, from labels, and by where they lie, for their neighbours.
#pragma once

#include <cuda_runtime_api.h>

#include "cuda/views.hpp"

namespace lumicrop {
namespace cuda {

/// Where detections of each channel stand, channel after channel, in detection order within a channel.
struct DetectionOrder
{
    int64_t* positions; // [n]: detections; those with a label outside 1 ... C come last
    int64_t* bounds;    // [C + 2]: positions[bounds[k] ... bounds[k + 1]) have label k + 1; bounds[C + 1] = n
};

/// Device memory that ordering takes.
int64_t order_bytes(int64_t n, int64_t n_channels);

/// Queues the ordering on `stream`, in `memory` of order_bytes, which must stay until the order is no longer needed.
DetectionOrder order_detections(const ColumnView& labels, int64_t n, int64_t n_channels, std::byte* memory,
                                cudaStream_t stream);

/// Device memory that a channel's table of neighbours takes.
int64_t neighbour_bytes(int64_t n);

/// Queues the table of the view's detections, of which there are `n`, in `memory` of neighbour_bytes, which must stay until the table is no
/// longer needed.
NeighbourTable order_neighbours(const ChannelView& view, int64_t n, std::byte* memory, cudaStream_t stream);

/// Queues NaN, the flag and a mark in `faults` for the detections that a channel's labels name beyond its `n_crops`: those of
/// positions[bounds[0] + n_crops ... bounds[1]).
void refuse_surplus(const int64_t* positions, const int64_t* bounds, int64_t n_crops, const OutputColumns& results,
                    Faults* faults, cudaStream_t stream);

} // namespace cuda
} // namespace lumicrop
