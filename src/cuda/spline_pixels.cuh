// One small crop with a cubic B-spline PSF, a pixel a lane, each with weights of its own: for crops whose pixels do not share them.
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/spline_basis.cuh"
#include "cuda/spline_layout.hpp"
#include "cuda/team.cuh"

namespace lumicrop {
namespace cuda {

/// The PSF at a pixel, from its own 64 coefficients.
__device__ __forceinline__ float spline_at(const SplineView& spline, const SplineBasis<float>& x,
                                           const SplineBasis<float>& y, const SplineBasis<float>& z)
{
    const int64_t pitch = coefficient_pitch<float>(spline.x.n_coefficients), depth = spline.y.n_coefficients * pitch;
    const float* const first = spline.narrow + z.first * depth + y.first * pitch + x.first;
    float depths[math::kOrder];
#pragma unroll
    for (int iz = 0; iz < math::kOrder; ++iz) {
        float rows[math::kOrder];
#pragma unroll
        for (int iy = 0; iy < math::kOrder; ++iy) {
            const float* const at = first + iz * depth + iy * pitch;
            rows[iy] = math::contract(x.weights, at[0], at[1], at[2], at[3]);
        }
        depths[iz] = math::contract(y.weights, rows[0], rows[1], rows[2], rows[3]);
    }
    return math::contract(z.weights, depths[0], depths[1], depths[2], depths[3]);
}

/// All lanes: the sums of one crop, each pixel with weights of its own.
template <int kSide>
__device__ __forceinline__ math::FilterSums pixel_sums(const ChannelView& view, const FilterInputs<float>& inputs,
                                                       double depth, const CropWindow& counted, const float* pixels,
                                                       SplineBasis<float> (&bases)[kWarp], bool& outside)
{
    constexpr int kRows = kWarp / 2; // rows come behind the columns
    static_assert(kSide <= kRows, "half of the lanes place columns, half of them rows");
    const int lane = static_cast<int>(threadIdx.x) % kWarp, i = lane % kRows;
    const SplineBasis<float> z = spline_basis<float>(view.spline.z, depth);
    SplineBasis<float> own{-1, {}};
    bool is_outside = z.first < 0;
    if (lane < kRows ? i >= counted.column_begin && i < counted.column_end : i >= counted.row_begin && i < counted.row_end) {
        own = lane < kRows ? spline_basis<float>(view.spline.x, i * view.pixel_x_nm - inputs.mux)
                           : spline_basis<float>(view.spline.y, i * view.pixel_y_nm - inputs.muy);
        is_outside |= own.first < 0;
    }
    outside = __any_sync(0xFFFFFFFFu, is_outside) != 0;
    __syncwarp();
    bases[lane] = own;
    __syncwarp();
    float weights = 0, squares = 0, products = 0; // of a few pixels
    for (int pixel = lane; pixel < kSide * kSide; pixel += kWarp) {
        const SplineBasis<float>&x = bases[pixel % kSide], &y = bases[kRows + pixel / kSide];
        const float model = x.first >= 0 && y.first >= 0 && z.first >= 0 ? spline_at(view.spline, x, y, z) : 0.0f;
        weights += model;
        squares = math::muladd(model, model, squares);
        products = math::muladd(model, pixels[pixel] - inputs.subtract.high, products); // weight 0 too: a NaN must show
    }
    double sums[3] = {weights, squares, products};
#pragma unroll
    for (double& sum : sums)
        for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, step);
    return {sums[0], sums[1], sums[2]};
}

/// Whether some pixel is NaN or infinite, read where it lies in the images.
__device__ __forceinline__ bool has_non_finite(const ChannelView& view, const CropWindow& window)
{
    const FarPixels<float> pixels{view.images, window};
    for (int32_t row = window.row_begin; row < window.row_end; ++row)
        for (int32_t column = window.column_begin; column < window.column_end; ++column) {
            const float value = pixels.at(row, column);
            if (!(value - value == 0.0f)) return true;
        }
    return false;
}

} // namespace cuda
} // namespace lumicrop
