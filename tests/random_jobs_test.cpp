// Random jobs on every backend against the oracle, and the table of what they covered.
#include "jobs/expected.hpp"
#include "jobs/random_job.hpp"
#include "support/every_backend.hpp"

#include <cstdlib>
#include <iostream>
#include <optional>

namespace {

std::optional<uint64_t> number_from(const char* variable)
{
    const char* text = std::getenv(variable);
    if (text == nullptr || *text == '\0') return {};
    return std::strtoull(text, nullptr, 10);
}

constexpr int jobs_a_cell = 20;

/// Enough jobs that the sequence has gone round the cells as often as asked. A job may meet a cell twice or leave a channel
/// empty, so a few rounds more.
uint64_t jobs_for_full_coverage(uint64_t seed)
{
    const uint64_t channels = (jobs_a_cell + 8) * test::all_cells().size();
    uint64_t jobs = channels / 5;
    while (test::channels_before(seed, jobs) < channels) jobs += 10;
    return jobs;
}

} // namespace

TEST(RandomJobs, EveryDetectionOfEveryJobAgreesWithTheOracle)
{
    const uint64_t seed = number_from("LUMICROP_TEST_SEED").value_or(20240613);
    const std::optional<uint64_t> one_job = number_from("LUMICROP_TEST_JOB");
    const std::optional<uint64_t> asked = number_from("LUMICROP_TEST_JOBS");
    const uint64_t first = one_job.value_or(0);
    const uint64_t last = one_job ? *one_job + 1 : asked.value_or(jobs_for_full_coverage(seed));
    const std::vector<test::Backend> backends = test::usable_backends();
    ASSERT_FALSE(backends.empty());
    std::vector<test::Context> contexts;
    for (const test::Backend& backend : backends)
        contexts.push_back(test::make_context(backend, 1)); // threads: reproducibility_test
    std::cout << "seed " << seed << ", jobs " << first << " to " << last - 1 << ", backends";
    for (const test::Backend& backend : backends) std::cout << ' ' << backend.name;
    std::cout << std::endl;

    test::Coverage coverage;
    int64_t detections = 0;
    int bad_jobs = 0;
    for (uint64_t number = first; number < last && bad_jobs < 20; ++number) {
        const test::Job job = test::random_job(seed, number);
        const test::Expected expected = test::expect(job);
        bool good = true;
        for (size_t b = 0; b < backends.size(); ++b) {
            test::LaidOut fresh(job);
            const lumicrop_status status = fresh.integrate(contexts[b].get());
            EXPECT_EQ(status, LUMICROP_OK) << backends[b].name << ", " << job.name << ": " << lumicrop_last_error();
            test::Outputs outputs = fresh.outputs();
            outputs.status = status;
            EXPECT_TRUE(outputs.gaps_untouched)
                << backends[b].name << ", " << job.name << ": something was written beside the outputs";
            good = test::agrees(job, expected, outputs, backends[b].name) && good;
        }
        bad_jobs += good ? 0 : 1;
        coverage.add(job);
        detections += job.n;
    }
    std::cout << detections << " detections on each backend\n";
    if (one_job) return;
    coverage.print(std::cout);
    const auto rounds = static_cast<int>(test::channels_before(seed, last) / test::all_cells().size());
    EXPECT_GE(coverage.least(), asked ? std::min(jobs_a_cell, rounds / 2) : jobs_a_cell);
    EXPECT_EQ(bad_jobs, 0) << (bad_jobs == 20 ? "stopped after 20" : "") << " jobs disagree";
}

class UsableBackends : public test::EveryBackend
{
};

TEST_P(UsableBackends, TakePartInTheRandomJobs)
{
    EXPECT_TRUE(test::why_unusable(GetParam()).empty());
}

LUMICROP_ON_EVERY_BACKEND(UsableBackends);
