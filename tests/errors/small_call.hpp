// A call that works, with every part within reach to be spoilt: channel 1 a sum of u16 crops, channel 2 a filter of f32 crops.
#pragma once

#include "../support/every_backend.hpp"
#include "../support/typed_array.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace test {

inline const double nan_ = std::nan("");
inline const double infinity = std::numeric_limits<double>::infinity();

struct SmallCall
{
    SmallCall();

    TypedArray crops_1, crops_2, frames;                              ///< (3, 4, 4) u16; (4, 5, 6) f32; (2, 20, 24) u16
    TypedArray ch, frame, X0, Y0, x_fit, y_fit, z_fit, os_fit, sigma; ///< 7 detections
    TypedArray six, seven_whole;                                      ///< a column too short; a column of whole numbers
    TypedArray photons, background, psf_sum, denominator, flags;
    lumicrop_spline* spline = nullptr; ///< a valid one
    ~SmallCall() { lumicrop_spline_destroy(spline); }

    std::vector<lumicrop_channel> channels;
    lumicrop_detections detections;
    lumicrop_result result;

    lumicrop_status integrate(lumicrop_context* context)
    {
        return lumicrop_integrate(context, channels.data(), static_cast<int64_t>(channels.size()), &detections, &result);
    }
    bool outputs_untouched() const
    {
        return photons.untouched() && background.untouched() && psf_sum.untouched() && denominator.untouched() &&
               flags.untouched();
    }
    void gather_channel_2(); ///< from `frames`, with detections.frame
    lumicrop_array& array_of(TypedArray& array) { return array.array(); }
};

/// One way to spoil the call and what the message must name.
struct Refusal
{
    std::string what;
    std::function<void(SmallCall&)> spoil;
    std::vector<std::string> words;
    lumicrop_status status = LUMICROP_INVALID_ARGUMENT;
};

/// Spoils a fresh call, and checks status, message and that nothing was written; then that the context still works.
void expect_refused(lumicrop_context* context, const Refusal& refusal);
void expect_accepted(lumicrop_context* context, const std::string& what, const std::function<void(SmallCall&)>& change);

/// Every word occurs in the text.
testing::AssertionResult names(const std::string& text, const std::vector<std::string>& words);

} // namespace test
