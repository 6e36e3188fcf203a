// From a checked channel to what a kernel may see of it, and what of a job lies where.
#pragma once

#include <functional>

#include "cuda/kernels.hpp"
#include "cuda/views.hpp"
#include "job/job.hpp"

namespace lumicrop {
namespace cuda {

/// Whether some array of the job lies in host memory; channels without detections have none.
bool has_host_arrays(const Job& job);

/// Whether the channel's PSF is a spline.
bool uses_spline(const Channel& channel);

/// Whether the channel's background map is one a frame.
bool has_background_of_frames(const Channel& channel);

/// A column or map in device memory as it lies.
ColumnView as_it_lies(const Column& column);
MapView map_as_it_lies(const Images& map);

/// The columns that a channel uses, each as `place` shows it.
InputColumns input_columns(const Channel& channel, const Detections& columns,
                           const std::function<ColumnView(const Column&)>& place);
OutputColumns output_columns(const Result& columns, const std::function<ColumnView(const Column&)>& place);

/// The maps that a channel has, each as `place` shows it.
CameraMaps camera_maps(const Channel& channel, const std::function<MapView(const Images&)>& place);

/// The boxes of pixels around a channel's rings.
AnnulusShape annulus_shape(const Channel& channel);

/// Device memory that the rings of `n` crops come to; 0 where the channel has none.
int64_t ring_bytes(const ChannelView& view, int64_t n);

/// Has the view's kernels leave and find there what the rings of crops [view.begin, view.end) come to.
void place_rings(ChannelView& view, std::byte* memory);

/// All crops of a channel whose images lie on the device. Columns, results, maps, spline and order are left to the caller.
ChannelView view_of(const Job& job, const Channel& channel, Faults* faults);

} // namespace cuda
} // namespace lumicrop
