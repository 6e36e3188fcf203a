#include "cuda/device_views.hpp"

#include <algorithm>

#include "cuda/whole_lines.hpp"
#include "job/spline.hpp"
#include "math/annulus.hpp"
#include "math/camera_noise.hpp"

namespace lumicrop {
namespace cuda {

bool has_host_arrays(const Job& job)
{
    bool found = false;
    for (const Channel& channel : job.channels) {
        if (channel.n == 0) continue;
        found |= !channel.images.on_device;
        for_each_map(channel, [&found](const char*, const Images& map) { found |= !map.on_device; });
    }
    const auto look = [&found](const char*, const Column& column) { found |= !column.on_device; };
    for_each_column(job.detections, look);
    for_each_column(job.result, look);
    return found;
}

bool uses_spline(const Channel& channel)
{
    return channel.uses_psf && channel.model == Model::spline;
}

bool has_background_of_frames(const Channel& channel)
{
    return channel.background_map.shape[0] > 1;
}

ColumnView as_it_lies(const Column& column)
{
    return {column.data, column.stride, column.dtype, false};
}
MapView map_as_it_lies(const Images& map)
{
    return {map.data, {map.strides[0], map.strides[1], map.strides[2]}, map.dtype};
}

InputColumns input_columns(const Channel& channel, const Detections& columns,
                           const std::function<ColumnView(const Column&)>& place)
{
    const auto take = [&](const Column& column, bool used) { return used && column ? place(column) : ColumnView{}; };
    const bool psf = channel.uses_psf, placed = channel.uses_position || channel.frame_known || has_maps(channel);
    const bool gauss = psf && channel.model == Model::gauss;
    const Column& sigma_x = gauss && columns.sigma_x_fit ? columns.sigma_x_fit : columns.sigma_fit;
    const Column& sigma_y = gauss && columns.sigma_y_fit ? columns.sigma_y_fit : columns.sigma_fit;
    const bool gaussian = psf && !uses_spline(channel);
    InputColumns taken{};
    taken.frame = take(columns.frame, names_frames(channel) || has_background_of_frames(channel));
    taken.X0 = take(columns.X0, placed);
    taken.Y0 = take(columns.Y0, placed);
    taken.x_fit = take(columns.x_fit, channel.uses_position);
    taken.y_fit = take(columns.y_fit, channel.uses_position);
    taken.os_fit = take(columns.os_fit, channel.background == Subtracted::column);
    taken.z_fit = take(columns.z_fit, uses_spline(channel));
    taken.sigma_x = take(sigma_x, gaussian);
    taken.sigma_y = take(sigma_y, gaussian);
    taken.sigma_angle = take(columns.sigma_angle, gauss);
    return taken;
}

OutputColumns output_columns(const Result& columns, const std::function<ColumnView(const Column&)>& place)
{
    const auto take = [&](const Column& column) { return column ? place(column) : ColumnView{}; };
    return {take(columns.photons),
            take(columns.background),
            take(columns.psf_sum),
            take(columns.denominator),
            take(columns.flags),
            take(columns.photons_sigma),
            take(columns.background_photons),
            take(columns.background_sigma),
            take(columns.chi2),
            take(columns.log_likelihood_ratio),
            take(columns.enclosed),
            take(columns.photons_total),
            take(columns.background_pixels),
            take(columns.iterations)};
}

CameraMaps camera_maps(const Channel& channel, const std::function<MapView(const Images&)>& place)
{
    CameraMaps maps{};
    for_each_map(channel, [&maps](const char*, const Images& map) {
        maps.height = map.shape[1];
        maps.width = map.shape[2];
    });
    const auto take = [&](const Images& map) { return map.data == nullptr ? MapView{} : place(map); };
    maps.offset = take(channel.offset_map);
    maps.gain = take(channel.gain_map);
    maps.read_variance = take(channel.read_variance_map);
    maps.bad_pixels = take(channel.bad_pixels);
    maps.background = take(channel.background_map);
    return maps;
}

namespace {

int64_t reach_of(const Channel& channel)
{
    return math::Annulus{channel.annulus_inner, channel.annulus_outer, channel.neighbour_radius}.reach();
}

} // namespace

AnnulusShape annulus_shape(const Channel& channel)
{
    if (!channel.gathered) return {channel.height, channel.width, false};
    const int64_t side = 2 * reach_of(channel) + 1;
    return {side, side, true};
}

int64_t ring_bytes(const ChannelView& view, int64_t n)
{
    if (!is_annulus(view.counting.background)) return 0;
    return whole_lines(n * static_cast<int64_t>(sizeof(MeasuredRing))) +
           whole_lines(n * view.annulus.used_words * static_cast<int64_t>(sizeof(uint32_t)));
}

void place_rings(ChannelView& view, std::byte* memory)
{
    if (!is_annulus(view.counting.background)) return;
    // Kernels count crops within the channel.
    view.annulus.measured = reinterpret_cast<MeasuredRing*>(memory) - view.begin;
    if (view.annulus.used_words == 0) return;
    const int64_t n = view.end - view.begin;
    view.annulus.used = reinterpret_cast<uint32_t*>(memory + whole_lines(n * static_cast<int64_t>(sizeof(MeasuredRing)))) -
                        view.begin * view.annulus.used_words;
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
    view.counting = {channel.method,
                     channel.background,
                     channel.uses_psf,
                     channel.uses_position,
                     channel.aperture_x,
                     channel.aperture_y,
                     channel.aperture_theta_deg,
                     math::excess_noise(channel.em_gain),
                     channel.gain / channel.em_gain,
                     channel.read_noise * channel.read_noise / (channel.em_gain * channel.em_gain),
                     channel.em_gain,
                     channel.saturation,
                     {}};
    view.padding = channel.padding;
    view.gathered = channel.gathered;
    view.frame_known = channel.frame_known;
    view.images = {channel.images.data,
                   channel.gathered                    ? channel.images.shape[0]
                   : has_background_of_frames(channel) ? channel.background_map.shape[0]
                                                       : math::kMostFrames,
                   {channel.images.strides[0], channel.images.strides[1], channel.images.strides[2]},
                   channel.images.dtype};
    if (is_annulus(channel.background)) {
        const AnnulusShape shape = annulus_shape(channel);
        view.annulus.inner = channel.annulus_inner;
        view.annulus.outer = channel.annulus_outer;
        view.annulus.neighbour = channel.neighbour_radius;
        view.annulus.reach = reach_of(channel);
        view.annulus.height = static_cast<int32_t>(shape.height);
        view.annulus.width = static_cast<int32_t>(shape.width);
        view.annulus.in_frames = shape.in_frames;
        view.annulus.images = view.images;
        if (job.result.photons_sigma) view.annulus.used_words = (view.height * view.width + 31) / 32;
    }
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
