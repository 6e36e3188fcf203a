// Estimators of small crops with pixel-integrated isotropic Gaussians (SPEC section 8), one crop a lane.
//
// The lane's pixels become electrons above a level where they lie, in shared memory. Its PSF stays one weight a column, in registers, and one
// a row, in shared memory, so that a pass over the pixels is a loop over rows.
#pragma once

#include "cuda/photometry_outcome.cuh"
#include "cuda/small_gauss.cuh"
#include "cuda/small_padding.cuh"

namespace lumicrop {
namespace cuda {

/// What the lanes keep of the rows of their crops.
template <int kSide>
struct SmallRows
{
    float weights[kSide][kWarp];
    uint16_t left_out[kSide][kWarp]; // a bit a column; only written where some pixel of the warp's crops is
};

/// The pixels that count, as the estimators see them (math/estimators.hpp).
template <int kSide>
struct SmallPixels
{
    const float* light;
    const float (&columns)[kSide];
    const SmallRows<kSide>& rows;
    int lane;
    float variance;
    bool some_left_out; // in the warp

    template <int kSums, class Term>
    __device__ __forceinline__ void add_up(float (&sums)[kSums], Term term) const
    {
        static_assert(kSide <= math::kPlainTerms, "a row is added up plainly, and so are the rows");
        if (some_left_out)
            add_up_rows<true>(sums, term);
        else
            add_up_rows<false>(sums, term);
    }

private:
    template <bool kSomeLeftOut, int kSums, class Term>
    __device__ __forceinline__ void add_up_rows(float (&sums)[kSums], Term term) const
    {
#pragma unroll 1
        for (int row = 0; row < kSide; ++row) {
            const float weight = rows.weights[row][lane];
            const uint32_t left_out = kSomeLeftOut ? rows.left_out[row][lane] : 0;
            float part[kSums];
#pragma unroll
            for (float& one : part) one = 0;
#pragma unroll
            for (int column = 0; column < kSide; ++column) {
                if (kSomeLeftOut && (left_out >> column & 1u) != 0) continue;
                term(part, weight * columns[column], light[row * kSide + column], variance);
            }
#pragma unroll
            for (int k = 0; k < kSums; ++k) sums[k] += part[k];
        }
    }
};

/// Which of a lane's pixels are padding that is left out.
struct LeftOut
{
    bool some, first; // pixel
    bool in_warp;     // some crop of the warp has some
};

/// All lanes: finds them, and writes memory.left_out where some crop of the warp has any.
template <int kSide>
__device__ __forceinline__ LeftOut leave_out(const ChannelView& view, const SmallCrop<kSide, SmallRows<kSide>>& crop)
{
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    bool some = view.padding == Padding::geometry && crop.clipped;
    // The filter counts zeros that are padding, as it always has.
    const bool zeros = view.padding == Padding::zeros && view.counting.method != Method::filter;
    if (zeros)
#pragma unroll
        for (int i = 0; i < static_cast<int>(math::border_size(kSide, kSide)); ++i) {
            const math::PixelPosition at = math::border_pixel(i, kSide, kSide);
            some |= crop.pixels[at.row * kSide + at.column] == 0.0f;
        }
    some = some && crop.used;
    const uint32_t crops = __ballot_sync(0xFFFFFFFFu, some);
    if (crops == 0) return {false, false, false};
    uint32_t words[SmallCrops<kSide>::kWords] = {};
    if (zeros)
        for (uint32_t left = crops; left != 0; left &= left - 1)
            find_zeros<kSide>(crop.memory.tile, __ffs(static_cast<int>(left)) - 1, words);
    uint32_t padded[kSide] = {};
    if (some) padded_rows<kSide>(view, crop.window, words, padded);
#pragma unroll
    for (int row = 0; row < kSide; ++row) crop.memory.left_out[row][lane] = static_cast<uint16_t>(padded[row]);
    return {some, (padded[0] & 1u) != 0, true};
}

/// What the raw pixels showed while they became electrons.
struct RawPixels
{
    bool saturated, non_finite;
};

/// Turns a lane's pixels into electrons above the level, in place.
template <int kSide>
__device__ __forceinline__ RawPixels raise(const ChannelView& view, const SmallCrop<kSide, SmallRows<kSide>>& crop,
                                           const LightScale<float>& scale, bool some_left_out)
{
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    float largest = -__builtin_inff(), odd = 0;
#pragma unroll 1
    for (int row = 0; row < kSide; ++row) {
        const uint32_t left_out = some_left_out ? crop.memory.left_out[row][lane] : 0;
        float* const pixels = crop.pixels + row * kSide;
        float of_row = -__builtin_inff(), odd_of_row = 0;
#pragma unroll
        for (int column = 0; column < kSide; ++column) {
            const float raw = pixels[column];
            pixels[column] = scale.light(raw);
            if ((left_out >> column & 1u) != 0) continue;
            of_row = math::larger(of_row, raw); // of a NaN and a number, the number
            odd_of_row = math::muladd(raw, 0.0f, odd_of_row);
        }
        largest = math::larger(largest, of_row);
        odd += odd_of_row;
    }
    return {static_cast<float>(view.counting.saturation) <= largest, odd != odd};
}

template <int kSide>
__device__ __forceinline__ DetailedOutcome small_photometry(const ChannelView& view, const Place& place,
                                                            const SmallCrop<kSide, SmallRows<kSide>>& crop)
{
    const Counting& counting = view.counting;
    SmallRows<kSide>& rows = crop.memory;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const LeftOut left_out = leave_out(view, crop);
    __syncwarp();              // lanes have read the crops of others
    if (!crop.used) return {}; // its pixels are another's
    PsfCentre centre;
    double sigma, background;
    with_reader(view, place, [&](const auto& reader) {
        centre = psf_centre(view, reader);
        sigma = reader.real(view.columns.sigma_x, view.sigma_x_nm);
        background = reader.real(view.columns.os_fit, 0);
    });
    const Level level = level_not_measured(view, background, static_cast<double>(crop.pixels[0]), !left_out.first);
    const LightScale<float> scale(view, level);
    const RawPixels raw = raise<kSide>(view, crop, scale, left_out.in_warp);

    float columns[kSide], of_rows[kSide];
    const GaussAxis<float> x(centre.column(view), sigma, view.pixel_x_nm),
        y = view.pixel_x_nm == view.pixel_y_nm ? GaussAxis<float>(x, centre.row(view))
                                               : GaussAxis<float>(centre.row(view), sigma, view.pixel_y_nm);
    weigh(x, columns);
    weigh(y, of_rows);
    if (left_out.some && view.padding == Padding::geometry) {
        cut(crop.window.column_begin, crop.window.column_end, columns);
        cut(crop.window.row_begin, crop.window.row_end, of_rows);
    }
#pragma unroll
    for (int row = 0; row < kSide; ++row) rows.weights[row][lane] = of_rows[row];
    const SmallPixels<kSide> pixels{crop.pixels, columns, rows, lane, scale.variance, left_out.in_warp};
    // The PSF is normalised over the pixels that are not padding.
    double columns_sum, rows_sum, unused;
    add_up(columns, columns_sum, unused);
    add_up(of_rows, rows_sum, unused);
    double light = columns_sum * rows_sum;
    if (left_out.some) {
        float sum[1] = {0};
        pixels.add_up(sum, [](float(&s)[1], float p, float, float) { s[0] = s[0] + p; });
        light = static_cast<double>(sum[0]);
    }
    const float to_one = 1.0f / static_cast<float>(light);
#pragma unroll
    for (int row = 0; row < kSide; ++row) rows.weights[row][lane] = of_rows[row] * to_one;

    Estimate<float> estimate = estimate_light<float>(view, pixels);
    estimate.psf_sum = light * math::gaussian_amplitude(sigma, math::amplitude_factor(view.pixel_x_nm)) *
                       math::gaussian_amplitude(sigma, math::amplitude_factor(view.pixel_y_nm));
    estimate.read_variance = counting.read_variance;
    estimate.shape_is_nan = centre.is_nan() || sigma != sigma;
    DetailedOutcome outcome = outcome_of(view, estimate, level.known);
    if (wants_enclosed(view.results)) tell_enclosed(view, light, 1, estimate.shape_is_nan, outcome);
    if ((left_out.some && counting.method != Method::filter) || crop.clipped) outcome.flags |= LUMICROP_FLAG_TRUNCATED;
    if (raw.saturated && counting.saturation < __builtin_inf()) outcome.flags |= LUMICROP_FLAG_SATURATED;
    if (raw.non_finite && !math::is_finite(outcome.electrons)) outcome.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    if (lies_outside(view, centre)) outcome.flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    return outcome;
}

} // namespace cuda
} // namespace lumicrop
