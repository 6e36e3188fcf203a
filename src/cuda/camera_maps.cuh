// Maps of a camera's pixels as a crop sees them.
#pragma once

#include "cuda/window.cuh"
#include "math/camera_noise.hpp"

namespace lumicrop {
namespace cuda {

/// Where a crop's first pixel lies among its camera's.
struct CameraPlace
{
    int64_t row, column, frame;
};

__device__ __forceinline__ CameraPlace camera_place(const ChannelView& view, const Place& place)
{
    const CameraMaps& maps = view.counting.maps;
    CameraPlace at{0, 0, 0};
    if (maps.height == 0 || !place.used) return at;
    at.row = whole_at(view.columns.Y0, place);
    at.column = whole_at(view.columns.X0, place);
    if (maps.background.strides[0] != 0) at.frame = whole_at(view.columns.frame, place);
    return at;
}

/// The maps' values on a crop's pixels.
template <class Real>
class CropMaps
{
public:
    __device__ __forceinline__ CropMaps(const CameraMaps& maps, const CameraPlace& at) : maps_(maps), at_(at) {}

    __device__ __forceinline__ bool has_offset() const { return maps_.offset.data != nullptr; }
    __device__ __forceinline__ bool has_gain() const { return maps_.gain.data != nullptr; }
    __device__ __forceinline__ bool has_read_variance() const { return maps_.read_variance.data != nullptr; }
    __device__ __forceinline__ bool has_background() const { return maps_.background.data != nullptr; }
    __device__ __forceinline__ bool any() const { return maps_.height != 0; }

    __device__ __forceinline__ Real offset(int32_t row, int32_t column) const { return value(maps_.offset, row, column); }
    __device__ __forceinline__ Real gain(int32_t row, int32_t column) const { return value(maps_.gain, row, column); }
    __device__ __forceinline__ Real read_variance(int32_t row, int32_t column) const
    {
        return value(maps_.read_variance, row, column);
    }
    __device__ __forceinline__ Real background(int32_t row, int32_t column) const
    {
        return value(maps_.background, row, column);
    }

    /// Whether a pixel is bad, or a map says nothing usable of it; so it is beyond the maps.
    __device__ __forceinline__ bool masks(int32_t row, int32_t column) const
    {
        bool bad = false;
        if (has_offset()) bad |= !math::is_usable_level(offset(row, column));
        if (has_gain()) bad |= !math::is_usable_gain(gain(row, column));
        if (has_read_variance()) bad |= !math::is_usable_variance(read_variance(row, column));
        if (maps_.bad_pixels.data != nullptr) bad |= value(maps_.bad_pixels, row, column) != 0;
        if (has_background()) bad |= !math::is_usable_level(background(row, column));
        return bad;
    }

private:
    /// NaN where the map has no pixel.
    __device__ __forceinline__ Real value(const MapView& map, int32_t row, int32_t column) const
    {
        // Above 0 and below the size: as numbers without sign, which may go round.
        const uint64_t r = static_cast<uint64_t>(at_.row) + static_cast<uint64_t>(row);
        const uint64_t c = static_cast<uint64_t>(at_.column) + static_cast<uint64_t>(column);
        if (r >= static_cast<uint64_t>(maps_.height) || c >= static_cast<uint64_t>(maps_.width))
            return static_cast<Real>(math::not_a_number());
        const std::byte* const from = map.data + at_.frame * map.strides[0] + static_cast<int64_t>(r) * map.strides[1] +
                                      static_cast<int64_t>(c) * map.strides[2];
        switch (map.dtype) {
        case Dtype::u8: return static_cast<Real>(*reinterpret_cast<const uint8_t*>(from));
        case Dtype::f32: return static_cast<Real>(*reinterpret_cast<const float*>(from));
        default: return static_cast<Real>(*reinterpret_cast<const double*>(from));
        }
    }

    const CameraMaps& maps_;
    const CameraPlace& at_;
};

} // namespace cuda
} // namespace lumicrop
