// Random jobs on every backend against the oracle, and the table of what they covered. On a GPU each job runs with its arrays on
// the host, on the device and here and there, and in as many chunks as the smallest memory budget makes: with the same bits.
#include "jobs/expected.hpp"
#include "jobs/random_job.hpp"
#include "support/asked_numbers.hpp"
#include "support/every_backend.hpp"

#include <algorithm>
#include <iostream>
#include <optional>

namespace {

using test::number_from;

constexpr int jobs_a_cell = 20;
constexpr uint64_t emulated_jobs = 300;

/// Enough jobs that the sequence has gone round the cells as often as asked. A job may meet a cell twice or leave a channel
/// empty, so a few rounds more.
uint64_t jobs_for_full_coverage(uint64_t seed)
{
    const uint64_t channels = (jobs_a_cell + 8) * test::channels_of_a_round();
    uint64_t jobs = channels / 5;
    while (test::channels_before(seed, jobs) < channels) jobs += 10;
    return jobs;
}

bool is_gpu(const test::Backend& backend)
{
    return backend.backend == LUMICROP_BACKEND_CUDA;
}

/// A call of its own, laid out afresh. True: it succeeded, and nothing was written but the outputs.
bool run(lumicrop_context* context, const test::Job& job, const test::Placement& placement, const std::string& who,
         test::Outputs& outputs)
{
    test::LaidOut call(job, placement);
    lumicrop_status status = call.integrate(context);
    if (status == LUMICROP_OK) status = lumicrop_synchronize(context);
    EXPECT_EQ(status, LUMICROP_OK) << who << ", " << job.name << ": " << lumicrop_last_error();
    outputs = call.outputs();
    outputs.status = status;
    EXPECT_TRUE(outputs.gaps_untouched) << who << ", " << job.name << ": something was written beside the outputs";
    const bool unchanged = call.inputs_unchanged();
    EXPECT_TRUE(unchanged) << who << ", " << job.name << ": an input was written";
    return status == LUMICROP_OK && outputs.gaps_untouched && unchanged;
}

/// A context with the smallest of the budgets 4 KiB, 16 KiB ... with which the job runs; below, it must be refused as such.
test::Context frugal_context(const test::Backend& backend, const test::Job& job)
{
    for (int64_t budget = 4 << 10; budget <= 256 << 20; budget *= 4) {
        lumicrop_options options = test::options_for(backend);
        options.memory_budget = budget;
        test::Context context = test::make_context(options);
        test::LaidOut call(job);
        const lumicrop_status status = call.integrate(context.get());
        if (status == LUMICROP_OK) return context;
        EXPECT_EQ(status, LUMICROP_OUT_OF_MEMORY) << job.name << " with " << budget << " bytes: " << lumicrop_last_error();
        EXPECT_TRUE(call.outputs_untouched()) << job.name << " with " << budget << " bytes: an output was touched";
    }
    ADD_FAILURE() << job.name << ": 256 MiB are not enough";
    return {};
}

/// The other ways to the same bits on a GPU.
bool other_ways_agree(const test::Backend& backend, lumicrop_context* context, const test::Job& job, uint64_t number,
                      const test::Outputs& wanted)
{
    bool good = true;
    const auto expect_same = [&](lumicrop_context* by, const test::Placement& placement, const std::string& how) {
        test::Outputs found;
        const std::string who = backend.name + ", " + placement.name() + how;
        good = run(by, job, placement, who, found) && good;
        EXPECT_TRUE(test::same_bits(found.bits, wanted.bits))
            << who << ", " << job.name << ": other bits than with host arrays";
        good = found.bits == wanted.bits && good;
    };
    expect_same(context, {test::Placement::device, number}, "");
    expect_same(context, {test::Placement::mixed, number}, "");
    const test::Context frugal = frugal_context(backend, job);
    if (!frugal) return false;
    expect_same(frugal.get(), {test::Placement::host, number}, ", smallest budget");
    expect_same(frugal.get(), {test::Placement::mixed, number + 1}, ", smallest budget");
    return good;
}

/// The border medians of two backends, bit for bit.
bool same_medians(const test::Job& job, const test::Expected& expected, const test::Outputs& found,
                  const test::Outputs& wanted, const std::string& who)
{
    const size_t size = job.output == LUMICROP_F32 ? 4 : 8;
    for (size_t i = 0; i < expected.places.size(); ++i) {
        if (job.channels[static_cast<size_t>(expected.places[i].channel)].method != LUMICROP_SUM) continue;
        if (std::equal(found.bits[1].begin() + static_cast<int64_t>(i * size),
                       found.bits[1].begin() + static_cast<int64_t>((i + 1) * size),
                       wanted.bits[1].begin() + static_cast<int64_t>(i * size)))
            continue;
        ADD_FAILURE() << who << ", " << job.name << ": the median of detection " << i << " is " << found.background[i]
                      << ", on the CPU " << wanted.background[i];
        return false;
    }
    return true;
}

} // namespace

TEST(RandomJobs, EveryDetectionOfEveryJobAgreesWithTheOracle)
{
    const uint64_t seed = number_from("LUMICROP_TEST_SEED").value_or(20240613);
    const std::optional<uint64_t> one_job = number_from("LUMICROP_TEST_JOB");
    const std::optional<uint64_t> asked = number_from("LUMICROP_TEST_JOBS");
    const std::vector<test::Backend> backends = test::usable_backends();
    if (backends.empty()) GTEST_SKIP() << "no backend that was asked for is usable here";
    const bool slow = std::any_of(backends.begin(), backends.end(), is_gpu) && test::gpu_is_emulated();
    const uint64_t first = one_job.value_or(0);
    const uint64_t last = one_job ? *one_job + 1 : asked.value_or(slow ? emulated_jobs : jobs_for_full_coverage(seed));
    std::vector<test::Context> contexts;
    for (const test::Backend& backend : backends)
        contexts.push_back(test::make_context(backend, 1)); // threads: reproducibility_test
    const test::Context cpu = test::make_context({"cpu", LUMICROP_BACKEND_CPU, LUMICROP_ISA_AUTO}, 1);
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
            test::Outputs outputs;
            good = run(contexts[b].get(), job, {}, backends[b].name, outputs) && good;
            good = test::agrees(job, expected, outputs, backends[b].name) && good;
            if (!is_gpu(backends[b])) continue;
            test::Outputs on_cpu;
            good = run(cpu.get(), job, {}, "cpu", on_cpu) && good;
            good = same_medians(job, expected, outputs, on_cpu, backends[b].name) && good;
            good = other_ways_agree(backends[b], contexts[b].get(), job, number, outputs) && good;
        }
        bad_jobs += good ? 0 : 1;
        coverage.add(job);
        detections += job.n;
    }
    std::cout << detections << " detections on each backend\n";
    if (one_job) return;
    coverage.print(std::cout);
    const auto rounds = static_cast<int>(test::channels_before(seed, last) / test::channels_of_a_round());
    const int wanted = asked || slow ? std::min(jobs_a_cell, (rounds + 1) / 2) : jobs_a_cell;
    EXPECT_GE(coverage.least(), wanted);
    EXPECT_GE(coverage.least_of_squares(), wanted);
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
