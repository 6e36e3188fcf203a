// One call of lumicrop, made ready: a method over a source.
#ifndef LUMICROP_BENCH_JOB_HPP
#define LUMICROP_BENCH_JOB_HPP

#include <string>
#include <vector>

#include "lumicrop/lumicrop.hpp"
#include "source.hpp"

namespace bench {

enum class Method { sum, isogauss, gauss, gauss_unrotated, spline, errors, joint, optimal, mle };

inline constexpr Method kMethods[] = {Method::sum, Method::isogauss, Method::gauss, Method::gauss_unrotated, Method::spline};

/// What takes longer than the filter of the same PSF, isogauss, and tells more.
inline constexpr Method kEstimators[] = {Method::errors, Method::joint, Method::optimal, Method::mle};

/// "sum", "filter/isogauss", "filter/gauss" (an angle per detection), "filter/gauss-unrotated", "filter/spline"; "errors/isogauss" (the filter,
/// with its standard error and chi-square), "joint/isogauss", "optimal/isogauss", "mle/isogauss".
const char* name(Method method);

class Job
{
public:
    /// The first `n` detections of `source`, which stays where it is as long as the job lives.
    Job(Method method, const Source& source, int64_t n);
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    void run(lumicrop::Context& context);
    const std::vector<float>& photons() const { return photons_; }

    /// The arrays of the call, so that their elements can be moved elsewhere: images by channel, columns that the method reads.
    std::vector<lumicrop_array>& images() { return images_; }
    const std::vector<lumicrop_array*>& columns() { return columns_; }
    std::vector<lumicrop_array*> outputs(); // those that are asked for

private:
    void read(const lumicrop_array*& column, lumicrop_array& from);

    std::vector<lumicrop_array> images_;
    lumicrop_array ch_, frame_, X0_, Y0_, x_fit_, y_fit_, z_fit_, os_fit_, sigma_fit_, sigma_x_fit_, sigma_y_fit_,
        sigma_angle_;
    std::vector<lumicrop_array*> columns_;
    std::vector<float> photons_, photons_sigma_, chi2_; // the last two where they are asked for
    lumicrop_array photons_column_, photons_sigma_column_, chi2_column_;
    std::vector<lumicrop_channel> channels_;
    lumicrop_detections detections_;
    lumicrop_result result_;
};

} // namespace bench

#endif
