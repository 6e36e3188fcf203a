// The same detection gives the same bits, however the call around it looks (SPEC 7).
#include "jobs/as_given.hpp"
#include "jobs/chance.hpp"
#include "jobs/expected.hpp"
#include "jobs/plain_job.hpp"
#include "support/every_backend.hpp"

#include <cstring>
#include <numeric>

namespace {

using test::Photometry;

constexpr uint64_t seed = 71;

struct Shape
{
    int64_t height, width;
};

/// Kinds that take different ways through a backend: pixel type, method, size, padding. Where everything is slow, one of
/// five pixel types for each size, another one for another.
std::vector<test::Job> jobs_of_every_kind(const test::Backend& backend, int64_t n,
                                          lumicrop_source source = LUMICROP_GATHERED)
{
    const bool fewer = test::takes_less(backend);
    std::vector<test::Job> jobs;
    uint64_t number = seed;
    int turn = 0;
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64, LUMICROP_U8, LUMICROP_I32}) {
            for (Shape shape : {Shape{7, 7}, Shape{11, 11}, Shape{8, 13}, Shape{1, 9}, Shape{20, 18}, Shape{37, 33}}) {
                const auto padding = std::vector<lumicrop_padding>{LUMICROP_PADDING_ZEROS, LUMICROP_PADDING_GEOMETRY,
                                                                   LUMICROP_PADDING_NONE}[number % 3];
                ++number;
                if (fewer && turn++ % 5 != 0) continue;
                jobs.push_back(
                    test::plain_job(test::kind(dtype, method, padding), shape.height, shape.width, n, number - 1, source));
            }
        }
    return jobs;
}

/// Bits of detection i of all five columns.
std::string bits_of(const test::Outputs& outputs, int64_t i)
{
    std::string bits;
    for (const std::vector<uint8_t>& column : outputs.bits) {
        const size_t size = column.size() / outputs.flags.size();
        bits.append(reinterpret_cast<const char*>(column.data()) + static_cast<size_t>(i) * size, size);
    }
    return bits;
}

void expect_same_bits(const test::Outputs& found, const test::Outputs& wanted, const std::string& what)
{
    ASSERT_EQ(found.flags.size(), wanted.flags.size()) << what;
    for (size_t i = 0; i < found.flags.size(); ++i)
        ASSERT_EQ(bits_of(found, static_cast<int64_t>(i)), bits_of(wanted, static_cast<int64_t>(i)))
            << what << ": detection " << i << ", photons " << found.photons[i] << " and " << wanted.photons[i];
}

class Reproducibility : public test::EveryBackend
{
};

TEST_P(Reproducibility, AnyNumberOfThreadsGivesTheSameBits)
{
    if (GetParam().backend != LUMICROP_BACKEND_CPU) GTEST_SKIP() << GetParam().name << ": threads are the CPU backend's";
    for (const test::Job& job : jobs_of_every_kind(GetParam(), test::takes_less(GetParam()) ? 150 : 403)) {
        const test::Outputs one = test::run_job(test::make_context(GetParam(), 1).get(), job);
        for (int64_t threads : {2, 3, 8})
            expect_same_bits(test::run_job(test::make_context(GetParam(), threads).get(), job), one,
                             job.name + " on " + std::to_string(threads) + " threads");
    }
}

TEST_P(Reproducibility, ACropAloneGivesTheBitsItGivesAtAnyPlaceOfAnyBatch)
{
    const test::Context context = test::make_context(GetParam(), 2);
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (const test::Job& job : jobs_of_every_kind(GetParam(), 67, source)) {
            const test::Outputs whole = test::run_job(context.get(), job);
            test::Chance chance(seed, static_cast<uint64_t>(job.channels[0].height));
            for (int64_t size : {1, 2, 15, 16, 17, 31, 32, 33, 48}) {
                std::vector<int64_t> chosen;
                for (int64_t k = 0; k < size; ++k)
                    chosen.push_back(chance.whole(0, job.n - 1)); // other neighbours, other places
                const test::Outputs part = test::run_job(context.get(), test::only(job, chosen));
                for (int64_t k = 0; k < size; ++k)
                    ASSERT_EQ(bits_of(part, k), bits_of(whole, chosen[static_cast<size_t>(k)]))
                        << job.name << ": detection " << chosen[static_cast<size_t>(k)] << " at place " << k << " of "
                        << size << ", photons " << part.photons[static_cast<size_t>(k)];
            }
        }
}

TEST_P(Reproducibility, AnySplitOfTheBatchGivesTheSameBits)
{
    const test::Context context = test::make_context(GetParam(), 2);
    for (const test::Job& job : jobs_of_every_kind(GetParam(), 150)) {
        const test::Outputs whole = test::run_job(context.get(), job);
        for (int64_t first : {1, 16, 77, 149}) {
            std::vector<int64_t> all(static_cast<size_t>(job.n));
            std::iota(all.begin(), all.end(), 0);
            const test::Outputs head = test::run_job(context.get(), test::only(job, {all.begin(), all.begin() + first}));
            const test::Outputs tail = test::run_job(context.get(), test::only(job, {all.begin() + first, all.end()}));
            for (int64_t i = 0; i < job.n; ++i)
                ASSERT_EQ(i < first ? bits_of(head, i) : bits_of(tail, i - first), bits_of(whole, i))
                    << job.name << " split at " << first << ": detection " << i;
        }
    }
}

TEST_P(Reproducibility, GatheredCropsGiveTheBitsOfTheSameCropsGiven)
{
    const test::Context context = test::make_context(GetParam(), 2);
    for (const test::Job& job : jobs_of_every_kind(GetParam(), 90)) {
        test::Outputs gathered = test::run_job(context.get(), job);
        test::Outputs given = test::run_job(context.get(), test::as_given(job));
        if (job.channels[0].rule() != LUMICROP_PADDING_GEOMETRY) // a given crop does not know the frame it was cut from
            for (test::Outputs* outputs : {&gathered, &given})
                for (size_t i = 0; i < outputs->flags.size(); ++i)
                    outputs->bits[4][4 * i] &= uint8_t(~LUMICROP_FLAG_TRUNCATED);
        expect_same_bits(given, gathered, job.name + ", given and gathered");
    }
}

TEST_P(Reproducibility, StridesDoNotChangeABit)
{
    const test::Context context = test::make_context(GetParam(), 2);
    const test::Layout layouts[] = {{{0, 1, 2}, {0, 0, 1}, 0, 0},
                                    {{0, 1, 2}, {3, 2, 0}, 0, 0},
                                    {{2, 0, 1}, {0, 0, 0}, 0, 0},
                                    {{0, 2, 1}, {1, 1, 1}, 5, 0},
                                    {{0, 1, 2}, {0, 0, 0}, 7, 0}};
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (const test::Job& job : jobs_of_every_kind(GetParam(), 50, source)) {
            const test::Outputs contiguous = test::run_job(context.get(), job);
            for (const test::Layout& layout : layouts) {
                test::Job strided = job;
                strided.channels[0].layout = layout;
                strided.x_fit->layout = {{}, {2}, 1, 0};
                strided.output_layout = {{}, {1}, 1, 0};
                expect_same_bits(test::run_job(context.get(), strided), contiguous, job.name + " strided");
            }
        }
}

TEST_P(Reproducibility, TheSecondCallOfAContextGivesTheBitsOfTheFirst)
{
    const test::Context context = test::make_context(GetParam());
    const std::vector<test::Job> jobs = jobs_of_every_kind(GetParam(), 70);
    std::vector<test::Outputs> first;
    for (const test::Job& job : jobs) first.push_back(test::run_job(context.get(), job));
    for (size_t k = jobs.size(); k-- > 0;)
        expect_same_bits(test::run_job(context.get(), jobs[k]), first[k], jobs[k].name + " again");
}

TEST(BetweenInstructionSets, BorderMediansAreTheSameBitsAndTheRestLiesWithinSpec)
{
    const std::vector<test::Backend> backends = test::usable_backends();
    if (backends.size() < 2) GTEST_SKIP() << backends.size() << " backends can be used, two expected";
    for (const test::Job& job : jobs_of_every_kind(backends.front(), 60)) {
        const test::Expected expected = test::expect(job);
        const test::Outputs first = test::run_job(test::make_context(backends[0]).get(), job);
        for (size_t b = 1; b < backends.size(); ++b) {
            const test::Outputs other = test::run_job(test::make_context(backends[b]).get(), job);
            EXPECT_TRUE(test::agrees(job, expected, other, backends[b].name));
            if (job.channels[0].method != LUMICROP_SUM) continue;
            EXPECT_EQ(other.bits[1], first.bits[1]) << backends[b].name << ", " << job.name << ": border medians";
        }
    }
}

LUMICROP_ON_EVERY_BACKEND(Reproducibility);

} // namespace
