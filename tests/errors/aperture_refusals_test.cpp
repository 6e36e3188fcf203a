// What is refused of apertures (SPEC 8), with a message that names the channel, the field, expected and found.
#include "small_call.hpp"

#include <cmath>
#include <limits>

namespace {

using test::infinity;
using test::nan_;
using test::SmallCall;

class ApertureRefusals : public test::EveryBackend
{
protected:
    void SetUp() override
    {
        EveryBackend::SetUp();
        if (!IsSkipped()) context_ = test::make_context(GetParam());
    }
    /// Channel 2 an aperture of 2 px, then `spoil`.
    void refuse(const std::string& what, const std::function<void(SmallCall&)>& spoil, std::vector<std::string> words) const
    {
        words.emplace_back("channel 2");
        test::expect_refused(context_.get(), {what,
                                              [&](SmallCall& c) {
                                                  make_aperture(c);
                                                  spoil(c);
                                              },
                                              std::move(words), LUMICROP_INVALID_ARGUMENT});
    }
    void accept(const std::string& what, const std::function<void(SmallCall&)>& change) const
    {
        test::expect_accepted(context_.get(), what, [&](SmallCall& c) {
            make_aperture(c);
            change(c);
        });
    }
    static void make_aperture(SmallCall& c)
    {
        c.channels[1].method = LUMICROP_APERTURE;
        c.channels[1].aperture_x_px = 2;
    }
    test::Context context_;
};

TEST_P(ApertureRefusals, SemiAxesAreNumbersAboveNothing)
{
    for (const auto& [value, text] : {std::pair<double, const char*>{0, "0"},
                                      {-0.0, "0"},
                                      {-2.5, "-2.5"},
                                      {infinity, "inf"},
                                      {-infinity, "-inf"},
                                      {1e12, "1e+12"},
                                      {1e300, "1e+300"},
                                      {1e-300, "1e-300"}}) {
        refuse(std::string("aperture_x_px ") + text, [v = value](SmallCall& c) { c.channels[1].aperture_x_px = v; },
               {"aperture_x_px", text, "expected"});
        refuse(std::string("aperture_y_px ") + text, [v = value](SmallCall& c) { c.channels[1].aperture_y_px = v; },
               {"aperture_y_px", text, "expected"});
    }
    refuse("no semi-axis at all", [](SmallCall& c) { c.channels[1].aperture_x_px = nan_; },
           {"aperture_x_px", "nan", "expected"});
    refuse("only the other one",
           [](SmallCall& c) {
               c.channels[1].aperture_x_px = nan_;
               c.channels[1].aperture_y_px = 2;
           },
           {"aperture_x_px", "nan", "expected"});
    accept("a circle", [](SmallCall& c) { c.channels[1].aperture_y_px = nan_; });
    for (double value : {0.001, 0.5, 3.0, 10000.0})
        accept("an ellipse", [=](SmallCall& c) { c.channels[1].aperture_y_px = value; });
    accept("what no aperture asks for is not looked at", [](SmallCall& c) {
        c.channels[1].method = LUMICROP_FILTER;
        c.channels[1].aperture_x_px = -1;
        c.channels[0].aperture_theta_deg = nan_;
    });
}

TEST_P(ApertureRefusals, TheAngleIsFinite)
{
    for (double value : {nan_, infinity, -infinity})
        refuse("aperture_theta_deg " + std::to_string(value),
               [=](SmallCall& c) { c.channels[1].aperture_theta_deg = value; },
               {"aperture_theta_deg", std::isnan(value) ? "nan" : "inf", "expected"});
    for (double value : {-1000.0, 0.0, 12.5, 360.0})
        accept("an angle", [=](SmallCall& c) { c.channels[1].aperture_theta_deg = value; });
}

TEST_P(ApertureRefusals, ItFitsNoBackground)
{
    refuse("a fitted background", [](SmallCall& c) { c.channels[1].background = LUMICROP_BACKGROUND_FITTED; },
           {"background", "LUMICROP_BACKGROUND_FITTED (5)", "aperture", "LUMICROP_JOINT"});
    for (int32_t known : {LUMICROP_BACKGROUND_DEFAULT, LUMICROP_BACKGROUND_BORDER_MEDIAN,
                          LUMICROP_BACKGROUND_CORRECTED_MEDIAN, LUMICROP_BACKGROUND_COLUMN})
        accept("a known background", [=](SmallCall& c) { c.channels[1].background = known; });
}

TEST_P(ApertureRefusals, WhatItReadsMustBeGiven)
{
    struct Column
    {
        const char* name;
        const lumicrop_array* lumicrop_detections::*field;
    };
    const Column position[] = {{"X0", &lumicrop_detections::X0},
                               {"Y0", &lumicrop_detections::Y0},
                               {"x_fit", &lumicrop_detections::x_fit},
                               {"y_fit", &lumicrop_detections::y_fit}};
    for (const Column& column : position)
        refuse(std::string("an aperture without ") + column.name,
               [&](SmallCall& c) { c.detections.*column.field = nullptr; }, {column.name, "required"});
    refuse("a background of the column without os_fit",
           [](SmallCall& c) {
               c.channels[1].background = LUMICROP_BACKGROUND_COLUMN;
               c.detections.os_fit = nullptr;
           },
           {"os_fit", "required"});
    for (double value : {nan_, 0.0, -1.0}) {
        const char* const text = std::isnan(value) ? "nan" : value == 0 ? "0" : "-1";
        refuse("no pixel height", [=](SmallCall& c) { c.channels[1].pixel_y_nm = value; }, {"pixel_y_nm", text});
        refuse("no pixel width", [=](SmallCall& c) { c.channels[1].pixel_x_nm = value; }, {"pixel_x_nm", text});
    }
    accept("neither widths, nor a background, nor a model", [](SmallCall& c) {
        c.detections.os_fit = c.detections.sigma_fit = nullptr;
        c.channels[1].psf_sigma_nm = nan_;
    });
    refuse("a fraction enclosed of a PSF of unknown width",
           [](SmallCall& c) {
               c.channels[0].pixel_x_nm = c.channels[0].pixel_y_nm = 100;
               c.channels[0].psf_sigma_nm = 100;
               c.detections.sigma_fit = nullptr;
               c.result.enclosed = c.psf_sum.get();
               c.result.psf_sum = nullptr;
           },
           {"psf_sigma_nm", "sigma_fit"});
}

LUMICROP_ON_EVERY_BACKEND(ApertureRefusals);

} // namespace
