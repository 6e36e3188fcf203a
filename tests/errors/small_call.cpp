#include "small_call.hpp"

#include <numeric>

namespace test {

namespace {

std::vector<double> counting(size_t count, double first = 1)
{
    std::vector<double> values(count);
    std::iota(values.begin(), values.end(), first);
    return values;
}

} // namespace

SmallCall::SmallCall()
    : crops_1(LUMICROP_U16, {3, 4, 4}, counting(48)), crops_2(LUMICROP_F32, {4, 5, 6}, counting(120)),
      frames(LUMICROP_U16, {2, 20, 24}, counting(960)), ch(LUMICROP_U8, {7}, {2, 1, 2, 1, 1, 2, 2}),
      frame(LUMICROP_I32, {7}, {0, 0, 1, 0, 0, 1, 0}), X0(LUMICROP_I32, {7}, {0, 0, 4, 0, 0, -2, 7}),
      Y0(LUMICROP_I32, {7}, {0, 0, 3, 0, 0, 5, 2}), x_fit(LUMICROP_F64, {7}, {250, 0, 640, 0, 0, 60, 930}),
      y_fit(LUMICROP_F32, {7}, {210, 0, 500, 0, 0, 700, 390}), z_fit(LUMICROP_F32, {7}, std::vector<double>(7, 0)),
      os_fit(LUMICROP_F32, {7}, std::vector<double>(7, 3)), sigma(LUMICROP_F32, {7}, std::vector<double>(7, 110)),
      six(LUMICROP_F32, {6}, counting(6)), seven_whole(LUMICROP_I32, {7}, counting(7)), photons(LUMICROP_F64, {7}),
      background(LUMICROP_F32, {7}), psf_sum(LUMICROP_F64, {7}), denominator(LUMICROP_F32, {7}), flags(LUMICROP_U32, {7})
{
    lumicrop_channel channel;
    EXPECT_EQ(lumicrop_channel_init(&channel, sizeof channel), LUMICROP_OK);
    channel.images = crops_1.get();
    channel.method = LUMICROP_SUM;
    channel.gain = 0.5;
    channel.qe = 0.9;
    channels.push_back(channel);
    channel.images = crops_2.get();
    channel.method = LUMICROP_FILTER;
    channel.model = LUMICROP_ISOGAUSS;
    channel.pixel_y_nm = channel.pixel_x_nm = 100;
    channels.push_back(channel);
    EXPECT_EQ(lumicrop_detections_init(&detections, sizeof detections), LUMICROP_OK);
    detections.n = 7;
    detections.ch = ch.get();
    detections.X0 = X0.get();
    detections.Y0 = Y0.get();
    detections.x_fit = x_fit.get();
    detections.y_fit = y_fit.get();
    detections.os_fit = os_fit.get();
    detections.sigma_fit = sigma.get();
    EXPECT_EQ(lumicrop_result_init(&result, sizeof result), LUMICROP_OK);
    result.photons = photons.get();
    result.background = background.get();
    result.psf_sum = psf_sum.get();
    result.denominator = denominator.get();
    result.flags = flags.get();

    const TypedArray knots(LUMICROP_F64, {11}, {-800, -600, -400, -300, -200, -100, 0, 100, 300, 400, 600});
    const TypedArray coefficients(LUMICROP_F32, {7, 7, 7}, std::vector<double>(343, 1));
    EXPECT_EQ(lumicrop_spline_create(knots.get(), knots.get(), knots.get(), coefficients.get(), &spline), LUMICROP_OK)
        << lumicrop_last_error();
}

void SmallCall::gather_channel_2()
{
    channels[1].source = LUMICROP_GATHERED;
    channels[1].images = frames.get();
    channels[1].crop_height = 5;
    channels[1].crop_width = 6;
    detections.frame = frame.get();
}

testing::AssertionResult names(const std::string& text, const std::vector<std::string>& words)
{
    for (const std::string& word : words)
        if (text.find(word) == std::string::npos)
            return testing::AssertionFailure() << "\"" << text << "\" does not name \"" << word << "\"";
    return testing::AssertionSuccess();
}

void expect_refused(lumicrop_context* context, const Refusal& refusal)
{
    SmallCall call;
    refusal.spoil(call);
    EXPECT_EQ(call.integrate(context), refusal.status) << refusal.what << ": " << lumicrop_last_error();
    EXPECT_TRUE(names(lumicrop_last_error(), refusal.words)) << refusal.what;
    EXPECT_TRUE(call.outputs_untouched()) << refusal.what << ": an output was touched";
    SmallCall good;
    EXPECT_EQ(good.integrate(context), LUMICROP_OK) << "after " << refusal.what << ": " << lumicrop_last_error();
}

void expect_accepted(lumicrop_context* context, const std::string& what, const std::function<void(SmallCall&)>& change)
{
    SmallCall call;
    change(call);
    EXPECT_EQ(call.integrate(context), LUMICROP_OK) << what << ": " << lumicrop_last_error();
}

} // namespace test
