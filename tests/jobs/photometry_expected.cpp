#include "photometry_expected.hpp"

#include "expected.hpp"
#include "surroundings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace test {

namespace {

const double nan_ = std::nan("");

/// A map cut out for one crop; NaN where it has no pixel.
std::vector<double> cut(const Map& map, const ChannelInput& channel, int64_t frame, int64_t row, int64_t column)
{
    std::vector<double> values;
    const int64_t of_frame = map->frames > 1 ? frame : 0;
    for (int64_t r = row; r < row + channel.height; ++r)
        for (int64_t c = column; c < column + channel.width; ++c) {
            const bool holds = r >= 0 && c >= 0 && r < channel.map_height && c < channel.map_width;
            values.push_back(
                holds ? map->values[static_cast<size_t>((of_frame * channel.map_height + r) * channel.map_width + c)]
                      : nan_);
        }
    return values;
}

oracle::Sensor sensor_of(const Job& job, const ChannelInput& channel, int64_t i)
{
    const auto pixels = static_cast<size_t>(channel.height * channel.width);
    oracle::Sensor sensor;
    sensor.offset.assign(pixels, channel.camera_offset);
    sensor.gain.assign(pixels, channel.gain);
    sensor.read_variance.assign(pixels, channel.read_noise * channel.read_noise);
    sensor.bad.assign(pixels, 0);
    sensor.em_gain = channel.em_gain;
    sensor.qe = channel.qe;
    sensor.saturation = channel.saturation;
    sensor.scalar_gain = channel.gain_map ? nan_ : channel.gain;
    sensor.offset_differs = channel.offset_map.has_value();
    sensor.gain_differs = channel.gain_map.has_value();
    if (!channel.has_maps()) return sensor;
    const auto whole = [&](const Column& column) {
        return column ? static_cast<int64_t>(number_at(column, i)) : int64_t{0};
    };
    const auto adopt = [&](const Map& map, std::vector<double>& to) {
        if (!map) return;
        to = cut(map, channel, whole(job.frame), whole(job.Y0), whole(job.X0));
        for (size_t k = 0; k < pixels; ++k) sensor.bad[k] |= std::isnan(to[k]);
    };
    adopt(channel.offset_map, sensor.offset);
    adopt(channel.gain_map, sensor.gain);
    adopt(channel.read_variance_map, sensor.read_variance);
    if (channel.subtracted() == LUMICROP_BACKGROUND_MAP) adopt(channel.background_map, sensor.background);
    std::vector<double> bad(pixels, 0);
    adopt(channel.bad_pixels, bad);
    for (size_t k = 0; k < pixels; ++k) sensor.bad[k] |= bad[k] != 0;
    return sensor;
}

} // namespace

oracle::Question question_of(const Job& job, const Place& place, int64_t i)
{
    const ChannelInput& channel = job.channels[static_cast<size_t>(place.channel)];
    oracle::Question question;
    question.method = static_cast<oracle::Method>(channel.method - LUMICROP_SUM);
    question.background = static_cast<oracle::Background>(channel.subtracted() - LUMICROP_BACKGROUND_BORDER_MEDIAN);
    question.padding = rule_of(channel);
    question.crop = crop_of(job, place, i);
    question.sensor = sensor_of(job, channel, i);
    const bool fraction = (job.asked & (bit_of(Out::enclosed) | bit_of(Out::photons_total))) != 0;
    if (channel.method == LUMICROP_APERTURE) {
        question.aperture = ellipse_of(job, channel, i);
        question.aperture_rounding = ellipse_rounding(job, channel, i);
    }
    if (channel.has_annulus()) question.around = surroundings_of(job, place, i);
    if (!channel.adds_up() || fraction) {
        question.psf = psf_of(job, channel, i);
        const oracle::Psf& psf = *question.psf;
        question.shape_is_nan = std::isnan(psf.mux) || std::isnan(psf.muy) || std::isnan(psf.sigma_x) ||
                                std::isnan(psf.sigma_y) || std::isnan(psf.theta_deg) || std::isnan(psf.z);
    }
    if (channel.subtracted() == LUMICROP_BACKGROUND_COLUMN) question.os_fit = number_at(job.os_fit, i);
    question.precision = computed_in_float32(channel.dtype) ? oracle::Precision::single_ : oracle::Precision::double_;
    if (question.psf && question.precision == oracle::Precision::double_)
        question.position_rounding = position_rounding(job, channel, i);
    return question;
}

std::vector<oracle::Photometry> photometry_of(const Job& job)
{
    std::vector<oracle::Photometry> all;
    const std::vector<Place> order = places(job);
    for (size_t i = 0; i < order.size(); ++i)
        all.push_back(oracle::photometry(question_of(job, order[i], static_cast<int64_t>(i))));
    return all;
}

namespace {

class Comparison
{
public:
    Comparison(const Outputs& outputs, size_t detection, bool float32) : outputs_(outputs), i_(detection), float32_(float32)
    {
        text_.precision(12);
    }

    /// `of_fit`: a value that is open, too, where the fit may not have converged and does not say that it has.
    void value(Out out, const oracle::Value& wanted, bool of_fit = false)
    {
        const std::vector<double>& column = outputs_.columns[static_cast<size_t>(out)];
        if (column.empty() || wanted.open) return;
        const bool says_converged = !outputs_.flags.empty() && (outputs_.flags[i_] & LUMICROP_FLAG_NOT_CONVERGED) == 0;
        if (of_fit && !says_converged) return;
        const double found = column[i_];
        if (!std::isfinite(wanted.value)) {
            if (std::isnan(wanted.value) ? !std::isfinite(found) : found == static_cast<double>(wanted.value)) return;
        } else {
            const oracle::Real bound = wanted.bound + oracle::storage_rounding(wanted.value, float32_);
            if (!std::isfinite(bound) || std::abs(found - wanted.value) <= bound) return;
        }
        text_ << "\n    " << name_of(out) << ' ' << found << ", expected " << static_cast<double>(wanted.value) << " within "
              << static_cast<double>(wanted.bound);
    }
    void flags(const oracle::Photometry& wanted)
    {
        if (outputs_.flags.empty()) return;
        const uint32_t found = outputs_.flags[i_];
        if ((found & ~wanted.undecided) == (wanted.flags & ~wanted.undecided)) return;
        text_ << "\n    flags 0x" << std::hex << found << ", expected 0x" << wanted.flags << " (open: 0x" << wanted.undecided
              << ")" << std::dec;
    }
    void iterations(const oracle::Photometry& wanted)
    {
        const std::vector<double>& column = outputs_.columns[static_cast<size_t>(Out::iterations)];
        if (column.empty() || (column[i_] >= wanted.least_iterations && column[i_] <= wanted.most_iterations)) return;
        text_ << "\n    iterations " << column[i_] << ", expected " << wanted.least_iterations << " to "
              << wanted.most_iterations;
    }
    std::string text() const { return text_.str(); }

private:
    const Outputs& outputs_;
    size_t i_;
    bool float32_;
    std::ostringstream text_;
};

std::string differences(const oracle::Photometry& wanted, const Outputs& outputs, size_t i, bool float32)
{
    Comparison compare(outputs, i, float32);
    compare.flags(wanted);
    const bool unsure = wanted.holds_if_converged;
    compare.value(Out::photons, wanted.photons, unsure);
    compare.value(Out::background, wanted.background, unsure);
    compare.value(Out::psf_sum, wanted.psf_sum);
    compare.value(Out::denominator, wanted.denominator);
    compare.value(Out::photons_sigma, wanted.photons_sigma, unsure);
    compare.value(Out::background_photons, wanted.background_photons, unsure);
    compare.value(Out::background_sigma, wanted.background_sigma, unsure);
    compare.value(Out::chi2, wanted.chi2, unsure);
    compare.value(Out::log_likelihood_ratio, wanted.log_likelihood_ratio, unsure);
    compare.value(Out::enclosed, wanted.enclosed);
    compare.value(Out::photons_total, wanted.photons_total, unsure);
    compare.value(Out::background_pixels, wanted.background_pixels, unsure);
    compare.iterations(wanted);
    return compare.text();
}

std::string aperture_text(const Job& job, const ChannelInput& channel, int64_t i)
{
    if (channel.method != LUMICROP_APERTURE) return {};
    const oracle::Ellipse ellipse = ellipse_of(job, channel, i);
    std::ostringstream text;
    text.precision(17);
    text << ", ellipse of " << ellipse.semi_x << " and " << ellipse.semi_y << " px, turned by " << ellipse.theta_deg
         << ", at (" << ellipse.x << ", " << ellipse.y << ")";
    return text.str();
}

} // namespace

bool photometry_agrees(const Job& job, const std::vector<oracle::Photometry>& expected, const Outputs& outputs,
                       const std::string& who)
{
    if (outputs.status != LUMICROP_OK) return false;
    int bad = 0;
    std::ostringstream report;
    const std::vector<Place> order = places(job);
    for (size_t i = 0; i < expected.size(); ++i) {
        const std::string text = differences(expected[i], outputs, i, job.output == LUMICROP_F32);
        if (text.empty()) continue;
        const ChannelInput& channel = job.channels[static_cast<size_t>(order[i].channel)];
        if (++bad <= 3)
            report << "\n  detection " << i << " (channel " << order[i].channel + 1 << ", crop " << order[i].crop << ": "
                   << name_of(channel.dtype) << " " << channel.height << "x" << channel.width << ", source "
                   << channel.source << ", method " << channel.method << ", background " << channel.subtracted()
                   << ", model " << channel.model << ", padding " << channel.rule() << ", maps "
                   << channel.offset_map.has_value() << channel.gain_map.has_value() << channel.read_variance_map.has_value()
                   << channel.bad_pixels.has_value() << channel.background_map.has_value() << ", gain " << channel.gain
                   << ", em_gain " << channel.em_gain << ", read_noise " << channel.read_noise
                   << aperture_text(job, channel, static_cast<int64_t>(i)) << ")" << text;
    }
    if (bad > 0)
        ADD_FAILURE() << who << ", " << job.name << ": " << bad << " of " << expected.size()
                      << " detections differ from the oracle" << report.str();
    return bad == 0;
}

} // namespace test
