#include "cuda/device_views.hpp"

#include <algorithm>

#include "job/spline.hpp"

namespace lumicrop {
namespace cuda {

bool has_host_arrays(const Job& job)
{
    bool found = std::any_of(job.channels.begin(), job.channels.end(),
                             [](const Channel& channel) { return channel.n > 0 && !channel.images.on_device; });
    const auto look = [&found](const char*, const Column& column) { found |= !column.on_device; };
    for_each_column(job.detections, look);
    for_each_column(job.result, look);
    return found;
}

bool uses_spline(const Channel& channel)
{
    return channel.method == Method::filter && channel.model == Model::spline;
}

ColumnView as_it_lies(const Column& column)
{
    return {column.data, column.stride, column.dtype, false};
}

InputColumns input_columns(const Channel& channel, const Detections& columns,
                           const std::function<ColumnView(const Column&)>& place)
{
    const auto take = [&](const Column& column, bool used) { return used && column ? place(column) : ColumnView{}; };
    const bool filter = channel.method == Method::filter;
    const bool gauss = filter && channel.model == Model::gauss;
    const Column& sigma_x = gauss && columns.sigma_x_fit ? columns.sigma_x_fit : columns.sigma_fit;
    const Column& sigma_y = gauss && columns.sigma_y_fit ? columns.sigma_y_fit : columns.sigma_fit;
    const bool gaussian = filter && !uses_spline(channel);
    InputColumns taken{};
    taken.frame = take(columns.frame, channel.gathered);
    taken.X0 = take(columns.X0, filter || channel.frame_known);
    taken.Y0 = take(columns.Y0, filter || channel.frame_known);
    taken.x_fit = take(columns.x_fit, filter);
    taken.y_fit = take(columns.y_fit, filter);
    taken.os_fit = take(columns.os_fit, filter);
    taken.z_fit = take(columns.z_fit, uses_spline(channel));
    taken.sigma_x = take(sigma_x, gaussian);
    taken.sigma_y = take(sigma_y, gaussian);
    taken.sigma_angle = take(columns.sigma_angle, gauss);
    return taken;
}

OutputColumns output_columns(const Result& columns, const std::function<ColumnView(const Column&)>& place)
{
    const auto take = [&](const Column& column) { return column ? place(column) : ColumnView{}; };
    return {take(columns.photons), take(columns.background), take(columns.psf_sum), take(columns.denominator),
            take(columns.flags)};
}

ChannelView view_of(const Job& job, const Channel& channel, Faults* faults)
{
    const bool isotropic = channel.model == Model::isogauss;
    ChannelView view{};
    view.end = channel.n;
    view.first = channel.first;
    view.faults = faults;
    view.frame_height = channel.frame_height;
    view.frame_width = channel.frame_width;
    view.pixel_y_nm = channel.pixel_y_nm;
    view.pixel_x_nm = channel.pixel_x_nm;
    view.corner_y_nm = job.pixel_corner ? 0.5 * channel.pixel_y_nm : 0;
    view.corner_x_nm = job.pixel_corner ? 0.5 * channel.pixel_x_nm : 0;
    view.gain = channel.gain;
    view.qe = channel.qe;
    view.camera_offset = channel.camera_offset;
    view.sigma_x_nm = isotropic ? channel.psf_sigma_nm : channel.psf_sigma_x_nm;
    view.sigma_y_nm = isotropic ? channel.psf_sigma_nm : channel.psf_sigma_y_nm;
    view.theta_deg = isotropic ? 0 : channel.psf_theta_deg;
    view.height = static_cast<int32_t>(channel.height);
    view.width = static_cast<int32_t>(channel.width);
    view.padding = channel.padding;
    view.gathered = channel.gathered;
    view.frame_known = channel.frame_known;
    view.images = {channel.images.data,
                   channel.images.shape[0],
                   {channel.images.strides[0], channel.images.strides[1], channel.images.strides[2]},
                   channel.images.dtype};
    if (uses_spline(channel)) {
        const SplineView& spline = channel.spline->view();
        view.even_x = math::even_pixels(spline.x, channel.pixel_x_nm, channel.width);
        view.even_y = math::even_pixels(spline.y, channel.pixel_y_nm, channel.height);
        view.even_z = math::even_pixels(spline.z, 0, 1);
    }
    return view;
}

} // namespace cuda
} // namespace lumicrop
