#include "run_job.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace test {

namespace {

constexpr const lumicrop_array* lumicrop_result::*out_columns[n_outs] = {&lumicrop_result::photons,
                                                                         &lumicrop_result::background,
                                                                         &lumicrop_result::psf_sum,
                                                                         &lumicrop_result::denominator,
                                                                         &lumicrop_result::flags,
                                                                         &lumicrop_result::photons_sigma,
                                                                         &lumicrop_result::background_photons,
                                                                         &lumicrop_result::background_sigma,
                                                                         &lumicrop_result::chi2,
                                                                         &lumicrop_result::log_likelihood_ratio,
                                                                         &lumicrop_result::enclosed,
                                                                         &lumicrop_result::photons_total,
                                                                         &lumicrop_result::background_pixels,
                                                                         &lumicrop_result::iterations};

} // namespace

SplineHandle make_spline(const SplineInput& input)
{
    const auto length = [](const std::vector<double>& knots) { return static_cast<int64_t>(knots.size()); };
    const oracle::Spline& s = input.values;
    const TypedArray tx(input.knots, {length(s.tx)}, s.tx);
    const TypedArray ty(input.knots, {length(s.ty)}, s.ty);
    const TypedArray tz(input.knots, {length(s.tz)}, s.tz);
    const TypedArray coefficients(input.coefficients, {length(s.tz) - 4, length(s.ty) - 4, length(s.tx) - 4},
                                  s.coefficients);
    lumicrop_spline* spline = nullptr;
    EXPECT_EQ(lumicrop_spline_create(tx.get(), ty.get(), tz.get(), coefficients.get(), &spline), LUMICROP_OK)
        << lumicrop_last_error();
    return SplineHandle(spline);
}

std::string Placement::name() const
{
    const char* const names[] = {"host arrays", "device arrays", "mixed arrays", "inputs on the device",
                                 "outputs on the device"};
    return names[where] + (where == host ? std::string() : " (placement seed " + std::to_string(seed) + ")");
}

std::vector<Placement> placements(const Backend& backend, uint64_t seed)
{
    std::vector<Placement> all = {{Placement::host, seed}};
    if (backend.backend == LUMICROP_BACKEND_CUDA)
        all.insert(all.end(), {{Placement::device, seed}, {Placement::mixed, seed}});
    return all;
}

testing::AssertionResult same_bits(const std::vector<std::vector<uint8_t>>& found,
                                   const std::vector<std::vector<uint8_t>>& wanted)
{
    if (found.size() != wanted.size() || found.empty()) return testing::AssertionFailure() << "not as many columns";
    for (size_t column = 0; column < found.size(); ++column) {
        const std::string name = found.size() == 5 || found.size() == n_outs ? name_of(static_cast<Out>(column))
                                                                             : "column " + std::to_string(column);
        if (found[column].size() != wanted[column].size()) return testing::AssertionFailure() << name << ": other sizes";
        const auto [at, there] = std::mismatch(found[column].begin(), found[column].end(), wanted[column].begin());
        if (at == found[column].end()) continue;
        return testing::AssertionFailure() << name << " differ, first in byte " << at - found[column].begin() << " of "
                                           << found[column].size() << ": " << int{*at} << ", " << int{*there} << " expected";
    }
    return testing::AssertionSuccess();
}

const lumicrop_array* LaidOut::place(std::unique_ptr<TypedArray> array, DeviceMirror::Role role)
{
    arrays_.push_back(std::move(array));
    const bool is_output = role == DeviceMirror::Role::output;
    const bool heads = chance_.happens(0.5);
    const int64_t shift = chance_.happens(0.5) ? 0 : chance_.whole(1, 7);
    const bool on_device = placement_.where == Placement::device || (placement_.where == Placement::mixed && heads) ||
                           (placement_.where == Placement::inputs && !is_output) ||
                           (placement_.where == Placement::outputs && is_output);
    if (on_device) mirrors_.push_back(std::make_unique<DeviceMirror>(*arrays_.back(), role, shift));
    return arrays_.back()->get();
}

const lumicrop_array* LaidOut::lay(const Column& column)
{
    if (!column) return nullptr;
    const auto n = static_cast<int64_t>(column->values.size());
    return place(std::make_unique<TypedArray>(column->dtype, std::vector<int64_t>{n}, column->values, column->layout),
                 DeviceMirror::Role::input);
}

const lumicrop_array* LaidOut::lay(const Map& map, const ChannelInput& channel)
{
    if (!map) return nullptr;
    std::vector<int64_t> shape = {channel.map_height, channel.map_width};
    if (map->frames > 0) shape.insert(shape.begin(), map->frames);
    return place(std::make_unique<TypedArray>(map->dtype, shape, map->values, map->layout), DeviceMirror::Role::input);
}

const lumicrop_array* LaidOut::output(lumicrop_dtype dtype, const Job& job)
{
    const lumicrop_array* const column = place(
        std::make_unique<TypedArray>(dtype, std::vector<int64_t>{job.n}, job.output_layout), DeviceMirror::Role::output);
    outputs_.push_back(arrays_.back().get());
    return column;
}

LaidOut::LaidOut(const Job& job, const Placement& placement) : placement_(placement), chance_(placement.seed, 0x91ACE)
{
    for (const ChannelInput& input : job.channels) {
        lumicrop_channel channel;
        EXPECT_EQ(lumicrop_channel_init(&channel, sizeof channel), LUMICROP_OK);
        const bool given = input.source == LUMICROP_GIVEN;
        const std::vector<int64_t> shape = given
                                               ? std::vector<int64_t>{input.n, input.height, input.width}
                                               : std::vector<int64_t>{input.n_frames, input.frame_height, input.frame_width};
        channel.images =
            place(std::make_unique<TypedArray>(input.dtype, shape, input.pixels, input.layout), DeviceMirror::Role::input);
        channel.source = input.source;
        channel.method = input.method;
        channel.model = input.model;
        channel.padding = input.padding;
        if (input.state_n) channel.n_detections = input.n;
        if (!given) {
            channel.crop_height = input.height;
            channel.crop_width = input.width;
        } else {
            channel.frame_height = input.frame_height;
            channel.frame_width = input.frame_width;
        }
        channel.pixel_y_nm = input.pixel_y_nm;
        channel.pixel_x_nm = input.pixel_x_nm;
        channel.gain = input.gain;
        channel.qe = input.qe;
        channel.camera_offset = input.camera_offset;
        if (input.psf_sigma_nm) channel.psf_sigma_nm = *input.psf_sigma_nm;
        if (input.psf_sigma_x_nm) channel.psf_sigma_x_nm = *input.psf_sigma_x_nm;
        if (input.psf_sigma_y_nm) channel.psf_sigma_y_nm = *input.psf_sigma_y_nm;
        if (input.psf_theta_deg) channel.psf_theta_deg = *input.psf_theta_deg;
        if (input.spline) {
            splines_.push_back(make_spline(*input.spline));
            channel.spline = splines_.back().get();
        }
        if (input.aperture_x_px) channel.aperture_x_px = *input.aperture_x_px;
        if (input.aperture_y_px) channel.aperture_y_px = *input.aperture_y_px;
        if (input.aperture_theta_deg) channel.aperture_theta_deg = *input.aperture_theta_deg;
        if (input.annulus_inner_px) channel.annulus_inner_px = *input.annulus_inner_px;
        if (input.annulus_outer_px) channel.annulus_outer_px = *input.annulus_outer_px;
        if (input.neighbour_radius_px) channel.neighbour_radius_px = *input.neighbour_radius_px;
        channel.background = input.background;
        channel.em_gain = input.em_gain;
        channel.read_noise = input.read_noise;
        channel.saturation = input.saturation;
        channel.offset_map = lay(input.offset_map, input);
        channel.gain_map = lay(input.gain_map, input);
        channel.read_variance_map = lay(input.read_variance_map, input);
        channel.bad_pixels = lay(input.bad_pixels, input);
        channel.background_map = lay(input.background_map, input);
        channels.push_back(channel);
    }
    EXPECT_EQ(lumicrop_detections_init(&detections, sizeof detections), LUMICROP_OK);
    detections.n = job.n;
    detections.origin = job.origin;
    detections.ch = lay(job.ch);
    if (detections.ch != nullptr && detections.ch->memory == LUMICROP_DEVICE) // where nobody can count them
        for (size_t k = 0; k < channels.size(); ++k)
            if (channels[k].source == LUMICROP_GATHERED) channels[k].n_detections = job.channels[k].n;
    detections.frame = lay(job.frame);
    detections.X0 = lay(job.X0);
    detections.Y0 = lay(job.Y0);
    detections.x_fit = lay(job.x_fit);
    detections.y_fit = lay(job.y_fit);
    detections.z_fit = lay(job.z_fit);
    detections.os_fit = lay(job.os_fit);
    detections.sigma_fit = lay(job.sigma_fit);
    detections.sigma_x_fit = lay(job.sigma_x_fit);
    detections.sigma_y_fit = lay(job.sigma_y_fit);
    detections.sigma_angle = lay(job.sigma_angle);
    EXPECT_EQ(lumicrop_result_init(&result, sizeof result), LUMICROP_OK);
    for (size_t k = 0; k < n_outs; ++k) {
        const Out out = static_cast<Out>(k);
        if ((job.asked & bit_of(out)) == 0) continue;
        const bool whole = out == Out::flags || out == Out::iterations;
        result.*out_columns[k] = output(whole ? LUMICROP_U32 : job.output, job);
        asked_.push_back(out);
    }
}

lumicrop_status LaidOut::integrate(lumicrop_context* context)
{
    return lumicrop_integrate(context, channels.data(), static_cast<int64_t>(channels.size()), &detections, &result);
}

Outputs LaidOut::outputs() const
{
    for (const auto& mirror : mirrors_)
        if (mirror->is_output()) mirror->fetch();
    Outputs out;
    for (size_t k = 0; k < outputs_.size(); ++k) out.columns[static_cast<size_t>(asked_[k])] = outputs_[k]->values();
    out.photons = out.columns[static_cast<size_t>(Out::photons)];
    out.background = out.columns[static_cast<size_t>(Out::background)];
    out.psf_sum = out.columns[static_cast<size_t>(Out::psf_sum)];
    out.denominator = out.columns[static_cast<size_t>(Out::denominator)];
    for (double flags : out.columns[static_cast<size_t>(Out::flags)]) out.flags.push_back(static_cast<uint32_t>(flags));
    for (const TypedArray* column : outputs_) {
        out.bits.push_back(column->bytes());
        out.gaps_untouched = out.gaps_untouched && column->gaps_untouched();
    }
    return out;
}

bool LaidOut::outputs_untouched() const
{
    for (const auto& mirror : mirrors_)
        if (mirror->is_output()) mirror->fetch();
    for (const TypedArray* column : outputs_)
        if (!column->untouched()) return false;
    return true;
}

void LaidOut::clear_outputs()
{
    for (TypedArray* column : outputs_) column->clear();
    for (const auto& mirror : mirrors_)
        if (mirror->is_output()) mirror->upload();
}

bool LaidOut::inputs_unchanged() const
{
    for (const auto& mirror : mirrors_)
        if (!mirror->is_output() && !mirror->unchanged()) return false;
    return true;
}

DeviceMirror& LaidOut::mirror_of(const lumicrop_array* array) const
{
    for (const auto& mirror : mirrors_)
        if (mirror->array().get() == array) return *mirror;
    throw std::logic_error("this array does not lie on the device");
}

Outputs run_job(lumicrop_context* context, const Job& job, const Placement& placement)
{
    LaidOut call(job, placement);
    const std::string what = job.name + ", " + placement.name();
    const lumicrop_status status = call.integrate(context);
    EXPECT_EQ(status, LUMICROP_OK) << what << ": " << lumicrop_last_error();
    EXPECT_EQ(lumicrop_synchronize(context), LUMICROP_OK) << what << ": " << lumicrop_last_error();
    Outputs out = call.outputs();
    out.status = status;
    out.error = lumicrop_last_error();
    EXPECT_TRUE(out.gaps_untouched) << what << ": something was written beside the output columns";
    EXPECT_TRUE(call.inputs_unchanged()) << what << ": an input was written";
    return out;
}

} // namespace test
