#include "job/job.hpp"
#include "job/refusal.hpp"
#include "math/annulus.hpp"

namespace lumicrop {
namespace {

/// Calls `use(pointer to a zero of the column's type)`, so that loops over a column are compiled for its type.
template <class Use>
void with_integer_type(Dtype dtype, Use use)
{
    switch (dtype) {
    case Dtype::u8: return use(uint8_t{});
    case Dtype::u16: return use(uint16_t{});
    case Dtype::i16: return use(int16_t{});
    case Dtype::u32: return use(uint32_t{});
    case Dtype::i32: return use(int32_t{});
    case Dtype::i8: return use(int8_t{});
    case Dtype::u64: return use(uint64_t{});
    case Dtype::i64: return use(int64_t{});
    default: return;
    }
}

template <class Whole>
Whole element(const Column& column, int64_t i)
{
    return *reinterpret_cast<const Whole*>(column.data + i * column.stride);
}

} // namespace

std::vector<int64_t> positions_by_channel(const Column& labels, int64_t n, std::vector<int64_t>& counts)
{
    const auto n_channels = static_cast<uint64_t>(counts.size());
    std::vector<int64_t> positions;
    with_integer_type(labels.dtype, [&](auto zero) {
        using Whole = decltype(zero);
        for (int64_t i = 0; i < n; ++i) {
            const auto label = element<Whole>(labels, i);
            if (label < 1 || static_cast<uint64_t>(label) > n_channels)
                refuse("ch[" + std::to_string(i) + "] is " + std::to_string(label) + ", a channel from 1 to " +
                       std::to_string(n_channels) + " expected");
            ++counts[static_cast<std::size_t>(label) - 1];
        }
        if (n_channels == 1) return; // detection order is channel order
        std::vector<int64_t> next(counts.size(), 0);
        for (std::size_t k = 1; k < counts.size(); ++k) next[k] = next[k - 1] + counts[k - 1];
        positions.resize(static_cast<std::size_t>(n));
        for (int64_t i = 0; i < n; ++i)
            positions[static_cast<std::size_t>(next[static_cast<std::size_t>(element<Whole>(labels, i)) - 1]++)] = i;
    });
    return positions;
}

void check_frames(const Job& job, const Channel& channel, int64_t number)
{
    const Column& frames = job.detections.frame;
    const auto n_frames = static_cast<uint64_t>(channel.gathered ? channel.images.shape[0] : math::kMostFrames);
    with_integer_type(frames.dtype, [&](auto zero) {
        using Whole = decltype(zero);
        for (int64_t j = 0; j < channel.n; ++j) {
            const int64_t i = channel.positions == nullptr ? channel.first + j : channel.positions[j];
            const auto frame = element<Whole>(frames, i);
            if (frame < 0 || static_cast<uint64_t>(frame) >= n_frames)
                refuse("channel " + std::to_string(number) + ": frame[" + std::to_string(i) + "] is " +
                       std::to_string(frame) + ", a frame from 0 to " + std::to_string(static_cast<int64_t>(n_frames) - 1) +
                       " expected");
        }
    });
}

} // namespace lumicrop
