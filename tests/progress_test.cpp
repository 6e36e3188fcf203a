// The callback that hears how far a call has come, and may end it.
#include "jobs/kernel_jobs.hpp"
#include "jobs/run_job.hpp"
#include "support/every_backend.hpp"

#include <thread>

namespace {

struct Listener
{
    std::vector<int64_t> done;
    int64_t total = -1;
    std::thread::id thread;
    size_t patience = SIZE_MAX; ///< calls after which it wants an end

    static int32_t hear(void* data, int64_t done, int64_t total)
    {
        auto* const listener = static_cast<Listener*>(data);
        if (listener->total != -1) {
            EXPECT_EQ(total, listener->total);
        }
        listener->total = total;
        listener->done.push_back(done);
        listener->thread = std::this_thread::get_id();
        return listener->done.size() >= listener->patience ? 1 : 0;
    }
};

class Progress : public test::EveryBackend
{
protected:
    /// On a GPU the budget makes several chunks of a job of these tests.
    static lumicrop_options options(Listener& listener)
    {
        lumicrop_options options = test::options_for(GetParam());
        options.memory_budget = 1 << 20;
        options.progress = Listener::hear;
        options.progress_data = &listener;
        return options;
    }
};

test::Job long_job(test::Photometry method, lumicrop_source source)
{
    return test::plain_job(test::kind(LUMICROP_U16, method, LUMICROP_PADDING_ZEROS), 20, 20, 1500, 5, source);
}

TEST_P(Progress, GrowsToTheNumberOfDetectionsOnTheCallersThread)
{
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED}) {
        Listener listener;
        const test::Context context = test::make_context(options(listener));
        const test::Job job = long_job(test::Photometry::sum, source);
        test::run_job(context.get(), job);
        ASSERT_FALSE(listener.done.empty());
        EXPECT_EQ(listener.total, job.n);
        EXPECT_EQ(listener.done.back(), job.n);
        EXPECT_EQ(listener.thread, std::this_thread::get_id());
        for (size_t k = 1; k < listener.done.size(); ++k) EXPECT_LT(listener.done[k - 1], listener.done[k]);
        EXPECT_GE(listener.done.front(), 0);
        if (source == LUMICROP_GIVEN && GetParam().backend == LUMICROP_BACKEND_CUDA) {
            EXPECT_GE(listener.done.size(), 3U) << "1.2 MB of crops in chunks of at most half a MiB";
        }
    }
}

TEST_P(Progress, ThatWantsAnEndCancelsTheCallAndTheContextWorksOn)
{
    for (size_t patience : {1, 2})
        for (test::Photometry method : {test::Photometry::sum, test::Photometry::spline}) {
            Listener listener;
            const test::Context context = test::make_context(options(listener));
            const test::Job job = long_job(method, LUMICROP_GIVEN);
            const std::vector<std::vector<uint8_t>> wanted = test::run_job(context.get(), job).bits;
            const size_t chunks = listener.done.size();
            listener = Listener();
            listener.patience = patience;
            test::LaidOut call(job);
            const lumicrop_status status = call.integrate(context.get());
            if (chunks < patience) {
                EXPECT_EQ(status, LUMICROP_OK) << lumicrop_last_error();
                continue;
            }
            EXPECT_EQ(status, LUMICROP_CANCELLED) << lumicrop_last_error();
            EXPECT_EQ(listener.done.size(), patience) << "asked again after it had wanted an end";
            EXPECT_NE(std::string(lumicrop_last_error()).find(std::to_string(job.n)), std::string::npos)
                << lumicrop_last_error();
            EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK) << "a cancelled call leaves nothing behind";
            listener = Listener();
            EXPECT_TRUE(test::same_bits(test::run_job(context.get(), job).bits, wanted)) << "the next call";
            EXPECT_EQ(listener.done.size(), chunks);
        }
}

TEST_P(Progress, ChangesNoBit)
{
    Listener listener;
    const test::Context heard = test::make_context(options(listener));
    const test::Context unheard = test::make_context(GetParam());
    for (const test::Job& job : test::kernel_jobs(70, 9))
        EXPECT_TRUE(test::same_bits(test::run_job(heard.get(), job).bits, test::run_job(unheard.get(), job).bits))
            << job.name;
}

TEST_P(Progress, IsNotToldOfARefusedCall)
{
    Listener listener;
    const test::Context context = test::make_context(options(listener));
    test::LaidOut call(long_job(test::Photometry::sum, LUMICROP_GIVEN));
    call.channels[0].gain = -1;
    EXPECT_EQ(call.integrate(context.get()), LUMICROP_INVALID_ARGUMENT);
    EXPECT_TRUE(listener.done.empty());
}

TEST_P(Progress, IsNotToldWhereAllArraysLieOnTheDevice)
{
    if (GetParam().backend == LUMICROP_BACKEND_CPU) GTEST_SKIP() << "the CPU backend has no device memory";
    Listener listener;
    const test::Context context = test::make_context(options(listener));
    test::run_job(context.get(), test::kernel_jobs(70, 9).front(), {test::Placement::device, 1});
    EXPECT_TRUE(listener.done.empty());
}

LUMICROP_ON_EVERY_BACKEND(Progress);

} // namespace
