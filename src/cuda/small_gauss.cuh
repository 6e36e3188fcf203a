// Matched filter of small crops with pixel-integrated Gaussians (SPEC sections 4 and 5), one crop a lane.
//
// Where a Gaussian is not rotated its PSF is a product of one weight a column and one a row, and so are the sums of weights and
// squares. A rotated one is evaluated at every pixel.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/gauss_axis.cuh"
#include "cuda/small_crops.cuh"
#include "math/rotated_gaussian.hpp"

namespace lumicrop {
namespace cuda {

/// Fractions on the pixels of a row or column, 0 outside [begin, end).
template <int kSide>
__device__ __forceinline__ void weigh(const GaussAxis<float>& axis, int begin, int end, float (&weights)[kSide])
{
    if (axis.by_series) {
#pragma unroll
        for (int i = 0; i < kSide; ++i) {
            const double middle = axis.argument(i);
            weights[i] = math::fraction_around(axis.series, static_cast<float>(middle * middle));
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
#pragma unroll
    for (int row = 0; row < kSide; ++row) {
        float part = 0;
#pragma unroll
        for (int column = 0; column < kSide; ++column)
            part = math::muladd(columns[column], pixels[row * kSide + column] - background, part);
        products.add(rows[row] * part);
    }
    return {columns_sum * rows_sum, columns_squares * rows_squares, static_cast<double>(products.value())};
}

/// The PSF evaluated pixel by pixel, 0 outside the window.
template <int kSide>
__device__ __forceinline__ math::FilterSums rotated_sums(const float* pixels, float background, const GaussAxis<float>& x,
                                                         const GaussAxis<float>& y, double theta_deg, double ratio,
                                                         const CropWindow& window)
{
    const math::Rotation turn = math::rotation(theta_deg);
    const math::TurnedAxis along_x = math::turned_x(turn, x.scale, ratio), along_y = math::turned_y(turn, y.scale, ratio);
    math::RunningSum<float> weights, squares, products;
    for (int row = 0; row < kSide; ++row) {
        const double dy = row - y.centre;
        const double x_of_row = dy * along_x.along_row, y_of_row = dy * along_y.along_row;
        float part = 0, part_squares = 0, part_products = 0;
        for (int column = 0; column < kSide; ++column) {
            const double dx = column - x.centre;
            float weight = x.fraction(math::muladd(dx, along_x.along_column, x_of_row), along_x.half) *
                           y.fraction(math::muladd(dx, along_y.along_column, y_of_row), along_y.half);
            if (!window.holds(row, column)) weight = 0;
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
    const FilterInputs<float> inputs = filter_inputs<float>(view, place);
    const double sigma_x = real_at(view.columns.sigma_x, place, view.sigma_x_nm);
    const double sigma_y = kCanRotate ? real_at(view.columns.sigma_y, place, view.sigma_y_nm) : sigma_x;
    const double theta = kCanRotate ? real_at(view.columns.sigma_angle, place, view.theta_deg) : 0.0;
    const GaussAxis<float> x(inputs.column(view), sigma_x, view.pixel_x_nm), y(inputs.row(view), sigma_y, view.pixel_y_nm);
    CropWindow counted = crop.window; // pixels that count
    if (view.padding != Padding::geometry) counted = {nullptr, 0, kSide, 0, kSide};
    math::FilterSums sums;
    if (!kCanRotate || theta == 0) {
        float columns[kSide], rows[kSide];
        weigh(x, counted.column_begin, counted.column_end, columns);
        weigh(y, counted.row_begin, counted.row_end, rows);
        sums = separable_sums(crop.pixels, inputs.subtract.high, columns, rows);
    } else {
        sums =
            rotated_sums<kSide>(crop.pixels, inputs.subtract.high, x, y, theta, view.pixel_y_nm / view.pixel_x_nm, counted);
    }
    const bool shape_is_nan =
        inputs.mux != inputs.mux || inputs.muy != inputs.muy || sigma_x != sigma_x || sigma_y != sigma_y || theta != theta;
    return finish_filter(view, inputs, sums, math::gaussian_amplitude(x.scale) * math::gaussian_amplitude(y.scale),
                         shape_is_nan, crop.clipped, [&] { return crop.has_non_finite(); });
}

} // namespace cuda
} // namespace lumicrop
