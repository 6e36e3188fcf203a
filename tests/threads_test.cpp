// Two contexts at once, one spline in both: the program that also runs under ThreadSanitizer.
#include "jobs/plain_job.hpp"
#include "jobs/run_job.hpp"
#include "support/every_backend.hpp"

#include <thread>

namespace {

using test::Photometry;

class Threads : public test::EveryBackend
{
};

std::vector<test::Job> jobs()
{
    std::vector<test::Job> all;
    uint64_t seed = 5;
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64})
            all.push_back(test::plain_job(test::kind(dtype, method, LUMICROP_PADDING_ZEROS), 9, 9, 200, seed++));
    return all;
}

TEST_P(Threads, ContextsOnDifferentThreadsWorkAtOnceWithTheSameBits)
{
    const std::vector<test::Job> all = jobs();
    std::vector<test::Outputs> alone;
    {
        const test::Context context = test::make_context(GetParam(), 2);
        for (const test::Job& job : all) alone.push_back(test::run_job(context.get(), job));
    }
    std::vector<std::vector<test::Outputs>> together(3);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < together.size(); ++t)
        threads.emplace_back([&, t] {
            const test::Context context = test::make_context(GetParam(), 2);
            for (int round = 0; round < 3; ++round)
                for (size_t k = 0; k < all.size(); ++k) {
                    const size_t which = (k + t * 3) % all.size();
                    together[t].resize(all.size());
                    together[t][which] = test::run_job(context.get(), all[which]);
                }
        });
    for (std::thread& thread : threads) thread.join();
    for (const auto& outputs : together)
        for (size_t k = 0; k < all.size(); ++k) EXPECT_TRUE(test::same_bits(outputs[k].bits, alone[k].bits)) << all[k].name;
}

TEST_P(Threads, OneSplineServesTwoThreads)
{
    const test::Job job =
        test::plain_job(test::kind(LUMICROP_F32, Photometry::spline, LUMICROP_PADDING_NONE), 11, 11, 300, 17);
    const test::SplineHandle shared = test::make_spline(*job.channels[0].spline);
    std::vector<test::Outputs> outputs(2);
    std::vector<std::thread> threads;
    for (test::Outputs& mine : outputs)
        threads.emplace_back([&] {
            const test::Context context = test::make_context(GetParam(), 2);
            for (int round = 0; round < 3; ++round) {
                test::LaidOut call(job);
                call.channels[0].spline = shared.get();
                EXPECT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
                mine = call.outputs();
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(test::same_bits(outputs[0].bits, outputs[1].bits));
}

TEST_P(Threads, ErrorsOfOneThreadDoNotReachTheOther)
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            const test::Context context = test::make_context(GetParam(), 1);
            for (int round = 0; round < 50; ++round) {
                lumicrop_array array;
                const int64_t shape[] = {-1 - t};
                EXPECT_EQ(lumicrop_array_init(&array, sizeof array, nullptr, LUMICROP_F32, 1, shape),
                          LUMICROP_INVALID_ARGUMENT);
                EXPECT_NE(std::string(lumicrop_last_error()).find(std::to_string(shape[0])), std::string::npos)
                    << lumicrop_last_error();
            }
        });
    for (std::thread& thread : threads) thread.join();
}

LUMICROP_ON_EVERY_BACKEND(Threads);

} // namespace
