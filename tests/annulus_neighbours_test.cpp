// Whose pixels an annulus leaves out: those near other detections of the same channel and frame, in whatever order they stand.
#include "jobs/field_job.hpp"
#include "jobs/flag_cases.hpp"
#include "jobs/photometry_expected.hpp"

#include <cmath>
#include <numeric>
#include <tuple>

namespace {

using test::EstimateKind;
using test::FieldRing;
using test::FieldSpot;
using test::Job;

const double nan_ = std::nan("");
const EstimateKind kinds[] = {
    {LUMICROP_SUM, LUMICROP_BACKGROUND_ANNULUS_MEAN},     {LUMICROP_APERTURE, LUMICROP_BACKGROUND_ANNULUS_MEDIAN},
    {LUMICROP_MLE, LUMICROP_BACKGROUND_ANNULUS_CLIPPED},  {LUMICROP_FILTER, LUMICROP_BACKGROUND_ANNULUS_MEDIAN},
    {LUMICROP_OPTIMAL, LUMICROP_BACKGROUND_ANNULUS_MEAN}, {LUMICROP_SUM, LUMICROP_BACKGROUND_ANNULUS_CLIPPED}};

class AnnulusNeighbours : public test::FlagCases
{
protected:
    int64_t many() const { return test::takes_less(GetParam()) ? 100 : 500; }

    static std::string bits_of(const test::Outputs& outputs, size_t i)
    {
        std::string bits;
        for (const std::vector<uint8_t>& column : outputs.bits) {
            const size_t size = column.size() / outputs.photons.size();
            bits.append(reinterpret_cast<const char*>(column.data()) + i * size, size);
        }
        return bits;
    }
    /// Detection i of one against detection k of the other.
    static testing::AssertionResult same(const test::Outputs& a, size_t i, const test::Outputs& b, size_t k)
    {
        if (bits_of(a, i) == bits_of(b, k)) return testing::AssertionSuccess();
        return testing::AssertionFailure()
               << "detections " << i << " and " << k << " differ: photons " << a.photons[i] << " and " << b.photons[k]
               << ", background " << a.background[i] << " and " << b.background[k];
    }
    static std::vector<int64_t> shuffled(int64_t n, uint64_t seed)
    {
        test::Chance chance(seed, 11);
        std::vector<int64_t> order(static_cast<size_t>(n));
        std::iota(order.begin(), order.end(), 0);
        for (size_t i = order.size(); i > 1; --i)
            std::swap(order[i - 1], order[static_cast<size_t>(chance.whole(0, static_cast<int64_t>(i) - 1))]);
        return order;
    }
};

/// Light within the radius changes no bit, whether it is huge or not a number; a pixel just outside it does.
TEST_P(AnnulusNeighbours, WhatLiesNearOneIsNotLookedAt)
{
    uint64_t seed = 100;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64, LUMICROP_U16}) {
            Job job = test::field_job(kind, {{0, 20.25, 20}, {0, 20.25, 27.5}}, {4, 9, 3}, dtype, 1, 41, 41, 5, seed++);
            for (size_t i = 0; i < 41 * 41; ++i) // no two alike, so that every one matters to the median
                job.channels[0].pixels[i] = 1000 + static_cast<double>(i * 631 % (41 * 41));
            double& outside = test::frame_pixel(job, 0, 23, 26); // 3.13 px from the neighbour
            outside = 1000;                                      // below the median
            test::Outputs wanted;
            if (!run(job, wanted)) return;
            Job near = job;
            for (int64_t row = 17; row <= 24; ++row)
                for (int64_t column = 24; column <= 31; ++column)
                    if (std::hypot(static_cast<double>(row) - 20.25, static_cast<double>(column) - 27.5) < 3)
                        test::frame_pixel(near, 0, row, column) = dtype == LUMICROP_U16 ? 65535 : row % 2 == 0 ? 1e30 : nan_;
            test::Outputs found;
            ASSERT_TRUE(run(near, found));
            EXPECT_TRUE(same(found, 0, wanted, 0)) << job.name;
            EXPECT_FALSE(same(found, 1, wanted, 1)) << job.name;
            outside = 60000;
            ASSERT_TRUE(run(job, found));
            EXPECT_NE(found.background[0], wanted.background[0]) << job.name;
        }
}

/// Those of other frames and of other channels hide nothing, wherever the labels stand.
TEST_P(AnnulusNeighbours, OnlyThoseOfTheSameFrameAndChannelCount)
{
    uint64_t seed = 150;
    for (const EstimateKind& kind : kinds) {
        test::Chance chance(seed, 5);
        const FieldRing ring{2, 6, 3};
        const std::vector<FieldSpot> spots = test::random_spots(chance, 90, 3, 48, 40);
        const Job all = test::field_job(kind, spots, ring, LUMICROP_F32, 3, 48, 40, 7, seed);
        test::Outputs wanted;
        if (!run(all, wanted)) return;
        for (int64_t frame = 0; frame < 3; ++frame) { // alone
            std::vector<int64_t> chosen;
            for (int64_t i = 0; i < all.n; ++i)
                if (spots[static_cast<size_t>(i)].frame == frame) chosen.push_back(i);
            test::Outputs found;
            ASSERT_TRUE(run(test::only(all, chosen), found));
            for (size_t k = 0; k < chosen.size(); ++k)
                ASSERT_TRUE(same(found, k, wanted, static_cast<size_t>(chosen[k]))) << all.name;
        }
        // A second channel sees the same frames, with detections at the same places.
        const std::vector<int64_t> order = shuffled(2 * all.n, seed++);
        Job two = all;
        two.n = 2 * all.n;
        two.channels.push_back(all.channels[0]);
        for (test::Column* column : {&two.frame, &two.X0, &two.Y0, &two.x_fit, &two.y_fit}) {
            std::vector<double> values;
            for (int64_t i : order) values.push_back((*column)->values[static_cast<size_t>(i % all.n)]);
            (*column)->values = values;
        }
        std::vector<double> labels;
        for (int64_t i : order) labels.push_back(static_cast<double>(1 + i / all.n));
        two.ch = test::column(labels, LUMICROP_I32);
        test::Outputs found;
        ASSERT_TRUE(run(two, found));
        for (size_t k = 0; k < order.size(); ++k)
            ASSERT_TRUE(same(found, k, wanted, static_cast<size_t>(order[k] % all.n))) << two.name << " by labels";
    }
}

TEST_P(AnnulusNeighbours, DetectionsMayStandInAnyOrder)
{
    uint64_t seed = 200;
    for (const EstimateKind& kind : kinds) {
        test::Chance chance(seed, 6);
        const std::vector<FieldSpot> spots = test::random_spots(chance, many(), 4, 90, 100);
        const Job job = test::field_job(kind, spots, {3, 7.5, nan_}, LUMICROP_U16, 4, 90, 100, 7, seed);
        test::Outputs wanted;
        if (!run(job, wanted)) return;
        for (int times = 0; times < 2; ++times) {
            const std::vector<int64_t> order = shuffled(job.n, seed++);
            test::Outputs found;
            ASSERT_TRUE(run(test::only(job, order), found));
            for (size_t k = 0; k < order.size(); ++k)
                ASSERT_TRUE(same(found, k, wanted, static_cast<size_t>(order[k]))) << job.name;
        }
    }
}

/// Hundreds of one frame, and hundreds of frames, against every pair of detections looked at.
TEST_P(AnnulusNeighbours, ManyOfOneFrameAndManyFrames)
{
    struct Case
    {
        int64_t frames, height, width;
        FieldRing ring;
    };
    const Case cases[] = {{1, 150, 170, {3, 8, 2.5}}, {1, 200, 60, {5, 9, 5}},     {200, 24, 24, {1, 4, 3}},
                          {40, 40, 30, {0, 3, 6}},    {1, 150, 170, {2, 30, 2.2}}, {3, 60, 60, {4, 4.8, 20}}};
    uint64_t seed = 251;
    for (const Case& one : cases)
        for (lumicrop_background background : {LUMICROP_BACKGROUND_ANNULUS_MEAN, LUMICROP_BACKGROUND_ANNULUS_CLIPPED}) {
            if (++seed % 4 / 2 == 0 && test::takes_less(GetParam()))
                continue; // of each two cases, one of one kind and one of the other
            test::Chance chance(seed, 7);
            const Job job = test::field_job({LUMICROP_SUM, background},
                                            test::random_spots(chance, many(), one.frames, one.height, one.width), one.ring,
                                            LUMICROP_U16, one.frames, one.height, one.width, 5, seed);
            test::Outputs found;
            if (!run(job, found)) return;
            EXPECT_TRUE(test::photometry_agrees(job, test::photometry_of(job), found, GetParam().name));
        }
}

/// Given crops need no movie: frames of any number, of any integer type.
TEST_P(AnnulusNeighbours, FramesOfGivenCropsMayHaveAnyNumber)
{
    test::Chance chance(7, 8);
    const Job frames =
        test::field_job({LUMICROP_SUM, LUMICROP_BACKGROUND_ANNULUS_MEAN}, test::random_spots(chance, 120, 2, 40, 40),
                        {1, 5, 2.5}, LUMICROP_F32, 2, 40, 40, 13, 7);
    for (lumicrop_padding padding : {LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_ZEROS}) {
        const Job crops = test::as_given_crops(frames, padding);
        test::Outputs wanted;
        if (!run(crops, wanted)) return;
        EXPECT_TRUE(test::photometry_agrees(crops, test::photometry_of(crops), wanted, GetParam().name));
        const double most = std::ldexp(1.0, 40) - 1;
        for (const auto& [dtype, first, second] : {std::tuple<lumicrop_dtype, double, double>{LUMICROP_U8, 254, 255},
                                                   {LUMICROP_I16, 32767, 0},
                                                   {LUMICROP_U16, 65535, 65534},
                                                   {LUMICROP_U32, 4294967295.0, 0},
                                                   {LUMICROP_I64, most, most - 1}}) {
            Job numbered = crops;
            numbered.frame->dtype = dtype;
            for (double& frame : numbered.frame->values) frame = frame == 0 ? first : second;
            test::Outputs found;
            ASSERT_TRUE(run(numbered, found));
            EXPECT_TRUE(test::same_bits(found.bits, wanted.bits)) << "frames as " << test::name_of(dtype);
        }
    }
}

LUMICROP_ON_EVERY_BACKEND(AnnulusNeighbours);

} // namespace
