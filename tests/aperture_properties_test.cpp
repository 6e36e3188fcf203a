// What holds of apertures whatever the numbers are: pixels beside them, whole crops, turns, and the two ways to say where a position lies.
#include "jobs/expected.hpp"
#include "jobs/flag_cases.hpp"
#include "jobs/photometry_expected.hpp"
#include "jobs/photometry_job.hpp"
#include "jobs/surroundings.hpp"

#include <cmath>

namespace {

using test::EstimateKind;
using test::Job;
using test::Maps;
using test::Out;

const EstimateKind by_column = {LUMICROP_APERTURE, LUMICROP_BACKGROUND_COLUMN};

class ApertureProperties : public test::FlagCases
{
protected:
    static int64_t some() { return test::takes_less(GetParam()) ? 8 : 40; }
    static double out(const test::Outputs& outputs, Out which, size_t i)
    {
        return outputs.columns[static_cast<size_t>(which)][i];
    }
    /// Both lie within the oracle's bound of the same number.
    static void expect_same(const Job& job, const oracle::Value& expected, double a, double b, size_t i)
    {
        if (expected.open || !std::isfinite(expected.value)) return;
        const oracle::Real bound =
            2 * expected.bound + 2 * oracle::storage_rounding(expected.value, job.output == LUMICROP_F32);
        EXPECT_NEAR(a, b, static_cast<double>(bound)) << job.name << ": detection " << i;
    }
};

/// What a pixel beside the aperture holds changes no bit of any column, but where it is one that the background was measured on.
TEST_P(ApertureProperties, PixelsBesideItAreNotLookedAt)
{
    const int64_t n = some();
    uint64_t seed = 13000;
    int64_t changed = 0;
    for (const EstimateKind& kind : test::estimate_kinds())
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64, LUMICROP_U16, LUMICROP_I32}) {
            if (kind.method != LUMICROP_APERTURE) continue;
            const Job job = test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3),
                                                       dtype, 11, 11, n, seed, LUMICROP_GIVEN, LUMICROP_PADDING_NONE,
                                                       seed % 2 == 0 ? Maps::none : Maps::read_variance);
            ++seed;
            const test::ChannelInput& channel = job.channels[0];
            const bool on_border = kind.background <= LUMICROP_BACKGROUND_CORRECTED_MEDIAN;
            for (double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, 65535.0}) {
                if (!test::is_float(dtype) && !std::isfinite(value)) continue;
                Job other = job;
                for (int64_t i = 0; i < job.n; ++i) {
                    std::vector<char> on_ring(121, 0);
                    if (channel.has_annulus())
                        for (const oracle::RingPixel& pixel : test::surroundings_of(job, {0, i}, i).pixels)
                            on_ring[static_cast<size_t>(pixel.in_crop)] = 1;
                    for (int64_t p = 0; p < 121; ++p) {
                        const int64_t row = p / 11, column = p % 11;
                        if (on_border && (row % 10 == 0 || column % 10 == 0)) continue;
                        if (on_ring[static_cast<size_t>(p)] != 0) continue;
                        if (oracle::part_within(test::ellipse_of(job, channel, i).grown(1e-9L), row, column) > 0) continue;
                        pixel_of(other, i, p) = value;
                        ++changed;
                    }
                }
                test::Outputs wanted, found;
                if (!run(job, wanted) || !run(other, found)) continue;
                EXPECT_TRUE(test::same_bits(found.bits, wanted.bits)) << job.name << " with " << value;
            }
        }
    EXPECT_GE(changed, 125 * n);
}

/// An aperture over the whole crop is the sum, errors and all, but for the flag that says that it reaches beyond.
TEST_P(ApertureProperties, OverTheWholeCropItIsTheSum)
{
    const int64_t n = some();
    uint64_t seed = 13100;
    for (const EstimateKind& kind : test::estimate_kinds())
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64})
            for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED}) {
                if (kind.method != LUMICROP_APERTURE) continue;
                Job aperture =
                    test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3), dtype, 9, 12,
                                               n, seed, source, LUMICROP_PADDING_DEFAULT, static_cast<Maps>(seed % 6));
                ++seed;
                aperture.channels[0].aperture_x_px = 3000;
                aperture.channels[0].aperture_y_px = 2000 + static_cast<double>(seed % 100);
                Job sum = aperture;
                sum.channels[0].method = LUMICROP_SUM;
                test::Outputs by_aperture, by_sum;
                if (!run(aperture, by_aperture) || !run(sum, by_sum)) continue;
                const std::vector<oracle::Photometry> expected = test::photometry_of(sum);
                for (size_t i = 0; i < expected.size(); ++i) {
                    const oracle::Photometry& one = expected[i];
                    expect_same(sum, one.photons, out(by_aperture, Out::photons, i), out(by_sum, Out::photons, i), i);
                    expect_same(sum, one.photons_sigma, out(by_aperture, Out::photons_sigma, i),
                                out(by_sum, Out::photons_sigma, i), i);
                    expect_same(sum, one.enclosed, out(by_aperture, Out::enclosed, i), out(by_sum, Out::enclosed, i), i);
                    expect_same(sum, one.background_photons, out(by_aperture, Out::background_photons, i),
                                out(by_sum, Out::background_photons, i), i);
                    EXPECT_NE(by_aperture.flags[i] & LUMICROP_FLAG_TRUNCATED, 0U);
                    const uint32_t alike = LUMICROP_FLAG_MASKED | LUMICROP_FLAG_SATURATED | LUMICROP_FLAG_DATA_NOT_FINITE |
                                           LUMICROP_FLAG_NO_BORDER;
                    EXPECT_EQ(by_aperture.flags[i] & alike, by_sum.flags[i] & alike) << sum.name << ": detection " << i;
                }
            }
}

/// Half a turn, a quarter of a turn with the axes exchanged, and a circle turned at all are the same aperture; NaN is a circle.
TEST_P(ApertureProperties, TurnsThatChangeNothingChangeNothing)
{
    for (uint64_t seed = 13200; seed < 13206; ++seed) {
        Job job = test::photometry_plain_job(by_column, LUMICROP_ISOGAUSS, seed % 2 == 0 ? LUMICROP_F64 : LUMICROP_U16, 11,
                                             11, some(), seed, LUMICROP_GIVEN, LUMICROP_PADDING_NONE);
        const auto differs = [&](double x, std::optional<double> y, std::optional<double> theta) {
            Job other = job;
            other.channels[0].aperture_x_px = x;
            other.channels[0].aperture_y_px = y;
            other.channels[0].aperture_theta_deg = theta;
            return other;
        };
        const auto alike = [&](const Job& a, const Job& b) {
            test::Outputs of_a, of_b;
            if (!run(a, of_a) || !run(b, of_b)) return;
            const std::vector<oracle::Photometry> expected = test::photometry_of(a);
            for (size_t i = 0; i < expected.size(); ++i)
                expect_same(a, expected[i].photons, of_a.photons[i], of_b.photons[i], i);
        };
        const double theta = 10 + static_cast<double>(seed % 7) * 11;
        alike(differs(3, 1.5, theta), differs(3, 1.5, theta + 180));
        alike(differs(3, 1.5, theta), differs(3, 1.5, theta - 720));
        alike(differs(3, 1.5, theta), differs(1.5, 3, theta + 90));
        alike(differs(2.7, 2.7, 0), differs(2.7, 2.7, theta));
        test::Outputs circle, of_nan, left_out;
        if (!run(differs(2.7, 2.7, theta), circle) || !run(differs(2.7, std::nan(""), theta), of_nan) ||
            !run(differs(2.7, {}, theta), left_out))
            continue;
        EXPECT_TRUE(test::same_bits(of_nan.bits, circle.bits)) << job.name;
        EXPECT_TRUE(test::same_bits(left_out.bits, circle.bits)) << job.name;
    }
}

/// dx cos t - dy sin t along its own x axis: with t = 45 degrees a long axis runs from the first row's last column to the last row's first.
TEST_P(ApertureProperties, ItTurnsAsTheGaussianDoes)
{
    Job job = test::photometry_plain_job(by_column, LUMICROP_ISOGAUSS, LUMICROP_F64, 9, 9, 2, 13300, LUMICROP_GIVEN,
                                         LUMICROP_PADDING_NONE);
    test::ChannelInput& channel = job.channels[0];
    channel.camera_offset = 0;
    channel.gain = channel.qe = channel.em_gain = 1;
    channel.aperture_x_px = 4;
    channel.aperture_y_px = 0.5;
    channel.aperture_theta_deg = 45;
    for (int64_t p = 0; p < 81; ++p) {
        pixel_of(job, 0, p) = p == 2 * 9 + 6 || p == 6 * 9 + 2 ? 100 : 0; // rows and columns add up to 8
        pixel_of(job, 1, p) = p == 2 * 9 + 2 || p == 6 * 9 + 6 ? 100 : 0;
    }
    job.os_fit->values.assign(2, 0);
    for (size_t i = 0; i < 2; ++i) {
        job.x_fit->values[i] = test::as_held(job.x_fit->dtype, (job.X0->values[i] + 4) * channel.pixel_x_nm);
        job.y_fit->values[i] = test::as_held(job.y_fit->dtype, (job.Y0->values[i] + 4) * channel.pixel_y_nm);
    }
    test::Outputs outputs;
    ASSERT_TRUE(run(job, outputs));
    EXPECT_GT(outputs.photons[0], 100);
    EXPECT_EQ(outputs.photons[1], 0);
}

/// Positions from the first pixel's outer corner, half a pixel more.
TEST_P(ApertureProperties, APositionFromTheCornerIsHalfAPixelMore)
{
    for (uint64_t seed = 13400; seed < 13406; ++seed) {
        Job centre = test::photometry_plain_job(by_column, LUMICROP_ISOGAUSS, seed % 2 == 0 ? LUMICROP_F64 : LUMICROP_U16, 9,
                                                9, some(), seed, LUMICROP_GATHERED);
        centre.x_fit->dtype = centre.y_fit->dtype = LUMICROP_F64;
        Job corner = centre;
        corner.origin = LUMICROP_PIXEL_CORNER;
        for (double& x : corner.x_fit->values) x += centre.channels[0].pixel_x_nm / 2;
        for (double& y : corner.y_fit->values) y += centre.channels[0].pixel_y_nm / 2;
        test::Outputs by_centre, by_corner;
        if (!run(centre, by_centre) || !run(corner, by_corner)) continue;
        const std::vector<oracle::Photometry> expected = test::photometry_of(centre);
        for (size_t i = 0; i < expected.size(); ++i)
            expect_same(centre, expected[i].photons, by_corner.photons[i], by_centre.photons[i], i);
    }
}

/// Asking for less changes no bit of what is asked for.
TEST_P(ApertureProperties, WhatIsAskedForBesidesChangesNoPhotons)
{
    uint64_t seed = 13500;
    for (const EstimateKind& kind : test::estimate_kinds())
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64}) {
            if (kind.method != LUMICROP_APERTURE) continue;
            Job job =
                test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3), dtype, 9, 9, 40,
                                           seed, LUMICROP_GATHERED, LUMICROP_PADDING_DEFAULT, static_cast<Maps>(seed % 6));
            ++seed;
            test::Outputs all, few;
            if (!run(job, all)) continue;
            for (unsigned asked : {bit_of(Out::photons), bit_of(Out::photons) | bit_of(Out::photons_sigma),
                                   bit_of(Out::photons) | bit_of(Out::enclosed)}) {
                job.asked = asked;
                if (!run(job, few)) continue;
                for (size_t i = 0; i < all.photons.size(); ++i) {
                    const bool both_nan = std::isnan(few.photons[i]) && std::isnan(all.photons[i]);
                    EXPECT_TRUE(both_nan || few.photons[i] == all.photons[i]) << job.name << ": detection " << i;
                }
            }
        }
}

LUMICROP_ON_EVERY_BACKEND(ApertureProperties);

} // namespace
