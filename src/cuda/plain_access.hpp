// Whether crops and columns lie as most callers have them.
#pragma once

#include "cuda/views.hpp"

namespace lumicrop {
namespace cuda {

/// Sets view.crops_adjacent and view.words; all else is set.
inline void find_plain_access(ChannelView& view)
{
    const int64_t size = size_of(view.images.dtype), (&strides)[3] = view.images.strides;
    view.crops_adjacent = !view.frame_known && !view.gathered && strides[2] == size && strides[1] == size * view.width &&
                          strides[0] == size * view.width * view.height;
    const InputColumns& columns = view.columns;
    int words = 0, others = 0, in_crop_order = 0;
    for (const ColumnView* column : {&columns.X0, &columns.Y0, &columns.x_fit, &columns.y_fit, &columns.z_fit,
                                     &columns.os_fit, &columns.sigma_x, &columns.sigma_y, &columns.sigma_angle}) {
        if (column->data == nullptr) continue;
        const bool is_word = column->stride == 4 && (column->dtype == Dtype::f32 || column->dtype == Dtype::i32);
        ++(is_word ? words : others);
        in_crop_order += column->in_crop_order ? 1 : 0;
    }
    view.words = others == 0 && (in_crop_order == 0 || in_crop_order == words);
    view.words_in_crop_order = in_crop_order > 0;
}

} // namespace cuda
} // namespace lumicrop
