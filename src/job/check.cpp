#include <cmath>
#include <cstddef>

#include "job/job.hpp"
#include "job/refusal.hpp"
#include "job/spline.hpp"
#include "job/struct_size.hpp"

namespace lumicrop {
namespace {

constexpr int64_t kLargestCrop = 4096;

std::string text_of(double value)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

/// Reads and checks the channels one by one. `which` begins every message: "channel 2: ".
class ChannelCheck
{
public:
    ChannelCheck(const lumicrop_channel& given, int64_t number, const lumicrop_detections& detections, int64_t n_channels)
        : given_(given), which_("channel " + std::to_string(number) + ": "), detections_(detections), n_channels_(n_channels)
    {
    }

    Channel checked()
    {
        read_choices();
        read_images();
        read_camera();
        if (channel_.method == Method::filter) read_psf();
        require_columns();
        return channel_;
    }

private:
    void read_choices()
    {
        channel_.gathered =
            choice("source", given_.source, 1, 2, "LUMICROP_GIVEN (1) or LUMICROP_GATHERED (2)") == LUMICROP_GATHERED;
        channel_.method = choice("method", given_.method, 1, 2, "LUMICROP_SUM (1) or LUMICROP_FILTER (2)") == LUMICROP_SUM
                              ? Method::sum
                              : Method::filter;
        const int32_t padding = choice("padding", given_.padding, 0, 3,
                                       "one of LUMICROP_PADDING_DEFAULT (0), _ZEROS (1), _GEOMETRY (2), _NONE (3)");
        channel_.padding = padding == LUMICROP_PADDING_ZEROS      ? Padding::zeros
                           : padding == LUMICROP_PADDING_GEOMETRY ? Padding::geometry
                           : padding == LUMICROP_PADDING_NONE     ? Padding::none
                           : channel_.gathered                    ? Padding::geometry
                                                                  : Padding::zeros;
        if (channel_.method == Method::sum) return;
        const int32_t model =
            choice("model", given_.model, 1, 3, "one of LUMICROP_ISOGAUSS (1), LUMICROP_GAUSS (2), LUMICROP_SPLINE (3)");
        channel_.model = model == LUMICROP_ISOGAUSS ? Model::isogauss
                         : model == LUMICROP_GAUSS  ? Model::gauss
                                                    : Model::spline;
    }

    void read_images()
    {
        channel_.images = checked_images(given_.images, which_ + "images");
        const auto& shape = channel_.images.shape;
        if (given_.n_detections < -1)
            refuse(which_ + "n_detections is " + std::to_string(given_.n_detections) + ", -1 (automatic) or more expected");
        if (channel_.gathered) {
            channel_.height = crop_size("crop_height", given_.crop_height);
            channel_.width = crop_size("crop_width", given_.crop_width);
            channel_.frame_known = true;
            channel_.frame_height = shape[1];
            channel_.frame_width = shape[2];
            if (shape[1] < 1 || shape[2] < 1)
                refuse(which_ + "images has frames of " + std::to_string(shape[1]) + " x " + std::to_string(shape[2]) +
                       " pixels, at least 1 x 1 expected");
            channel_.n = given_.n_detections;
            if (channel_.n < 0 && detections_.ch == nullptr) {
                if (n_channels_ > 1)
                    refuse(which_ +
                           "n_detections is -1: of several gathered channels without ch each must state its number");
                channel_.n = detections_.n;
            }
            return;
        }
        channel_.n = shape[0];
        if (given_.n_detections >= 0 && given_.n_detections != channel_.n)
            refuse(which_ + "n_detections is " + std::to_string(given_.n_detections) + ", but images has " +
                   std::to_string(channel_.n) + " crops");
        channel_.height = same_or_absent("crop_height", given_.crop_height, crop_size("images: height", shape[1]));
        channel_.width = same_or_absent("crop_width", given_.crop_width, crop_size("images: width", shape[2]));
        if (channel_.padding == Padding::geometry) {
            channel_.frame_known = true;
            channel_.frame_height = frame_size("frame_height", given_.frame_height);
            channel_.frame_width = frame_size("frame_width", given_.frame_width);
        }
    }

    void read_camera()
    {
        channel_.gain = positive("gain", given_.gain);
        channel_.qe = positive("qe", given_.qe);
        channel_.camera_offset = given_.camera_offset;
        if (!std::isfinite(given_.camera_offset))
            refuse(which_ + "camera_offset is " + text_of(given_.camera_offset) + ", a finite number expected");
        const bool pixel_used = channel_.method == Method::filter;
        if (pixel_used || !std::isnan(given_.pixel_y_nm)) channel_.pixel_y_nm = positive("pixel_y_nm", given_.pixel_y_nm);
        if (pixel_used || !std::isnan(given_.pixel_x_nm)) channel_.pixel_x_nm = positive("pixel_x_nm", given_.pixel_x_nm);
    }

    void read_psf()
    {
        const lumicrop_detections& columns = detections_;
        if (channel_.model == Model::isogauss) {
            channel_.psf_sigma_nm = width("psf_sigma_nm", given_.psf_sigma_nm, columns.sigma_fit != nullptr, "sigma_fit");
        } else if (channel_.model == Model::gauss) {
            channel_.psf_sigma_x_nm =
                width("psf_sigma_x_nm", given_.psf_sigma_x_nm,
                      columns.sigma_x_fit != nullptr || columns.sigma_fit != nullptr, "sigma_x_fit or sigma_fit");
            channel_.psf_sigma_y_nm =
                width("psf_sigma_y_nm", given_.psf_sigma_y_nm,
                      columns.sigma_y_fit != nullptr || columns.sigma_fit != nullptr, "sigma_y_fit or sigma_fit");
            channel_.psf_theta_deg = given_.psf_theta_deg;
            if (columns.sigma_angle == nullptr && !std::isfinite(given_.psf_theta_deg))
                refuse(which_ + "psf_theta_deg is " + text_of(given_.psf_theta_deg) +
                       ", a finite number of degrees expected");
        } else {
            if (given_.spline == nullptr) refuse(which_ + "spline is NULL, a lumicrop_spline expected for the model spline");
            channel_.spline = &given_.spline->view();
        }
    }

    void require_columns()
    {
        const bool filter = channel_.method == Method::filter;
        if (channel_.gathered) require("frame", detections_.frame, "gathered crops");
        const char* const why = filter ? "the filter" : channel_.gathered ? "gathered crops" : "padding by geometry";
        if (filter || channel_.frame_known) {
            require("X0", detections_.X0, why);
            require("Y0", detections_.Y0, why);
        }
        if (!filter) return;
        require("x_fit", detections_.x_fit, why);
        require("y_fit", detections_.y_fit, why);
        require("os_fit", detections_.os_fit, why);
    }

    int32_t choice(const char* name, int32_t value, int32_t low, int32_t high, const char* expected)
    {
        if (value < low || value > high)
            refuse(which_ + name + " is " + std::to_string(value) + ", " + expected + " expected");
        return value;
    }
    int64_t crop_size(const char* name, int64_t value)
    {
        if (value < 1) refuse(which_ + name + " is " + std::to_string(value) + ", at least 1 pixel expected");
        if (value > kLargestCrop)
            refuse(which_ + name + " is " + std::to_string(value) + ", at most " + std::to_string(kLargestCrop) +
                       " pixels are supported",
                   LUMICROP_UNSUPPORTED);
        return value;
    }
    int64_t same_or_absent(const char* name, int64_t stated, int64_t actual)
    {
        if (stated != 0 && stated != actual)
            refuse(which_ + name + " is " + std::to_string(stated) + ", but the crops in images have " +
                   std::to_string(actual));
        return actual;
    }
    int64_t frame_size(const char* name, int64_t value)
    {
        if (value < 1)
            refuse(which_ + name + " is " + std::to_string(value) +
                   ", at least 1 expected: padding by geometry of given crops needs the frame's size");
        return value;
    }
    double positive(const char* name, double value)
    {
        if (!(std::isfinite(value) && value > 0))
            refuse(which_ + name + " is " + text_of(value) + ", a finite number above 0 expected");
        return value;
    }
    double width(const char* name, double value, bool column_given, const char* column)
    {
        if (std::isnan(value) && !column_given)
            refuse(which_ + name + " is nan, a width in nm expected, or a column " + column);
        return value;
    }
    void require(const char* name, const lumicrop_array* column, const char* why)
    {
        if (column == nullptr) refuse(which_ + name + " is required for " + why + ", but NULL");
    }

    const lumicrop_channel& given_;
    const std::string which_;
    const lumicrop_detections& detections_;
    const int64_t n_channels_;
    Channel channel_;
};

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
    bool frame = false, origin = false, whole_origin = false, position = false, z = false, sigma = false, elliptic = false;
};

Uses uses_of(const std::vector<Channel>& channels, const lumicrop_detections& given)
{
    Uses uses;
    for (const Channel& channel : channels) {
        const bool filter = channel.method == Method::filter;
        uses.frame |= channel.gathered;
        uses.whole_origin |= channel.frame_known;
        uses.origin |= filter || channel.frame_known;
        uses.position |= filter;
        uses.z |= filter && channel.model == Model::spline;
        uses.elliptic |= filter && channel.model == Model::gauss;
        uses.sigma |=
            filter && (channel.model == Model::isogauss ||
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
    columns.os_fit = column("os_fit", given.os_fit, ColumnKind::real, uses.position);
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

/// Arrays that the backend cannot reach.
void refuse_device_memory(const Job& job)
{
    const auto check = [](bool on_device, const std::string& name) {
        if (on_device) refuse(name + " lies in device memory, which the CPU backend cannot reach", LUMICROP_UNSUPPORTED);
    };
    for (std::size_t k = 0; k < job.channels.size(); ++k)
        check(job.channels[k].images.on_device, "channel " + std::to_string(k + 1) + ": images");
    const Detections& d = job.detections;
    const Result& r = job.result;
    const struct
    {
        const char* name;
        const Column& column;
    } columns[] = {{"ch", d.ch},
                   {"frame", d.frame},
                   {"X0", d.X0},
                   {"Y0", d.Y0},
                   {"x_fit", d.x_fit},
                   {"y_fit", d.y_fit},
                   {"z_fit", d.z_fit},
                   {"os_fit", d.os_fit},
                   {"sigma_fit", d.sigma_fit},
                   {"sigma_x_fit", d.sigma_x_fit},
                   {"sigma_y_fit", d.sigma_y_fit},
                   {"sigma_angle", d.sigma_angle},
                   {"photons", r.photons},
                   {"background", r.background},
                   {"psf_sum", r.psf_sum},
                   {"denominator", r.denominator},
                   {"flags", r.flags}};
    for (const auto& [name, column] : columns) check(column.on_device, name);
}

} // namespace

Job checked_job(const lumicrop_channel* channels, int64_t n_channels, const lumicrop_detections* detections,
                const lumicrop_result* result, bool device_memory)
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
        job.channels.push_back(ChannelCheck(given[k], static_cast<int64_t>(k) + 1, columns, n_channels).checked());
    job.detections = checked_columns(columns, uses_of(job.channels, columns));
    job.result.photons = checked_output("photons", outputs.photons, job.n, ColumnKind::real);
    job.result.background = checked_output("background", outputs.background, job.n, ColumnKind::real);
    job.result.psf_sum = checked_output("psf_sum", outputs.psf_sum, job.n, ColumnKind::real);
    job.result.denominator = checked_output("denominator", outputs.denominator, job.n, ColumnKind::real);
    job.result.flags = checked_output("flags", outputs.flags, job.n, ColumnKind::flags);
    if (!device_memory) refuse_device_memory(job);
    put_in_order(job);
    if (job.detections.frame && !job.detections.frame.on_device)
        for (std::size_t k = 0; k < job.channels.size(); ++k)
            if (job.channels[k].gathered) check_frames(job, job.channels[k], static_cast<int64_t>(k) + 1);
    return job;
}

} // namespace lumicrop
