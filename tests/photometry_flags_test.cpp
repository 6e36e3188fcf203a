// Each flag stands exactly where its condition holds: a thousand detections and more for each, with conditions read off the inputs.
#include "jobs/expected.hpp"
#include "jobs/flag_cases.hpp"
#include "jobs/photometry_expected.hpp"
#include "jobs/photometry_job.hpp"
#include "jobs/random_spline.hpp"
#include "oracle/light_fit.hpp"

#include <cmath>
#include <limits>

namespace {

using test::EstimateKind;
using test::Job;
using test::Maps;

const double nan_ = std::nan("");

class PhotometryFlags : public test::FlagCases
{
};

const EstimateKind one_of_each_method[] = {
    {LUMICROP_SUM, LUMICROP_BACKGROUND_BORDER_MEDIAN}, {LUMICROP_FILTER, LUMICROP_BACKGROUND_COLUMN},
    {LUMICROP_JOINT, LUMICROP_BACKGROUND_FITTED},      {LUMICROP_OPTIMAL, LUMICROP_BACKGROUND_FITTED},
    {LUMICROP_MLE, LUMICROP_BACKGROUND_FITTED},        {LUMICROP_MLE, LUMICROP_BACKGROUND_CORRECTED_MEDIAN}};

TEST_P(PhotometryFlags, TruncatedWhereTheCropReachesBeyondTheFrame)
{
    uint64_t seed = 100;
    for (const EstimateKind& kind : one_of_each_method)
        for (lumicrop_padding padding : {LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_NONE}) {
            const Job job = test::photometry_plain_job(kind, LUMICROP_ISOGAUSS, seed % 2 == 0 ? LUMICROP_U16 : LUMICROP_F64,
                                                       9, 9, detections(), seed, LUMICROP_GATHERED, padding);
            ++seed;
            std::vector<Says> says;
            for (size_t i = 0; i < static_cast<size_t>(job.n); ++i) {
                bool beyond = false;
                for_each_pixel(job, i, [&](int64_t r, int64_t c) { beyond |= !is_inside(job.channels[0], r, c); });
                says.push_back(beyond ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_TRUNCATED, says);
        }
    expect_enough(500);
}

TEST_P(PhotometryFlags, TruncatedWhereASumHasPadding)
{
    for (uint64_t seed = 200; seed < 204; ++seed) {
        Job job = test::photometry_plain_job({LUMICROP_SUM, LUMICROP_BACKGROUND_CORRECTED_MEDIAN}, LUMICROP_ISOGAUSS,
                                             LUMICROP_I16, 7, 9, detections(), seed, LUMICROP_GIVEN, LUMICROP_PADDING_ZEROS);
        std::vector<Says> says;
        for (int64_t i = 0; i < job.n; ++i) {
            for (int64_t p = 0; p < 63; ++p) pixel_of(job, i, p) = pixel_of(job, i, p) == 0 ? 1 : pixel_of(job, i, p);
            const bool at_border = i % 3 == 0;
            if (at_border) pixel_of(job, i, i % 9) = 0;      // first row
            if (i % 3 == 1) pixel_of(job, i, 9 * 3 + 4) = 0; // within
            says.push_back(at_border ? yes : no);
        }
        expect_flag(job, LUMICROP_FLAG_TRUNCATED, says);
    }
    expect_enough(300);
}

TEST_P(PhotometryFlags, MaskedWhereABadPixelOrAMapsNanLiesInTheCrop)
{
    uint64_t seed = 300;
    for (const EstimateKind& kind : one_of_each_method)
        for (Maps maps : {Maps::bad_pixels, Maps::all}) {
            Job job = test::photometry_plain_job(kind, seed % 2 == 0 ? LUMICROP_GAUSS : LUMICROP_SPLINE,
                                                 seed % 2 == 0 ? LUMICROP_F32 : LUMICROP_I32, 7, 7, detections(), seed,
                                                 LUMICROP_GATHERED, LUMICROP_PADDING_GEOMETRY, maps);
            ++seed;
            test::ChannelInput& channel = job.channels[0];
            for (double& bad : channel.bad_pixels->values) bad = 0;
            channel.bad_pixels->values[static_cast<size_t>(2 * channel.map_width + 3)] = 7;
            for (test::Map* map : {&channel.offset_map, &channel.gain_map, &channel.read_variance_map})
                if (*map) (*map)->values.back() = nan_;
            std::vector<Says> says;
            for (size_t i = 0; i < static_cast<size_t>(job.n); ++i) {
                bool masked = false;
                for_each_pixel(job, i, [&](int64_t r, int64_t c) {
                    if (!is_inside(channel, r, c)) return;
                    const auto at = static_cast<size_t>(r * channel.map_width + c);
                    masked |= channel.bad_pixels->values[at] != 0;
                    masked |= channel.offset_map && std::isnan(channel.offset_map->values[at]);
                });
                says.push_back(masked ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_MASKED, says);
        }
    expect_enough(500);
}

TEST_P(PhotometryFlags, SaturatedWhereAPixelHasReachedTheSaturation)
{
    uint64_t seed = 400;
    for (const EstimateKind& kind : one_of_each_method)
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            Job job = test::photometry_plain_job(kind, LUMICROP_GAUSS, dtype, 8, 11, detections(), seed++, LUMICROP_GIVEN,
                                                 LUMICROP_PADDING_NONE);
            job.channels[0].saturation = 4095;
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                for (int64_t p = 0; p < 88; ++p) pixel_of(job, i, p) = std::min(pixel_of(job, i, p), 4000.0);
                pixel_of(job, i, 3 * i % 88) = i % 4 == 0 ? 4095 : i % 4 == 1 ? 4096 : i % 4 == 2 ? 4094 : 0;
                says.push_back(i % 4 < 2 ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_SATURATED, says);
        }
    expect_enough(500);
}

TEST_P(PhotometryFlags, DataNotFiniteWhereAPixelThatCountsIsNot)
{
    uint64_t seed = 500;
    for (const EstimateKind& kind : one_of_each_method)
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64}) {
            Job job = test::photometry_plain_job(kind, seed % 2 == 0 ? LUMICROP_ISOGAUSS : LUMICROP_GAUSS, dtype, 9, 9,
                                                 detections(), seed, LUMICROP_GIVEN, LUMICROP_PADDING_NONE,
                                                 seed % 3 == 0 ? Maps::bad_pixels : Maps::none);
            ++seed;
            test::ChannelInput& channel = job.channels[0];
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                const int64_t at = 7 * i % 81;
                bool counts = true;
                if (i % 2 == 0) {
                    pixel_of(job, i, at) = i % 4 == 0 ? nan_ : i % 8 == 2 ? HUGE_VAL : -HUGE_VAL;
                    const auto k = static_cast<size_t>(i);
                    const auto flat =
                        static_cast<size_t>((static_cast<int64_t>(job.Y0->values[k]) + at / 9) * channel.map_width +
                                            static_cast<int64_t>(job.X0->values[k]) + at % 9);
                    counts = !channel.bad_pixels || channel.bad_pixels->values[flat] == 0;
                }
                says.push_back(i % 2 == 0 && counts ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_DATA_NOT_FINITE, says);
        }
    expect_enough(500);
}

TEST_P(PhotometryFlags, ParameterNanWhereOneThatIsUsedIsNan)
{
    const EstimateKind kinds[] = {
        {LUMICROP_FILTER, LUMICROP_BACKGROUND_COLUMN},  {LUMICROP_JOINT, LUMICROP_BACKGROUND_FITTED},
        {LUMICROP_OPTIMAL, LUMICROP_BACKGROUND_COLUMN}, {LUMICROP_MLE, LUMICROP_BACKGROUND_FITTED},
        {LUMICROP_SUM, LUMICROP_BACKGROUND_COLUMN},     {LUMICROP_MLE, LUMICROP_BACKGROUND_BORDER_MEDIAN}};
    uint64_t seed = 600;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_model model : {LUMICROP_ISOGAUSS, LUMICROP_GAUSS, LUMICROP_SPLINE}) {
            Job job = test::photometry_plain_job(kind, model, seed % 2 == 0 ? LUMICROP_U16 : LUMICROP_F64, 9, 9,
                                                 detections(), seed, LUMICROP_GATHERED);
            ++seed;
            job.asked &= ~(bit_of(test::Out::enclosed) | bit_of(test::Out::photons_total));
            std::vector<Says> says;
            struct Used
            {
                test::Column* column;
                bool used;
            };
            const bool fits = kind.method != LUMICROP_SUM;
            const Used columns[] = {
                {&job.x_fit, fits},
                {&job.y_fit, fits},
                {&job.z_fit, fits && model == LUMICROP_SPLINE},
                {&job.os_fit, kind.background == LUMICROP_BACKGROUND_COLUMN},
                {&job.sigma_fit, fits && (model == LUMICROP_ISOGAUSS ||
                                          (model == LUMICROP_GAUSS && (!job.sigma_x_fit || !job.sigma_y_fit)))},
                {&job.sigma_x_fit, fits && model == LUMICROP_GAUSS},
                {&job.sigma_angle, fits && model == LUMICROP_GAUSS}};
            for (int64_t i = 0; i < job.n; ++i) {
                const Used& one = columns[i % 7];
                const bool spoils = i % 2 == 0 && one.column->has_value();
                if (spoils) (**one.column).values[static_cast<size_t>(i)] = nan_;
                says.push_back(spoils && one.used ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_PARAMETER_NAN, says);
        }
    expect_enough(500);
}

TEST_P(PhotometryFlags, CentreOutsideWhereThePositionIs)
{
    uint64_t seed = 700;
    for (const EstimateKind& kind : one_of_each_method) {
        if (kind.method == LUMICROP_SUM) continue;
        for (lumicrop_model model : {LUMICROP_ISOGAUSS, LUMICROP_GAUSS, LUMICROP_SPLINE}) {
            Job job = test::photometry_plain_job(kind, model, seed % 2 == 0 ? LUMICROP_U8 : LUMICROP_F64, 11, 8,
                                                 detections(), seed, LUMICROP_GATHERED);
            test::Chance chance(seed++, 0);
            test::ChannelInput& channel = job.channels[0];
            job.x_fit->dtype = job.y_fit->dtype = LUMICROP_F64;
            std::vector<Says> says;
            for (size_t i = 0; i < static_cast<size_t>(job.n); ++i) {
                const double column = chance.happens(0.4) ? chance.between(-2, 10) : chance.between(0, 7);
                const double row = chance.happens(0.4) ? chance.between(-2, 13) : chance.between(0, 10);
                job.x_fit->values[i] = (job.X0->values[i] + column) * channel.pixel_x_nm;
                job.y_fit->values[i] = (job.Y0->values[i] + row) * channel.pixel_y_nm;
                const double away = std::max(std::max(-0.5 - column, column - 7.5), std::max(-0.5 - row, row - 10.5));
                says.push_back(std::abs(away) < 1e-9 ? open : away > 0 ? yes : no); // within roundings of the edge: either
            }
            expect_flag(job, LUMICROP_FLAG_CENTRE_OUTSIDE, says);
        }
    }
    expect_enough(500);
}

TEST_P(PhotometryFlags, OutsideDomainWhereThePixelsLeaveTheSpline)
{
    uint64_t seed = 800;
    for (const EstimateKind& kind : one_of_each_method) {
        if (kind.method == LUMICROP_SUM) continue;
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            Job job = test::photometry_plain_job(kind, LUMICROP_SPLINE, dtype, 9, 9, detections(), seed, LUMICROP_GIVEN,
                                                 LUMICROP_PADDING_NONE);
            test::Chance chance(seed++, 1);
            test::ChannelInput& channel = job.channels[0];
            auto spline = std::make_shared<test::SplineInput>(); // a domain of +-600 nm, +-500 nm along z
            for (int k = 0; k < 16; ++k) {
                spline->values.tx.push_back(-600 + 1200.0 / 9 * (k - 3));
                spline->values.ty.push_back(-600 + 1200.0 / 9 * (k - 3));
                spline->values.tz.push_back(-500 + 1000.0 / 9 * (k - 3));
            }
            for (int k = 0; k < 12 * 12 * 12; ++k) spline->values.coefficients.push_back(1 + 0.1 * chance.unit());
            channel.spline = spline;
            channel.pixel_x_nm = channel.pixel_y_nm = 100;
            job.x_fit->dtype = job.y_fit->dtype = job.z_fit->dtype = LUMICROP_F64;
            std::vector<Says> says;
            for (size_t i = 0; i < static_cast<size_t>(job.n); ++i) {
                const double mux = chance.between(100, 700);
                const double muy = chance.between(100, 700);
                const double z = chance.happens(0.2) ? chance.between(-700, 700) : chance.between(-400, 400);
                job.x_fit->values[i] = job.X0->values[i] * 100 + mux;
                job.y_fit->values[i] = job.Y0->values[i] * 100 + muy;
                job.z_fit->values[i] = z;
                const double beyond = std::max({mux - 600, 800 - mux - 600, muy - 600, 800 - muy - 600, std::abs(z) - 500});
                says.push_back(std::abs(beyond) < 1e-6 ? open : beyond > 0 ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_OUTSIDE_DOMAIN, says);
        }
    }
    expect_enough(500);
}

TEST_P(PhotometryFlags, NoBorderWhereNoneIsLeft)
{
    uint64_t seed = 900;
    for (lumicrop_method method : {LUMICROP_SUM, LUMICROP_FILTER, LUMICROP_OPTIMAL, LUMICROP_MLE})
        for (lumicrop_background background : {LUMICROP_BACKGROUND_BORDER_MEDIAN, LUMICROP_BACKGROUND_CORRECTED_MEDIAN}) {
            Job job = test::photometry_plain_job({method, background}, LUMICROP_ISOGAUSS,
                                                 seed % 2 == 0 ? LUMICROP_F32 : LUMICROP_F64, 7, 7, detections(), seed,
                                                 LUMICROP_GIVEN, LUMICROP_PADDING_ZEROS);
            ++seed;
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                for (int64_t p = 0; p < 49; ++p) pixel_of(job, i, p) = pixel_of(job, i, p) == 0 ? 1 : pixel_of(job, i, p);
                const int64_t kept = i % 4 == 3 ? 7 * (1 + i % 6) : -1; // one border pixel, in the first column
                for (int64_t p = 0; p < 49 && i % 2 == 1; ++p)
                    if (p / 7 % 6 == 0 || p % 7 % 6 == 0) pixel_of(job, i, p) = p == kept ? 5.0 : i % 8 < 4 ? 0 : nan_;
                says.push_back(i % 2 == 1 && kept < 0 ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_NO_BORDER, says);
        }
    expect_enough(400);
}

TEST_P(PhotometryFlags, ZeroDenominatorWhereNoPsfIsLeft)
{
    uint64_t seed = 1000;
    for (const EstimateKind& kind : one_of_each_method) {
        if (kind.method == LUMICROP_SUM) continue;
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            Job job = test::photometry_plain_job(kind, LUMICROP_ISOGAUSS, dtype, 9, 9, detections(), seed++, LUMICROP_GIVEN,
                                                 LUMICROP_PADDING_NONE);
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                if (i % 2 == 0) job.x_fit->values[static_cast<size_t>(i)] += i % 4 == 0 ? 1e9 : -1e9;
                says.push_back(i % 2 == 0 ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_ZERO_DENOMINATOR, says);
            const bool fits = kind.background == LUMICROP_BACKGROUND_FITTED;
            const Job pixel = test::photometry_plain_job(kind, LUMICROP_ISOGAUSS, dtype, 1, 1, detections(), seed++,
                                                         LUMICROP_GIVEN, LUMICROP_PADDING_NONE);
            says.assign(static_cast<size_t>(pixel.n), fits ? yes : open); // one pixel cannot tell light and background apart
            expect_flag(pixel, LUMICROP_FLAG_ZERO_DENOMINATOR, says);
            Job few = pixel; // another way through a backend, maybe
            few.asked = test::first_five_outs | bit_of(test::Out::photons_sigma);
            expect_flag(few, LUMICROP_FLAG_ZERO_DENOMINATOR, says);
        }
    }
    expect_enough(500);
}

/// A mask that hides everything leaves NaN, and says why.
TEST_P(PhotometryFlags, AMaskOverTheWholeCropGivesNanAndSaysSo)
{
    uint64_t seed = 1100;
    for (const EstimateKind& kind : test::estimate_kinds())
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            Job job = test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3), dtype, 7,
                                                 9, 20, seed, LUMICROP_GIVEN, LUMICROP_PADDING_NONE, Maps::bad_pixels);
            ++seed;
            job.channels[0].bad_pixels->values.assign(job.channels[0].bad_pixels->values.size(), 1);
            test::Outputs outputs;
            if (!run(job, outputs)) continue;
            for (size_t i = 0; i < 20; ++i) {
                EXPECT_TRUE(std::isnan(outputs.photons[i])) << job.name << ": " << outputs.photons[i];
                EXPECT_TRUE(std::isnan(outputs.columns[static_cast<size_t>(test::Out::photons_sigma)][i])) << job.name;
                EXPECT_NE(outputs.flags[i] & LUMICROP_FLAG_MASKED, 0U) << job.name;
            }
        }
}

/// Where the oracle's own steps of the same kind end within ten, by a margin, the flag is down; where the tenth is still too long, it stands.
/// Dim spots over hardly any background with hardly any reading are what does not converge: means near 0 make V small and the steps long.
TEST_P(PhotometryFlags, NotConvergedWhereTheTenthStepIsStillLong)
{
    int open_ones = 0;
    for (uint64_t seed = 1200; seed < 1216; ++seed) {
        const bool fits = seed % 2 == 0;
        Job job = test::photometry_plain_job({LUMICROP_MLE, fits ? LUMICROP_BACKGROUND_FITTED : LUMICROP_BACKGROUND_COLUMN},
                                             LUMICROP_ISOGAUSS, seed % 4 < 2 ? LUMICROP_F32 : LUMICROP_F64, 7, 7,
                                             detections(), seed, LUMICROP_GIVEN, LUMICROP_PADDING_NONE);
        test::ChannelInput& channel = job.channels[0];
        channel.em_gain = 1;
        channel.gain = 1;
        channel.camera_offset = 100;
        channel.qe = 1;
        channel.read_noise = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 0.3 : 1.6;
        test::Chance chance(seed, 2);
        for (int64_t i = 0; i < job.n; ++i) {
            const double background = chance.one_of({0.02, 0.1, 0.5, 5.0});
            job.os_fit->values[static_cast<size_t>(i)] =
                test::as_held(job.os_fit->dtype, background * chance.between(0.2, 1));
            const double light = chance.one_of({0.0, 5.0, 300.0});
            for (int64_t p = 0; p < 49; ++p) {
                const double mean =
                    background + light * std::exp(-0.2 * ((p / 7 - 3) * (p / 7 - 3) + (p % 7 - 3) * (p % 7 - 3))) / 15;
                double count = 0;
                double product = chance.unit();
                for (const double limit = std::exp(-std::min(mean, 100.0)); product > limit; product *= chance.unit())
                    ++count;
                pixel_of(job, i, p) = test::as_held(channel.dtype, 100 + count + channel.read_noise * chance.normal());
            }
        }
        std::vector<Says> says;
        const std::vector<oracle::Photometry> expected = test::photometry_of(job);
        for (const oracle::Photometry& one : expected) {
            const bool undecided = (one.undecided & LUMICROP_FLAG_NOT_CONVERGED) != 0;
            open_ones += undecided ? 1 : 0;
            says.push_back(undecided ? open : (one.flags & LUMICROP_FLAG_NOT_CONVERGED) != 0 ? yes : no);
        }
        expect_flag(job, LUMICROP_FLAG_NOT_CONVERGED, says);
    }
    RecordProperty("left_open", open_ones);
    RecordProperty("converged", lowered_);
    RecordProperty("not_converged", raised_);
    expect_enough(100);
}

LUMICROP_ON_EVERY_BACKEND(PhotometryFlags);

} // namespace
