#include "cuda/neighbour_copies.hpp"

#include "cuda/whole_lines.hpp"

namespace lumicrop {
namespace cuda {
namespace {

void copy(const void* from, int64_t bytes, std::byte* to, cudaStream_t stream)
{
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync of neighbours");
}

int64_t bytes_of_keys(const NeighbourTable& table)
{
    return table.n * static_cast<int64_t>(sizeof *table.keys);
}
int64_t bytes_of_positions(const NeighbourTable& table)
{
    return table.n * static_cast<int64_t>(sizeof *table.positions);
}

} // namespace

NeighbourCopies::NeighbourCopies(const Job& job, const Detections& columns)
{
    for (const Channel& channel : job.channels) {
        if (channel.n == 0 || !seeks_neighbours(channel)) continue;
        copies_.push_back({&channel, Neighbours(job, channel, columns), bytes_, 0});
        const NeighbourTable table = copies_.back().neighbours.table();
        copies_.back().positions = bytes_ += whole_lines(bytes_of_keys(table));
        bytes_ += whole_lines(bytes_of_positions(table));
    }
}

void NeighbourCopies::copy_to(std::byte* memory, cudaStream_t stream)
{
    memory_ = memory;
    for (const Copy& one : copies_) {
        const NeighbourTable table = one.neighbours.table();
        copy(table.keys, bytes_of_keys(table), memory + one.keys, stream);
        copy(table.positions, bytes_of_positions(table), memory + one.positions, stream);
    }
    if (!copies_.empty()) check(cudaStreamSynchronize(stream), "cudaStreamSynchronize after copying neighbours");
}

NeighbourTable NeighbourCopies::of(const Channel& channel) const
{
    for (const Copy& one : copies_)
        if (one.channel == &channel)
            return {reinterpret_cast<const uint64_t*>(memory_ + one.keys),
                    reinterpret_cast<const FramePosition*>(memory_ + one.positions), one.neighbours.table().n};
    return {};
}

} // namespace cuda
} // namespace lumicrop
