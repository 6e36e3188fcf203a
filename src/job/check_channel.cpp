#include "job/check_channel.hpp"

#include <cmath>
#include <cstdio>

#include "job/refusal.hpp"
#include "job/spline.hpp"

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
            channel_.spline = given_.spline;
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

} // namespace

Channel checked_channel(const lumicrop_channel& given, int64_t number, const lumicrop_detections& detections,
                        int64_t n_channels)
{
    return ChannelCheck(given, number, detections, n_channels).checked();
}

} // namespace lumicrop
