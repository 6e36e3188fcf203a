// Matched filter of small crops with pixel-integrated Gaussians (SPEC sections 4 and 5), one crop a lane.
//
// Where a Gaussian is not rotated its PSF is a product of one weight a column and one a row, and so are the sums of weights and
// squares. A rotated one is evaluated at every pixel.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/gauss_axis.cuh"
#include "cuda/small_crops.cuh"
#include "math/near_pixels.hpp"

namespace lumicrop {
namespace cuda {

/// Terms of the series that serve for crops of `side` pixels where sigma is not smaller than a pixel.
constexpr int near_terms(int side)
{
    return side <= 7 ? 7 : side <= 11 ? 8 : 9;
}

/// Fractions on the pixels of a row or column.
template <int kSide>
__device__ __forceinline__ void weigh(const GaussAxis<float>& axis, float (&weights)[kSide])
{
    constexpr int kTerms = near_terms(kSide);
    if (axis.by_series) {
        float bits[kSide];
#pragma unroll
        for (int i = 0; i < kSide; ++i) bits[i] = math::exponent_of_pixel(axis.exponents, static_cast<float>(i));
        if (math::are_near<kTerms>(axis.exponents, math::larger(bits[0], bits[kSide - 1]))) {
#pragma unroll
            for (int i = 0; i < kSide; ++i) weights[i] = math::fraction_near<kTerms>(axis.series, bits[i]);
        } else {
#pragma unroll
            for (int i = 0; i < kSide; ++i) weights[i] = math::fraction_around(axis.series, bits[i]);
        }
    } else {
        math::PixelEdge<float> lower = axis.edge(axis.argument(-0.5));
#pragma unroll
        for (int i = 0; i < kSide; ++i) {
            const math::PixelEdge<float> upper = axis.edge(axis.argument(i + 0.5));
            weights[i] = math::fraction_between(lower, upper);
            lower = upper;
        }
    }
}

/// Leaves only weights in [begin, end).
template <int kSide>
__device__ __forceinline__ void cut(int begin, int end, float (&weights)[kSide])
{
#pragma unroll
    for (int i = 0; i < kSide; ++i)
        if (i < begin || i >= end) weights[i] = 0;
}

/// Sum of the weights and of their squares; kSide is at most kPlainTerms.
template <int kSide>
__device__ __forceinline__ void add_up(const float (&weights)[kSide], double& sum, double& squares)
{
    static_assert(kSide <= math::kPlainTerms, "a row is added up plainly");
    float plain = 0, plain_squares = 0;
#pragma unroll
    for (int i = 0; i < kSide; ++i) {
        plain += weights[i];
        plain_squares = math::muladd(weights[i], weights[i], plain_squares);
    }
    sum = plain;
    squares = plain_squares;
}

template <int kSide>
__device__ __forceinline__ math::FilterSums separable_sums(const float* pixels, float background,
                                                           const float (&columns)[kSide], const float (&rows)[kSide])
{
    double columns_sum, columns_squares, rows_sum, rows_squares;
    add_up(columns, columns_sum, columns_squares);
    add_up(rows, rows_sum, rows_squares);
    math::RunningSum<float> products;
    float plain = 0; // where rows and columns together are few
#pragma unroll
    for (int row = 0; row < kSide; ++row) {
        float part = 0;
#pragma unroll
        for (int column = 0; column < kSide; ++column)
            part = math::muladd(columns[column], pixels[row * kSide + column] - background, part);
        if (2 * kSide <= math::kPlainTerms)
            plain = math::muladd(rows[row], part, plain);
        else
            products.add(rows[row] * part);
    }
    return {columns_sum * rows_sum, columns_squares * rows_squares,
            static_cast<double>(2 * kSide <= math::kPlainTerms ? plain : products.value())};
}

/// The PSF evaluated pixel by pixel by `weight_of(row, column)`, kAtOnce pixels of a row without a branch between them.
template <int kSide, int kAtOnce, class BeginRow, class Weight>
__device__ __forceinline__ math::FilterSums rotated_sums(const float* pixels, float background, BeginRow begin_row,
                                                         Weight weight_of)
{
    math::RunningSum<float> weights, squares, products;
#pragma unroll 1
    for (int row = 0; row < kSide; ++row) {
        begin_row(row);
        float part = 0, part_squares = 0, part_products = 0;
#pragma unroll kAtOnce
        for (int column = 0; column < kSide; ++column) {
            const float weight = weight_of(row, column);
            part += weight;
            part_squares = math::muladd(weight, weight, part_squares);
            part_products = math::muladd(weight, pixels[row * kSide + column] - background, part_products);
        }
        weights.add(part);
        squares.add(part_squares);
        products.add(part_products);
    }
    return {static_cast<double>(weights.value()), static_cast<double>(squares.value()),
            static_cast<double>(products.value())};
}

template <int kSide, bool kCanRotate>
__device__ __forceinline__ Outcome small_gauss(const ChannelView& view, const Place& place, const SmallCrop<kSide>& crop)
{
    FilterInputs<float> inputs;
    double sigma_x, sigma_y, theta = 0;
    with_reader(view, place, [&](const auto& reader) {
        inputs = filter_inputs<float>(view, reader);
        sigma_x = sigma_y = reader.real(view.columns.sigma_x, view.sigma_x_nm);
        if (!kCanRotate) return;
        sigma_y = reader.real(view.columns.sigma_y, view.sigma_y_nm);
        theta = reader.real(view.columns.sigma_angle, view.theta_deg);
    });
    const GaussAxis<float> x(inputs.column(view), sigma_x, view.pixel_x_nm),
        y = !kCanRotate && view.pixel_x_nm == view.pixel_y_nm ? GaussAxis<float>(x, inputs.row(view))
                                                              : GaussAxis<float>(inputs.row(view), sigma_y, view.pixel_y_nm);
    const bool shape_is_nan =
        inputs.mux != inputs.mux || inputs.muy != inputs.muy || sigma_x != sigma_x || sigma_y != sigma_y || theta != theta;
    const double amplitude = math::gaussian_amplitude(sigma_x, math::amplitude_factor(view.pixel_x_nm)) *
                             math::gaussian_amplitude(sigma_y, math::amplitude_factor(view.pixel_y_nm));
    const bool is_cut = crop.clipped && view.padding == Padding::geometry; // pixels outside the frame do not count
    math::FilterSums sums;
    if (!kCanRotate || theta == 0) {
        float columns[kSide], rows[kSide];
        weigh(x, columns);
        weigh(y, rows);
        if (is_cut) {
            cut(crop.window.column_begin, crop.window.column_end, columns);
            cut(crop.window.row_begin, crop.window.row_end, rows);
        }
        sums = separable_sums(crop.pixels, inputs.subtract.high, columns, rows);
    } else {
        TurnedGauss<float> turned(x, y, theta, view.pixel_y_nm / view.pixel_x_nm);
        const auto begin_row = [&](int row) { turned.begin_row(row); };
        if (turned.by_series() && !is_cut)
            sums = rotated_sums<kSide, kSide>(crop.pixels, inputs.subtract.high, begin_row,
                                              [&](int, int column) { return turned.fraction_by_series(column); });
        else
            sums = rotated_sums<kSide, 1>(crop.pixels, inputs.subtract.high, begin_row, [&](int row, int column) {
                return !is_cut || crop.window.holds(row, column) ? turned.fraction_by_axes(column) : 0.0f;
            });
    }
    return finish_filter(view, inputs, sums, amplitude, shape_is_nan, crop.clipped, [&] { return crop.has_non_finite(); });
}

} // namespace cuda
} // namespace lumicrop
