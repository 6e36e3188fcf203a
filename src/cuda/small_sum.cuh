// Border-median sum of small crops (SPEC section 3), one a lane.
//
// All lanes sort their borders in one network. Crops with padding, or with NaN in the border, are mended before: the whole warp finds
// the zeros of each of them in turn; then every lane grows the padding of its own crop, and puts stand-ins into its border for the pixels
// that are left out.
#pragma once

#include "cuda/small_padding.cuh"
#include "math/border_median.hpp"
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

/// This lane's crop: its padding by the channel's rule (SPEC section 3, step 1) as bits, where its zeros were, and stand-ins in the
/// border for what is left out.
template <int kSide>
__device__ __forceinline__ Mended mend(const ChannelView& view, const CropWindow& window, bool has_nan,
                                       uint32_t (&words)[SmallCrops<kSide>::kWords],
                                       float (&border)[math::border_size(kSide, kSide)])
{
    using Crops = SmallCrops<kSide>;
    if (kSide * kSide <= 64 && view.padding == Padding::zeros)
        grow_whole<kSide>(words);
    else
        find_padded_rows<kSide>(view, window, words);
    Mended mended;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) {
        mended.n_left_out += __popc(words[i] & border_word<kSide>(i));
        mended.n_padded += __popc(words[i]);
    }
    constexpr int kBorder = static_cast<int>(math::border_size(kSide, kSide));
    float stand_in = math::stand_in<float>(0);
    const auto leave_out = [&](auto is_left_out) {
#pragma unroll
        for (int i = 0; i < kBorder; ++i) {
            if (!is_left_out(i)) continue;
            border[i] = stand_in;
            stand_in = -stand_in;
        }
    };
    if (view.padding == Padding::zeros) // all zeros of the border are
        leave_out([&](int i) { return border[i] == 0.0f; });
    else
        leave_out([&](int i) {
            const math::PixelPosition at = math::border_pixel(i, kSide, kSide);
            const int pixel = static_cast<int>(at.row) * kSide + static_cast<int>(at.column);
            return (words[pixel / 32] & 1u << pixel % 32) != 0;
        });
    if (has_nan) { // rare
#pragma unroll
        for (int i = 0; i < kBorder; ++i) {
            if (border[i] == border[i]) continue;
            border[i] = stand_in;
            stand_in = -stand_in;
            ++mended.n_left_out;
            mended.nan_in_border = true;
        }
    }
    return mended;
}

/// All lanes: gives the padding of crop `j`, which its lane knows, the value that is subtracted, so that it adds nothing.
template <int kSide>
__device__ __forceinline__ void level(typename SmallCrops<kSide>::Memory& memory, int j, float value,
                                      const uint32_t (&words)[SmallCrops<kSide>::kWords])
{
    using Crops = SmallCrops<kSide>;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    float* const pixels = memory.tile + j * Crops::kPixels + lane;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i)
        if (static_cast<int32_t>(__shfl_sync(0xFFFFFFFFu, words[i], j) << (31 - lane)) < 0) pixels[32 * i] = value;
}

/// What a border may hold. Yes may be said of one that holds neither.
struct Oddities
{
    bool zero_or_nan, nan;
};

/// The crop's border, in the order of math::border_pixel. Products of a few pixels tell whether one is 0 or NaN: they are then, too.
template <int kSide>
__device__ __forceinline__ Oddities read_border(const float* pixels, float (&border)[math::border_size(kSide, kSide)])
{
    constexpr int kFactors = 4;
    static_assert(math::border_size(kSide, kSide) % kFactors == 0, "all products are of as many pixels");
    Oddities odd{false, false};
    float sum = 0;
#pragma unroll
    for (int i = 0; i < static_cast<int>(math::border_size(kSide, kSide)); i += kFactors) {
        float product = 1;
#pragma unroll
        for (int k = i; k < i + kFactors; ++k) {
            const math::PixelPosition at = math::border_pixel(k, kSide, kSide);
            border[k] = pixels[at.row * kSide + at.column];
            product = k == i ? border[k] : product * border[k];
        }
        odd.zero_or_nan |= !(product < 0.0f || product > 0.0f);
        sum += product;
    }
    odd.nan = !(sum == sum);
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
    const Oddities odd = read_border<kSide>(crop.pixels, border);
    Mended mended;
    uint32_t words[Crops::kWords]; // a bit a pixel, of a crop that is mended: zeros, then padding
    const uint32_t to_mend =
        __ballot_sync(kAll, crop.used && (odd.zero_or_nan || (crop.clipped && view.padding == Padding::geometry)));
    if (to_mend != 0) {
        for (uint32_t left = to_mend; left != 0; left &= left - 1)
            find_zeros<kSide>(crop.memory.tile, __ffs(static_cast<int>(left)) - 1, words);
        if ((to_mend >> lane & 1u) != 0) mended = mend<kSide>(view, crop.window, odd.nan, words, border);
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
            level<kSide>(crop.memory, j, __shfl_sync(kAll, background.high, j), words);
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
