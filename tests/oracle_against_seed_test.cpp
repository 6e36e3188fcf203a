// The oracle itself: SPEC 2 to 6 written plainly reproduces what the seed returned to 1e-7 of the terms.
#include "vectors/against_stored.hpp"
#include "vectors/stored_movie.hpp"

namespace {

std::vector<double> photons_of(const test::Expected& expected)
{
    std::vector<double> photons;
    for (const oracle::Answer& answer : expected.answers) photons.push_back(static_cast<double>(answer.photons));
    return photons;
}

} // namespace

TEST(Oracle, ReproducesEveryRowOfEveryVector)
{
    const std::vector<std::string> names = test::stored_case_names();
    if (names.empty())
        GTEST_SKIP() << "no vectors in " << test::oracle_folder() << " (LUMICROP_TEST_ORACLE, LUMICROP_TEST_DATA)";
    EXPECT_EQ(names.size(), 27U);
    for (const std::string& name : names) {
        const test::StoredCase stored = test::load_case(name);
        const test::Expected expected = test::expect(stored.job);
        test::expect_photons_near(name, photons_of(expected), stored.outputs.intensity, expected, true, false);
        for (size_t i = 0; i < expected.answers.size(); ++i) {
            if (test::departs(name, i)) continue;
            const oracle::Answer& answer = expected.answers[i];
            EXPECT_TRUE(test::near(
                answer.background, stored.outputs.background[i],
                test::stored_background_slack(stored.outputs.background[i], answer.filter, expected.precision[i])))
                << name << " row " << i << ": background " << answer.background << " " << stored.outputs.background[i];
            if (!answer.filter || !std::isfinite(answer.photons)) continue;
            EXPECT_TRUE(test::near(double(answer.psf_sum), stored.outputs.psf_sum[i],
                                   test::stored_slack(stored.outputs.psf_sum[i], answer.psf_terms)))
                << name << " row " << i << ": psf_sum " << double(answer.psf_sum) << " " << stored.outputs.psf_sum[i];
            EXPECT_TRUE(test::near(double(answer.denominator), stored.outputs.denominator[i],
                                   test::stored_slack(stored.outputs.denominator[i], 3 * answer.denominator)))
                << name << " row " << i << ": denominator " << double(answer.denominator) << " "
                << stored.outputs.denominator[i];
        }
        if (!stored.outputs.has_border_medians) continue;
        const test::Expected sums = test::expect(test::as_sum(stored.job));
        for (size_t i = 0; i < sums.answers.size(); ++i)
            EXPECT_TRUE(
                test::near(sums.answers[i].background, stored.outputs.border_median[i],
                           test::stored_background_slack(stored.outputs.border_median[i], false, expected.precision[i])))
                << name << " row " << i << ": border median " << sums.answers[i].background << " "
                << stored.outputs.border_median[i];
    }
}

TEST(Oracle, ReproducesEveryRowOfEveryMovie)
{
    for (const std::string& name : test::stored_movie_names()) {
        if (const std::string missing = test::missing_file(name); !missing.empty())
            GTEST_SKIP() << missing << " is not here";
        const test::StoredMovie stored = test::load_movie(name);
        const test::Expected sums = test::expect(stored.sum);
        const test::Expected filters = test::expect(stored.filter);
        test::expect_photons_near(name + " sum", photons_of(sums), stored.out_sum, sums, true, false);
        test::expect_photons_near(name + " filter", photons_of(filters), stored.out_filter, filters, true, false);
        for (size_t i = 0; i < sums.answers.size(); ++i)
            EXPECT_EQ(float(sums.answers[i].background), float(stored.out_border_median[i])) << name << " row " << i;
    }
}

TEST(Oracle, DepartsFromTheSeedOnlyWhereSpecSays)
{
    if (test::stored_case_names().empty()) GTEST_SKIP() << "no vectors in " << test::oracle_folder();
    const test::StoredCase stored = test::load_case("isogauss_odd_columns");
    EXPECT_TRUE(std::isfinite(stored.outputs.intensity[1]));
    EXPECT_TRUE(std::isnan(test::expect(stored.job).answers[1].photons));
}
