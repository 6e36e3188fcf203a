#include "cuda/map_copies.hpp"

#include <algorithm>
#include <cstring>

#include "cuda/whole_lines.hpp"

namespace lumicrop {
namespace cuda {
namespace {

bool are_same(const Images& a, const Images& b)
{
    return a.data == b.data && a.dtype == b.dtype && std::equal(a.shape, a.shape + 3, b.shape) &&
           std::equal(a.strides, a.strides + 3, b.strides);
}

int64_t dense_bytes(const Images& map)
{
    return map.shape[0] * map.shape[1] * map.shape[2] * size_of(map.dtype);
}

bool is_dense(const Images& map)
{
    const int64_t size = size_of(map.dtype), row = map.shape[2] * size;
    return map.strides[2] == size && map.strides[1] == row && (map.shape[0] == 1 || map.strides[0] == map.shape[1] * row);
}

/// The map's values one behind the other.
std::vector<std::byte> gathered(const Images& map)
{
    std::vector<std::byte> dense(static_cast<std::size_t>(dense_bytes(map)));
    const auto size = static_cast<std::size_t>(size_of(map.dtype));
    std::byte* to = dense.data();
    for (int64_t frame = 0; frame < map.shape[0]; ++frame)
        for (int64_t row = 0; row < map.shape[1]; ++row)
            for (int64_t column = 0; column < map.shape[2]; ++column, to += size)
                std::memcpy(to, map.data + frame * map.strides[0] + row * map.strides[1] + column * map.strides[2], size);
    return dense;
}

} // namespace

MapCopies::MapCopies(const Job& job)
{
    for (const Channel& channel : job.channels) {
        if (channel.n == 0) continue;
        for_each_map(channel, [&](const char*, const Images& map) {
            if (map.on_device || find(map) != nullptr) return;
            copies_.push_back({map, bytes_});
            bytes_ += whole_lines(dense_bytes(map));
        });
    }
}

void MapCopies::copy_to(std::byte* memory, cudaStream_t stream)
{
    memory_ = memory;
    for (const Copy& copy : copies_) {
        const std::vector<std::byte> dense = is_dense(copy.map) ? std::vector<std::byte>() : gathered(copy.map);
        check(cudaMemcpyAsync(memory + copy.offset, dense.empty() ? copy.map.data : dense.data(),
                              static_cast<std::size_t>(dense_bytes(copy.map)), cudaMemcpyHostToDevice, stream),
              "cudaMemcpyAsync of a map");
        check(cudaStreamSynchronize(stream), "cudaStreamSynchronize after copying a map");
    }
}

CameraMaps MapCopies::of(const Channel& channel) const
{
    return camera_maps(channel, [this](const Images& map) {
        if (map.on_device) return map_as_it_lies(map);
        const int64_t size = size_of(map.dtype), row = map.shape[2] * size;
        const int64_t frame = map.shape[0] == 1 ? 0 : map.shape[1] * row;
        return MapView{memory_ + find(map)->offset, {frame, row, size}, map.dtype};
    });
}

const MapCopies::Copy* MapCopies::find(const Images& map) const
{
    const auto found =
        std::find_if(copies_.begin(), copies_.end(), [&](const Copy& copy) { return are_same(copy.map, map); });
    return found == copies_.end() ? nullptr : &*found;
}

} // namespace cuda
} // namespace lumicrop
