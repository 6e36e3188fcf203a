#include "cuda/detection_order.hpp"

#include <atomic>
#include <cub/device/device_radix_sort.cuh>
#include <exception>
#include <string>

#include "cuda/runtime.hpp"
#include "cuda/window.cuh"
#include "math/annulus.hpp"

namespace lumicrop {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 4096;

__device__ __forceinline__ int64_t first_thread()
{
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t all_threads()
{
    return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

/// A key from 0: the label less one, or n_channels where there is no such channel.
__global__ void __launch_bounds__(kThreads)
    label_keys(const ColumnView labels, int64_t n, int64_t n_channels, uint32_t* keys, int64_t* detections)
{
    for (int64_t i = first_thread(); i < n; i += all_threads()) {
        const int64_t label = whole_at(labels, Place{i, i, true});
        keys[i] = static_cast<uint32_t>(label >= 1 && label <= n_channels ? label - 1 : n_channels);
        detections[i] = i;
    }
}

/// bounds[k]: how many keys are below k.
__global__ void __launch_bounds__(kThreads)
    find_bounds(const uint32_t* sorted_keys, int64_t n, int64_t n_channels, int64_t* bounds)
{
    for (int64_t k = first_thread(); k < n_channels + 2; k += all_threads()) {
        int64_t low = 0, high = n;
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (sorted_keys[middle] < static_cast<uint32_t>(k))
                low = middle + 1;
            else
                high = middle;
        }
        bounds[k] = low;
    }
}

__global__ void __launch_bounds__(kThreads) write_surplus(const int64_t* positions, const int64_t* bounds, int64_t n_crops,
                                                          const OutputColumns results, Faults* faults)
{
    const int64_t begin = bounds[0] + n_crops, end = bounds[1];
    for (int64_t i = begin + first_thread(); i < end; i += all_threads())
        write_bad_index_in_detail(results, Place{i, positions[i], true}, faults);
}

__device__ __forceinline__ FramePosition frame_position(const ChannelView& view, const Place& place)
{
    return {math::position_in_frame(real_at(view.columns.y_fit, place, 0), view.pixel_y_nm, view.corner_y_nm),
            math::position_in_frame(real_at(view.columns.x_fit, place, 0), view.pixel_x_nm, view.corner_x_nm), place.crop};
}

__global__ void __launch_bounds__(kThreads)
    neighbour_keys(const __grid_constant__ ChannelView view, int64_t n, uint64_t* keys, int64_t* crops)
{
    const double band = view.annulus.outer + view.annulus.neighbour;
    for (int64_t i = first_thread(); i < n; i += all_threads()) {
        const Place place = place_of(view, i);
        const bool is_there = place.used && has_good_frame(view, place);
        keys[i] = is_there ? math::neighbour_key(whole_at(view.columns.frame, place), frame_position(view, place).row, band)
                           : math::kNoNeighbour;
        crops[i] = i;
    }
}

__global__ void __launch_bounds__(kThreads)
    neighbour_positions(const __grid_constant__ ChannelView view, int64_t n, const int64_t* crops, FramePosition* positions)
{
    for (int64_t i = first_thread(); i < n; i += all_threads())
        positions[i] = frame_position(view, place_of(view, crops[i]));
}

int64_t blocks_for(int64_t n)
{
    const int64_t blocks = (n + kThreads - 1) / kThreads;
    return blocks < kMostBlocks ? blocks : kMostBlocks;
}

int key_bits(int64_t n_channels)
{
    return 64 - __builtin_clzll(static_cast<unsigned long long>(n_channels));
}

/// CUB keeps what it has asked of the runtime for the whole process. Where that fails at its first use it throws, and would wait for
/// itself for ever if it were entered again.
template <class Call>
void with_cub(Call call)
{
    constexpr const char* kName = "cub::DeviceRadixSort::SortPairs";
    static std::atomic<bool> has_failed{false};
    if (has_failed)
        refuse(std::string(kName) + ": an earlier failure has left CUB unusable in this process", LUMICROP_CUDA_FAILURE);
    try {
        check(call(), kName);
    } catch (const std::exception& error) {
        has_failed = true;
        cudaGetLastError();
        refuse(std::string(kName) + ": " + error.what(), LUMICROP_CUDA_FAILURE);
    }
}

/// Hands out pieces of the memory, or only counts them where `memory` is null.
class Memory
{
public:
    explicit Memory(std::byte* memory) : memory_(memory) {}

    template <class T>
    void take(T*& piece, int64_t count)
    {
        piece = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + bytes_);
        bytes_ += whole_lines(count * static_cast<int64_t>(sizeof(T)));
    }
    int64_t bytes() const { return bytes_; }

private:
    std::byte* const memory_;
    int64_t bytes_ = 0;
};

/// What ordering by labels needs.
struct LabelPieces
{
    uint32_t *keys, *sorted_keys;
    int64_t *detections, *positions, *bounds;
    std::byte* sort_memory;
    std::size_t sort_bytes = 0;

    LabelPieces(Memory& memory, int64_t n, int64_t n_channels)
    {
        memory.take(positions, n);
        memory.take(bounds, n_channels + 2);
        memory.take(detections, n);
        memory.take(keys, n);
        memory.take(sorted_keys, n);
        with_cub([&] {
            return cub::DeviceRadixSort::SortPairs(nullptr, sort_bytes, keys, sorted_keys, detections, positions, n, 0,
                                                   key_bits(n_channels));
        });
        memory.take(sort_memory, static_cast<int64_t>(sort_bytes));
    }
};

/// What ordering by neighbourhood needs.
struct NeighbourPieces
{
    uint64_t *keys, *sorted_keys;
    int64_t *crops, *sorted_crops;
    FramePosition* positions;
    std::byte* sort_memory;
    std::size_t sort_bytes = 0;

    NeighbourPieces(Memory& memory, int64_t n)
    {
        memory.take(sorted_keys, n);
        memory.take(positions, n);
        memory.take(keys, n);
        memory.take(crops, n);
        memory.take(sorted_crops, n);
        with_cub(
            [&] { return cub::DeviceRadixSort::SortPairs(nullptr, sort_bytes, keys, sorted_keys, crops, sorted_crops, n); });
        memory.take(sort_memory, static_cast<int64_t>(sort_bytes));
    }
};

} // namespace

int64_t order_bytes(int64_t n, int64_t n_channels)
{
    Memory counted(nullptr);
    const LabelPieces pieces(counted, n, n_channels);
    return counted.bytes();
}

DetectionOrder order_detections(const ColumnView& labels, int64_t n, int64_t n_channels, std::byte* memory,
                                cudaStream_t stream)
{
    Memory taken(memory);
    LabelPieces pieces(taken, n, n_channels);
    label_keys<<<static_cast<unsigned>(blocks_for(n)), kThreads, 0, stream>>>(labels, n, n_channels, pieces.keys,
                                                                              pieces.detections);
    check(cudaGetLastError(), "launching label_keys");
    with_cub([&] {
        return cub::DeviceRadixSort::SortPairs(pieces.sort_memory, pieces.sort_bytes, pieces.keys, pieces.sorted_keys,
                                               pieces.detections, pieces.positions, n, 0, key_bits(n_channels), stream);
    });
    find_bounds<<<static_cast<unsigned>(blocks_for(n_channels + 2)), kThreads, 0, stream>>>(pieces.sorted_keys, n,
                                                                                            n_channels, pieces.bounds);
    check(cudaGetLastError(), "launching find_bounds");
    return {pieces.positions, pieces.bounds};
}

int64_t neighbour_bytes(int64_t n)
{
    Memory counted(nullptr);
    const NeighbourPieces pieces(counted, n);
    return counted.bytes();
}

NeighbourTable order_neighbours(const ChannelView& view, int64_t n, std::byte* memory, cudaStream_t stream)
{
    Memory taken(memory);
    NeighbourPieces pieces(taken, n);
    const auto blocks = static_cast<unsigned>(blocks_for(n));
    neighbour_keys<<<blocks, kThreads, 0, stream>>>(view, n, pieces.keys, pieces.crops);
    check(cudaGetLastError(), "launching neighbour_keys");
    with_cub([&] {
        return cub::DeviceRadixSort::SortPairs(pieces.sort_memory, pieces.sort_bytes, pieces.keys, pieces.sorted_keys,
                                               pieces.crops, pieces.sorted_crops, n, 0, 64, stream);
    });
    neighbour_positions<<<blocks, kThreads, 0, stream>>>(view, n, pieces.sorted_crops, pieces.positions);
    check(cudaGetLastError(), "launching neighbour_positions");
    return {pieces.sorted_keys, pieces.positions, n};
}

void refuse_surplus(const int64_t* positions, const int64_t* bounds, int64_t n_crops, const OutputColumns& results,
                    Faults* faults, cudaStream_t stream)
{
    constexpr unsigned kBlocks = 32; // there should be none
    write_surplus<<<kBlocks, kThreads, 0, stream>>>(positions, bounds, n_crops, results, faults);
    check(cudaGetLastError(), "launching write_surplus");
}

} // namespace cuda
} // namespace lumicrop
