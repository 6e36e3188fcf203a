// What of a channel travels between host and device, and where it lies in a chunk's buffers.
#pragma once

#include <vector>

#include "cuda/device_views.hpp"

namespace lumicrop {
namespace cuda {

/// One array of one entry per crop, dense in a chunk's buffer.
struct Piece
{
    Column column;       // the caller's; of positions: none
    int64_t entry_bytes; // of a crop
    int64_t offset = 0;  // in the buffer
};

/// The pieces of a channel's chunks: crops, boxes around rings, positions and columns go in, results come out. On the device one buffer holds
/// them, inputs first, and last what the rings come to.
class ChunkLayout
{
public:
    ChunkLayout(const Job& job, const Channel& channel, bool needs_positions);

    /// Lays chunks of `n_crops` out.
    void set_crops(int64_t n_crops);

    int64_t bytes_a_crop() const;
    int64_t bytes_of(int64_t n_crops) const;
    int64_t input_bytes() const { return input_bytes_; }
    int64_t output_bytes() const { return output_bytes_; }
    int64_t bytes() const { return bytes_; } // of all on the device

    /// The chunk of crops [begin, end) whose buffer lies at `buffer` on the device.
    ChannelView view(const Job& job, int64_t begin, int64_t end, std::byte* buffer, Faults* faults) const;

    /// Copies the inputs of crops [begin, end) into `inputs`, and their results from `results`.
    ///
    ///  columns     tell where crops are to be cut out, on the host;  detections  by crop; null: those that follow the channel's first
    void pack(const Detections& columns, const int64_t* detections, int64_t begin, int64_t end, std::byte* inputs) const;
    void unpack(const int64_t* detections, int64_t begin, int64_t end, const std::byte* results) const;

private:
    const Piece* piece_of(const Column& column) const;

    const Channel& channel_;
    bool images_travel_, boxes_travel_, positions_travel_;
    Piece crops_, boxes_, positions_;
    ChannelView all_; // crops as they lie
    std::vector<Piece> inputs_, outputs_;
    int64_t input_bytes_ = 0, output_bytes_ = 0, bytes_ = 0;
};

} // namespace cuda
} // namespace lumicrop
