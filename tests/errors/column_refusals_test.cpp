// What is refused in detections and results, with a message that names the column, the index, and expected and found.
#include "small_call.hpp"

namespace {

using test::Refusal;
using test::SmallCall;

class ColumnRefusals : public test::EveryBackend
{
};

struct NamedColumn
{
    std::string name;
    const lumicrop_array* lumicrop_detections::*column;
};

const std::vector<NamedColumn> needed = {{"X0", &lumicrop_detections::X0},
                                         {"Y0", &lumicrop_detections::Y0},
                                         {"x_fit", &lumicrop_detections::x_fit},
                                         {"y_fit", &lumicrop_detections::y_fit},
                                         {"os_fit", &lumicrop_detections::os_fit}};
const std::vector<NamedColumn> fitted = {{"x_fit", &lumicrop_detections::x_fit},
                                         {"y_fit", &lumicrop_detections::y_fit},
                                         {"os_fit", &lumicrop_detections::os_fit},
                                         {"sigma_fit", &lumicrop_detections::sigma_fit}};

TEST_P(ColumnRefusals, AFilterNeedsItsColumns)
{
    const test::Context context = test::make_context(GetParam());
    for (const NamedColumn& c : needed)
        test::expect_refused(context.get(),
                             {c.name, [c](SmallCall& call) { call.detections.*c.column = nullptr; }, {"channel 2", c.name}});
    for (const NamedColumn& c : needed)
        test::expect_accepted(context.get(), "sums alone need no " + c.name, [c](SmallCall& call) {
            call.channels[1].method = LUMICROP_SUM;
            call.detections.*c.column = nullptr;
        });
}

TEST_P(ColumnRefusals, EveryColumnInUseHasOneEntryADetection)
{
    const test::Context context = test::make_context(GetParam());
    std::vector<NamedColumn> all = needed;
    all.push_back({"sigma_fit", &lumicrop_detections::sigma_fit});
    for (const NamedColumn& c : all) {
        test::expect_refused(context.get(), {c.name + " too short",
                                             [c](SmallCall& call) { call.detections.*c.column = call.six.get(); },
                                             {c.name, "6", "7"}});
        test::expect_refused(
            context.get(),
            {c.name + " of three axes", [c](SmallCall& call) { call.detections.*c.column = call.crops_2.get(); }, {c.name}});
    }
    test::expect_refused(context.get(), {"ch too short", [](SmallCall& c) { c.ch.array().shape[0] = 6; }, {"ch", "6", "7"}});
    test::expect_refused(context.get(), {"z_fit too short",
                                         [](SmallCall& c) {
                                             c.channels[1].model = LUMICROP_SPLINE;
                                             c.channels[1].spline = c.spline;
                                             c.detections.z_fit = c.six.get();
                                         },
                                         {"z_fit", "6", "7"}});
    for (const NamedColumn& c : {NamedColumn{"sigma_x_fit", &lumicrop_detections::sigma_x_fit},
                                 NamedColumn{"sigma_y_fit", &lumicrop_detections::sigma_y_fit},
                                 NamedColumn{"sigma_angle", &lumicrop_detections::sigma_angle}})
        test::expect_refused(context.get(), {c.name + " too short",
                                             [c](SmallCall& call) {
                                                 call.channels[1].model = LUMICROP_GAUSS;
                                                 call.detections.*c.column = call.six.get();
                                             },
                                             {c.name, "6", "7"}});
}

TEST_P(ColumnRefusals, FittedColumnsAreOfFloats)
{
    const test::Context context = test::make_context(GetParam());
    for (const NamedColumn& c : fitted)
        test::expect_refused(
            context.get(),
            {c.name + " of i32", [c](SmallCall& call) { call.detections.*c.column = call.seven_whole.get(); }, {c.name}});
    test::expect_refused(context.get(), {"ch of f32", [](SmallCall& c) { c.detections.ch = c.sigma.get(); }, {"ch"}});
    test::expect_refused(context.get(), {"X0 without data", [](SmallCall& c) { c.X0.array().data = nullptr; }, {"X0"}});
    test::expect_refused(context.get(), {"X0 not initialised", [](SmallCall& c) { c.X0.array().struct_size = 0; }, {"X0"}});
    test::expect_accepted(context.get(), "X0 of f32 where no frame is known",
                          [](SmallCall& c) { c.detections.X0 = c.sigma.get(); });
}

TEST_P(ColumnRefusals, ColumnsThatNoChannelUsesAreNotLookedAt)
{
    const test::Context context = test::make_context(GetParam());
    for (const NamedColumn& c :
         {NamedColumn{"z_fit", &lumicrop_detections::z_fit}, NamedColumn{"sigma_x_fit", &lumicrop_detections::sigma_x_fit},
          NamedColumn{"sigma_y_fit", &lumicrop_detections::sigma_y_fit},
          NamedColumn{"sigma_angle", &lumicrop_detections::sigma_angle},
          NamedColumn{"frame", &lumicrop_detections::frame}}) {
        test::expect_accepted(context.get(), c.name + " too short",
                              [c](SmallCall& call) { call.detections.*c.column = call.six.get(); });
        test::expect_accepted(context.get(), c.name + " wholly wrong", [c](SmallCall& call) {
            call.six.array().dtype = 77;
            call.six.array().data = nullptr;
            call.detections.*c.column = call.six.get();
        });
    }
    for (const NamedColumn& c : fitted)
        test::expect_accepted(context.get(), "a sum does not look at " + c.name, [c](SmallCall& call) {
            call.channels[1].method = LUMICROP_SUM;
            call.detections.*c.column = call.six.get();
        });
    test::expect_accepted(context.get(), "gauss with both own widths does not look at sigma_fit", [](SmallCall& c) {
        c.channels[1].model = LUMICROP_GAUSS;
        c.detections.sigma_x_fit = c.detections.sigma_y_fit = c.sigma.get();
        c.detections.sigma_fit = c.six.get();
    });
}

TEST_P(ColumnRefusals, LabelsAreOneBasedAndMatchTheStacks)
{
    const test::Context context = test::make_context(GetParam());
    const auto label = [](double value) {
        return
            [value](SmallCall& c) { test::write_element(LUMICROP_U8, static_cast<uint8_t*>(c.ch.array().data) + 3, value); };
    };
    test::expect_refused(context.get(), {"label 0", label(0), {"ch", "3", "0", "2"}});
    test::expect_refused(context.get(), {"label 3", label(3), {"ch", "3", "2"}});
    test::expect_refused(context.get(), {"label 200", label(200), {"ch", "3", "200"}});
    test::expect_refused(context.get(), {"one label too many of channel 2", label(2), {"ch", "channel", "3", "2"}});
    test::expect_refused(context.get(), {"a negative label",
                                         [](SmallCall& c) {
                                             test::write_element(LUMICROP_I32, c.seven_whole.array().data, -1);
                                             c.detections.ch = c.seven_whole.get();
                                         },
                                         {"ch", "-1"}});
}

TEST_P(ColumnRefusals, TheNumberOfDetectionsMatchesTheStacks)
{
    const test::Context context = test::make_context(GetParam());
    test::expect_refused(context.get(), {"n below the stacks", [](SmallCall& c) { c.detections.n = 6; }, {"6", "7"}});
    test::expect_refused(context.get(), {"n below 0", [](SmallCall& c) { c.detections.n = -1; }, {"n", "-1"}});
    test::expect_refused(context.get(), {"n without ch",
                                         [](SmallCall& c) {
                                             c.detections.ch = nullptr;
                                             c.detections.n = 8;
                                         },
                                         {"8", "7"}});
    test::expect_refused(context.get(), {"origin 3", [](SmallCall& c) { c.detections.origin = 3; }, {"origin", "3"}});
    test::expect_refused(context.get(), {"origin 0", [](SmallCall& c) { c.detections.origin = 0; }, {"origin", "0"}});
    test::expect_refused(context.get(), {"reserved", [](SmallCall& c) { c.detections.reserved = 1; }, {"reserved"}});
}

TEST_P(ColumnRefusals, GatheredCropsNeedFramesThatExistAndWholeOrigins)
{
    const test::Context context = test::make_context(GetParam());
    const auto frame = [](double value) {
        return [value](SmallCall& c) {
            c.gather_channel_2();
            test::write_element(LUMICROP_I32, static_cast<uint8_t*>(c.frame.array().data) + 4 * 5, value);
        };
    };
    test::expect_refused(context.get(), {"no frame column",
                                         [](SmallCall& c) {
                                             c.gather_channel_2();
                                             c.detections.frame = nullptr;
                                         },
                                         {"channel 2", "frame"}});
    test::expect_refused(context.get(), {"frame of f32",
                                         [](SmallCall& c) {
                                             c.gather_channel_2();
                                             c.detections.frame = c.sigma.get();
                                         },
                                         {"frame"}});
    test::expect_refused(context.get(), {"frame 2 of 2", frame(2), {"frame", "5", "2"}});
    test::expect_refused(context.get(), {"frame -1", frame(-1), {"frame", "5", "-1"}});
    test::expect_refused(context.get(), {"X0 of f32",
                                         [](SmallCall& c) {
                                             c.gather_channel_2();
                                             c.detections.X0 = c.sigma.get();
                                         },
                                         {"X0"}});
    test::expect_refused(context.get(), {"Y0 of f32",
                                         [](SmallCall& c) {
                                             c.gather_channel_2();
                                             c.detections.Y0 = c.sigma.get();
                                         },
                                         {"Y0"}});
    test::expect_refused(context.get(), {"a sum without X0",
                                         [](SmallCall& c) {
                                             c.gather_channel_2();
                                             c.channels[1].method = LUMICROP_SUM;
                                             c.detections.X0 = nullptr;
                                         },
                                         {"channel 2", "X0"}});
    test::expect_accepted(context.get(), "another channel's frame may be anything", [](SmallCall& c) {
        c.gather_channel_2();
        test::write_element(LUMICROP_I32, static_cast<uint8_t*>(c.frame.array().data) + 4, -77);
    });
}

TEST_P(ColumnRefusals, OutputsAreColumnsOfTheStatedTypes)
{
    const test::Context context = test::make_context(GetParam());
    struct Output
    {
        std::string name;
        test::TypedArray SmallCall::*array;
    };
    for (const Output& o : {Output{"photons", &SmallCall::photons}, Output{"background", &SmallCall::background},
                            Output{"psf_sum", &SmallCall::psf_sum}, Output{"denominator", &SmallCall::denominator},
                            Output{"flags", &SmallCall::flags}}) {
        test::expect_refused(
            context.get(),
            {o.name + " too short", [o](SmallCall& c) { (c.*o.array).array().shape[0] = 6; }, {o.name, "6", "7"}});
        test::expect_refused(
            context.get(), {o.name + " of i32", [o](SmallCall& c) { (c.*o.array).array().dtype = LUMICROP_I32; }, {o.name}});
        test::expect_refused(
            context.get(), {o.name + " without data", [o](SmallCall& c) { (c.*o.array).array().data = nullptr; }, {o.name}});
        test::expect_refused(
            context.get(),
            {o.name + " of two axes", [o](SmallCall& c) { (c.*o.array).array().ndim = 2; }, {o.name, "2", "1"}});
        test::expect_refused(
            context.get(),
            {o.name + " not initialised", [o](SmallCall& c) { (c.*o.array).array().struct_size = 0; }, {o.name}});
    }
    test::expect_refused(context.get(),
                         {"flags of f32", [](SmallCall& c) { c.flags.array().dtype = LUMICROP_F32; }, {"flags"}});
    test::expect_accepted(context.get(), "nothing wanted", [](SmallCall& c) {
        c.result.photons = c.result.background = c.result.psf_sum = c.result.denominator = c.result.flags = nullptr;
    });
}

LUMICROP_ON_EVERY_BACKEND(ColumnRefusals);

} // namespace
