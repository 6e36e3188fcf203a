// Every row that the seed gave, through the C ABI, within SPEC 7.
#include "jobs/as_given.hpp"
#include "support/every_backend.hpp"
#include "vectors/against_stored.hpp"
#include "vectors/stored_movie.hpp"

namespace {

class Vectors : public test::EveryBackend
{
};

/// A job with host arrays; on a GPU the arrays may lie where they will, with the same bits.
test::Outputs run_everywhere(lumicrop_context* context, const test::Job& job, const test::Backend& backend)
{
    test::Outputs outputs = test::run_job(context, job);
    for (const test::Placement& placement : test::placements(backend, job.name.size()))
        if (placement.where != test::Placement::host) {
            EXPECT_TRUE(test::same_bits(test::run_job(context, job, placement).bits, outputs.bits))
                << backend.name << ", " << job.name << ", " << placement.name();
        }
    return outputs;
}

/// One case with its outputs stored as `column`.
void check_case(lumicrop_context* context, const std::string& name, lumicrop_dtype output, const test::Backend& backend)
{
    const std::string& who = backend.name;
    test::StoredCase stored = test::load_case(name);
    stored.job.output = output;
    const bool float32 = output == LUMICROP_F32;
    const test::Expected expected = test::expect(stored.job);
    const test::Outputs found = run_everywhere(context, stored.job, backend);
    test::agrees(stored.job, expected, found, who);
    test::expect_photons_near(name, found.photons, stored.outputs.intensity, expected, false, float32);
    for (size_t i = 0; i < expected.answers.size(); ++i) {
        const oracle::Answer& answer = expected.answers[i];
        const double seed_background = stored.outputs.background[i];
        EXPECT_TRUE(test::near(found.background[i], seed_background,
                               oracle::background_bound(answer, float32) +
                                   test::stored_background_slack(seed_background, answer.filter, expected.precision[i])))
            << who << ", " << name << " row " << i << ": background " << found.background[i] << ", the seed gave "
            << seed_background;
        if (!answer.filter || !std::isfinite(answer.photons)) continue;
        const double seed_sum = stored.outputs.psf_sum[i];
        EXPECT_TRUE(test::near(found.psf_sum[i], seed_sum,
                               oracle::psf_sum_bound(answer, expected.precision[i], float32) +
                                   test::stored_slack(seed_sum, answer.psf_terms)))
            << who << ", " << name << " row " << i << ": psf_sum " << found.psf_sum[i] << ", the seed gave " << seed_sum;
        const double seed_denominator = stored.outputs.denominator[i];
        EXPECT_TRUE(test::near(found.denominator[i], seed_denominator,
                               oracle::denominator_bound(answer, expected.precision[i], float32) +
                                   test::stored_slack(seed_denominator, 3 * answer.denominator)))
            << who << ", " << name << " row " << i << ": denominator " << found.denominator[i] << ", the seed gave "
            << seed_denominator;
    }
    if (!stored.outputs.has_border_medians) return;
    const test::Outputs sums =
        test::run_job(context, test::as_sum(stored.job)); // upstream gives weighted channels' medians, too
    for (size_t i = 0; i < sums.background.size(); ++i)
        EXPECT_TRUE(test::near(float(sums.background[i]), stored.outputs.border_median[i],
                               test::stored_background_slack(stored.outputs.border_median[i], false, expected.precision[i])))
            << who << ", " << name << " row " << i << ": border median " << sums.background[i] << ", the seed gave "
            << stored.outputs.border_median[i];
}

TEST_P(Vectors, EveryRowOfEveryVectorLiesWithinSpec)
{
    const std::vector<std::string> names = test::stored_case_names();
    if (names.empty())
        GTEST_SKIP() << "no vectors in " << test::oracle_folder() << " (LUMICROP_TEST_ORACLE, LUMICROP_TEST_DATA)";
    EXPECT_EQ(names.size(), 27U);
    const test::Context context = test::make_context(GetParam());
    for (const std::string& name : names)
        for (lumicrop_dtype output : {LUMICROP_F32, LUMICROP_F64}) check_case(context.get(), name, output, GetParam());
}

TEST_P(Vectors, ANanSigmaGivesNanWhereTheSeedReadItAsTiny)
{
    if (test::stored_case_names().empty()) GTEST_SKIP() << "no vectors in " << test::oracle_folder();
    const test::StoredCase stored = test::load_case("isogauss_odd_columns");
    const test::Context context = test::make_context(GetParam());
    const test::Outputs found = test::run_job(context.get(), stored.job);
    EXPECT_TRUE(std::isnan(found.photons[1]));
    EXPECT_NE(found.flags[1] & LUMICROP_FLAG_PARAMETER_NAN, 0U);
}

class Movies : public test::EveryBackend
{
};

TEST_P(Movies, EveryRowLiesWithinSpecGatheredAndGiven)
{
    const test::Context context = test::make_context(GetParam());
    for (const std::string& name : test::stored_movie_names()) {
        if (const std::string missing = test::missing_file(name); !missing.empty())
            GTEST_SKIP() << missing << " is not here";
        const test::StoredMovie stored = test::load_movie(name);
        const test::Outputs precise = run_everywhere(context.get(), stored.filter_float64, GetParam());
        test::agrees(stored.filter_float64, test::expect(stored.filter_float64), precise, GetParam().name);
        for (const auto& [gathered, seed] :
             {std::pair{stored.sum, stored.out_sum}, std::pair{stored.filter, stored.out_filter}}) {
            for (const test::Job& job : {gathered, test::as_given(gathered)}) {
                const test::Expected expected = test::expect(job);
                const test::Outputs found = run_everywhere(context.get(), job, GetParam());
                test::agrees(job, expected, found, GetParam().name);
                test::expect_photons_near(name, found.photons, seed, expected, false, false);
                if (job.channels[0].method != LUMICROP_SUM) continue;
                for (size_t i = 0; i < found.background.size(); ++i)
                    EXPECT_EQ(float(found.background[i]), float(stored.out_border_median[i])) << name << " row " << i;
            }
        }
    }
}

LUMICROP_ON_EVERY_BACKEND(Vectors);
LUMICROP_ON_EVERY_BACKEND(Movies);

} // namespace
