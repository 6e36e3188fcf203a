// Maps of a camera's pixels, cut out for the crops of a block: a crop in each lane.
#pragma once

#include "cpu/crops.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class CameraMap
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    CameraMap(const Channel& channel, const Images& map, Workspace& workspace)
        : channel_(channel), map_(map),
          values_(map.data == nullptr ? nullptr : workspace.take<Real>(channel.height * channel.width))
    {
    }

    explicit operator bool() const { return map_.data != nullptr; }
    const Real& at(int64_t pixel) const { return values_[pixel]; }

    /// Cuts the crops out; NaN where the map has no pixel.
    void find(const Job& job, const Block<kLanes>& block)
    {
        if (map_.data == nullptr) return;
        alignas(64) int64_t row[kLanes], column[kLanes], frame[kLanes] = {};
        read_any(job.detections.X0, block, column);
        read_any(job.detections.Y0, block, row);
        if (map_.strides[0] != 0) read_any(job.detections.frame, block, frame);
        auto* const to = reinterpret_cast<Scalar*>(values_);
        for (int lane = 0; lane < kLanes; ++lane) {
            const std::byte* const from = map_.data + frame[lane] * map_.strides[0];
            switch (map_.dtype) {
            case Dtype::u8: cut<uint8_t>(from, row[lane], column[lane], to + lane); break;
            case Dtype::f32: cut<float>(from, row[lane], column[lane], to + lane); break;
            default: cut<double>(from, row[lane], column[lane], to + lane);
            }
        }
    }

    /// One pixel of a map that all frames share; NaN where it has none.
    Scalar in_frame(int64_t row, int64_t column) const
    {
        if (row < 0 || row >= map_.shape[1] || column < 0 || column >= map_.shape[2])
            return static_cast<Scalar>(math::not_a_number());
        const std::byte* const at = map_.data + row * map_.strides[1] + column * map_.strides[2];
        switch (map_.dtype) {
        case Dtype::u8: return static_cast<Scalar>(*reinterpret_cast<const uint8_t*>(at));
        case Dtype::f32: return static_cast<Scalar>(*reinterpret_cast<const float*>(at));
        default: return static_cast<Scalar>(*reinterpret_cast<const double*>(at));
        }
    }

private:
    template <class Value>
    void cut(const std::byte* from, int64_t row, int64_t column, Scalar* to) const
    {
        int64_t row_begin, row_end, column_begin, column_end;
        math::clip(row, channel_.height, map_.shape[1], row_begin, row_end);
        math::clip(column, channel_.width, map_.shape[2], column_begin, column_end);
        for (int64_t r = 0; r < channel_.height; ++r)
            for (int64_t c = 0; c < channel_.width; ++c, to += kLanes) {
                const bool holds = r >= row_begin && r < row_end && c >= column_begin && c < column_end;
                *to = holds ? static_cast<Scalar>(*reinterpret_cast<const Value*>(from + (row + r) * map_.strides[1] +
                                                                                  (column + c) * map_.strides[2]))
                            : static_cast<Scalar>(math::not_a_number());
            }
    }

    const Channel& channel_;
    const Images& map_;
    Real* const values_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
