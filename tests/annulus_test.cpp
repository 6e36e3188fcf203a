// Annuli on few pixels: what their statistics come to, where they begin and end, and when nothing of them is left.
#include "jobs/field_job.hpp"
#include "jobs/flag_cases.hpp"
#include "jobs/photometry_expected.hpp"
#include "jobs/surroundings.hpp"

#include <cmath>

namespace {

using test::EstimateKind;
using test::FieldRing;
using test::FieldSpot;
using test::Job;
using test::Out;

const double nan_ = std::nan("");
const lumicrop_background backgrounds[] = {LUMICROP_BACKGROUND_ANNULUS_MEDIAN, LUMICROP_BACKGROUND_ANNULUS_MEAN,
                                           LUMICROP_BACKGROUND_ANNULUS_CLIPPED};
const lumicrop_method methods[] = {LUMICROP_SUM, LUMICROP_FILTER, LUMICROP_OPTIMAL, LUMICROP_MLE, LUMICROP_APERTURE};
const lumicrop_dtype dtypes[] = {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64, LUMICROP_I32};

double of(const test::Outputs& outputs, Out out, size_t i = 0)
{
    return outputs.columns[static_cast<size_t>(out)][i];
}

class Annulus : public test::FlagCases
{
protected:
    /// One detection in the middle of a frame of 21 x 21 pixels.
    static Job alone(lumicrop_background background, const FieldRing& ring, lumicrop_dtype dtype = LUMICROP_U16)
    {
        return test::field_job({LUMICROP_SUM, background}, {{0, 10, 10}}, ring, dtype, 1, 21, 21, 5, 1);
    }
    /// Writes values to the pixels around (10, 10) in the order of their rows, those from `inner` on and below `outer`.
    static void fill(Job& job, double inner, double outer, const std::vector<double>& values)
    {
        size_t next = 0;
        for (int64_t row = 0; row < 21; ++row)
            for (int64_t column = 0; column < 21; ++column) {
                const auto squared = static_cast<double>((row - 10) * (row - 10) + (column - 10) * (column - 10));
                if (squared >= inner * inner && squared < outer * outer)
                    test::frame_pixel(job, 0, row, column) = values.at(next++);
            }
        ASSERT_EQ(next, values.size());
    }
    /// Level above the offset of 60 counts, and pixels, of a ring from 1 to below 2.3 px: 20 of them.
    void expect_level(lumicrop_background background, std::vector<double> values, double level, double pixels)
    {
        for (lumicrop_dtype dtype : dtypes) {
            Job job = alone(background, {1, 2.3, 0}, dtype);
            fill(job, 1, 2.3, values);
            test::Outputs found;
            if (!run(job, found)) return;
            EXPECT_DOUBLE_EQ(found.background[0], level - 60) << job.name;
            EXPECT_DOUBLE_EQ(of(found, Out::background_photons), (level - 60) * 2 / 0.8) << job.name;
            EXPECT_NEAR(of(found, Out::background_pixels), pixels, 1e-12 * pixels) << job.name;
            const double sigma = std::sqrt(((level - 60) * 2 + 9) / pixels) / 0.8; // F^2 = 1, a reading of 3 electrons
            EXPECT_NEAR(of(found, Out::background_sigma), sigma, 1e-12 * sigma) << job.name;
        }
    }
    static std::vector<double> repeated(std::initializer_list<std::pair<int, double>> counts)
    {
        std::vector<double> values;
        for (const auto& [times, value] : counts) values.insert(values.end(), static_cast<size_t>(times), value);
        return values;
    }
};

constexpr double per_median = 1.57079632679489661923;

TEST_P(Annulus, TheMedianIsTheMiddleOneOrTheMeanOfTheMiddleTwo)
{
    expect_level(LUMICROP_BACKGROUND_ANNULUS_MEDIAN, repeated({{9, 100}, {1, 110}, {1, 115}, {9, 2000}}), 112.5,
                 20 / per_median);
    expect_level(LUMICROP_BACKGROUND_ANNULUS_MEDIAN, repeated({{9, 3000}, {11, 70}}), 70, 20 / per_median);
    for (lumicrop_dtype dtype : dtypes) { // with the position's own pixel there are 9
        Job job = alone(LUMICROP_BACKGROUND_ANNULUS_MEDIAN, {0, 1.5, 0}, dtype);
        fill(job, 0, 1.5, {109, 101, 108, 102, 107, 103, 106, 104, 105});
        test::Outputs found;
        if (!run(job, found)) return;
        EXPECT_DOUBLE_EQ(found.background[0], 45) << job.name;
        EXPECT_DOUBLE_EQ(of(found, Out::background_pixels), 9 / per_median) << job.name;
    }
}

TEST_P(Annulus, TheMeanTakesAll)
{
    expect_level(LUMICROP_BACKGROUND_ANNULUS_MEAN, repeated({{19, 100}, {1, 1000}}), 145, 20);
    expect_level(LUMICROP_BACKGROUND_ANNULUS_MEAN, repeated({{5, 100}, {5, 101}, {5, 102}, {5, 104}}), 101.75, 20);
}

/// 3 standard deviations around the median, of those that are left each time.
TEST_P(Annulus, TheClippedMeanLeavesOutWhatLiesFar)
{
    const lumicrop_background clipped = LUMICROP_BACKGROUND_ANNULUS_CLIPPED;
    // s = 196.2, and 900 lies further than 588.5.
    expect_level(clipped, repeated({{19, 100}, {1, 1000}}), 100, 19);
    // Only without 1000 are 3 s = 13.7 less than the 19 that 130 lies above the median, 111; then s = 1.
    expect_level(clipped, repeated({{9, 109}, {9, 111}, {1, 130}, {1, 1000}}), 110, 18);
    // Half of them are no outliers.
    expect_level(clipped, repeated({{10, 100}, {10, 200}}), 150, 20);
    expect_level(clipped, repeated({{20, 123}}), 123, 20);
    // Below as above: 3 s = 32.7.
    expect_level(clipped, repeated({{1, 61}, {19, 111}}), 111, 19);
}

/// Each time the largest of a steep ladder goes: 3 standard deviations are 0.17 of it, and the next is a hundredth. The sixth stays.
TEST_P(Annulus, ClippingEndsAfterTheFifthTime)
{
    std::vector<double> values(305, 100); // pixels nearer than 10
    for (int step = 0; step < 6; ++step) values[static_cast<size_t>(40 * step)] += std::pow(100, step + 1);
    Job job = alone(LUMICROP_BACKGROUND_ANNULUS_CLIPPED, {0, 10, 0}, LUMICROP_F64);
    fill(job, 0, 10, values);
    test::Outputs found;
    if (!run(job, found)) return;
    EXPECT_DOUBLE_EQ(of(found, Out::background_pixels), 300);
    EXPECT_NEAR(found.background[0], 40 + 100.0 / 300, 1e-9);
}

/// inner <= r < outer; neighbours hide what is nearer than their radius. At positions and radii that float64 holds.
TEST_P(Annulus, RadiiThemselvesBelongToTheOuterPart)
{
    struct Case
    {
        FieldRing ring;
        double pixels;
    };
    const Case cases[] = {{{1, 2, 0}, 8},        {{1.001, 2, 0}, 4},   {{1, 2.001, 0}, 12}, {{0, 0.5, 0}, 1},
                          {{0, 1, 0}, 1},        {{0.001, 1, 0}, 0},   {{5, 5.001, 0}, 12}, {{4.999, 5, 0}, 0},
                          {{1, 1.2, 3}, 4},      {{1, 1.2, 3.001}, 3}, {{1, 1.2, 5}, 1},    {{1, 1.2, 5.001}, 0},
                          {{4, 4.001, nan_}, 3}, {{0, 0.5, nan_}, 1}};
    for (const Case& one : cases)
        for (lumicrop_background background : {LUMICROP_BACKGROUND_ANNULUS_MEAN, LUMICROP_BACKGROUND_ANNULUS_CLIPPED}) {
            Job job = test::field_job({LUMICROP_SUM, background}, {{0, 10, 10}, {0, 10, 14}}, one.ring, LUMICROP_U16, 1, 21,
                                      21, 5, 1);
            job.channels[0].pixels.assign(21 * 21, 100);
            test::Outputs found;
            if (!run(job, found)) return;
            EXPECT_EQ(of(found, Out::background_pixels), one.pixels)
                << "from " << one.ring.inner << " to " << one.ring.outer << " px, neighbours within " << one.ring.neighbour;
            EXPECT_EQ((found.flags[0] & LUMICROP_FLAG_NO_BORDER) != 0, one.pixels == 0);
        }
}

TEST_P(Annulus, PositionsFromThePixelsCornerMeanTheSame)
{
    test::Chance chance(3, 1);
    for (lumicrop_background background : backgrounds) {
        std::vector<FieldSpot> spots;
        for (int i = 0; i < 40; ++i)
            spots.push_back({chance.whole(0, 1), static_cast<double>(chance.whole(0, 240)) / 8,
                             static_cast<double>(chance.whole(0, 240)) / 8});
        const Job job = test::field_job({LUMICROP_APERTURE, background}, spots, {1.5, 4, 2}, LUMICROP_F32, 2, 31, 31, 7, 2);
        Job corner = job;
        corner.origin = LUMICROP_PIXEL_CORNER;
        for (double& x : corner.x_fit->values) x += 50;
        for (double& y : corner.y_fit->values) y += 50;
        test::Outputs wanted, found;
        if (!run(job, wanted) || !run(corner, found)) return;
        for (Out out : {Out::background, Out::background_sigma, Out::background_pixels, Out::photons})
            for (size_t i = 0; i < spots.size(); ++i)
                if (!std::isnan(of(wanted, out, i))) {
                    EXPECT_NEAR(of(found, out, i), of(wanted, out, i), 1e-5 * std::abs(of(wanted, out, i))) << corner.name;
                }
        EXPECT_TRUE(test::photometry_agrees(corner, test::photometry_of(corner), found, GetParam().name));
    }
}

/// A ring that lies in the crop has the same pixels there and in the frame.
TEST_P(Annulus, GivenCropsHoldTheSameRingAsFramesDo)
{
    uint64_t seed = 20;
    for (lumicrop_method method : methods)
        for (lumicrop_background background : backgrounds) {
            test::Chance chance(seed, 2);
            std::vector<FieldSpot> spots;
            for (int64_t i = 0; i < (test::takes_less(GetParam()) ? 10 : 60); ++i)
                spots.push_back({chance.whole(0, 2), chance.between(9, 30), chance.between(9, 40)});
            const Job frames = test::field_job({method, background}, spots, {2, 7.4, chance.one_of({0.0, 1.2, nan_})},
                                               dtypes[seed % 4], 3, 40, 50, 17, seed);
            const Job crops = test::as_given_crops(frames, LUMICROP_PADDING_NONE);
            ++seed;
            test::Outputs of_frames, of_crops;
            if (!run(frames, of_frames) || !run(crops, of_crops)) return;
            const std::vector<oracle::Photometry> expected = test::photometry_of(frames);
            EXPECT_TRUE(test::photometry_agrees(frames, expected, of_frames, GetParam().name));
            EXPECT_TRUE(test::photometry_agrees(frames, expected, of_crops, GetParam().name + " of crops"));
        }
}

/// Where nothing of the ring is left, background and photons and their errors are NaN, and no parameter is.
TEST_P(Annulus, NoBorderWhereNeighboursOrAMaskCoverIt)
{
    uint64_t seed = 50;
    for (lumicrop_method method : methods)
        for (lumicrop_background background : backgrounds) {
            test::Chance chance(seed, 3);
            const std::vector<FieldSpot> spots = test::random_spots(chance, detections(), 3, 45, 50);
            Job job = test::field_job({method, background}, spots, {1, chance.one_of({1.3, 2.0, 3.1}), chance.between(1, 4)},
                                      dtypes[seed % 4], 3, 45, 50, 5, seed);
            ++seed;
            test::ChannelInput& channel = job.channels[0];
            test::MapInput bad{std::vector<double>(45 * 50, 0), LUMICROP_U8, {}, 0};
            for (size_t i = 0; i < bad.values.size(); ++i) bad.values[i] = i / 50 < 12 && i % 50 < 20 ? 1 : 0;
            channel.bad_pixels = bad;
            if (seed % 2 == 0) channel.neighbour_radius_px = 0;
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                const oracle::Surroundings around = test::surroundings_of(job, {0, i}, i);
                bool sure = around.pixels.empty();
                for (const oracle::RingPixel& pixel : around.pixels) sure |= pixel.sure;
                says.push_back(!sure ? open : around.pixels.empty() ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_NO_BORDER, says);
            expect_flag(job, LUMICROP_FLAG_PARAMETER_NAN, std::vector<Says>(says.size(), no));
            test::Outputs found;
            if (!run(job, found)) return;
            for (size_t i = 0; i < says.size(); ++i)
                for (Out out : {Out::background, Out::background_photons, Out::photons, Out::photons_sigma, Out::chi2,
                                Out::log_likelihood_ratio})
                    if (says[i] == yes) {
                        ASSERT_TRUE(std::isnan(of(found, out, i)))
                            << job.name << ": " << name_of(out) << " of detection " << i;
                    }
        }
    expect_enough(400);
}

TEST_P(Annulus, ANanPositionIsAParameter)
{
    for (lumicrop_method method : methods)
        for (lumicrop_background background : backgrounds) {
            const std::vector<FieldSpot> spots = {{0, 10, 10}, {0, nan_, 12}, {0, 10, 12}, {0, 12, nan_}};
            Job job = test::field_job({method, background}, spots, {1, 3, 1.5}, LUMICROP_F32, 1, 21, 21, 5, 9);
            expect_flag(job, LUMICROP_FLAG_PARAMETER_NAN, {no, yes, no, yes});
            Job without = test::only(job, {0, 2}); // whose neighbours those of no position are not
            test::Outputs found, wanted;
            if (!run(job, found) || !run(without, wanted)) return;
            for (Out out : {Out::photons, Out::background, Out::background_pixels}) {
                EXPECT_EQ(of(found, out, 0), of(wanted, out, 0)) << job.name;
                EXPECT_EQ(of(found, out, 2), of(wanted, out, 1)) << job.name;
            }
            EXPECT_TRUE(std::isnan(found.photons[1]) && std::isnan(found.photons[3])) << job.name;
        }
}

LUMICROP_ON_EVERY_BACKEND(Annulus);

} // namespace
