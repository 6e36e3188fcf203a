// The pixels of several crops, brought into shared memory by a warp: crop after crop, row-major, as numbers of the type that
// computes. Loads are wide and many at once, so that the memory system always has work.
#pragma once

#include "cuda/window.cuh"

namespace lumicrop {
namespace cuda {

constexpr int kWarp = 32;

/// A crop's shape, known only at run time.
struct AnyShape
{
    int32_t height_, width_;
    __device__ int height() const { return height_; }
    __device__ int width() const { return width_; }
    __device__ int pixels() const { return height_ * width_; }
    static constexpr int kTileCrops = 0; // of a whole tile; 0: not known
    static constexpr int quads_ahead(int) { return 8; }
};

/// Where the crops of a tile lie, for all lanes to see.
struct TileWindows
{
    CropWindow at[kWarp];
};

/// Adjacent pixels that a lane loads at once.
template <class Pixel, int kCount>
struct alignas(kCount * sizeof(Pixel) < 16 ? kCount * sizeof(Pixel) : 16) Run
{
    Pixel at[kCount];
};
template <class Pixel>
using Quad = Run<Pixel, 4>;

/// How many quads a lane asks for before it uses the first, where a multiprocessor holds `warps` warps: so many that 36 KiB are on their
/// way to it, and a tile of `quads` a lane is a whole number of times that.
constexpr int quads_ahead(int quads, int quad_bytes, int warps)
{
    for (int ahead = 1; ahead < quads; ++ahead)
        if (quads % ahead == 0 && ahead * quad_bytes * kWarp * warps >= 36 * 1024) return ahead;
    return quads;
}

template <class Real, class Pixel, int kCount>
__device__ __forceinline__ Run<Real, kCount> converted(const Run<Pixel, kCount>& run)
{
    Run<Real, kCount> made;
#pragma unroll
    for (int i = 0; i < kCount; ++i) made.at[i] = static_cast<Real>(run.at[i]);
    return made;
}

/// Copies as many batches of kAhead runs a lane as there are, from run `first` of this lane on, then smaller ones.
template <int kAhead, class Real, class Pixel, int kCount>
__device__ __forceinline__ void copy_batches(const Run<Pixel, kCount>* from, int n_runs, int first, Run<Real, kCount>* to)
{
#pragma unroll 1
    for (; first + (kAhead - 1) * kWarp < n_runs; first += kAhead * kWarp) {
        Run<Pixel, kCount> ahead[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) ahead[k] = from[first + k * kWarp];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
            to[first + k * kWarp] = converted<Real>(ahead[k]);
        }
    }
    if constexpr (kAhead > 1) copy_batches<(kAhead > 4 ? kAhead / 4 : 1), Real>(from, n_runs, first, to);
}

/// Copies `n` adjacent pixels, by quads where these are aligned.
template <int kAhead, class Real, class Pixel>
__device__ __forceinline__ void copy_adjacent(const Pixel* from, int n, Real* tile)
{
    const int n_quads = n / 4, lane = static_cast<int>(threadIdx.x) % kWarp;
    const bool aligned = reinterpret_cast<uintptr_t>(from) % alignof(Quad<Pixel>) == 0;
    if (aligned)
        copy_batches<kAhead, Real>(reinterpret_cast<const Quad<Pixel>*>(from), n_quads, lane,
                                   reinterpret_cast<Quad<Real>*>(tile));
    constexpr int kPixelsAhead = 16;
    copy_batches<kPixelsAhead, Real>(reinterpret_cast<const Run<Pixel, 1>*>(from), n, (aligned ? 4 * n_quads : 0) + lane,
                                     reinterpret_cast<Run<Real, 1>*>(tile));
}

/// Copies kQuads aligned quads, kAhead a lane at a time.
template <int kQuads, int kAhead, class Real, class Pixel>
__device__ __forceinline__ void copy_whole(const Quad<Pixel>* from, Quad<Real>* to)
{
    constexpr int kBatches = kQuads / kWarp / kAhead, kBatch = kAhead * kWarp, kLeft = kQuads % kBatch;
    static_assert(kLeft < kWarp, "at most one quad a lane is left over");
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    from += lane;
    to += lane;
    Quad<Pixel> last{};
    if (lane < kLeft) last = from[kBatches * kBatch];
#pragma unroll 1
    for (int batch = 0; batch < kBatches; ++batch) {
        Quad<Pixel> ahead[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) ahead[k] = from[batch * kBatch + k * kWarp];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) to[batch * kBatch + k * kWarp] = converted<Real>(ahead[k]);
    }
    if (lane < kLeft) to[kBatches * kBatch] = converted<Real>(last);
}

/// Copies the crops pixel by pixel, with zeros outside their windows.
template <class Real, class Pixel, class Shape>
__device__ __forceinline__ void copy_pixels(const ChannelView& view, const Shape& shape, const TileWindows& windows,
                                            int first_crop, int n_crops, Real* tile)
{
    constexpr int kAhead = 8;
    const int n = n_crops * shape.pixels(), lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll 1
    for (int first = lane; first < n; first += kAhead * kWarp) {
        Pixel ahead[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
            const int i = first + k * kWarp;
            ahead[k] = Pixel(0);
            if (i >= n) continue;
            const int crop = i / shape.pixels(), pixel = i % shape.pixels();
            const int row = pixel / shape.width(), column = pixel % shape.width();
            const CropWindow& window = windows.at[first_crop + crop];
            if (window.holds(row, column))
                ahead[k] = *reinterpret_cast<const Pixel*>(window.corner + row * view.images.strides[1] +
                                                           column * view.images.strides[2]);
        }
#pragma unroll
        for (int k = 0; k < kAhead; ++k)
            if (first + k * kWarp < n) tile[first + k * kWarp] = static_cast<Real>(ahead[k]);
    }
}

/// Loads crops `first_crop` to `first_crop + n_crops` of the tile whose first crop is `begin` of the channel.
/// The caller puts a __syncwarp before (windows written, tile no longer read) and after.
template <class Real, class Shape>
__device__ __forceinline__ void load_tile(const ChannelView& view, const Shape& shape, int64_t begin,
                                          const TileWindows& windows, int first_crop, int n_crops, Real* tile)
{
    with_pixel_type<Real>(view.images.dtype, [&](auto zero) {
        using Pixel = decltype(zero);
        constexpr int kAhead = Shape::quads_ahead(sizeof(Quad<Pixel>));
        const auto* const from =
            reinterpret_cast<const Pixel*>(view.images.data + (begin + first_crop) * view.images.strides[0]);
        if (!view.crops_adjacent) return copy_pixels<Real, Pixel>(view, shape, windows, first_crop, n_crops, tile);
        if constexpr (Shape::kTileCrops > 0) {
            constexpr int kQuads = Shape::kTileCrops * shape.pixels() / 4;
            if (n_crops == Shape::kTileCrops && reinterpret_cast<uintptr_t>(from) % alignof(Quad<Pixel>) == 0)
                return copy_whole<kQuads, kAhead, Real>(reinterpret_cast<const Quad<Pixel>*>(from),
                                                        reinterpret_cast<Quad<Real>*>(tile));
        }
        copy_adjacent<kAhead, Real>(from, n_crops * shape.pixels(), tile);
    });
}

} // namespace cuda
} // namespace lumicrop
