#include "run_job.hpp"

#include <gtest/gtest.h>

namespace test {

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

const lumicrop_array* LaidOut::lay(const Column& column)
{
    if (!column) return nullptr;
    const auto n = static_cast<int64_t>(column->values.size());
    arrays_.push_back(std::make_unique<TypedArray>(column->dtype, std::vector<int64_t>{n}, column->values, column->layout));
    return arrays_.back()->get();
}

const lumicrop_array* LaidOut::output(lumicrop_dtype dtype, const Job& job)
{
    arrays_.push_back(std::make_unique<TypedArray>(dtype, std::vector<int64_t>{job.n}, job.output_layout));
    outputs_.push_back(arrays_.back().get());
    return arrays_.back()->get();
}

LaidOut::LaidOut(const Job& job)
{
    for (const ChannelInput& input : job.channels) {
        lumicrop_channel channel;
        EXPECT_EQ(lumicrop_channel_init(&channel, sizeof channel), LUMICROP_OK);
        const bool given = input.source == LUMICROP_GIVEN;
        const std::vector<int64_t> shape = given
                                               ? std::vector<int64_t>{input.n, input.height, input.width}
                                               : std::vector<int64_t>{input.n_frames, input.frame_height, input.frame_width};
        arrays_.push_back(std::make_unique<TypedArray>(input.dtype, shape, input.pixels, input.layout));
        channel.images = arrays_.back()->get();
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
        channels.push_back(channel);
    }
    EXPECT_EQ(lumicrop_detections_init(&detections, sizeof detections), LUMICROP_OK);
    detections.n = job.n;
    detections.origin = job.origin;
    detections.ch = lay(job.ch);
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
    result.photons = output(job.output, job);
    result.background = output(job.output, job);
    result.psf_sum = output(job.output, job);
    result.denominator = output(job.output, job);
    result.flags = output(LUMICROP_U32, job);
}

lumicrop_status LaidOut::integrate(lumicrop_context* context)
{
    return lumicrop_integrate(context, channels.data(), static_cast<int64_t>(channels.size()), &detections, &result);
}

Outputs LaidOut::outputs() const
{
    Outputs out;
    out.photons = outputs_[0]->values();
    out.background = outputs_[1]->values();
    out.psf_sum = outputs_[2]->values();
    out.denominator = outputs_[3]->values();
    for (double flags : outputs_[4]->values()) out.flags.push_back(static_cast<uint32_t>(flags));
    for (const TypedArray* column : outputs_) {
        out.bits.push_back(column->bytes());
        out.gaps_untouched = out.gaps_untouched && column->gaps_untouched();
    }
    return out;
}

Outputs run_job(lumicrop_context* context, const Job& job)
{
    LaidOut call(job);
    const lumicrop_status status = call.integrate(context);
    EXPECT_EQ(status, LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
    Outputs out = call.outputs();
    out.status = status;
    out.error = lumicrop_last_error();
    EXPECT_TRUE(out.gaps_untouched) << job.name << ": something was written beside the output columns";
    return out;
}

} // namespace test
