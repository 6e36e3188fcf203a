// Random jobs of SPEC 8 on every backend against the oracle, and the table of what they covered.
#include "jobs/photometry_expected.hpp"
#include "jobs/photometry_job.hpp"
#include "support/asked_numbers.hpp"
#include "support/every_backend.hpp"

#include <iostream>
#include <map>
#include <optional>

namespace {

using test::number_from;

constexpr uint64_t full_jobs = 1600;    // every pair of levels several times
constexpr uint64_t emulated_jobs = 100; // where kernels are interpreted
constexpr int pairs_at_least = 3;

class PhotometryJobs : public test::EveryBackend
{
protected:
    /// The same for all backends, and slower than they are.
    static const std::vector<oracle::Photometry>& expected_of(uint64_t number, const test::Job& job)
    {
        static std::map<uint64_t, std::vector<oracle::Photometry>> known;
        const auto found = known.find(number);
        return found != known.end() ? found->second : known.emplace(number, test::photometry_of(job)).first->second;
    }
};

TEST_P(PhotometryJobs, EveryDetectionAgreesWithTheOracle)
{
    const bool on_gpu = GetParam().backend == LUMICROP_BACKEND_CUDA;
    const uint64_t seed = number_from("LUMICROP_TEST_SEED").value_or(20250301);
    const std::optional<uint64_t> one_job = number_from("LUMICROP_TEST_JOB");
    const std::optional<uint64_t> asked = number_from("LUMICROP_TEST_JOBS");
    const uint64_t first = one_job.value_or(0);
    const uint64_t last =
        one_job ? *one_job + 1
                : std::min(asked.value_or(full_jobs), on_gpu && test::gpu_is_emulated() ? emulated_jobs : full_jobs);
    std::cout << "seed " << seed << ", jobs " << first << " to " << last - 1 << std::endl;
    const test::Context context = test::make_context(GetParam(), 1);
    test::PairCoverage coverage;
    int64_t detections = 0;
    int bad_jobs = 0;
    for (uint64_t number = first; number < last && bad_jobs < 20; ++number) {
        const test::PhotometryJob made = test::photometry_job(seed, number);
        test::LaidOut call(made.job);
        lumicrop_status status = call.integrate(context.get());
        if (status == LUMICROP_OK) status = lumicrop_synchronize(context.get());
        ASSERT_EQ(status, LUMICROP_OK) << made.job.name << ": " << lumicrop_last_error();
        test::Outputs outputs = call.outputs();
        EXPECT_TRUE(outputs.gaps_untouched) << made.job.name << ": something was written beside the outputs";
        bad_jobs += test::photometry_agrees(made.job, expected_of(number, made.job), outputs, GetParam().name) ? 0 : 1;
        for (const test::PhotometryCell& cell : made.cells) coverage.add(cell);
        detections += made.job.n;
    }
    std::cout << detections << " detections\n";
    EXPECT_EQ(bad_jobs, 0) << (bad_jobs == 20 ? "stopped after 20" : "") << " jobs disagree";
    if (last - first < full_jobs) return;
    coverage.print(std::cout);
    EXPECT_GE(coverage.least(), pairs_at_least);
}

LUMICROP_ON_EVERY_BACKEND(PhotometryJobs);

} // namespace
