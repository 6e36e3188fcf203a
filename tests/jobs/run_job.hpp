// Lays a job out in memory, calls the library, and brings the columns back.
#pragma once

#include "job.hpp"

#include <string>
#include <vector>

namespace test {

struct Outputs
{
    lumicrop_status status = LUMICROP_OK;
    std::string error;
    std::vector<double> photons, background, psf_sum, denominator;
    std::vector<uint32_t> flags;
    std::vector<std::vector<uint8_t>> bits; ///< of the five columns, in the order above
    bool gaps_untouched = true;
};

struct DestroySpline
{
    void operator()(lumicrop_spline* spline) const { lumicrop_spline_destroy(spline); }
};
using SplineHandle = std::unique_ptr<lumicrop_spline, DestroySpline>;

/// The library's spline of these values; the running test fails where it is refused.
SplineHandle make_spline(const SplineInput& input);

/// A job's arrays and structs, ready to be passed again and again.
class LaidOut
{
public:
    explicit LaidOut(const Job& job);
    lumicrop_status integrate(lumicrop_context* context);
    Outputs outputs() const;

    std::vector<lumicrop_channel> channels;
    lumicrop_detections detections{};
    lumicrop_result result{};

private:
    const lumicrop_array* lay(const Column& column);
    const lumicrop_array* output(lumicrop_dtype dtype, const Job& job);

    std::vector<std::unique_ptr<TypedArray>> arrays_;
    std::vector<TypedArray*> outputs_;
    std::vector<SplineHandle> splines_;
};

/// Lays out, calls once, and fails the running test on any status but OK.
Outputs run_job(lumicrop_context* context, const Job& job);

} // namespace test
