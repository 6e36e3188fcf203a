// Lays a job out in memory, calls the library, and brings the columns back.
#pragma once

#include "../support/device_mirror.hpp"
#include "../support/every_backend.hpp"
#include "chance.hpp"
#include "job.hpp"

#include <array>
#include <string>
#include <vector>

namespace test {

struct Outputs
{
    lumicrop_status status = LUMICROP_OK;
    std::string error;
    std::vector<double> photons, background, psf_sum, denominator;
    std::vector<uint32_t> flags;
    std::array<std::vector<double>, n_outs> columns; ///< by Out; empty: not asked for
    std::vector<std::vector<uint8_t>> bits;          ///< of the columns that were asked for, in the order of Out
    bool gaps_untouched = true;
};

/// Columns of the same bits; else the first place where they are not.
testing::AssertionResult same_bits(const std::vector<std::vector<uint8_t>>& found,
                                   const std::vector<std::vector<uint8_t>>& wanted);

struct DestroySpline
{
    void operator()(lumicrop_spline* spline) const { lumicrop_spline_destroy(spline); }
};
using SplineHandle = std::unique_ptr<lumicrop_spline, DestroySpline>;

/// The library's spline of these values; the running test fails where it is refused.
SplineHandle make_spline(const SplineInput& input);

/// In whose memory the arrays of a job lie.
struct Placement
{
    enum Where {
        host,
        device,
        mixed,
        inputs,
        outputs
    }; ///< mixed: a coin for each array; inputs, outputs: these on the device
    Where where = host;
    uint64_t seed = 0; ///< of the coins, and of how far from an aligned address the arrays begin

    std::string name() const;
};

/// Where the arrays may lie for this backend: on the host; for a GPU also on the device, and here and there.
std::vector<Placement> placements(const Backend& backend, uint64_t seed);

/// A job's arrays and structs, ready to be passed again and again. While labels lie on the device, the channels that gather
/// state their number of detections.
class LaidOut
{
public:
    explicit LaidOut(const Job& job, const Placement& placement = {});
    lumicrop_status integrate(lumicrop_context* context);
    Outputs outputs() const; ///< after whatever fills device arrays has been waited for
    bool outputs_untouched() const;
    void clear_outputs();
    bool inputs_unchanged() const; ///< those on the device
    const std::vector<std::unique_ptr<DeviceMirror>>& mirrors() const { return mirrors_; }
    DeviceMirror& mirror_of(const lumicrop_array* array) const;

    std::vector<lumicrop_channel> channels;
    lumicrop_detections detections{};
    lumicrop_result result{};

private:
    const lumicrop_array* place(std::unique_ptr<TypedArray> array, DeviceMirror::Role role);
    const lumicrop_array* lay(const Column& column);
    const lumicrop_array* lay(const Map& map, const ChannelInput& channel);
    const lumicrop_array* output(lumicrop_dtype dtype, const Job& job);

    Placement placement_;
    Chance chance_;
    std::vector<std::unique_ptr<TypedArray>> arrays_;
    std::vector<std::unique_ptr<DeviceMirror>> mirrors_;
    std::vector<TypedArray*> outputs_;
    std::vector<Out> asked_; ///< which column each output is
    std::vector<SplineHandle> splines_;
};

/// Lays out, calls once, waits, and fails the running test on any status but OK.
Outputs run_job(lumicrop_context* context, const Job& job, const Placement& placement = {});

} // namespace test
