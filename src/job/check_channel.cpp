#include "job/check_channel.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "job/refusal.hpp"
#include "job/spline.hpp"

namespace lumicrop {
namespace {

constexpr int64_t kLargestCrop = 4096;
constexpr int64_t kLargestFit = int64_t{1} << 18; // pixels
constexpr double kLargestAnnulus = 100;           // pixels

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
    ChannelCheck(const lumicrop_channel& given, int64_t number, const lumicrop_detections& detections,
                 const lumicrop_result& result, int64_t n_channels)
        : given_(given), which_("channel " + std::to_string(number) + ": "), detections_(detections), result_(result),
          n_channels_(n_channels)
    {
    }

    Channel checked()
    {
        read_choices();
        read_images();
        read_camera();
        read_noise();
        read_maps();
        if (channel_.uses_psf) read_psf();
        if (channel_.method == Method::aperture) read_aperture();
        if (is_annulus(channel_.background)) read_annulus();
        require_columns();
        channel_.plain = is_plain();
        if (!channel_.plain && channel_.height * channel_.width > kLargestFit)
            refuse(which_ + "crops of " + std::to_string(channel_.height) + " x " + std::to_string(channel_.width) +
                       " pixels, at most " + std::to_string(kLargestFit) +
                       " pixels in all are supported but for plain sums and filters",
                   LUMICROP_UNSUPPORTED);
        return channel_;
    }

private:
    void read_choices()
    {
        channel_.gathered =
            choice("source", given_.source, 1, 2, "LUMICROP_GIVEN (1) or LUMICROP_GATHERED (2)") == LUMICROP_GATHERED;
        static constexpr Method kMethods[] = {Method::sum,     Method::filter, Method::joint,
                                              Method::optimal, Method::mle,    Method::aperture};
        channel_.method = kMethods[choice("method", given_.method, 1, 6,
                                          "one of LUMICROP_SUM (1), _FILTER (2), _JOINT (3), _OPTIMAL (4), _MLE (5), "
                                          "_APERTURE (6)") -
                                   1];
        read_background();
        channel_.uses_psf = !adds_up(channel_.method) || result_.enclosed != nullptr || result_.photons_total != nullptr;
        channel_.uses_position = channel_.uses_psf || channel_.method == Method::aperture || is_annulus(channel_.background);
        const int32_t padding = choice("padding", given_.padding, 0, 3,
                                       "one of LUMICROP_PADDING_DEFAULT (0), _ZEROS (1), _GEOMETRY (2), _NONE (3)");
        channel_.padding = padding == LUMICROP_PADDING_ZEROS      ? Padding::zeros
                           : padding == LUMICROP_PADDING_GEOMETRY ? Padding::geometry
                           : padding == LUMICROP_PADDING_NONE     ? Padding::none
                           : channel_.gathered                    ? Padding::geometry
                                                                  : Padding::zeros;
        if (!channel_.uses_psf) return;
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
        channel_.gain = given_.gain_map == nullptr ? positive("gain", given_.gain) : std::nan("");
        channel_.qe = positive("qe", given_.qe);
        channel_.camera_offset = given_.camera_offset;
        if (!std::isfinite(given_.camera_offset))
            refuse(which_ + "camera_offset is " + text_of(given_.camera_offset) + ", a finite number expected");
        const bool pixel_used = channel_.uses_position;
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
            channel_.spline = given_.spline;
        }
    }

    void read_aperture()
    {
        channel_.aperture_x = semi_axis("aperture_x_px", given_.aperture_x_px);
        channel_.aperture_y =
            std::isnan(given_.aperture_y_px) ? channel_.aperture_x : semi_axis("aperture_y_px", given_.aperture_y_px);
        channel_.aperture_theta_deg = given_.aperture_theta_deg;
        if (!std::isfinite(given_.aperture_theta_deg))
            refuse(which_ + "aperture_theta_deg is " + text_of(given_.aperture_theta_deg) +
                   ", a finite number of degrees expected");
    }
    double semi_axis(const char* name, double value)
    {
        constexpr double kLeast = 1e-3, kMost = 1e4; // whose squares are far from the ends of float64
        if (!(value >= kLeast && value <= kMost))
            refuse(which_ + name + " is " + text_of(value) + ", a semi-axis of 0.001 to 10000 pixels expected");
        return value;
    }

    /// Its two radii, and how near other molecules may be.
    void read_annulus()
    {
        const double inner = given_.annulus_inner_px, outer = given_.annulus_outer_px;
        if (!(std::isfinite(inner) && inner >= 0))
            refuse(which_ + "annulus_inner_px is " + text_of(inner) + ", a radius of 0 or more pixels expected");
        if (!(std::isfinite(outer) && outer > inner))
            refuse(which_ + "annulus_outer_px is " + text_of(outer) + ", a radius above annulus_inner_px, " +
                   text_of(inner) + " pixels, expected");
        if (outer > kLargestAnnulus)
            refuse(which_ + "annulus_outer_px is " + text_of(outer) + ", at most " + text_of(kLargestAnnulus) +
                       " pixels are supported",
                   LUMICROP_UNSUPPORTED);
        if (channel_.frame_known && 2 * outer > static_cast<double>(std::min(channel_.frame_height, channel_.frame_width)))
            refuse(which_ + "annulus_outer_px is " + text_of(outer) + ", an annulus larger than the frame, which has " +
                   std::to_string(channel_.frame_height) + " x " + std::to_string(channel_.frame_width) + " pixels");
        const double corner = 0.5 * std::hypot(static_cast<double>(channel_.height), static_cast<double>(channel_.width));
        if (!channel_.gathered && inner >= corner)
            refuse(which_ + "annulus_inner_px is " + text_of(inner) + ", an annulus larger than the crops, which have " +
                   std::to_string(channel_.height) + " x " + std::to_string(channel_.width) + " pixels");
        channel_.annulus_inner = inner;
        channel_.annulus_outer = outer;
        // What a molecule's own light may reach, that of another may.
        const double neighbour = given_.neighbour_radius_px;
        channel_.neighbour_radius = std::isnan(neighbour) ? inner : neighbour;
        if (!(channel_.neighbour_radius >= 0 && channel_.neighbour_radius <= kLargestAnnulus))
            refuse(which_ + "neighbour_radius_px is " + text_of(neighbour) + ", a radius of 0 (none) to " +
                   text_of(kLargestAnnulus) + " pixels expected");
    }

    void read_background()
    {
        static constexpr Subtracted kKinds[] = {
            Subtracted::border_median, Subtracted::corrected_median, Subtracted::column,       Subtracted::map,
            Subtracted::fitted,        Subtracted::annulus_median,   Subtracted::annulus_mean, Subtracted::annulus_clipped};
        const int32_t asked = choice("background", given_.background, 0, 8,
                                     "one of LUMICROP_BACKGROUND_DEFAULT (0), _BORDER_MEDIAN (1), _CORRECTED_MEDIAN (2), "
                                     "_COLUMN (3), _MAP (4), _FITTED (5), _ANNULUS_MEDIAN (6), _ANNULUS_MEAN (7), "
                                     "_ANNULUS_CLIPPED (8)");
        const Method method = channel_.method;
        channel_.background = asked != 0                 ? kKinds[asked - 1]
                              : adds_up(method)          ? Subtracted::border_median
                              : method == Method::filter ? Subtracted::column
                                                         : Subtracted::fitted;
        const bool fitted = channel_.background == Subtracted::fitted;
        if (fitted && (adds_up(method) || method == Method::filter))
            refuse(which_ + "background is LUMICROP_BACKGROUND_FITTED (5), which " +
                   (method == Method::aperture ? "an aperture" : "a sum or a filter") +
                   " does not do: use LUMICROP_JOINT, _OPTIMAL or _MLE");
        if (!fitted && method == Method::joint)
            refuse(which_ + "background is " + std::to_string(asked) +
                   ", LUMICROP_BACKGROUND_FITTED (5) expected for LUMICROP_JOINT: with a known background it is "
                   "LUMICROP_FILTER");
    }

    void read_noise()
    {
        if (given_.reserved != 0) refuse(which_ + "reserved is " + std::to_string(given_.reserved) + ", 0 expected");
        channel_.em_gain = given_.em_gain;
        if (!(std::isfinite(given_.em_gain) && given_.em_gain >= 1))
            refuse(which_ + "em_gain is " + text_of(given_.em_gain) + ", a finite number of at least 1 (none) expected");
        channel_.read_noise = given_.read_noise;
        if (!(std::isfinite(given_.read_noise) && given_.read_noise >= 0))
            refuse(which_ + "read_noise is " + text_of(given_.read_noise) +
                   ", a finite number of electrons, 0 or more, expected");
        channel_.saturation = given_.saturation;
        if (std::isnan(given_.saturation))
            refuse(which_ + "saturation is nan, a number of counts expected, or infinity for none");
    }

    void read_maps()
    {
        channel_.offset_map = map("offset_map", given_.offset_map, MapKind::real);
        channel_.gain_map = map("gain_map", given_.gain_map, MapKind::real);
        channel_.read_variance_map = map("read_variance_map", given_.read_variance_map, MapKind::real);
        channel_.bad_pixels = map("bad_pixels", given_.bad_pixels, MapKind::mask);
        const bool wanted = channel_.background == Subtracted::map;
        if (wanted && given_.background_map == nullptr)
            refuse(which_ + "background_map is NULL, a map expected for LUMICROP_BACKGROUND_MAP (4)");
        if (wanted) channel_.background_map = map("background_map", given_.background_map, MapKind::real, true);
        const int64_t n_maps = channel_.background_map.shape[0];
        if (wanted && n_maps > 1 && channel_.gathered && n_maps != channel_.images.shape[0])
            refuse(which_ + "background_map has " + std::to_string(n_maps) + " frames, 1 or " +
                   std::to_string(channel_.images.shape[0]) + " expected, as images");
    }

    Images map(const char* name, const lumicrop_array* array, MapKind kind, bool frames = false)
    {
        const Images map = checked_map(array, which_ + name, kind, frames);
        if (map.data == nullptr) return map;
        const bool first = map_height_ == 0;
        if (first) {
            map_height_ = channel_.frame_known ? channel_.frame_height : map.shape[1];
            map_width_ = channel_.frame_known ? channel_.frame_width : map.shape[2];
        }
        if (map.shape[1] != map_height_ || map.shape[2] != map_width_)
            refuse(which_ + name + " has " + std::to_string(map.shape[1]) + " x " + std::to_string(map.shape[2]) +
                   " pixels, " + std::to_string(map_height_) + " x " + std::to_string(map_width_) + " expected, as " +
                   (channel_.frame_known ? "the frames have" : "the maps before it have"));
        return map;
    }

    /// Whether the kernels of the plain sum and filter serve.
    bool is_plain() const
    {
        const bool plain_background =
            channel_.background == (channel_.method == Method::sum ? Subtracted::border_median : Subtracted::column);
        if ((channel_.method != Method::sum && channel_.method != Method::filter) || !plain_background) return false;
        if (channel_.em_gain > 1 || std::isfinite(channel_.saturation) || has_maps(channel_)) return false;
        for (const lumicrop_array* asked : {result_.photons_sigma, result_.background_photons, result_.background_sigma,
                                            result_.chi2, result_.log_likelihood_ratio, result_.enclosed,
                                            result_.photons_total, result_.background_pixels, result_.iterations})
            if (asked != nullptr) return false;
        return true;
    }

    void require_columns()
    {
        const bool filter = channel_.method == Method::filter, placed = channel_.frame_known || has_maps(channel_);
        if (names_frames(channel_) || channel_.background_map.shape[0] > 1)
            require("frame", detections_.frame,
                    channel_.gathered            ? "gathered crops"
                    : seeks_neighbours(channel_) ? "the neighbours of an annulus (neighbour_radius_px 0: none)"
                                                 : "a background map a frame");
        const char* const why = filter                                ? "the filter"
                                : channel_.uses_psf                   ? "the PSF"
                                : channel_.method == Method::aperture ? "the aperture"
                                : channel_.uses_position              ? "the annulus"
                                : channel_.gathered                   ? "gathered crops"
                                : channel_.frame_known                ? "padding by geometry"
                                                                      : "the maps";
        if (channel_.uses_position || placed) {
            require("X0", detections_.X0, why);
            require("Y0", detections_.Y0, why);
        }
        if (channel_.background == Subtracted::column)
            require("os_fit", detections_.os_fit, filter ? why : "the background");
        if (!channel_.uses_position) return;
        require("x_fit", detections_.x_fit, why);
        require("y_fit", detections_.y_fit, why);
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
    const lumicrop_result& result_;
    const int64_t n_channels_;
    int64_t map_height_ = 0, map_width_ = 0; // of the maps seen so far
    Channel channel_;
};

} // namespace

Channel checked_channel(const lumicrop_channel& given, int64_t number, const lumicrop_detections& detections,
                        const lumicrop_result& result, int64_t n_channels)
{
    return ChannelCheck(given, number, detections, result, n_channels).checked();
}

} // namespace lumicrop
