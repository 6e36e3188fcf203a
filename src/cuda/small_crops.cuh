// Small crops: one a lane. A warp brings 32 crops into shared memory; then each lane owns one.
//
// Crops have an odd number of pixels, so that lanes which read the same pixel of their crops meet different banks.
#pragma once

#include "cuda/kernels.hpp"
#include "cuda/tile.cuh"

namespace lumicrop {
namespace cuda {

/// What a kernel of small crops keeps in a warp's shared memory beside the crops.
struct Nothing
{
};

template <int kSide, class Beside = Nothing>
struct SmallCrops
{
    static constexpr int kPixels = kSide * kSide;
    static constexpr int kWords = (kPixels + 31) / 32;
    static_assert(kPixels % 2 == 1, "an even number of pixels would meet the same banks");

    /// One warp's part of shared memory.
    struct alignas(16) Memory : Beside
    {
        alignas(16) float tile[kPixels * kWarp];
        TileWindows windows;
    };
    static constexpr int kWarps = sizeof(Memory) > 16384 ? 1 : sizeof(Memory) > 10923 ? 2 : 4;
    static constexpr int kThreads = kWarps * kWarp;
    static constexpr int kBytes = kWarps * static_cast<int>(sizeof(Memory));

    /// Blocks that a multiprocessor of an H100 shall hold: as many as shared memory, or 128 registers a thread, allow; but none whose one
    /// warp would take registers from all others of its quarter.
    static constexpr int kBlocksByMemory = 227 * 1024 / (kBytes + 1024), kBlocksByRegisters = 65536 / (128 * kThreads);
    static constexpr int kMostBlocks = kBlocksByMemory < kBlocksByRegisters ? kBlocksByMemory : kBlocksByRegisters;
    static constexpr int kBlocks = kMostBlocks * kWarps % 4 == 1 ? kMostBlocks - 1 : kMostBlocks;
};

/// The shape of small crops, known to the compiler.
template <int kSide>
struct SmallShape
{
    static constexpr int height() { return kSide; }
    static constexpr int width() { return kSide; }
    static constexpr int pixels() { return kSide * kSide; }
    static constexpr int kTileCrops = kWarp;
    /// An odd number of pixels leaves one quad in four lanes over.
    static constexpr int quads_ahead(int quad_bytes)
    {
        return cuda::quads_ahead((kSide * kSide - 1) / 4, quad_bytes,
                                 SmallCrops<kSide>::kBlocks * SmallCrops<kSide>::kWarps);
    }
};

/// One lane's crop.
template <int kSide, class Beside = Nothing>
struct SmallCrop
{
    typename SmallCrops<kSide, Beside>::Memory& memory;
    float* pixels;
    CropWindow window;
    bool clipped;
    bool used; // there is such a detection, and its frame is one

    __device__ __forceinline__ bool has_non_finite() const
    {
        for (int i = 0; i < SmallCrops<kSide>::kPixels; ++i)
            if (!(pixels[i] - pixels[i] == 0.0f)) return true;
        return false;
    }
};

/// Calls `compute(place, crop)` for the detection of every lane, tile after tile, and writes what it returns.
template <int kSide, class Beside = Nothing, class Compute>
__device__ __forceinline__ void for_each_small_crop(const ChannelView& view, Compute compute)
{
    using Crops = SmallCrops<kSide, Beside>;
    extern __shared__ __align__(16) std::byte shared[];
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
    auto& memory = reinterpret_cast<typename Crops::Memory*>(shared)[warp];
    const int64_t step = static_cast<int64_t>(gridDim.x) * Crops::kThreads;
    for (int64_t begin = view.begin + static_cast<int64_t>(blockIdx.x) * Crops::kThreads + warp * kWarp; begin < view.end;
         begin += step) {
        const int n_crops = view.end - begin < kWarp ? static_cast<int>(view.end - begin) : kWarp;
        const Place place = place_of(view, begin + lane);
        bool good_frame = true;
        CropWindow window{nullptr, 0, kSide, 0, kSide};
        __syncwarp();
        if (!view.crops_adjacent) {
            good_frame = has_good_frame(view, place);
            memory.windows.at[lane] = window = window_of(view, place, good_frame);
            __syncwarp();
        }
        load_tile(view, SmallShape<kSide>(), begin, memory.windows, 0, n_crops, memory.tile);
        __syncwarp();
        const int own = lane < n_crops ? lane : n_crops - 1;
        const SmallCrop<kSide, Beside> crop{memory, memory.tile + own * Crops::kPixels, window,
                                            view.frame_known && is_clipped(view, window), place.used && good_frame};
        const auto outcome = compute(place, crop);
        if (good_frame)
            write_outcome(view, place, outcome);
        else
            write_bad_index_as<std::remove_const_t<decltype(outcome)>>(view.results, place, view.faults);
    }
}

/// The kernel of a side: `Entry<kSide>` tells its function and how a block is shaped. None for sides that have no kernel of their own.
template <template <int> class Entry>
Kernel small_kernel(int64_t side)
{
    const auto kernel = [](auto entry) {
        return Kernel{reinterpret_cast<const void*>(entry.function()), entry.kThreads, entry.kBytes, entry.kThreads};
    };
    switch (side) {
    case 7: return kernel(Entry<7>());
    case 9: return kernel(Entry<9>());
    case 11: return kernel(Entry<11>());
    case 13: return kernel(Entry<13>());
    case 15: return kernel(Entry<15>());
    default: return {};
    }
}

} // namespace cuda
} // namespace lumicrop
