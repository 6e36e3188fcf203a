// Border-median sum of small crops (SPEC section 3), one a lane.
//
// All lanes sort their borders in one network. Crops with padding, or with NaN in the border, are mended before: the whole warp finds
// the zeros of each of them in turn; then every lane grows the padding of its own crop, and puts stand-ins into its border for the pixels
// that are left out.
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

/// All lanes: the zeros of crop `j` of the tile as bits, for its lane. Whether this lane met a NaN.
template <int kSide>
__device__ __forceinline__ bool find_zeros(typename SmallCrops<kSide>::Memory& memory, int j)
{
    using Crops = SmallCrops<kSide>;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const float* const crop = memory.tile + j * Crops::kPixels;
    bool nan = false;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) {
        const bool whole = 32 * i + 31 < Crops::kPixels;
        const float pixel = crop[whole || 32 * i + lane < Crops::kPixels ? 32 * i + lane : Crops::kPixels - 1];
        const uint32_t zeros = __ballot_sync(0xFFFFFFFFu, pixel == 0.0f);
        memory.bits[j][i] = whole ? zeros : zeros & pixel_word<kSide>(i); // the same by all lanes
        nan |= pixel != pixel;
    }
    return nan;
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

/// The padding by the channel's rule, row by row.
template <int kSide, int kWords>
__device__ __forceinline__ void find_padded_rows(const ChannelView& view, const CropWindow& window,
                                                 uint32_t (&words)[kWords])
{
    uint32_t padded[kSide];
    bool same = false;
    if (view.padding == Padding::zeros) {
        uint32_t zeros[kSide];
#pragma unroll
        for (int row = 0; row < kSide; ++row) zeros[row] = row_bits<kSide>(words, row);
        same = grow<kSide>(zeros, padded);
    } else {
        const uint32_t in_row = (1u << window.column_end) - (1u << window.column_begin);
#pragma unroll
        for (int row = 0; row < kSide; ++row)
            padded[row] = view.padding == Padding::none                     ? 0
                          : row < window.row_begin || row >= window.row_end ? (1u << kSide) - 1
                                                                            : ((1u << kSide) - 1) & ~in_row;
    }
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

/// This lane's crop: its padding by the channel's rule (SPEC section 3, step 1) as bits, where its zeros were, and stand-ins in the
/// border for what is left out.
template <int kSide>
__device__ __forceinline__ Mended mend(const ChannelView& view, const CropWindow& window, bool has_nan,
                                       uint32_t (&bits)[SmallCrops<kSide>::kWords | 1],
                                       float (&border)[math::border_size(kSide, kSide)])
{
    using Crops = SmallCrops<kSide>;
    uint32_t words[Crops::kWords];
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) words[i] = bits[i];
    if (kSide * kSide <= 64 && view.padding == Padding::zeros)
        grow_whole<kSide>(words);
    else
        find_padded_rows<kSide>(view, window, words);
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) bits[i] = words[i];
    Mended mended;
#pragma unroll
    for (int i = 0; i < Crops::kWords; ++i) {
        mended.n_left_out += __popc(words[i] & border_word<kSide>(i));
        mended.n_padded += __popc(words[i]);
    }
    constexpr int kBorder = static_cast<int>(math::border_size(kSide, kSide));
    float stand_in = math::stand_in<float>(0);
#pragma unroll
    for (int i = 0; i < kBorder; ++i) {
        const math::PixelPosition at = math::border_pixel(i, kSide, kSide);
        const int pixel = static_cast<int>(at.row) * kSide + static_cast<int>(at.column);
        if ((words[pixel / 32] & 1u << pixel % 32) == 0) continue;
        border[i] = stand_in;
        stand_in = -stand_in;
    }
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
        bool nan = false;
        for (uint32_t left = to_mend; left != 0; left &= left - 1)
            nan |= find_zeros<kSide>(crop.memory, __ffs(static_cast<int>(left)) - 1);
        __syncwarp();
        const bool has_nan = __any_sync(kAll, nan) != 0;
        if ((to_mend >> lane & 1u) != 0) mended = mend<kSide>(view, crop.window, has_nan, crop.memory.bits[lane], border);
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
