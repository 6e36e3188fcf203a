// Where a crop lies in memory, and which part of it lies inside the frame.
#pragma once

#include "cuda/columns.cuh"
#include "math/window.hpp"

namespace lumicrop {
namespace cuda {

struct CropWindow
{
    const std::byte* corner; // of the crop's first pixel; to be read only inside the window
    int32_t row_begin, row_end, column_begin, column_end;

    __device__ __forceinline__ bool holds(int32_t row, int32_t column) const
    {
        return row >= row_begin && row < row_end && column >= column_begin && column < column_end;
    }
};

/// Whether the crop's frame number is one. No column: the host has seen to that.
__device__ __forceinline__ bool has_good_frame(const ChannelView& view, const Place& place)
{
    if (view.columns.frame.data == nullptr || !place.used) return true;
    const int64_t frame = whole_at(view.columns.frame, place);
    return frame >= 0 && frame < view.images.n;
}

/// The crop's window; empty where there is no such detection, or its frame is none.
__device__ __forceinline__ CropWindow window_of(const ChannelView& view, const Place& place, bool good_frame)
{
    CropWindow window{view.images.data, 0, view.height, 0, view.width};
    if (!place.used || !good_frame) {
        window.row_end = 0;
        return window;
    }
    int64_t row = 0, column = 0;
    if (view.frame_known) {
        row = whole_at(view.columns.Y0, place);
        column = whole_at(view.columns.X0, place);
        int64_t begin, end;
        math::clip(row, view.height, view.frame_height, begin, end);
        window.row_begin = static_cast<int32_t>(begin);
        window.row_end = static_cast<int32_t>(end);
        math::clip(column, view.width, view.frame_width, begin, end);
        window.column_begin = static_cast<int32_t>(begin);
        window.column_end = static_cast<int32_t>(end);
    }
    if (view.gathered)
        window.corner += whole_at(view.columns.frame, place) * view.images.strides[0] + row * view.images.strides[1] +
                         column * view.images.strides[2];
    else
        window.corner += place.crop * view.images.strides[0];
    return window;
}

__device__ __forceinline__ bool is_clipped(const ChannelView& view, const CropWindow& window)
{
    return window.row_begin != 0 || window.column_begin != 0 || window.row_end != view.height ||
           window.column_end != view.width;
}

/// Calls `use` with a zero of the pixels' type, of those that are computed as Real (SPEC section 7).
template <class Real, class Use>
__device__ __forceinline__ void with_pixel_type(Dtype dtype, Use use)
{
    if constexpr (sizeof(Real) == sizeof(float)) {
        switch (dtype) {
        case Dtype::u8: return use(uint8_t());
        case Dtype::u16: return use(uint16_t());
        case Dtype::i16: return use(int16_t());
        default: return use(float());
        }
    } else {
        switch (dtype) {
        case Dtype::u32: return use(uint32_t());
        case Dtype::i32: return use(int32_t());
        default: return use(double());
        }
    }
}

} // namespace cuda
} // namespace lumicrop
