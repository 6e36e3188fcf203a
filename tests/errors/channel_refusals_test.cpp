// What is refused in a channel, with a message that names the channel (from 1), the field, and expected and found.
#include "small_call.hpp"

#include <cmath>
#include <limits>

namespace {

using test::infinity;
using test::nan_;
using test::Refusal;
using test::SmallCall;

class ChannelRefusals : public test::EveryBackend
{
};

/// `field` of both channels set to each value that is not finite and above 0; the words name channel and field.
std::vector<Refusal> not_above_zero(const std::string& name, double lumicrop_channel::*field)
{
    std::vector<Refusal> refusals;
    for (double value : {nan_, 0.0, -1.0, infinity}) {
        refusals.push_back({name + " = " + std::to_string(value),
                            [=](SmallCall& c) { c.channels[1].*field = value; },
                            {"channel 2", name}});
        if (name != "pixel_y_nm" && name != "pixel_x_nm")
            refusals.push_back(
                {name + " of channel 1", [=](SmallCall& c) { c.channels[0].*field = value; }, {"channel 1", name}});
    }
    return refusals;
}

TEST_P(ChannelRefusals, PhysicalQuantitiesMustBeFiniteAndAboveZero)
{
    const test::Context context = test::make_context(GetParam());
    for (const auto& refusals :
         {not_above_zero("gain", &lumicrop_channel::gain), not_above_zero("qe", &lumicrop_channel::qe),
          not_above_zero("pixel_y_nm", &lumicrop_channel::pixel_y_nm),
          not_above_zero("pixel_x_nm", &lumicrop_channel::pixel_x_nm)})
        for (const Refusal& refusal : refusals) test::expect_refused(context.get(), refusal);
    for (double value : {nan_, infinity})
        test::expect_refused(
            context.get(),
            {"camera_offset", [=](SmallCall& c) { c.channels[0].camera_offset = value; }, {"channel 1", "camera_offset"}});
    test::expect_accepted(context.get(), "a sum without pixel sizes", [](SmallCall& c) { c.channels[0].pixel_y_nm = nan_; });
    test::expect_accepted(context.get(), "a negative camera offset", [](SmallCall& c) { c.channels[0].camera_offset = -3; });
}

TEST_P(ChannelRefusals, UnknownChoicesAreNamed)
{
    const test::Context context = test::make_context(GetParam());
    const std::vector<Refusal> refusals = {
        {"source", [](SmallCall& c) { c.channels[1].source = 5; }, {"channel 2", "source", "5"}},
        {"source 0", [](SmallCall& c) { c.channels[1].source = 0; }, {"channel 2", "source", "0"}},
        {"method", [](SmallCall& c) { c.channels[0].method = 9; }, {"channel 1", "method", "9"}},
        {"model", [](SmallCall& c) { c.channels[1].model = 9; }, {"channel 2", "model", "9"}},
        {"model 0", [](SmallCall& c) { c.channels[1].model = 0; }, {"channel 2", "model", "0"}},
        {"padding", [](SmallCall& c) { c.channels[0].padding = 4; }, {"channel 1", "padding", "4"}},
        {"padding", [](SmallCall& c) { c.channels[0].padding = -1; }, {"channel 1", "padding", "-1"}},
    };
    for (const Refusal& refusal : refusals) test::expect_refused(context.get(), refusal);
    test::expect_accepted(context.get(), "SUM does not look at the model", [](SmallCall& c) { c.channels[0].model = 9; });
}

TEST_P(ChannelRefusals, ImagesMustBeThreeDimensionalCropsOfAKnownType)
{
    const test::Context context = test::make_context(GetParam());
    const std::vector<Refusal> refusals = {
        {"no images", [](SmallCall& c) { c.channels[1].images = nullptr; }, {"channel 2", "images"}},
        {"two axes", [](SmallCall& c) { c.crops_2.array().ndim = 2; }, {"channel 2", "images", "2", "3"}},
        {"i64", [](SmallCall& c) { c.crops_2.array().dtype = LUMICROP_I64; }, {"channel 2", "images"}},
        {"no type", [](SmallCall& c) { c.crops_1.array().dtype = 0; }, {"channel 1", "images"}},
        {"type 99", [](SmallCall& c) { c.crops_1.array().dtype = 99; }, {"channel 1", "images", "99"}},
        {"no data", [](SmallCall& c) { c.crops_2.array().data = nullptr; }, {"channel 2", "images"}},
        {"negative extent", [](SmallCall& c) { c.crops_2.array().shape[0] = -4; }, {"channel 2", "images", "-4"}},
        {"crops without rows", [](SmallCall& c) { c.crops_2.array().shape[1] = 0; }, {"channel 2", "0"}},
        {"crops without columns", [](SmallCall& c) { c.crops_1.array().shape[2] = 0; }, {"channel 1", "0"}},
        {"memory 7", [](SmallCall& c) { c.crops_2.array().memory = 7; }, {"channel 2", "images", "7"}},
        {"memory 0", [](SmallCall& c) { c.crops_2.array().memory = 0; }, {"channel 2", "images"}},
        {"array not initialised", [](SmallCall& c) { c.crops_2.array().struct_size = 0; }, {"channel 2", "images"}},
    };
    for (const Refusal& refusal : refusals) test::expect_refused(context.get(), refusal);
}

TEST_P(ChannelRefusals, SizesAndCountsMustAgree)
{
    const test::Context context = test::make_context(GetParam());
    const std::vector<Refusal> refusals = {
        {"n_detections of given crops",
         [](SmallCall& c) { c.channels[1].n_detections = 5; },
         {"channel 2", "n_detections", "5", "4"}},
        {"n_detections below -1",
         [](SmallCall& c) { c.channels[1].n_detections = -2; },
         {"channel 2", "n_detections", "-2"}},
        {"crop_height of given crops",
         [](SmallCall& c) { c.channels[1].crop_height = 7; },
         {"channel 2", "crop_height", "7", "5"}},
        {"crop_width of given crops",
         [](SmallCall& c) { c.channels[1].crop_width = 7; },
         {"channel 2", "crop_width", "7", "6"}},
        {"gathered without a crop height",
         [](SmallCall& c) {
             c.gather_channel_2();
             c.channels[1].crop_height = 0;
         },
         {"channel 2", "crop_height", "0"}},
        {"gathered with a negative width",
         [](SmallCall& c) {
             c.gather_channel_2();
             c.channels[1].crop_width = -3;
         },
         {"channel 2", "crop_width", "-3"}},
        {"gathered count against ch",
         [](SmallCall& c) {
             c.gather_channel_2();
             c.channels[1].n_detections = 3;
         },
         {"channel 2", "3", "4"}},
        {"gathered channels without ch or counts",
         [](SmallCall& c) {
             c.gather_channel_2();
             c.detections.ch = nullptr;
         },
         {"channel 2", "n_detections"}},
        {"geometry of given crops without the frame's size",
         [](SmallCall& c) { c.channels[1].padding = LUMICROP_PADDING_GEOMETRY; },
         {"channel 2", "frame_height"}},
        {"geometry with half the frame's size",
         [](SmallCall& c) {
             c.channels[1].padding = LUMICROP_PADDING_GEOMETRY;
             c.channels[1].frame_height = 20;
         },
         {"channel 2", "frame_width"}},
    };
    for (const Refusal& refusal : refusals) test::expect_refused(context.get(), refusal);
    test::expect_accepted(context.get(), "sizes stated as they are", [](SmallCall& c) {
        c.channels[1].crop_height = 5;
        c.channels[1].crop_width = 6;
        c.channels[1].n_detections = 4;
    });
    test::expect_accepted(context.get(), "gathered", [](SmallCall& c) { c.gather_channel_2(); });
}

TEST_P(ChannelRefusals, AWidthOrASplineThatNobodyGivesIsAskedFor)
{
    const test::Context context = test::make_context(GetParam());
    const std::vector<Refusal> refusals = {
        {"isogauss", [](SmallCall& c) { c.detections.sigma_fit = nullptr; }, {"channel 2", "psf_sigma_nm"}},
        {"gauss, x",
         [](SmallCall& c) {
             c.channels[1].model = LUMICROP_GAUSS;
             c.channels[1].psf_sigma_y_nm = 100;
             c.detections.sigma_fit = nullptr;
         },
         {"channel 2", "psf_sigma_x_nm"}},
        {"gauss, y",
         [](SmallCall& c) {
             c.channels[1].model = LUMICROP_GAUSS;
             c.detections.sigma_x_fit = c.sigma.get();
             c.detections.sigma_fit = nullptr;
         },
         {"channel 2", "psf_sigma_y_nm"}},
        {"spline", [](SmallCall& c) { c.channels[1].model = LUMICROP_SPLINE; }, {"channel 2", "spline"}},
    };
    for (const Refusal& refusal : refusals) test::expect_refused(context.get(), refusal);
    test::expect_accepted(context.get(), "isogauss by the channel", [](SmallCall& c) {
        c.detections.sigma_fit = nullptr;
        c.channels[1].psf_sigma_nm = 93.8;
    });
    test::expect_accepted(context.get(), "spline", [](SmallCall& c) {
        c.channels[1].model = LUMICROP_SPLINE;
        c.channels[1].spline = c.spline;
    });
}

TEST_P(ChannelRefusals, DeviceMemoryIsUnsupportedOnTheCpu)
{
    if (GetParam().backend != LUMICROP_BACKEND_CPU) GTEST_SKIP() << "a matter of the CPU backend";
    const test::Context context = test::make_context(GetParam());
    const std::vector<Refusal> refusals = {
        {"images",
         [](SmallCall& c) { c.crops_2.array().memory = LUMICROP_DEVICE; },
         {"channel 2", "images", "device"},
         LUMICROP_UNSUPPORTED},
        {"ch", [](SmallCall& c) { c.ch.array().memory = LUMICROP_DEVICE; }, {"ch", "device"}, LUMICROP_UNSUPPORTED},
        {"x_fit", [](SmallCall& c) { c.x_fit.array().memory = LUMICROP_DEVICE; }, {"x_fit", "device"}, LUMICROP_UNSUPPORTED},
        {"X0", [](SmallCall& c) { c.X0.array().memory = LUMICROP_DEVICE; }, {"X0", "device"}, LUMICROP_UNSUPPORTED},
        {"photons",
         [](SmallCall& c) { c.photons.array().memory = LUMICROP_DEVICE; },
         {"photons", "device"},
         LUMICROP_UNSUPPORTED},
        {"flags", [](SmallCall& c) { c.flags.array().memory = LUMICROP_DEVICE; }, {"flags", "device"}, LUMICROP_UNSUPPORTED},
    };
    for (const Refusal& refusal : refusals) test::expect_refused(context.get(), refusal);
}

LUMICROP_ON_EVERY_BACKEND(ChannelRefusals);

} // namespace
