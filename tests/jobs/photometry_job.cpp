#include "photometry_job.hpp"

#include "chance.hpp"
#include "expected.hpp"
#include "random_channel.hpp"
#include "random_spline.hpp"
#include "simulated_light.hpp"

#include <algorithm>
#include <numeric>

namespace test {

namespace {

/// Per-detection values of one channel, in its own order.
struct Rows
{
    std::vector<double> frame, X0, Y0, x, y, z, offset, sigma, sigma_x, sigma_y, angle, photons;
};

void choose_camera(Chance& chance, ChannelInput& channel)
{
    const bool is_u8 = channel.dtype == LUMICROP_U8;
    channel.camera_offset = is_u8 ? chance.one_of({0.0, 20.0, 12.5}) : chance.one_of({0.0, 100.0, 100.4, 1000.0});
    channel.gain = chance.one_of({1.0, 0.46, 2.2, 5.0});
    channel.qe = chance.happens(0.3) ? 1 : chance.between(0.5, 0.95);
    channel.pixel_x_nm = chance.one_of({100.0, 108.3, 130.0});
    channel.pixel_y_nm = chance.happens(0.7) ? channel.pixel_x_nm : chance.between(90, 140);
    const bool multiplies = chance.happens(0.3);
    if (multiplies) {
        channel.em_gain = chance.one_of({30.0, 100.0, 300.0});
        channel.gain = chance.one_of({5.0, 12.0, 20.0});
    }
    channel.read_noise = multiplies ? chance.between(10, 60) : chance.one_of({0.0, 1.0, 1.6, 6.0});
    if (chance.happens(0.3)) channel.saturation = channel.camera_offset + std::round(chance.between(20, 2000));
}

Map random_map(Chance& chance, const ChannelInput& channel, bool clean, double mean, double deviation, double least)
{
    MapInput map;
    map.dtype = chance.one_of({LUMICROP_F32, LUMICROP_F64});
    const bool spoilt = !clean && chance.happens(0.5);
    for (int64_t i = 0; i < channel.map_height * channel.map_width; ++i) {
        const double value = std::max(mean + deviation * chance.normal(), least);
        map.values.push_back(spoilt && chance.happens(0.02) ? std::nan("") : as_held(map.dtype, value));
    }
    map.layout = random_layout(chance, 2);
    return map;
}

void choose_maps(Chance& chance, ChannelInput& channel, const ChannelSettings& settings, double background)
{
    const auto has = [&](Maps one) { return settings.maps == one || settings.maps == Maps::all; };
    if (has(Maps::offset))
        channel.offset_map = random_map(chance, channel, settings.clean, channel.camera_offset, 1.5, -1e9);
    if (has(Maps::gain))
        channel.gain_map =
            random_map(chance, channel, settings.clean, channel.gain, 0.03 * channel.gain, 0.5 * channel.gain);
    if (has(Maps::read_variance)) {
        const double variance = std::max(channel.read_noise * channel.read_noise, 1.0);
        channel.read_variance_map = random_map(chance, channel, settings.clean, variance, 0.3 * variance, 0);
        for (double& value : channel.read_variance_map->values)
            if (chance.happens(0.02)) value = as_held(channel.read_variance_map->dtype, value * 50); // hot pixels
    }
    if (has(Maps::bad_pixels)) {
        MapInput bad;
        bad.dtype = LUMICROP_U8;
        for (int64_t i = 0; i < channel.map_height * channel.map_width; ++i)
            bad.values.push_back(chance.happens(0.01) ? static_cast<double>(chance.whole(1, 255)) : 0);
        bad.layout = random_layout(chance, 2);
        channel.bad_pixels = bad;
    }
    if (channel.background == LUMICROP_BACKGROUND_MAP) {
        MapInput map;
        map.dtype = chance.one_of({LUMICROP_F32, LUMICROP_F64});
        map.frames = chance.happens(0.5) ? std::max<int64_t>(channel.n_frames, 1) : 1;
        const bool spoilt = !settings.clean && chance.happens(0.3);
        for (int64_t i = 0; i < map.frames * channel.map_height * channel.map_width; ++i)
            map.values.push_back(spoilt && chance.happens(0.01) ? std::nan("")
                                                                : as_held(map.dtype, background * chance.between(0.9, 1.1)));
        map.layout = random_layout(chance, 3);
        channel.background_map = map;
    }
}

/// Circles and ellipses, well within the crop or larger than it.
void choose_aperture(Chance& chance, ChannelInput& channel)
{
    const double half_size = 0.5 * static_cast<double>(std::min(channel.width, channel.height));
    channel.aperture_x_px = half_size * chance.between(0.3, 1.5);
    if (chance.happens(0.1)) channel.aperture_x_px = std::ceil(2 * half_size) / 2; // touches the edges
    if (chance.happens(0.6))
        channel.aperture_y_px = chance.happens(0.2) ? std::nan("") : half_size * chance.between(0.3, 1.5);
    if (chance.happens(0.7))
        channel.aperture_theta_deg =
            chance.happens(0.4) ? 90 * static_cast<double>(chance.whole(-4, 4)) : chance.between(-200, 200);
}

/// Rings of all sizes, also such that hold few pixels or none, that reach beyond the crop, and whose pixels others hide.
void choose_annulus(Chance& chance, ChannelInput& channel)
{
    const double half_frame = 0.5 * static_cast<double>(std::min(channel.frame_height, channel.frame_width));
    double outer = chance.happens(0.3) ? chance.between(0.5, 2) : chance.between(2, 14);
    if (channel.needs_whole_origins()) outer = std::min(outer, half_frame);
    if (outer >= 1 && chance.happens(0.2)) outer = std::floor(outer);
    double inner = chance.happens(0.2) ? 0 : outer * chance.between(0, 0.95);
    if (inner >= 1 && chance.happens(0.2)) inner = std::floor(inner);
    if (channel.source == LUMICROP_GIVEN) // which no ring may lie around
        inner = std::min(inner, 0.49 * std::hypot(static_cast<double>(channel.height), static_cast<double>(channel.width)));
    channel.annulus_inner_px = inner;
    channel.annulus_outer_px = outer;
    channel.neighbour_radius_px = chance.one_of({std::nan(""), 0.0, chance.between(0.2, 2), chance.between(2, 8)});
}

/// Where crops lie. Those that the maps must cover lie inside.
void place(Chance& chance, const ChannelInput& channel, Rows& rows)
{
    const bool reaches_beyond = channel.needs_whole_origins();
    const auto origin = [&](int64_t crop, int64_t frame) {
        if (reaches_beyond && chance.happens(0.3))
            return static_cast<double>(chance.whole(-crop / 2, frame - (crop + 1) / 2));
        return static_cast<double>(chance.whole(0, std::max<int64_t>(frame - crop, 0)));
    };
    rows.frame.push_back(static_cast<double>(chance.whole(0, std::max<int64_t>(channel.n_frames - 1, 0))));
    rows.X0.push_back(origin(channel.width, channel.map_width));
    rows.Y0.push_back(origin(channel.height, channel.map_height));
    const double middle_x = 0.5 * static_cast<double>(channel.width - 1);
    const double middle_y = 0.5 * static_cast<double>(channel.height - 1);
    const double spread = channel.width * channel.height <= 4 ? 0.2 : 0.5;
    rows.x.push_back((rows.X0.back() + middle_x + spread * chance.normal()) * channel.pixel_x_nm);
    rows.y.push_back((rows.Y0.back() + middle_y + spread * chance.normal()) * channel.pixel_y_nm);
    if (channel.method == LUMICROP_APERTURE && chance.happens(0.2)) { // centres of pixels, their edges and corners
        rows.x.back() = std::round(2 * rows.x.back() / channel.pixel_x_nm) / 2 * channel.pixel_x_nm;
        rows.y.back() = std::round(2 * rows.y.back() / channel.pixel_y_nm) / 2 * channel.pixel_y_nm;
    }
    rows.z.push_back(chance.between(-450, 450));
    rows.sigma.push_back(chance.between(90, 200));
    rows.sigma_x.push_back(chance.between(90, 200));
    rows.sigma_y.push_back(chance.between(90, 200));
    rows.angle.push_back(chance.happens(0.3) ? 0 : chance.between(-180, 180));
}

/// Pixels of each patch: background, then the spots on top, then what the camera makes of the light.
void count_light(Chance& chance, const ChannelSettings& settings, double background, const Job& job, const Rows& rows,
                 ChannelInput& channel)
{
    const bool given = channel.source == LUMICROP_GIVEN;
    const int64_t height = given ? channel.height : channel.frame_height;
    const int64_t width = given ? channel.width : channel.frame_width;
    const int64_t patches = given ? channel.n : channel.n_frames;
    std::vector<double> light(static_cast<size_t>(patches * height * width), background * channel.qe);
    for (int64_t j = 0; j < channel.n; ++j) {
        const oracle::PsfImage image = oracle::psf_image(psf_of(job, channel, j), channel.height, channel.width);
        oracle::Real sum = 0;
        for (oracle::Real m : image.m) sum += m;
        const auto k = static_cast<size_t>(j);
        for (int64_t r = 0; r < channel.height; ++r)
            for (int64_t c = 0; c < channel.width; ++c) {
                const int64_t row = given ? r : r + static_cast<int64_t>(rows.Y0[k]);
                const int64_t column = given ? c : c + static_cast<int64_t>(rows.X0[k]);
                if (row < 0 || column < 0 || row >= height || column >= width || !(sum > 0)) continue;
                const int64_t patch = given ? j : static_cast<int64_t>(rows.frame[k]);
                const double part = static_cast<double>(image.m[static_cast<size_t>(r * channel.width + c)] / sum);
                light[static_cast<size_t>((patch * height + row) * width + column)] +=
                    std::max(part, 0.0) * rows.photons[k] * channel.qe;
            }
    }
    channel.pixels.clear();
    for (int64_t patch = 0; patch < patches; ++patch) {
        const int64_t zero_rows =
            chance.happens(settings.clean ? 0.1 : 0.25) ? chance.whole(1, std::max<int64_t>(height / 3, 1)) : 0;
        const bool spoilt = !settings.clean && is_float(channel.dtype) && chance.happens(given ? 0.08 : 0.3);
        const int64_t bad = spoilt ? chance.whole(0, height * width - 1) : -1;
        for (int64_t i = 0; i < height * width; ++i) {
            const int64_t row = given ? i / width + static_cast<int64_t>(rows.Y0[static_cast<size_t>(patch)]) : i / width;
            const int64_t column = given ? i % width + static_cast<int64_t>(rows.X0[static_cast<size_t>(patch)]) : i % width;
            const bool on_map = row >= 0 && column >= 0 && row < channel.map_height && column < channel.map_width;
            const auto at = static_cast<size_t>(row * channel.map_width + column);
            const auto own = [&](const Map& map, double common) {
                return map && on_map && std::isfinite(map->values[at]) ? map->values[at] : common;
            };
            const double read = std::sqrt(own(channel.read_variance_map, channel.read_noise * channel.read_noise));
            double raw = counted(chance, channel, light[static_cast<size_t>(patch * height * width + i)],
                                 own(channel.offset_map, channel.camera_offset), own(channel.gain_map, channel.gain), read);
            if (i / width < zero_rows) raw = 0;
            if (i == bad) raw = chance.one_of({std::nan(""), std::nan(""), HUGE_VAL});
            channel.pixels.push_back(raw);
        }
    }
    channel.layout = random_layout(chance, 3);
}

ChannelInput made_channel(Chance& chance, const ChannelSettings& settings, Rows& rows)
{
    ChannelInput channel;
    channel.dtype = settings.dtype;
    channel.method = settings.kind.method;
    channel.background = settings.kind.background;
    channel.model = settings.model;
    channel.source = settings.source;
    channel.padding = settings.padding;
    channel.height = settings.height;
    channel.width = settings.width;
    channel.n = settings.n;
    choose_camera(chance, channel);
    channel.n_frames = chance.whole(1, 3);
    const int64_t margin = channel.has_annulus() ? 36 : 14;
    channel.map_height = channel.height + chance.whole(0, margin);
    channel.map_width = channel.width + chance.whole(0, margin);
    if (channel.needs_whole_origins()) {
        channel.frame_height = channel.map_height;
        channel.frame_width = channel.map_width;
    }
    channel.psf_sigma_nm = chance.between(90, 180);
    channel.psf_sigma_x_nm = chance.between(90, 180);
    channel.psf_sigma_y_nm = chance.between(90, 180);
    if (channel.method == LUMICROP_APERTURE) choose_aperture(chance, channel);
    if (channel.has_annulus()) choose_annulus(chance, channel);
    if (channel.model == LUMICROP_SPLINE) channel.spline = random_spline(chance, channel);
    const double background =
        channel.dtype == LUMICROP_U8 ? chance.one_of({2.0, 15.0}) : chance.one_of({0.3, 2.0, 15.0, 120.0});
    choose_maps(chance, channel, settings, background);
    for (int64_t j = 0; j < channel.n; ++j) {
        place(chance, channel, rows);
        rows.photons.push_back(chance.happens(0.3)   ? chance.between(0, 60)
                               : chance.happens(0.1) ? 2e4
                                                     : chance.between(100, 3000));
        const double near = background * chance.between(0.8, 1.2);
        rows.offset.push_back(!settings.clean && chance.happens(0.02) ? std::nan("") : near);
        if (!settings.clean && chance.happens(0.01)) rows.x.back() = std::nan("");
        if (!settings.clean && chance.happens(0.01)) rows.sigma.back() = std::nan("");
        if (chance.happens(0.02)) rows.y.back() += 100 * static_cast<double>(channel.height); // beyond the crop
    }
    Job alone; // the detections as the PSF's own columns have them
    alone.n = channel.n;
    alone.X0 = column(rows.X0);
    alone.Y0 = column(rows.Y0);
    alone.x_fit = column(rows.x);
    alone.y_fit = column(rows.y);
    alone.z_fit = column(rows.z);
    alone.sigma_fit = column(rows.sigma);
    alone.sigma_x_fit = column(rows.sigma_x);
    alone.sigma_y_fit = column(rows.sigma_y);
    alone.sigma_angle = column(rows.angle);
    count_light(chance, settings, background, alone, rows, channel);
    return channel;
}

/// The channels' rows as columns in detection order.
void fill_columns(Chance& chance, Job& job, const std::vector<Rows>& rows)
{
    const std::vector<Place> order = places(job);
    const auto gather = [&](std::vector<double> Rows::*which) {
        std::vector<double> values;
        for (const Place& place : order)
            values.push_back((rows[static_cast<size_t>(place.channel)].*which)[static_cast<size_t>(place.crop)]);
        return values;
    };
    const auto real = [&](std::vector<double> Rows::*which) {
        const lumicrop_dtype dtype = chance.one_of({LUMICROP_F32, LUMICROP_F64});
        Column made = column(gather(which), dtype);
        made->layout = random_layout(chance, 1);
        return made;
    };
    job.frame = column(gather(&Rows::frame), LUMICROP_I32);
    job.X0 = column(gather(&Rows::X0), chance.one_of({LUMICROP_I16, LUMICROP_I32, LUMICROP_I64}));
    job.Y0 = column(gather(&Rows::Y0), chance.one_of({LUMICROP_I16, LUMICROP_I32, LUMICROP_I64}));
    job.x_fit = real(&Rows::x);
    job.y_fit = real(&Rows::y);
    job.z_fit = real(&Rows::z);
    job.os_fit = real(&Rows::offset);
    if (chance.happens(0.7)) job.sigma_fit = real(&Rows::sigma);
    if (chance.happens(0.7)) job.sigma_x_fit = real(&Rows::sigma_x);
    if (chance.happens(0.7)) job.sigma_y_fit = real(&Rows::sigma_y);
    if (chance.happens(0.7)) job.sigma_angle = real(&Rows::angle);
}

int64_t channels_of(uint64_t seed, uint64_t number)
{
    Chance chance(seed ^ 0xC0117, number);
    return chance.happens(0.4) ? 1 : chance.whole(2, 3);
}

} // namespace

Job photometry_plain_job(const EstimateKind& kind, lumicrop_model model, lumicrop_dtype dtype, int64_t height, int64_t width,
                         int64_t n, uint64_t seed, lumicrop_source source, lumicrop_padding padding, Maps maps, bool clean)
{
    Chance chance(seed, 0x91A1);
    Job job;
    job.name = std::string("photometry of seed ") + std::to_string(seed) + ", " + name_of(dtype) + " " +
               std::to_string(height) + "x" + std::to_string(width) + ", method " + std::to_string(kind.method) +
               ", background " + std::to_string(kind.background) + ", model " + std::to_string(model) + ", maps " +
               std::to_string(static_cast<int>(maps));
    std::vector<Rows> rows(1);
    job.channels.push_back(
        made_channel(chance, {kind, model, dtype, height, width, n, source, padding, maps, clean}, rows[0]));
    job.n = n;
    fill_columns(chance, job, rows);
    job.asked = all_outs;
    return job;
}

PhotometryJob photometry_job(uint64_t seed, uint64_t number)
{
    PhotometryJob made;
    Job& job = made.job;
    job.name = "photometry job " + std::to_string(number) + " of seed " + std::to_string(seed) +
               " (repeat it alone: LUMICROP_TEST_SEED=" + std::to_string(seed) +
               " LUMICROP_TEST_JOB=" + std::to_string(number) + ")";
    Chance chance(seed ^ 0x9407, number);
    uint64_t slot = 0;
    for (uint64_t before = 0; before < number; ++before) slot += static_cast<uint64_t>(channels_of(seed, before));
    const auto asking = static_cast<Asking>(chance.whole(0, 2));
    job.output = chance.one_of({LUMICROP_F32, LUMICROP_F64});
    job.asked = all_outs;
    if (asking == Asking::some) job.asked = (static_cast<unsigned>(chance.bits()) & all_outs) | bit_of(Out::photons);
    if (asking == Asking::one) job.asked = bit_of(static_cast<Out>(chance.whole(0, n_outs - 1)));
    job.origin = LUMICROP_FIRST_PIXEL;
    std::vector<Rows> rows;
    const int64_t n_channels = channels_of(seed, number);
    for (int64_t k = 0; k < n_channels; ++k, ++slot) {
        const auto kinds = static_cast<uint64_t>(estimate_kinds().size());
        // 7 and 38 have no common factor: dtype and estimate count through all their pairs.
        const auto dtype = static_cast<int>(slot % 7);
        const auto estimate = static_cast<int>(slot % kinds);
        const int model = static_cast<int>(chance.whole(0, 2));
        const double any = chance.unit();
        const int size = any < 0.12 ? 0 : any < 0.25 ? 1 : any < 0.75 ? 2 : 3;
        const int padding = static_cast<int>(chance.whole(0, 2));
        const int source = static_cast<int>(chance.whole(0, 1));
        const int maps = static_cast<int>(chance.whole(0, 5));
        made.cells.push_back({dtype, estimate, model, size, padding, source, maps, static_cast<int>(asking),
                              job.output == LUMICROP_F32 ? 0 : 1});
        ChannelSettings settings{estimate_kinds()[static_cast<size_t>(estimate)],
                                 static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + model),
                                 static_cast<lumicrop_dtype>(LUMICROP_U8 + dtype),
                                 1,
                                 1,
                                 chance.whole(1, size == 3 ? 4 : 20),
                                 source == 0 ? LUMICROP_GIVEN : LUMICROP_GATHERED,
                                 static_cast<lumicrop_padding>(LUMICROP_PADDING_ZEROS + padding),
                                 static_cast<Maps>(maps),
                                 false};
        if (size == 1) (chance.happens(0.5) ? settings.height : settings.width) = chance.whole(2, 24);
        if (size == 2) settings.height = settings.width = chance.one_of({7, 9, 11, 13, 15});
        if (size == 3) {
            settings.height = chance.whole(2, 40);
            settings.width = chance.whole(2, 40);
            if (settings.height == settings.width && settings.height <= 15) ++settings.width;
        }
        rows.emplace_back();
        job.channels.push_back(made_channel(chance, settings, rows.back()));
        job.n += settings.n;
    }
    if (chance.happens(0.5)) {
        std::vector<double> labels;
        for (size_t k = 0; k < job.channels.size(); ++k)
            labels.insert(labels.end(), static_cast<size_t>(job.channels[k].n), static_cast<double>(k + 1));
        for (size_t i = labels.size(); i > 1; --i)
            std::swap(labels[i - 1], labels[static_cast<size_t>(chance.whole(0, static_cast<int64_t>(i) - 1))]);
        job.ch = column(labels, chance.one_of({LUMICROP_U8, LUMICROP_I32, LUMICROP_I64}));
    }
    for (ChannelInput& channel : job.channels) channel.state_n = true;
    fill_columns(chance, job, rows);
    if (chance.happens(0.25)) { // the same positions, told from the first pixel's corner
        job.origin = LUMICROP_PIXEL_CORNER;
        const std::vector<Place> order = places(job);
        for (size_t i = 0; i < order.size(); ++i) {
            const ChannelInput& channel = job.channels[static_cast<size_t>(order[i].channel)];
            job.x_fit->values[i] = as_held(job.x_fit->dtype, job.x_fit->values[i] + channel.pixel_x_nm / 2);
            job.y_fit->values[i] = as_held(job.y_fit->dtype, job.y_fit->values[i] + channel.pixel_y_nm / 2);
        }
    }
    job.output_layout = random_layout(chance, 1);
    return made;
}

} // namespace test
