// A child of fork() computes, with the same bits, after its parent has run parallel calls (GNU OpenMP alone would hang there).
#include "jobs/plain_job.hpp"
#include "jobs/run_job.hpp"
#include "support/every_backend.hpp"

#include <chrono>
#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using test::Photometry;

class Fork : public test::EveryBackend
{
};

/// Exit status of a child that runs `work`, or -1 when it was not done after a minute.
template <class Work>
int child_status(Work work)
{
    const pid_t child = fork();
    if (child == 0) _exit(work() ? 0 : 1);
    for (int tenths = 0; tenths < 600; ++tenths) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return -1;
}

TEST_P(Fork, AChildComputesTheSameBitsWithTheParentsContextAndWithItsOwn)
{
    if (GetParam().backend != LUMICROP_BACKEND_CPU) GTEST_SKIP() << "CUDA does not survive fork()";
    const test::Context context = test::make_context(GetParam(), 4);
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline}) {
        const test::Job job = test::plain_job(test::kind(LUMICROP_U16, method, LUMICROP_PADDING_GEOMETRY), 11, 11, 2000, 23);
        const test::Outputs here = test::run_job(context.get(), job);
        EXPECT_EQ(child_status([&] { return test::run_job(context.get(), job).bits == here.bits; }), 0)
            << "the parent's context";
        EXPECT_EQ(
            child_status([&] { return test::run_job(test::make_context(GetParam(), 4).get(), job).bits == here.bits; }), 0)
            << "its own";
        EXPECT_TRUE(test::same_bits(test::run_job(context.get(), job).bits, here.bits)) << "the parent afterwards";
    }
}

TEST_P(Fork, AGrandchildComputesToo)
{
    if (GetParam().backend != LUMICROP_BACKEND_CPU) GTEST_SKIP() << "CUDA does not survive fork()";
    const test::Context context = test::make_context(GetParam(), 2);
    const test::Job job =
        test::plain_job(test::kind(LUMICROP_F32, Photometry::isogauss, LUMICROP_PADDING_NONE), 7, 7, 500, 29);
    const test::Outputs here = test::run_job(context.get(), job);
    EXPECT_EQ(
        child_status([&] { return child_status([&] { return test::run_job(context.get(), job).bits == here.bits; }) == 0; }),
        0);
}

LUMICROP_ON_EVERY_BACKEND(Fork);

} // namespace
