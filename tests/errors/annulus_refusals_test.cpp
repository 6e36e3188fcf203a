// What is refused of annuli (SPEC 8), with a message that names the channel, the field, expected and found.
#include "small_call.hpp"

#include <cmath>
#include <limits>

namespace {

using test::infinity;
using test::nan_;
using test::SmallCall;
using test::TypedArray;

class AnnulusRefusals : public test::EveryBackend
{
protected:
    void SetUp() override
    {
        EveryBackend::SetUp();
        if (!IsSkipped()) context_ = test::make_context(GetParam());
    }
    /// Channel 2 with a ring of 1 to 2 px, then `spoil`.
    void refuse(const std::string& what, const std::function<void(SmallCall&)>& spoil, std::vector<std::string> words,
                lumicrop_status status = LUMICROP_INVALID_ARGUMENT) const
    {
        words.emplace_back("channel 2");
        test::expect_refused(context_.get(), {what,
                                              [&](SmallCall& c) {
                                                  make_annulus(c);
                                                  spoil(c);
                                              },
                                              std::move(words), status});
    }
    void accept(const std::string& what, const std::function<void(SmallCall&)>& change) const
    {
        test::expect_accepted(context_.get(), what, [&](SmallCall& c) {
            make_annulus(c);
            change(c);
        });
    }
    static void make_annulus(SmallCall& c)
    {
        c.channels[1].background = LUMICROP_BACKGROUND_ANNULUS_MEAN;
        c.channels[1].annulus_inner_px = 1;
        c.channels[1].annulus_outer_px = 2;
        c.detections.frame = c.frame.get();
    }
    test::Context context_;
};

struct Number
{
    double value;
    const char* text;
};

TEST_P(AnnulusRefusals, TheInnerRadiusIsANumberOfPixels)
{
    for (const Number& one : {Number{nan_, "nan"}, {infinity, "inf"}, {-infinity, "-inf"}, {-1, "-1"}, {-1e-300, "-1e-300"}})
        refuse(std::string("annulus_inner_px ") + one.text,
               [&](SmallCall& c) { c.channels[1].annulus_inner_px = one.value; },
               {std::string("annulus_inner_px is ") + one.text, "a radius of 0 or more pixels expected"});
    for (double value : {0.0, -0.0, 0.5, 1.999})
        accept("an inner radius", [=](SmallCall& c) { c.channels[1].annulus_inner_px = value; });
}

TEST_P(AnnulusRefusals, TheOuterRadiusIsLarger)
{
    for (const Number& one : {Number{nan_, "nan"}, {infinity, "inf"}, {-infinity, "-inf"}, {0, "0"}, {1, "1"}, {0.5, "0.5"}})
        refuse(std::string("annulus_outer_px ") + one.text,
               [&](SmallCall& c) { c.channels[1].annulus_outer_px = one.value; },
               {std::string("annulus_outer_px is ") + one.text, "a radius above annulus_inner_px, 1 pixels, expected"});
    for (const Number& one : {Number{100.5, "100.5"}, {1e300, "1e+300"}})
        refuse(
            std::string("annulus_outer_px ") + one.text, [&](SmallCall& c) { c.channels[1].annulus_outer_px = one.value; },
            {std::string("annulus_outer_px is ") + one.text, "at most 100 pixels are supported"}, LUMICROP_UNSUPPORTED);
    for (double value : {1.001, 5.0, 100.0})
        accept("an outer radius", [=](SmallCall& c) { c.channels[1].annulus_outer_px = value; });
}

/// Frames have 20 x 24 pixels, crops 5 x 6: 3.905 px to their corners.
TEST_P(AnnulusRefusals, ItFitsIntoTheFrameAndBeginsInTheCrop)
{
    const auto gathered = [](double outer) {
        return [=](SmallCall& c) {
            c.gather_channel_2();
            c.channels[1].annulus_outer_px = outer;
        };
    };
    const auto padded = [](double outer) {
        return [=](SmallCall& c) {
            c.channels[1].padding = LUMICROP_PADDING_GEOMETRY;
            c.channels[1].frame_height = 20;
            c.channels[1].frame_width = 24;
            c.channels[1].annulus_outer_px = outer;
        };
    };
    const std::vector<std::string> words = {"annulus_outer_px is 10.5",
                                            "an annulus larger than the frame, which has 20 x 24 pixels"};
    refuse("a ring larger than the frames", gathered(10.5), words);
    refuse("a ring larger than the frame that crops come from", padded(10.5), words);
    accept("a ring as large as the frames", gathered(10));
    accept("a ring as large as the frame that crops come from", padded(10));
    const auto inner = [](double value) {
        return [=](SmallCall& c) {
            c.channels[1].annulus_inner_px = value;
            c.channels[1].annulus_outer_px = 6;
        };
    };
    refuse("a ring around the crops", inner(3.91),
           {"annulus_inner_px is 3.91", "an annulus larger than the crops, which have 5 x 6 pixels"});
    accept("a ring at their corners", inner(3.9));
    accept("a ring around crops that are gathered", [&](SmallCall& c) {
        c.gather_channel_2();
        inner(5)(c);
    });
}

TEST_P(AnnulusRefusals, NeighboursMayBeSoNear)
{
    for (const Number& one : {Number{-1, "-1"}, {-1e-9, "-1e-09"}, {infinity, "inf"}, {-infinity, "-inf"}, {100.5, "100.5"}})
        refuse(std::string("neighbour_radius_px ") + one.text,
               [&](SmallCall& c) { c.channels[1].neighbour_radius_px = one.value; },
               {std::string("neighbour_radius_px is ") + one.text, "a radius of 0 (none) to 100 pixels expected"});
    for (double value : {nan_, 0.0, 0.5, 3.0, 100.0})
        accept("a neighbour's radius", [=](SmallCall& c) { c.channels[1].neighbour_radius_px = value; });
}

TEST_P(AnnulusRefusals, EveryMethodButJointTakesIt)
{
    for (int32_t annulus : {6, 7, 8}) {
        refuse("a joint fit with an annulus",
               [=](SmallCall& c) {
                   c.channels[1].method = LUMICROP_JOINT;
                   c.channels[1].background = annulus;
               },
               {"background is " + std::to_string(annulus), "LUMICROP_BACKGROUND_FITTED (5) expected", "LUMICROP_FILTER"});
        for (lumicrop_method method : {LUMICROP_SUM, LUMICROP_FILTER, LUMICROP_OPTIMAL, LUMICROP_MLE, LUMICROP_APERTURE})
            accept("an annulus", [=](SmallCall& c) {
                c.channels[1].method = method;
                c.channels[1].background = annulus;
                c.channels[1].aperture_x_px = 2;
                c.detections.os_fit = nullptr;
            });
    }
    for (int32_t unknown : {-1, 9, 99})
        refuse("background " + std::to_string(unknown), [=](SmallCall& c) { c.channels[1].background = unknown; },
               {"background is " + std::to_string(unknown), "_ANNULUS_MEDIAN (6)", "_ANNULUS_MEAN (7)",
                "_ANNULUS_CLIPPED (8)", "expected"});
    accept("what no annulus asks for is not looked at", [](SmallCall& c) {
        c.channels[1].background = LUMICROP_BACKGROUND_DEFAULT;
        c.channels[1].annulus_inner_px = -1;
        c.channels[0].annulus_outer_px = c.channels[0].neighbour_radius_px = infinity;
        c.detections.frame = nullptr;
    });
}

TEST_P(AnnulusRefusals, FramesTellWhoIsANeighbour)
{
    const auto without = [](double radius) {
        return [=](SmallCall& c) {
            c.detections.frame = nullptr;
            c.channels[1].neighbour_radius_px = radius;
        };
    };
    for (double radius : {nan_, 3.0})
        refuse("no frames", without(radius),
               {"frame is required for the neighbours of an annulus (neighbour_radius_px 0: none), but NULL"});
    accept("no frames, and nobody is looked for", without(0));
    accept("no frames: the inner radius is 0", [&](SmallCall& c) {
        without(nan_)(c);
        c.channels[1].annulus_inner_px = 0;
    });
    refuse("no frames for gathered crops",
           [&](SmallCall& c) {
               c.gather_channel_2();
               without(0)(c);
           },
           {"frame is required for gathered crops"});
    for (const auto& [frame, text] : {std::pair<double, const char*>{-1, "-1"}, {1099511627776.0, "1099511627776"}}) {
        const TypedArray frames(LUMICROP_I64, {7}, {0, 0, 1, 0, 0, frame, 0});
        refuse("a frame that there is not", [&](SmallCall& c) { c.detections.frame = frames.get(); },
               {std::string("frame[5] is ") + text, "expected"});
        accept("frames that nobody looks at", [&](SmallCall& c) {
            c.detections.frame = frames.get();
            c.channels[1].neighbour_radius_px = 0;
        });
    }
    const TypedArray other(LUMICROP_I64, {7}, {0, -5, 1, -5, -5, 99, 0}); // of channel 1, which has no use for them
    accept("frames of a channel without an annulus", [&](SmallCall& c) { c.detections.frame = other.get(); });
}

TEST_P(AnnulusRefusals, PositionsMustBeGivenForASumToo)
{
    struct Column
    {
        const char* name;
        const lumicrop_array* lumicrop_detections::*field;
    };
    for (const Column& column : {Column{"X0", &lumicrop_detections::X0}, Column{"Y0", &lumicrop_detections::Y0},
                                 Column{"x_fit", &lumicrop_detections::x_fit}, Column{"y_fit", &lumicrop_detections::y_fit}})
        refuse(std::string("a sum without ") + column.name,
               [&](SmallCall& c) {
                   c.channels[1].method = LUMICROP_SUM;
                   c.detections.*column.field = nullptr;
               },
               {std::string(column.name) + " is required for the annulus, but NULL"});
    for (const Number& one : {Number{nan_, "nan"}, {0, "0"}, {-1, "-1"}}) {
        const auto sum = [&](double lumicrop_channel::*field) {
            return [&, field](SmallCall& c) {
                c.channels[1].method = LUMICROP_SUM;
                c.channels[1].*field = one.value;
            };
        };
        refuse("no pixel height", sum(&lumicrop_channel::pixel_y_nm), {"pixel_y_nm", one.text});
        refuse("no pixel width", sum(&lumicrop_channel::pixel_x_nm), {"pixel_x_nm", one.text});
    }
    accept("neither widths, nor a background, nor a model", [](SmallCall& c) {
        c.channels[1].method = LUMICROP_SUM;
        c.channels[1].model = 0;
        c.detections.os_fit = c.detections.sigma_fit = nullptr;
    });
}

LUMICROP_ON_EVERY_BACKEND(AnnulusRefusals);

} // namespace
