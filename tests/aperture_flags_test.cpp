// Flags of apertures, each exactly where its condition holds; what lies beside the ellipse raises none.
#include "jobs/expected.hpp"
#include "jobs/flag_cases.hpp"
#include "jobs/photometry_expected.hpp"
#include "jobs/photometry_job.hpp"

#include <cmath>

namespace {

using test::EstimateKind;
using test::Job;
using test::Maps;
using test::Out;

const double nan_ = std::nan("");
const EstimateKind by_median = {LUMICROP_APERTURE, LUMICROP_BACKGROUND_BORDER_MEDIAN};
const EstimateKind by_column = {LUMICROP_APERTURE, LUMICROP_BACKGROUND_COLUMN};
const EstimateKind kinds[] = {by_median,
                              by_column,
                              {LUMICROP_APERTURE, LUMICROP_BACKGROUND_CORRECTED_MEDIAN},
                              {LUMICROP_APERTURE, LUMICROP_BACKGROUND_MAP}};

class ApertureFlags : public test::FlagCases
{
protected:
    /// `detections` around positions that are placed anew, anywhere about the crop.
    Job job_of(const EstimateKind& kind, lumicrop_dtype dtype, uint64_t seed, lumicrop_source source,
               lumicrop_padding padding, Maps maps = Maps::none) const
    {
        Job job =
            test::photometry_plain_job(kind, LUMICROP_ISOGAUSS, dtype, 11, 9, detections(), seed, source, padding, maps);
        test::Chance chance(seed, 3);
        test::ChannelInput& channel = job.channels[0];
        channel.aperture_x_px = chance.one_of({0.4, 1.7, 2.5, 3.0, 4.5});
        if (seed % 2 == 0) channel.aperture_y_px = chance.between(0.3, 4);
        channel.aperture_theta_deg = seed % 3 == 0 ? 90 * static_cast<double>(chance.whole(-3, 3)) : chance.between(-90, 90);
        job.x_fit->dtype = job.y_fit->dtype = LUMICROP_F64;
        for (size_t i = 0; i < static_cast<size_t>(job.n); ++i) {
            const bool tangent = chance.happens(0.3); // to the crop's edges, where semi-axes are whole or half pixels
            const double column = tangent ? 0.5 * static_cast<double>(chance.whole(2, 14)) : chance.between(0, 8);
            const double row = tangent ? 0.5 * static_cast<double>(chance.whole(2, 18)) : chance.between(0, 10);
            job.x_fit->values[i] = (job.X0->values[i] + column) * channel.pixel_x_nm;
            job.y_fit->values[i] = (job.Y0->values[i] + row) * channel.pixel_y_nm;
        }
        return job;
    }
    /// Whether the aperture of detection i has a part of any pixel inside the frame.
    static bool touches_any(const Job& job, size_t i)
    {
        bool any = false;
        int64_t pixel = 0;
        for_each_pixel(job, i, [&](int64_t row, int64_t column) {
            any |= is_inside(job.channels[0], row, column) && touches(job, static_cast<int64_t>(i), pixel) != no;
            ++pixel;
        });
        return any;
    }
    /// Whether the aperture of detection i has a part of the crop's pixel; open where that hangs on the last digits.
    static Says touches(const Job& job, int64_t i, int64_t pixel)
    {
        const test::ChannelInput& channel = job.channels[0];
        const oracle::Ellipse ellipse = test::ellipse_of(job, channel, i);
        const int64_t row = pixel / channel.width, column = pixel % channel.width;
        if (oracle::part_within(ellipse.grown(-1e-10L), row, column) > 0) return yes;
        return oracle::part_within(ellipse.grown(1e-10L), row, column) > 0 ? open : no;
    }
};

/// How far an ellipse reaches beyond the pixels `first` to `last` along one axis.
double beyond(double centre, double reach, double first, double last)
{
    return std::max(centre + reach - (last + 0.5), first - 0.5 - (centre - reach));
}

/// An ellipse lies within a rectangle of pixels where its extents do. Beyond by h of its reach r, 0.6 (h / r)^1.5 of its area is missing: the flag may
/// set in between none and 3e-5 r, which is 1e-7 of the area.
TEST_P(ApertureFlags, TruncatedWhereSomeOfItsAreaLiesOnPaddingOrOutsideTheCrop)
{
    uint64_t seed = 12000;
    for (int turn = 0; turn < 4; ++turn)
        for (lumicrop_source source : {LUMICROP_GATHERED, LUMICROP_GIVEN})
            for (lumicrop_padding padding : {LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_NONE, LUMICROP_PADDING_ZEROS}) {
                if (source == LUMICROP_GATHERED && padding == LUMICROP_PADDING_ZEROS) continue;
                Job job = job_of(kinds[turn], turn % 2 == 0 ? LUMICROP_U16 : LUMICROP_F64, seed++, source, padding);
                test::Chance chance(seed, 4);
                const test::ChannelInput& channel = job.channels[0];
                std::vector<Says> says;
                for (int64_t i = 0; i < job.n; ++i) {
                    int64_t top = 0, left = 0, bottom = 10, right = 8;
                    if (padding == LUMICROP_PADDING_GEOMETRY) {
                        const auto X0 = static_cast<int64_t>(job.X0->values[static_cast<size_t>(i)]);
                        const auto Y0 = static_cast<int64_t>(job.Y0->values[static_cast<size_t>(i)]);
                        top = std::max(top, -Y0);
                        left = std::max(left, -X0);
                        bottom = std::min(bottom, channel.frame_height - 1 - Y0);
                        right = std::min(right, channel.frame_width - 1 - X0);
                    }
                    if (padding == LUMICROP_PADDING_ZEROS) {
                        top = chance.happens(0.5) ? 0 : chance.whole(1, 4);
                        for (int64_t p = 0; p < 99; ++p)
                            pixel_of(job, i, p) = p / 9 < top ? 0 : std::max(pixel_of(job, i, p), 1.0);
                    }
                    const oracle::Ellipse e = test::ellipse_of(job, channel, i);
                    const double angle = e.theta_deg / 180 * 3.14159265358979323846;
                    const double reach_x = std::hypot(e.semi_x * std::cos(angle), e.semi_y * std::sin(angle));
                    const double reach_y = std::hypot(e.semi_x * std::sin(angle), e.semi_y * std::cos(angle));
                    const double out_x =
                        beyond(e.x, reach_x, static_cast<double>(left), static_cast<double>(right)) / reach_x;
                    const double out_y =
                        beyond(e.y, reach_y, static_cast<double>(top), static_cast<double>(bottom)) / reach_y;
                    const double out = std::max(out_x, out_y);
                    says.push_back(out < 1e-10 ? no : out < 3.1e-5 ? open : yes); // 1e-10: 1e-15 of the area
                }
                expect_flag(job, LUMICROP_FLAG_TRUNCATED, says);
            }
    expect_enough(800);
}

TEST_P(ApertureFlags, MaskedWhereAnyPixelOfTheCropIs)
{
    uint64_t seed = 12100;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            const Job job = job_of(kind, dtype, seed++, LUMICROP_GATHERED, LUMICROP_PADDING_GEOMETRY, Maps::bad_pixels);
            const test::ChannelInput& channel = job.channels[0];
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                bool any = false;
                for_each_pixel(job, static_cast<size_t>(i), [&](int64_t row, int64_t column) {
                    if (is_inside(channel, row, column))
                        any |= channel.bad_pixels->values[static_cast<size_t>(row * channel.map_width + column)] != 0;
                });
                says.push_back(any ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_MASKED, says);
        }
    expect_enough(300);
}

TEST_P(ApertureFlags, SaturatedWhereAPixelThatItTouchesIs)
{
    uint64_t seed = 12200;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64, LUMICROP_I16}) {
            Job job = job_of(kind, dtype, seed++, LUMICROP_GIVEN, LUMICROP_PADDING_NONE);
            test::Chance chance(seed, 5);
            job.channels[0].saturation = 4095;
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                for (int64_t p = 0; p < 99; ++p) pixel_of(job, i, p) = std::min(pixel_of(job, i, p), 4000.0);
                const int64_t at = chance.whole(0, 98);
                pixel_of(job, i, at) = i % 4 == 0 ? 4094 : 4095 + i % 2;
                says.push_back(i % 4 == 0 ? no : touches(job, i, at));
            }
            expect_flag(job, LUMICROP_FLAG_SATURATED, says);
        }
    expect_enough(400);
}

TEST_P(ApertureFlags, DataNotFiniteWhereAPixelThatItTouchesIsNot)
{
    uint64_t seed = 12300;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64}) {
            Job job = job_of(kind, dtype, seed++, LUMICROP_GIVEN, LUMICROP_PADDING_NONE);
            test::Chance chance(seed, 6);
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                const int64_t at = chance.whole(0, 98);
                if (i % 4 != 0) pixel_of(job, i, at) = i % 4 == 1 ? nan_ : i % 4 == 2 ? HUGE_VAL : -HUGE_VAL;
                says.push_back(i % 4 == 0 ? no : touches(job, i, at));
            }
            expect_flag(job, LUMICROP_FLAG_DATA_NOT_FINITE, says);
            test::Outputs outputs;
            if (!run(job, outputs)) continue;
            for (size_t i = 0; i < says.size(); ++i)
                if (says[i] != open) {
                    EXPECT_EQ(std::isfinite(outputs.photons[i]), says[i] == no)
                        << job.name << ": detection " << i << ": " << outputs.photons[i];
                }
        }
    expect_enough(200);
}

TEST_P(ApertureFlags, ParameterNanWhereThePositionOrItsBackgroundIs)
{
    uint64_t seed = 12400;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_dtype dtype : {LUMICROP_U8, LUMICROP_F64, LUMICROP_F32}) {
            Job job = job_of(kind, dtype, seed++, LUMICROP_GATHERED, LUMICROP_PADDING_DEFAULT, Maps::bad_pixels);
            job.asked &= ~(bit_of(Out::enclosed) | bit_of(Out::photons_total));
            std::vector<Says> says;
            test::Column* const columns[] = {&job.x_fit, &job.y_fit,       &job.os_fit,     &job.sigma_fit,
                                             &job.z_fit, &job.sigma_x_fit, &job.sigma_angle};
            for (int64_t i = 0; i < job.n; ++i) {
                const int64_t which = i % 9;
                if (which < 7 && columns[which]->has_value()) (*columns[which])->values[static_cast<size_t>(i)] = nan_;
                const bool spoils = which < 2 || (which == 2 && kind.background == LUMICROP_BACKGROUND_COLUMN);
                says.push_back(spoils ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_PARAMETER_NAN, says);
            test::Outputs outputs;
            if (!run(job, outputs)) continue;
            for (size_t i = 0; i < says.size(); ++i) {
                if (says[i] != yes) continue;
                if (i % 9 == 2 && !touches_any(job, i)) continue; // the sum of no pixels is 0 above any background
                EXPECT_TRUE(std::isnan(outputs.photons[i])) << job.name << ": detection " << i;
                EXPECT_TRUE(std::isnan(outputs.columns[static_cast<size_t>(Out::photons_sigma)][i]))
                    << job.name << ": detection " << i;
            }
        }
    expect_enough(500);
}

TEST_P(ApertureFlags, CentreOutsideWhereThePositionIs)
{
    uint64_t seed = 12500;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_origin origin : {LUMICROP_FIRST_PIXEL, LUMICROP_PIXEL_CORNER}) {
            Job job =
                job_of(kind, seed % 3 == 0 ? LUMICROP_U8 : LUMICROP_F64, seed, LUMICROP_GATHERED, LUMICROP_PADDING_DEFAULT);
            test::Chance chance(seed++, 7);
            const test::ChannelInput& channel = job.channels[0];
            job.origin = origin;
            if (seed % 2 == 0) job.asked &= ~(bit_of(Out::enclosed) | bit_of(Out::photons_total));
            const double corner = origin == LUMICROP_PIXEL_CORNER ? 0.5 : 0;
            std::vector<Says> says;
            for (size_t i = 0; i < static_cast<size_t>(job.n); ++i) {
                const double column = chance.between(-2.5, 10.5);
                const double row = chance.between(-2.5, 12.5);
                job.x_fit->values[i] = (job.X0->values[i] + column + corner) * channel.pixel_x_nm;
                job.y_fit->values[i] = (job.Y0->values[i] + row + corner) * channel.pixel_y_nm;
                const double away = std::max(std::max(-0.5 - column, column - 8.5), std::max(-0.5 - row, row - 10.5));
                says.push_back(std::abs(away) < 1e-9 ? open : away > 0 ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_CENTRE_OUTSIDE, says);
        }
    expect_enough(400);
}

TEST_P(ApertureFlags, NoBorderWhereNoneIsLeftAndNoOtherFlagEver)
{
    uint64_t seed = 12600;
    for (lumicrop_background background : {LUMICROP_BACKGROUND_BORDER_MEDIAN, LUMICROP_BACKGROUND_CORRECTED_MEDIAN,
                                           LUMICROP_BACKGROUND_COLUMN, LUMICROP_BACKGROUND_MAP})
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64, LUMICROP_U16}) {
            Job job = job_of({LUMICROP_APERTURE, background}, dtype, seed++, LUMICROP_GIVEN, LUMICROP_PADDING_ZEROS);
            const bool measured = background <= LUMICROP_BACKGROUND_CORRECTED_MEDIAN;
            std::vector<Says> says;
            for (int64_t i = 0; i < job.n; ++i) {
                for (int64_t p = 0; p < 99; ++p) pixel_of(job, i, p) = std::max(pixel_of(job, i, p), 1.0);
                for (int64_t p = 0; p < 99 && i % 2 == 1; ++p)
                    if (p / 9 % 10 == 0 || p % 9 % 8 == 0) pixel_of(job, i, p) = i % 4 == 1 && p == 40 ? 5 : 0;
                if (i % 4 == 1) pixel_of(job, i, 36) = 5; // one border pixel, in the first column
                says.push_back(measured && i % 4 == 3 ? yes : no);
            }
            expect_flag(job, LUMICROP_FLAG_NO_BORDER, says);
            for (uint32_t never : {LUMICROP_FLAG_ZERO_DENOMINATOR, LUMICROP_FLAG_NOT_CONVERGED, LUMICROP_FLAG_BAD_INDEX})
                expect_flag(job, never, std::vector<Says>(says.size(), no));
        }
    expect_enough(200);
}

/// A mask over all that the aperture touches leaves NaN; one beside it leaves the bits that there were, but for the flag.
TEST_P(ApertureFlags, AMaskOverTheWholeApertureGivesNan)
{
    uint64_t seed = 12700;
    for (const EstimateKind& kind : kinds)
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            Job job = test::photometry_plain_job(kind, LUMICROP_ISOGAUSS, dtype, 9, 9, 40, seed++, LUMICROP_GIVEN,
                                                 LUMICROP_PADDING_NONE, Maps::bad_pixels);
            test::ChannelInput& channel = job.channels[0];
            channel.aperture_x_px = 1.4;
            channel.aperture_y_px = 1.1;
            job.X0->values.assign(40, 0);
            job.Y0->values.assign(40, 0);
            job.x_fit->values.assign(40, 4 * channel.pixel_x_nm);
            job.y_fit->values.assign(40, 4 * channel.pixel_y_nm);
            for (bool under : {true, false}) {
                for (int64_t row = 0; row < channel.map_height; ++row)
                    for (int64_t column = 0; column < channel.map_width; ++column) {
                        const bool near = std::abs(row - 4) <= 1 && std::abs(column - 4) <= 1;
                        channel.bad_pixels->values[static_cast<size_t>(row * channel.map_width + column)] =
                            under ? near : row == 1 && column == 5;
                    }
                test::Outputs outputs;
                if (!run(job, outputs)) continue;
                for (size_t i = 0; i < 40; ++i) {
                    EXPECT_EQ(std::isnan(outputs.photons[i]), under) << job.name << ": " << outputs.photons[i];
                    EXPECT_EQ(std::isnan(outputs.columns[static_cast<size_t>(Out::photons_sigma)][i]), under) << job.name;
                    EXPECT_NE(outputs.flags[i] & LUMICROP_FLAG_MASKED, 0U) << job.name;
                    EXPECT_EQ(outputs.flags[i] & LUMICROP_FLAG_TRUNCATED, 0U) << job.name;
                }
            }
        }
}

LUMICROP_ON_EVERY_BACKEND(ApertureFlags);

} // namespace
