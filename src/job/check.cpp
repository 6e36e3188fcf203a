#include <cmath>
#include <cstddef>

#include "job/check_channel.hpp"
#include "job/job.hpp"
#include "job/refusal.hpp"
#include "job/struct_size.hpp"

namespace lumicrop {
namespace {

/// An array of structs, stepped by the size that its first element states.
std::vector<lumicrop_channel> adopted_channels(const lumicrop_channel* channels, int64_t n_channels)
{
    if (n_channels < 1) refuse("n_channels is " + std::to_string(n_channels) + ", at least 1 expected");
    if (channels == nullptr) refuse("channels is NULL, an array of lumicrop_channel expected");
    std::vector<lumicrop_channel> adopted_ones;
    lumicrop_channel defaults;
    lumicrop_channel_init(&defaults, sizeof defaults);
    const auto* bytes = reinterpret_cast<const unsigned char*>(channels);
    int64_t step = 0;
    for (int64_t k = 0; k < n_channels; ++k) {
        const std::string name = "channel " + std::to_string(k + 1);
        adopted_ones.push_back(adopted(bytes + k * step, name, defaults));
        const int64_t size = adopted_ones.back().struct_size;
        if (k == 0) step = size;
        if (size != step)
            refuse(name + ": struct_size is " + std::to_string(size) + ", " + std::to_string(step) +
                   " expected, as channel 1 states");
    }
    return adopted_ones;
}

/// Which columns any channel uses; the others are not looked at.
struct Uses
{
    bool frame = false, origin = false, whole_origin = false, position = false, background = false, z = false, sigma = false,
         elliptic = false;
};

Uses uses_of(const std::vector<Channel>& channels, const lumicrop_detections& given)
{
    Uses uses;
    for (const Channel& channel : channels) {
        const bool psf = channel.uses_psf, placed = channel.frame_known || has_maps(channel);
        uses.frame |= channel.gathered || channel.background_map.shape[0] > 1 || seeks_neighbours(channel);
        uses.whole_origin |= placed;
        uses.origin |= channel.uses_position || placed;
        uses.position |= channel.uses_position;
        uses.background |= channel.background == Subtracted::column;
        uses.z |= psf && channel.model == Model::spline;
        uses.elliptic |= psf && channel.model == Model::gauss;
        uses.sigma |=
            psf && (channel.model == Model::isogauss ||
                    (channel.model == Model::gauss && (given.sigma_x_fit == nullptr || given.sigma_y_fit == nullptr)));
    }
    return uses;
}

Detections checked_columns(const lumicrop_detections& given, const Uses& uses)
{
    const auto column = [&given](const char* name, const lumicrop_array* array, ColumnKind kind, bool used) {
        return used ? checked_column(array, name, given.n, kind) : Column{};
    };
    Detections columns;
    const ColumnKind origin = uses.whole_origin ? ColumnKind::whole : ColumnKind::number;
    columns.ch = column("ch", given.ch, ColumnKind::whole, true);
    columns.frame = column("frame", given.frame, ColumnKind::whole, uses.frame);
    columns.X0 = column("X0", given.X0, origin, uses.origin);
    columns.Y0 = column("Y0", given.Y0, origin, uses.origin);
    columns.x_fit = column("x_fit", given.x_fit, ColumnKind::real, uses.position);
    columns.y_fit = column("y_fit", given.y_fit, ColumnKind::real, uses.position);
    columns.z_fit = column("z_fit", given.z_fit, ColumnKind::real, uses.z);
    columns.os_fit = column("os_fit", given.os_fit, ColumnKind::real, uses.background);
    columns.sigma_fit = column("sigma_fit", given.sigma_fit, ColumnKind::real, uses.sigma);
    columns.sigma_x_fit = column("sigma_x_fit", given.sigma_x_fit, ColumnKind::real, uses.elliptic);
    columns.sigma_y_fit = column("sigma_y_fit", given.sigma_y_fit, ColumnKind::real, uses.elliptic);
    columns.sigma_angle = column("sigma_angle", given.sigma_angle, ColumnKind::real, uses.elliptic);
    return columns;
}

Column checked_output(const char* name, const lumicrop_array* array, int64_t n, ColumnKind kind)
{
    const Column column = checked_column(array, name, n, kind);
    if (column && n > 1 && std::llabs(column.stride) < size_of(column.dtype))
        refuse(std::string(name) + ": strides[0] is " + std::to_string(column.stride) +
               ", outputs must not share memory: at least " + std::to_string(size_of(column.dtype)) + " bytes expected");
    return column;
}

Result checked_outputs(const lumicrop_result& given, int64_t n)
{
    const auto real = [n](const char* name, const lumicrop_array* array) {
        return checked_output(name, array, n, ColumnKind::real);
    };
    Result result;
    result.photons = real("photons", given.photons);
    result.background = real("background", given.background);
    result.psf_sum = real("psf_sum", given.psf_sum);
    result.denominator = real("denominator", given.denominator);
    result.flags = checked_output("flags", given.flags, n, ColumnKind::flags);
    result.photons_sigma = real("photons_sigma", given.photons_sigma);
    result.background_photons = real("background_photons", given.background_photons);
    result.background_sigma = real("background_sigma", given.background_sigma);
    result.chi2 = real("chi2", given.chi2);
    result.log_likelihood_ratio = real("log_likelihood_ratio", given.log_likelihood_ratio);
    result.enclosed = real("enclosed", given.enclosed);
    result.photons_total = real("photons_total", given.photons_total);
    result.background_pixels = real("background_pixels", given.background_pixels);
    result.iterations = checked_output("iterations", given.iterations, n, ColumnKind::flags);
    return result;
}

/// Gives every channel its detections: by labels, or one channel after the other.
void put_in_order(Job& job)
{
    std::vector<int64_t> counts(job.channels.size(), 0);
    const bool labels_known = job.detections.ch && !job.detections.ch.on_device;
    if (labels_known) job.positions = positions_by_channel(job.detections.ch, job.n, counts);
    int64_t total = 0;
    for (std::size_t k = 0; k < job.channels.size(); ++k) {
        Channel& channel = job.channels[k];
        const std::string which = "channel " + std::to_string(k + 1) + ": ";
        if (channel.n < 0) {
            if (!labels_known)
                refuse(which + "n_detections is -1: labels in device memory cannot be counted, a number expected");
            channel.n = counts[k];
        }
        if (labels_known && counts[k] != channel.n)
            refuse(which + "ch names it " + std::to_string(counts[k]) + " times, " + std::to_string(channel.n) + " " +
                   (channel.gathered ? "detections" : "crops") + " expected");
        channel.first = total;
        if (!job.positions.empty()) channel.positions = job.positions.data() + total;
        if (__builtin_add_overflow(total, channel.n, &total))
            refuse(which + "n_detections exceeds 64 bits with the channels before it");
    }
    if (total != job.n)
        refuse("the channels have " + std::to_string(total) + " crops in all, " + std::to_string(job.n) +
               " detections expected");
}

/// Asks about every array that has elements.
void check_places(const Job& job, const PlaceCheck& check_place)
{
    for (std::size_t k = 0; k < job.channels.size(); ++k) {
        const Images& images = job.channels[k].images;
        if (images.shape[0] > 0 && images.shape[1] > 0 && images.shape[2] > 0)
            check_place(images.data, images.on_device, "channel " + std::to_string(k + 1) + ": images");
        for_each_map(job.channels[k], [&](const char* name, const Images& map) {
            check_place(map.data, map.on_device, "channel " + std::to_string(k + 1) + ": " + name);
        });
    }
    if (job.n == 0) return;
    const auto check = [&](const char* name, const Column& column) { check_place(column.data, column.on_device, name); };
    for_each_column(job.detections, check);
    for_each_column(job.result, check);
}

} // namespace

Job checked_job(const lumicrop_channel* channels, int64_t n_channels, const lumicrop_detections* detections,
                const lumicrop_result* result, const PlaceCheck& check_place)
{
    const std::vector<lumicrop_channel> given = adopted_channels(channels, n_channels);
    lumicrop_detections columns{};
    columns.origin = LUMICROP_FIRST_PIXEL;
    columns = adopted(detections, "detections", columns);
    const lumicrop_result outputs = adopted(result, "result", lumicrop_result{});

    if (columns.n < 0) refuse("detections: n is " + std::to_string(columns.n) + ", 0 or more expected");
    if (columns.reserved != 0) refuse("detections: reserved is " + std::to_string(columns.reserved) + ", 0 expected");
    if (columns.origin != LUMICROP_FIRST_PIXEL && columns.origin != LUMICROP_PIXEL_CORNER)
        refuse("detections: origin is " + std::to_string(columns.origin) +
               ", LUMICROP_FIRST_PIXEL (1) or LUMICROP_PIXEL_CORNER (2) expected");

    Job job;
    job.n = columns.n;
    job.pixel_corner = columns.origin == LUMICROP_PIXEL_CORNER;
    for (std::size_t k = 0; k < given.size(); ++k)
        job.channels.push_back(checked_channel(given[k], static_cast<int64_t>(k) + 1, columns, outputs, n_channels));
    job.detections = checked_columns(columns, uses_of(job.channels, columns));
    job.result = checked_outputs(outputs, job.n);
    check_places(job, check_place);
    put_in_order(job);
    if (!job.detections.ch.on_device)
        for (std::size_t k = 0; k < job.channels.size(); ++k) check_maps(job, job.channels[k], static_cast<int64_t>(k) + 1);
    // Labels in device memory do not yet tell which frames a channel uses.
    if (job.detections.frame && !job.detections.frame.on_device && !job.detections.ch.on_device)
        for (std::size_t k = 0; k < job.channels.size(); ++k)
            if (names_frames(job.channels[k])) check_frames(job, job.channels[k], static_cast<int64_t>(k) + 1);
    return job;
}

namespace {

/// Something of a job, and its name in the header.
template <class Thing>
struct Named
{
    const char* name;
    const Thing& thing;
};

template <class Thing, std::size_t kCount, class Given>
void for_each_given(const Named<Thing> (&all)[kCount], Given is_given,
                    const std::function<void(const char*, const Thing&)>& use)
{
    for (const auto& [name, thing] : all)
        if (is_given(thing)) use(name, thing);
}
bool is_column(const Column& column)
{
    return static_cast<bool>(column);
}

} // namespace

void for_each_column(const Detections& columns, const std::function<void(const char*, const Column&)>& use)
{
    const Named<Column> all[] = {{"ch", columns.ch},
                                 {"frame", columns.frame},
                                 {"X0", columns.X0},
                                 {"Y0", columns.Y0},
                                 {"x_fit", columns.x_fit},
                                 {"y_fit", columns.y_fit},
                                 {"z_fit", columns.z_fit},
                                 {"os_fit", columns.os_fit},
                                 {"sigma_fit", columns.sigma_fit},
                                 {"sigma_x_fit", columns.sigma_x_fit},
                                 {"sigma_y_fit", columns.sigma_y_fit},
                                 {"sigma_angle", columns.sigma_angle}};
    for_each_given(all, is_column, use);
}

void for_each_column(const Result& columns, const std::function<void(const char*, const Column&)>& use)
{
    const Named<Column> all[] = {{"photons", columns.photons},
                                 {"background", columns.background},
                                 {"psf_sum", columns.psf_sum},
                                 {"denominator", columns.denominator},
                                 {"flags", columns.flags},
                                 {"photons_sigma", columns.photons_sigma},
                                 {"background_photons", columns.background_photons},
                                 {"background_sigma", columns.background_sigma},
                                 {"chi2", columns.chi2},
                                 {"log_likelihood_ratio", columns.log_likelihood_ratio},
                                 {"enclosed", columns.enclosed},
                                 {"photons_total", columns.photons_total},
                                 {"background_pixels", columns.background_pixels},
                                 {"iterations", columns.iterations}};
    for_each_given(all, is_column, use);
}

void for_each_map(const Channel& channel, const std::function<void(const char*, const Images&)>& use)
{
    const Named<Images> all[] = {{"offset_map", channel.offset_map},
                                 {"gain_map", channel.gain_map},
                                 {"read_variance_map", channel.read_variance_map},
                                 {"bad_pixels", channel.bad_pixels},
                                 {"background_map", channel.background_map}};
    for_each_given(
        all, [](const Images& map) { return map.data != nullptr; }, use);
}

} // namespace lumicrop
