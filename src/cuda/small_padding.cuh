// Padding of small crops, a bit a pixel (SPEC section 3, step 1): the warp finds the zeros of one crop after the other; then every lane grows
// the padding of its own.
#pragma once

#include "cuda/small_crops.cuh"
#include "math/border.hpp"
#include "math/padding.hpp"

namespace lumicrop {
namespace cuda {

/// A row of a crop as bits, from the crop's pixels as bits.
template <int kSide, int kWords>
__device__ __forceinline__ uint32_t row_bits(const uint32_t (&words)[kWords], int row)
{
    const int first = row * kSide, last = first + kSide - 1;
    const uint32_t low = words[first / 32] >> first % 32;
    return (last / 32 == first / 32 ? low : low | words[last / 32] << (32 - first % 32)) & ((1u << kSide) - 1);
}

/// Grows padding from the border through zeros, a whole row at once; true where all zeros are padding, as good as always.
template <int kSide>
__device__ __forceinline__ bool grow(const uint32_t (&zeros)[kSide], uint32_t (&padded)[kSide])
{
    constexpr uint32_t kEdges = 1u | 1u << (kSide - 1);
    uint32_t left = 0;
#pragma unroll
    for (int row = 0; row < kSide; ++row) {
        const bool edge = row == 0 || row == kSide - 1;
        padded[row] = edge ? zeros[row] : math::filled_runs(zeros[row], zeros[row] & kEdges);
        left |= padded[row] ^ zeros[row];
    }
    if (left == 0) return true;
    for (;;) { // few turns but for mazes
        uint32_t changed = 0;
        const auto grow_row = [&](int row, int from) {
            const uint32_t grown = math::filled_runs(zeros[row], padded[row] | (zeros[row] & padded[from]));
            changed |= grown ^ padded[row];
            padded[row] = grown;
        };
#pragma unroll
        for (int row = 1; row < kSide; ++row) grow_row(row, row - 1);
#pragma unroll
        for (int row = kSide - 2; row >= 0; --row) grow_row(row, row + 1);
        if (changed == 0) return false;
    }
}

/// The border's pixels among pixels 32 * word to 32 * word + 31 of a crop.
template <int kSide>
constexpr uint32_t border_word(int word)
{
    uint32_t bits = 0;
    for (int bit = 0; bit < 32; ++bit) {
        const int at = 32 * word + bit;
        if (at < kSide * kSide && math::on_border(at / kSide, at % kSide, kSide, kSide)) bits |= 1u << bit;
    }
    return bits;
}

/// The crop's pixels among pixels 32 * word to 32 * word + 31.
template <int kSide>
constexpr uint32_t pixel_word(int word)
{
    const int n = kSide * kSide - 32 * word;
    return n >= 32 ? 0xFFFFFFFFu : (1u << n) - 1;
}

/// All lanes: the zeros of crop `j` of the tile as bits, for its lane.
template <int kSide>
__device__ __forceinline__ void find_zeros(const float* tile, int j, uint32_t (&words)[SmallCrops<kSide>::kWords])
{
    using Crops = SmallCrops<kSide>;
    constexpr int kLast = Crops::kPixels / 32 * 32;
    const int lane = static_cast<int>(threadIdx.x) % kWarp, last = kLast + lane < Crops::kPixels ? kLast + lane : kLast;
    const float* const crop = tile + j * Crops::kPixels;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) {
        const bool whole = 32 * i < kLast;
        const uint32_t zeros = __ballot_sync(0xFFFFFFFFu, crop[whole ? 32 * i + lane : last] == 0.0f);
        if (lane == j) words[i] = whole ? zeros : zeros & pixel_word<kSide>(i);
    }
}

/// The padding among the zeros of a crop of at most 64 pixels, all of them grown at once by a pixel a turn.
template <int kSide, int kWords>
__device__ __forceinline__ void grow_whole(uint32_t (&words)[kWords])
{
    uint64_t first_column = 0;
    for (int row = 0; row < kSide; ++row) first_column |= uint64_t{1} << (row * kSide % 64);
    const uint64_t zeros = words[0] | static_cast<uint64_t>(words[1]) << 32;
    uint64_t padded = zeros & (border_word<kSide>(0) | static_cast<uint64_t>(border_word<kSide>(1)) << 32);
    while (padded != zeros) {
        const uint64_t beside =
            (padded << 1 & ~first_column) | (padded & ~first_column) >> 1 | padded << kSide | padded >> kSide;
        const uint64_t grown = padded | (zeros & beside);
        if (grown == padded) break;
        padded = grown;
    }
    words[0] = static_cast<uint32_t>(padded);
    words[1] = static_cast<uint32_t>(padded >> 32);
}

/// The padding by the channel's rule, row by row, from the zeros where these decide; true where all zeros are padding, as good as always.
template <int kSide, int kWords>
__device__ __forceinline__ bool padded_rows(const ChannelView& view, const CropWindow& window,
                                            const uint32_t (&words)[kWords], uint32_t (&padded)[kSide])
{
    if (view.padding == Padding::zeros) {
        uint32_t zeros[kSide];
#pragma unroll
        for (int row = 0; row < kSide; ++row) zeros[row] = row_bits<kSide>(words, row);
        return grow<kSide>(zeros, padded);
    }
    const uint32_t in_row = (1u << window.column_end) - (1u << window.column_begin);
#pragma unroll
    for (int row = 0; row < kSide; ++row)
        padded[row] = view.padding == Padding::none                     ? 0
                      : row < window.row_begin || row >= window.row_end ? (1u << kSide) - 1
                                                                        : ((1u << kSide) - 1) & ~in_row;
    return false;
}

/// The same as bits of the pixels one after the other, where the zeros were.
template <int kSide, int kWords>
__device__ __forceinline__ void find_padded_rows(const ChannelView& view, const CropWindow& window,
                                                 uint32_t (&words)[kWords])
{
    uint32_t padded[kSide];
    const bool same = padded_rows<kSide>(view, window, words, padded);
    if (!same) {
#pragma unroll
        for (int i = 0; i < kWords; ++i) words[i] = 0;
#pragma unroll
        for (int row = 0; row < kSide; ++row) {
            const int first = row * kSide, last = first + kSide - 1;
            words[first / 32] |= padded[row] << first % 32;
            if (last / 32 != first / 32) words[last / 32] |= padded[row] >> (32 - first % 32);
        }
    }
}

} // namespace cuda
} // namespace lumicrop
