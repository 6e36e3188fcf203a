#include "expected.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace test {

oracle::Padding rule_of(const ChannelInput& channel)
{
    switch (channel.rule()) {
    case LUMICROP_PADDING_ZEROS: return oracle::Padding::zeros;
    case LUMICROP_PADDING_GEOMETRY: return oracle::Padding::geometry;
    default: return oracle::Padding::none;
    }
}

namespace {

/// sigma_x_fit, else sigma_fit, else the channel's own (SPEC 5).
double first_of(const Column& own, const Column& common, const std::optional<double>& channel, int64_t detection)
{
    if (own) return number_at(own, detection);
    if (common) return number_at(common, detection);
    return channel.value_or(std::nan(""));
}

} // namespace

oracle::Psf psf_of(const Job& job, const ChannelInput& channel, int64_t i)
{
    oracle::Psf psf;
    psf.pixel_y = channel.pixel_y_nm;
    psf.pixel_x = channel.pixel_x_nm;
    psf.mux = number_at(job.x_fit, i) - number_at(job.X0, i) * channel.pixel_x_nm;
    psf.muy = number_at(job.y_fit, i) - number_at(job.Y0, i) * channel.pixel_y_nm;
    if (job.origin == LUMICROP_PIXEL_CORNER) { // the first pixel's centre lies half a pixel from coordinate 0
        psf.mux -= channel.pixel_x_nm / 2;
        psf.muy -= channel.pixel_y_nm / 2;
    }
    switch (channel.model) {
    case LUMICROP_ISOGAUSS:
        psf.model = oracle::Model::isogauss;
        psf.sigma_x = psf.sigma_y = first_of({}, job.sigma_fit, channel.psf_sigma_nm, i);
        break;
    case LUMICROP_GAUSS:
        psf.model = oracle::Model::gauss;
        psf.sigma_x = first_of(job.sigma_x_fit, job.sigma_fit, channel.psf_sigma_x_nm, i);
        psf.sigma_y = first_of(job.sigma_y_fit, job.sigma_fit, channel.psf_sigma_y_nm, i);
        psf.theta_deg = job.sigma_angle ? number_at(job.sigma_angle, i) : channel.psf_theta_deg.value_or(0);
        break;
    default:
        psf.model = oracle::Model::spline;
        psf.z = job.z_fit ? number_at(job.z_fit, i) : 0;
        psf.spline = &channel.spline->values;
    }
    return psf;
}

oracle::Ellipse ellipse_of(const Job& job, const ChannelInput& channel, int64_t i)
{
    const oracle::Real corner = job.origin == LUMICROP_PIXEL_CORNER ? 0.5 : 0; // as for the PSF
    oracle::Ellipse ellipse;
    ellipse.x =
        static_cast<double>(oracle::Real(number_at(job.x_fit, i)) / channel.pixel_x_nm - number_at(job.X0, i) - corner);
    ellipse.y =
        static_cast<double>(oracle::Real(number_at(job.y_fit, i)) / channel.pixel_y_nm - number_at(job.Y0, i) - corner);
    ellipse.semi_x = channel.aperture_x_px.value_or(std::nan(""));
    ellipse.semi_y = channel.aperture_y_px.value_or(std::nan(""));
    if (std::isnan(ellipse.semi_y)) ellipse.semi_y = ellipse.semi_x;
    ellipse.theta_deg = channel.aperture_theta_deg.value_or(0);
    return ellipse;
}

double ellipse_rounding(const Job& job, const ChannelInput& channel, int64_t i)
{
    const double largest = std::abs(number_at(job.x_fit, i)) / channel.pixel_x_nm +
                           std::abs(number_at(job.y_fit, i)) / channel.pixel_y_nm + std::abs(number_at(job.X0, i)) +
                           std::abs(number_at(job.Y0, i)) + 1;
    return std::ldexp(largest, -52);
}

double position_rounding(const Job& job, const ChannelInput& channel, int64_t i)
{
    const double largest = std::abs(number_at(job.x_fit, i)) + std::abs(number_at(job.y_fit, i)) +
                           std::abs(number_at(job.X0, i)) * channel.pixel_x_nm +
                           std::abs(number_at(job.Y0, i)) * channel.pixel_y_nm + double(channel.width) * channel.pixel_x_nm +
                           double(channel.height) * channel.pixel_y_nm;
    return std::ldexp(largest, -52);
}

namespace {

bool outside_frame(int64_t index, int64_t extent)
{
    return index < 0 || index >= extent;
}

} // namespace

oracle::Crop crop_of(const Job& job, const Place& place, int64_t detection)
{
    const ChannelInput& channel = job.channels[static_cast<size_t>(place.channel)];
    oracle::Crop crop;
    crop.height = channel.height;
    crop.width = channel.width;
    const bool gathered = channel.source == LUMICROP_GATHERED;
    const bool frame_known = gathered || channel.frame_height > 0;
    for (int64_t row = 0; row < crop.height; ++row)
        for (int64_t column = 0; column < crop.width; ++column) {
            int64_t y = 0;
            int64_t x = 0;
            bool outside = false;
            if (frame_known) {
                y = static_cast<int64_t>(number_at(job.Y0, detection)) + row;
                x = static_cast<int64_t>(number_at(job.X0, detection)) + column;
                outside = outside_frame(y, channel.frame_height) || outside_frame(x, channel.frame_width);
                crop.outside.push_back(outside);
            }
            if (gathered && outside) {
                crop.raw.push_back(0);
                continue;
            }
            const int64_t flat = gathered ? (static_cast<int64_t>(number_at(job.frame, detection)) * channel.frame_height +
                                             y) * channel.frame_width +
                                                x
                                          : (place.crop * crop.height + row) * crop.width + column;
            crop.raw.push_back(channel.pixels[static_cast<size_t>(flat)]);
        }
    return crop;
}

oracle::Answer answer_of(const Job& job, const Place& place, int64_t detection)
{
    const ChannelInput& channel = job.channels[static_cast<size_t>(place.channel)];
    const oracle::Camera camera{channel.camera_offset, channel.gain, channel.qe};
    const oracle::Crop crop = crop_of(job, place, detection);
    if (channel.method == LUMICROP_SUM) return oracle::border_sum(crop, rule_of(channel), camera);
    const oracle::Psf psf = psf_of(job, channel, detection);
    const double os_fit = number_at(job.os_fit, detection);
    const bool parameter_is_nan = std::isnan(psf.mux) || std::isnan(psf.muy) || std::isnan(os_fit) ||
                                  std::isnan(psf.sigma_x) || std::isnan(psf.sigma_y) || std::isnan(psf.theta_deg) ||
                                  std::isnan(psf.z);
    const bool narrow =
        psf.model != oracle::Model::spline && std::min(std::abs(psf.sigma_x), std::abs(psf.sigma_y)) < 0.01 * psf.pixel_x;
    const bool judge = narrow || !computed_in_float32(channel.dtype);
    return oracle::matched_filter(crop, rule_of(channel), camera, psf, os_fit, parameter_is_nan,
                                  judge ? position_rounding(job, channel, detection) : 0);
}

Expected expect(const Job& job)
{
    Expected expected;
    expected.places = places(job);
    for (size_t i = 0; i < expected.places.size(); ++i) {
        expected.answers.push_back(answer_of(job, expected.places[i], static_cast<int64_t>(i)));
        const auto channel = static_cast<size_t>(expected.places[i].channel);
        expected.precision.push_back(computed_in_float32(job.channels[channel].dtype) ? oracle::Precision::single_
                                                                                      : oracle::Precision::double_);
    }
    return expected;
}

namespace {

class Complaints
{
public:
    void value(const char* what, double found, oracle::Real wanted, oracle::Real bound)
    {
        if (std::isfinite(wanted) && std::isfinite(bound)) {
            if (std::isfinite(found) && std::abs(found - wanted) <= bound) return;
        } else if (!std::isfinite(wanted) && !std::isfinite(found)) {
            return;
        } else if (std::isfinite(wanted)) {
            return; // no bound can be stated
        }
        text_ << "\n    " << what << " " << found << ", expected " << static_cast<double>(wanted) << " within "
              << static_cast<double>(bound);
    }
    void exact(const char* what, double found, double wanted)
    {
        if (found == wanted || (std::isnan(found) && std::isnan(wanted))) return;
        text_ << "\n    " << what << " " << found << ", expected exactly " << wanted;
    }
    void flags(uint32_t found, uint32_t wanted, uint32_t undecided)
    {
        if ((found & ~undecided) == (wanted & ~undecided)) return;
        text_ << "\n    flags 0x" << std::hex << found << ", expected 0x" << wanted << " (open: 0x" << undecided << ")"
              << std::dec;
    }
    void claim(bool holds, const char* what)
    {
        if (!holds) text_ << "\n    " << what;
    }
    std::string text() const { return text_.str(); }
    Complaints() { text_.precision(17); }

private:
    std::ostringstream text_;
};

std::string complaints_of(const oracle::Answer& answer, oracle::Precision precision, const Outputs& outputs, size_t i,
                          bool float32)
{
    Complaints complain;
    complain.flags(outputs.flags[i], answer.flags, answer.undecided);
    const double background = float32 ? static_cast<double>(static_cast<float>(answer.background)) : answer.background;
    if (!answer.filter)
        complain.exact("background", outputs.background[i], background);
    else
        complain.value("background", outputs.background[i], answer.background, background_bound(answer, float32));
    const double photons = outputs.photons[i];
    if (!answer.filter) {
        complain.value("photons", photons, answer.photons, photons_bound(answer, precision, float32));
        complain.claim(std::isnan(outputs.psf_sum[i]) && std::isnan(outputs.denominator[i]),
                       "psf_sum, denominator: NaN expected for SUM");
        return complain.text();
    }
    const bool said = (outputs.flags[i] & (LUMICROP_FLAG_ZERO_DENOMINATOR | LUMICROP_FLAG_PARAMETER_NAN)) != 0;
    complain.claim(!said || std::isnan(photons), "ZERO_DENOMINATOR or PARAMETER_NAN, but photons are not NaN");
    if (answer.photons_open) return complain.text();
    if ((answer.flags & LUMICROP_FLAG_PARAMETER_NAN) != 0) {
        complain.claim(std::isnan(photons), "a parameter is NaN: photons must be NaN");
        return complain.text();
    }
    complain.value("photons", photons, answer.photons, photons_bound(answer, precision, float32));
    complain.value("psf_sum", outputs.psf_sum[i], answer.psf_sum, psf_sum_bound(answer, precision, float32));
    complain.value("denominator", outputs.denominator[i], answer.denominator, denominator_bound(answer, precision, float32));
    return complain.text();
}

} // namespace

bool agrees(const Job& job, const Expected& expected, const Outputs& outputs, const std::string& who)
{
    if (outputs.status != LUMICROP_OK) return false;
    const bool float32 = job.output == LUMICROP_F32;
    int bad = 0;
    std::ostringstream report;
    for (size_t i = 0; i < expected.answers.size(); ++i) {
        const std::string text = complaints_of(expected.answers[i], expected.precision[i], outputs, i, float32);
        if (text.empty()) continue;
        const ChannelInput& channel = job.channels[static_cast<size_t>(expected.places[i].channel)];
        if (++bad <= 3)
            report << "\n  detection " << i << " (channel " << expected.places[i].channel + 1 << ", crop "
                   << expected.places[i].crop << ": " << name_of(channel.dtype) << " " << channel.height << "x"
                   << channel.width << ", source " << channel.source << ", method " << channel.method << ", model "
                   << channel.model << ", padding " << channel.padding << ")" << text;
    }
    if (bad > 0)
        ADD_FAILURE() << who << ", " << job.name << ": " << bad << " of " << expected.answers.size()
                      << " detections differ from the oracle" << report.str();
    return bad == 0;
}

} // namespace test
