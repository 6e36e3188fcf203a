// Threads that work on one crop together: a warp, or a block. What they compute is the same for both.
#pragma once

#include <cub/block/block_reduce.cuh>
#include <cub/warp/warp_reduce.cuh>

#include "cuda/tile.cuh"

namespace lumicrop {
namespace cuda {

/// The lane's value for all lanes.
template <class T>
__device__ __forceinline__ T of_lane(const T& value, int lane)
{
    static_assert(sizeof(T) % sizeof(uint32_t) == 0 || std::is_empty_v<T>, "whole words are handed on");
    if constexpr (std::is_empty_v<T>) {
        return value;
    } else {
        uint32_t words[sizeof(T) / sizeof(uint32_t)];
        memcpy(words, &value, sizeof value);
#pragma unroll
        for (uint32_t& word : words) word = __shfl_sync(0xFFFFFFFFu, word, lane);
        T all;
        memcpy(&all, words, sizeof all);
        return all;
    }
}

struct Larger
{
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const
    {
        return a < b ? b : a;
    }
};
struct Smaller
{
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const
    {
        return b < a ? b : a;
    }
};

/// A warp. Its sums are the same for every lane, and the same for every warp.
class WarpTeam
{
public:
    static constexpr int kThreads = kWarp;

    struct Memory
    {
        cub::WarpReduce<double>::TempStorage unused; // CUB's reductions within a warp are shuffles
    };
    __device__ explicit WarpTeam(Memory& memory) : memory_(memory) {}

    __device__ int rank() const { return static_cast<int>(threadIdx.x) % kWarp; }
    __device__ void sync() const { __syncwarp(); }
    __device__ bool any(bool one) const { return __any_sync(0xFFFFFFFFu, one) != 0; }

    template <class T>
    __device__ __forceinline__ T sum(T one) const
    {
        return first(cub::WarpReduce<T>(storage<T>()).Sum(one));
    }
    template <class T, class Operator>
    __device__ __forceinline__ T reduce(T one, Operator op) const
    {
        return first(cub::WarpReduce<T>(storage<T>()).Reduce(one, op));
    }

private:
    template <class T>
    static __device__ T first(T one)
    {
        return __shfl_sync(0xFFFFFFFFu, one, 0);
    }
    template <class T>
    __device__ typename cub::WarpReduce<T>::TempStorage& storage() const
    {
        return reinterpret_cast<typename cub::WarpReduce<T>::TempStorage&>(memory_.unused);
    }

    Memory& memory_;
};

/// A whole block.
template <int kSize>
class BlockTeam
{
public:
    static constexpr int kThreads = kSize;

    struct Memory
    {
        union {
            typename cub::BlockReduce<double, kSize>::TempStorage real;
            typename cub::BlockReduce<uint64_t, kSize>::TempStorage bits;
            typename cub::BlockReduce<uint32_t, kSize>::TempStorage word;
            typename cub::BlockReduce<int64_t, kSize>::TempStorage whole;
        };
        union {
            double real;
            uint64_t bits;
        } result;
    };
    __device__ explicit BlockTeam(Memory& memory) : memory_(memory) {}

    __device__ int rank() const { return static_cast<int>(threadIdx.x); }
    __device__ void sync() const { __syncthreads(); }
    __device__ bool any(bool one) const { return __syncthreads_or(one) != 0; }

    template <class T>
    __device__ __forceinline__ T sum(T one) const
    {
        return everywhere(cub::BlockReduce<T, kSize>(storage<T>()).Sum(one));
    }
    template <class T, class Operator>
    __device__ __forceinline__ T reduce(T one, Operator op) const
    {
        return everywhere(cub::BlockReduce<T, kSize>(storage<T>()).Reduce(one, op));
    }

private:
    template <class T>
    __device__ T everywhere(T of_first) const
    {
        if (rank() == 0) memcpy(&memory_.result, &of_first, sizeof of_first);
        sync();
        T one;
        memcpy(&one, &memory_.result, sizeof one);
        sync();
        return one;
    }
    template <class T>
    __device__ typename cub::BlockReduce<T, kSize>::TempStorage& storage() const
    {
        return reinterpret_cast<typename cub::BlockReduce<T, kSize>::TempStorage&>(memory_.real);
    }

    Memory& memory_;
};

/// A crop's pixels as a team reads them.
///
/// Near: in the team's shared memory.  Far: where they lie in the images, with zeros outside the window.
template <class Real>
struct NearPixels
{
    const Real* pixels;
    int32_t width;

    __device__ __forceinline__ Real at(int32_t row, int32_t column) const { return pixels[row * width + column]; }
};
template <class Real>
struct FarPixels
{
    const ImagesView& images;
    const CropWindow& window;

    __device__ __forceinline__ Real at(int32_t row, int32_t column) const
    {
        if (!window.holds(row, column)) return Real(0);
        const std::byte* const from = window.corner + row * images.strides[1] + column * images.strides[2];
        Real value = 0;
        with_pixel_type<Real>(images.dtype,
                              [&](auto zero) { value = static_cast<Real>(*reinterpret_cast<const decltype(zero)*>(from)); });
        return value;
    }
};

/// Memory that a team hands out piece by piece, and takes back as a whole.
class TeamScratch
{
public:
    __device__ explicit TeamScratch(std::byte* memory) : next_(memory) {}

    template <class T>
    __device__ T* take(int64_t count)
    {
        auto* const piece = reinterpret_cast<T*>(next_);
        next_ += (count * static_cast<int64_t>(sizeof(T)) + 15) / 16 * 16;
        return piece;
    }

private:
    std::byte* next_;
};

/// Bytes that TeamScratch takes for `count` elements.
template <class T>
__host__ __device__ constexpr int64_t scratch_bytes(int64_t count)
{
    return (count * static_cast<int64_t>(sizeof(T)) + 15) / 16 * 16;
}

/// Calls `use(row, column)` for this thread's pixels of `rows` by `columns`: row after row, every kThreads-th.
template <class Team, class Use>
__device__ __forceinline__ void for_each_pixel(const Team& team, int32_t rows, int32_t columns, Use use)
{
    if (columns == 0) return;
    const int32_t row_step = Team::kThreads / columns, column_step = Team::kThreads % columns;
    int32_t row = team.rank() / columns, column = team.rank() % columns;
    while (row < rows) {
        use(row, column);
        row += row_step;
        column += column_step;
        if (column >= columns) {
            column -= columns;
            ++row;
        }
    }
}

/// The part of a crop whose pixels count for a PSF: padding by geometry leaves out what lies outside the frame.
__device__ __forceinline__ CropWindow counted_window(const ChannelView& view, const CropWindow& window)
{
    if (view.padding == Padding::geometry) return window;
    return {nullptr, 0, view.height, 0, view.width};
}

/// One crop as a team sees it.
template <class Real, class Pixels>
struct TeamCrop
{
    Pixels pixels;
    CropWindow window;
    bool clipped;

    template <class Team>
    __device__ __forceinline__ bool has_non_finite(const Team& team) const
    {
        bool found = false;
        for_each_pixel(team, window.row_end - window.row_begin, window.column_end - window.column_begin,
                       [&](int32_t row, int32_t column) {
                           const Real value = pixels.at(window.row_begin + row, window.column_begin + column);
                           found |= !(value - value == Real(0));
                       });
        return team.any(found);
    }
};

} // namespace cuda
} // namespace lumicrop
