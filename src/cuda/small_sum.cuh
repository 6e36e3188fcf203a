// Border-median sum of small crops (SPEC section 3), one a lane.
//
// All lanes sort their borders in one network. Crops with padding, or with NaN in the border, are mended before: the whole warp works
// on each of them in turn, finds its padding, and puts stand-ins at the border pixels that are left out.
#pragma once

#include "cuda/small_crops.cuh"
#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/padding.hpp"
#include "math/running_sum.hpp"

namespace lumicrop {
namespace cuda {

/// What mending a crop found.
struct Mended
{
    int32_t n_left_out = 0; // border pixels
    int32_t n_padded = 0;
    bool nan_in_border = false; // outside the padding
};

/// A lane's row of a crop as bits, from the crop's pixels as bits.
template <int kSide>
__device__ __forceinline__ uint32_t row_bits(const uint32_t* words, int row)
{
    const int first = row * kSide;
    if (row >= kSide) return 0;
    return __funnelshift_r(words[first / 32], words[first / 32 + 1], static_cast<uint32_t>(first % 32)) &
           ((1u << kSide) - 1);
}

/// The row of padding that belongs to this lane, by the channel's rule (SPEC section 3, step 1), of a crop with these pixels of value 0.
template <int kSide>
__device__ __forceinline__ uint32_t padded_row(const ChannelView& view, const CropWindow& window, uint32_t zero)
{
    constexpr uint32_t kRow = (1u << kSide) - 1, kEdges = 1u | 1u << (kSide - 1);
    constexpr unsigned kAll = 0xFFFFFFFFu;
    const int row = static_cast<int>(threadIdx.x) % kWarp;
    if (view.padding == Padding::geometry) {
        if (row >= kSide) return 0;
        if (row < window.row_begin || row >= window.row_end) return kRow;
        return kRow & ~((1u << window.column_end) - (1u << window.column_begin));
    }
    if (view.padding == Padding::none) return 0;
    uint32_t padded = math::filled_runs(zero, row == 0 || row == kSide - 1 ? zero : zero & kEdges);
    while (__any_sync(kAll, padded != zero)) { // whole rows grow at once: few turns but for mazes
        const uint32_t beside = __shfl_up_sync(kAll, padded, 1) | __shfl_down_sync(kAll, padded, 1);
        const uint32_t grown = math::filled_runs(zero, padded | (zero & beside));
        const bool changed = grown != padded;
        padded = grown;
        if (!__any_sync(kAll, changed)) break;
    }
    return padded;
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

/// All lanes: finds the padding of crop `j` of the tile, leaves it as bits, and puts stand-ins at the border pixels that are left out.
/// Returns how many of these are NaN.
template <int kSide>
__device__ __forceinline__ int32_t mend(const ChannelView& view, typename SmallCrops<kSide>::Memory& memory, int j)
{
    using Crops = SmallCrops<kSide>;
    constexpr unsigned kAll = 0xFFFFFFFFu;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    float* const crop = memory.tile + j * Crops::kPixels;
    uint32_t* const words = memory.bits[j];
    uint32_t padded[Crops::kWords]; // zeros first, which is what most padding comes to
    float sum = 0;                  // NaN where a pixel is
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) {
        const bool whole = 32 * i + 31 < Crops::kPixels;
        const float pixel = crop[whole || 32 * i + lane < Crops::kPixels ? 32 * i + lane : Crops::kPixels - 1];
        padded[i] = __ballot_sync(kAll, pixel == 0.0f);
        if (!whole) padded[i] &= pixel_word<kSide>(i);
        words[i] = padded[i]; // the same by all lanes
        sum += pixel;
    }
    words[Crops::kWords] = 0;
    __syncwarp();
    const uint32_t zero = row_bits<kSide>(words, lane), own_row = padded_row<kSide>(view, memory.windows.at[j], zero);
    __syncwarp();
    if (__any_sync(kAll, own_row != zero)) {
#pragma unroll
        for (int i = 0; i < Crops::kWords; ++i) {
            const int at = 32 * i + lane;
            const uint32_t row = __shfl_sync(kAll, own_row, at / kSide); // none beyond the crop: those lanes have no padding
            padded[i] = __ballot_sync(kAll, (row >> (at % kSide) & 1u) != 0);
            words[i] = padded[i];
        }
    }
    uint32_t left_out[Crops::kWords];
    int32_t n_nan = 0, n_left_out = 0;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) left_out[i] = padded[i] & border_word<kSide>(i);
    if (__any_sync(kAll, sum != sum)) { // rare
#pragma unroll
        for (int i = 0; i < Crops::kWords; ++i) {
            const int at = 32 * i + lane;
            const float pixel = at < Crops::kPixels ? crop[at] : 1.0f;
            const uint32_t nan = __ballot_sync(kAll, pixel != pixel) & border_word<kSide>(i) & ~padded[i];
            left_out[i] |= nan;
            n_nan += __popc(nan);
        }
    }
    const uint32_t own_bit = 1u << lane;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) {
        if ((left_out[i] & own_bit) != 0)
            crop[32 * i + lane] = math::stand_in<float>(n_left_out + __popc(left_out[i] & (own_bit - 1)));
        n_left_out += __popc(left_out[i]);
    }
    return n_nan;
}

/// What the bits of a crop that was mended tell.
template <int kSide>
__device__ __forceinline__ Mended mended_by(const uint32_t* words, int32_t n_nan)
{
    Mended mended;
#pragma unroll
    for (int i = 0; i < SmallCrops<kSide>::kWords; ++i) {
        mended.n_left_out += __popc(words[i] & border_word<kSide>(i));
        mended.n_padded += __popc(words[i]);
    }
    mended.n_left_out += n_nan;
    mended.nan_in_border = n_nan > 0;
    return mended;
}

/// All lanes: gives the padding of crop `j` the value that is subtracted, so that it adds nothing.
template <int kSide>
__device__ __forceinline__ void level(typename SmallCrops<kSide>::Memory& memory, int j, float value)
{
    using Crops = SmallCrops<kSide>;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const uint32_t own_bit = 1u << lane;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i)
        if ((memory.bits[j][i] & own_bit) != 0) memory.tile[j * Crops::kPixels + 32 * i + lane] = value;
}

/// The crop's border, in the order of math::border_pixel; whether a pixel of it is 0 or NaN.
template <int kSide>
__device__ __forceinline__ bool read_border(const float* pixels, float (&border)[math::border_size(kSide, kSide)])
{
    bool odd = false;
#pragma unroll
    for (int i = 0; i < static_cast<int>(math::border_size(kSide, kSide)); ++i) {
        const math::PixelPosition at = math::border_pixel(i, kSide, kSide);
        border[i] = pixels[at.row * kSide + at.column];
        odd |= !(border[i] < 0.0f || border[i] > 0.0f);
    }
    return odd;
}

template <int kSide>
__device__ __forceinline__ float sum_above(const float* pixels, float background)
{
    constexpr int kPixels = kSide * kSide, kTerms = static_cast<int>(math::kPlainTerms);
    math::RunningSum<float> total;
    for (int first = 0; first + kTerms <= kPixels; first += kTerms) {
        float part = 0;
#pragma unroll
        for (int i = 0; i < kTerms; ++i) part += pixels[first + i] - background;
        total.add(part);
    }
    float part = 0;
#pragma unroll
    for (int i = kPixels / kTerms * kTerms; i < kPixels; ++i) part += pixels[i] - background;
    total.add(part);
    return total.value();
}

template <int kSide>
__device__ __forceinline__ Outcome small_sum(const ChannelView& view, const SmallCrop<kSide>& crop)
{
    using Crops = SmallCrops<kSide>;
    constexpr int kBorder = static_cast<int>(math::border_size(kSide, kSide));
    constexpr unsigned kAll = 0xFFFFFFFFu;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    float border[kBorder];
    const bool odd = read_border<kSide>(crop.pixels, border);
    Mended mended;
    const uint32_t to_mend = __ballot_sync(kAll, crop.used && (odd || (crop.clipped && view.padding == Padding::geometry)));
    if (to_mend != 0) {
        int32_t n_nan = 0;
        for (uint32_t left = to_mend; left != 0; left &= left - 1) {
            const int j = __ffs(static_cast<int>(left)) - 1;
            const int32_t found = mend<kSide>(view, crop.memory, j);
            if (lane == j) n_nan = found;
        }
        __syncwarp();
        if ((to_mend >> lane & 1u) != 0) mended = mended_by<kSide>(crop.memory.bits[lane], n_nan);
        read_border<kSide>(crop.pixels, border);
    }
    const math::Middle<float> middle = math::middle_of_rest(math::middle_of(border), mended.n_left_out);
    const bool no_border = mended.n_left_out == kBorder;
    const double median = no_border ? view.camera_offset : math::median_of_middle(middle.low, middle.high);
    // Subtracting the raw median takes the camera's offset with it.
    const math::Parts<float> background = math::in_parts<float>(median);
    const uint32_t to_level = __ballot_sync(kAll, mended.n_padded > 0);
    if (to_level != 0) {
        __syncwarp();
        for (uint32_t left = to_level; left != 0; left &= left - 1) {
            const int j = __ffs(static_cast<int>(left)) - 1;
            level<kSide>(crop.memory, j, __shfl_sync(kAll, background.high, j));
        }
        __syncwarp();
    }
    Outcome outcome;
    outcome.counts = static_cast<double>(sum_above<kSide>(crop.pixels, background.high)) -
                     static_cast<double>(Crops::kPixels - mended.n_padded) * static_cast<double>(background.low);
    if (mended.nan_in_border) outcome.counts = math::not_a_number();
    outcome.background = median - view.camera_offset;
    outcome.psf_sum = outcome.denominator = math::not_a_number();
    outcome.flags = mended.n_padded > 0 || crop.clipped ? LUMICROP_FLAG_TRUNCATED : 0;
    if (no_border) outcome.flags |= LUMICROP_FLAG_NO_BORDER;
    if (!math::is_finite(outcome.counts) && (mended.nan_in_border || crop.has_non_finite()))
        outcome.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    return outcome;
}

} // namespace cuda
} // namespace lumicrop
