// Single inputs where SPEC decides something that random jobs would meet too seldom.
#include "jobs/as_given.hpp"
#include "jobs/expected.hpp"
#include "jobs/plain_job.hpp"
#include "jobs/run_job.hpp"
#include "support/every_backend.hpp"

#include <cmath>
#include <cstring>
#include <limits>

namespace {

using test::Photometry;

class EdgeCases : public test::EveryBackend
{
};

test::Job one_sum(std::vector<double> pixels, int64_t height, int64_t width, lumicrop_dtype dtype,
                  lumicrop_padding padding = LUMICROP_PADDING_DEFAULT)
{
    test::Job job;
    job.name = "one crop";
    test::ChannelInput channel;
    channel.method = LUMICROP_SUM;
    channel.dtype = dtype;
    channel.padding = padding;
    channel.n = job.n = static_cast<int64_t>(pixels.size()) / (height * width);
    channel.height = height;
    channel.width = width;
    channel.pixels = std::move(pixels);
    job.channels.push_back(channel);
    return job;
}

test::Outputs check(const test::Backend& backend, const test::Job& job)
{
    const test::Context context = test::make_context(backend);
    const test::Outputs outputs = test::run_job(context.get(), job);
    test::agrees(job, test::expect(job), outputs, backend.name);
    return outputs;
}

TEST_P(EdgeCases, EachPixelOfASingleRowCountsOnceInTheMedian)
{
    const test::Outputs row = check(GetParam(), one_sum({1, 2, 10, 20}, 1, 4, LUMICROP_U16));
    EXPECT_EQ(row.background[0], 6);
    const test::Outputs column = check(GetParam(), one_sum({1, 2, 10, 20, 5}, 5, 1, LUMICROP_F32));
    EXPECT_EQ(column.background[0], 5);
    const test::Outputs pixel = check(GetParam(), one_sum({42}, 1, 1, LUMICROP_I16));
    EXPECT_EQ(pixel.background[0], 42);
    EXPECT_EQ(pixel.photons[0], 0);
}

TEST_P(EdgeCases, MediansOfWideIntegersAndDoublesAreExact)
{
    std::vector<double> wide(9, 16777217); // 2^24 + 1: float32 would round it to 2^24
    wide[4] = 16777317;
    EXPECT_EQ(check(GetParam(), one_sum(wide, 3, 3, LUMICROP_I32)).background[0], 16777217);
    EXPECT_EQ(check(GetParam(), one_sum(wide, 3, 3, LUMICROP_U32)).background[0], 16777217);
    EXPECT_EQ(check(GetParam(), one_sum(std::vector<double>(9, 4294967295.0), 3, 3, LUMICROP_U32)).background[0],
              4294967295.0);
    EXPECT_EQ(check(GetParam(), one_sum(std::vector<double>(9, -2147483648.0), 3, 3, LUMICROP_I32)).background[0],
              -2147483648.0);
    EXPECT_EQ(check(GetParam(), one_sum(std::vector<double>(9, 0.1), 3, 3, LUMICROP_F64)).background[0], 0.1);
    EXPECT_EQ(check(GetParam(), one_sum({1e308, 1.5e308, 1.5e308, 1e308}, 2, 2, LUMICROP_F64)).background[0], 1.25e308);
    EXPECT_EQ(check(GetParam(), one_sum({3, 3, 4, 4}, 2, 2, LUMICROP_U8)).background[0], 3.5);
    EXPECT_EQ(check(GetParam(), one_sum({65535, 65535, 65534, 65534}, 2, 2, LUMICROP_U16)).background[0], 65534.5);
}

TEST_P(EdgeCases, AMazeOfZerosLongerThanHeightPlusWidthIsFollowedToItsEnd)
{
    constexpr int64_t side = 33;
    std::vector<double> maze(side * side, 9);
    for (int64_t row = 0; row < side; row += 2) // one corridor, to and fro through the whole crop
        for (int64_t column = 1; column < side - 1; ++column) maze[static_cast<size_t>(row * side + column)] = 0;
    for (int64_t row = 1; row < side; row += 2) maze[static_cast<size_t>(row * side + (row % 4 == 1 ? side - 2 : 1))] = 0;
    for (int64_t column = 1; column < side - 1; ++column)
        maze[static_cast<size_t>((side - 1) * side + column)] = 9; // its end stays inside
    for (lumicrop_dtype dtype : {LUMICROP_U8, LUMICROP_F32, LUMICROP_F64}) {
        check(GetParam(), one_sum(maze, side, side, dtype));
        check(GetParam(), one_sum(maze, side, side, dtype, LUMICROP_PADDING_NONE));
    }
}

TEST_P(EdgeCases, NegativeZeroIsZero)
{
    const test::Outputs found = check(GetParam(), one_sum({-0.0, 5, 5, 5, 9, 5, 5, 5, 0.0}, 3, 3, LUMICROP_F32));
    EXPECT_EQ(found.flags[0], uint32_t{LUMICROP_FLAG_TRUNCATED});
}

TEST_P(EdgeCases, ACropWithoutABorderKeepsItsPixelsAndSaysSo)
{
    std::vector<double> island(25, 0);
    island[12] = 40;
    const test::Outputs found = check(GetParam(), one_sum(island, 5, 5, LUMICROP_U16));
    EXPECT_EQ(found.photons[0], 40);
    EXPECT_EQ(found.background[0], 0);
    EXPECT_EQ(found.flags[0], uint32_t{LUMICROP_FLAG_TRUNCATED | LUMICROP_FLAG_NO_BORDER});
    test::Job with_offset = one_sum(island, 5, 5, LUMICROP_U16);
    with_offset.channels[0].camera_offset = 10; // the background is 0 above the offset; what is left is above it, too
    EXPECT_EQ(check(GetParam(), with_offset).photons[0], 30);
    check(GetParam(), one_sum(std::vector<double>(25, 0), 5, 5, LUMICROP_F32));
    check(GetParam(), one_sum(std::vector<double>(25, std::nan("")), 5, 5, LUMICROP_F32));
}

TEST_P(EdgeCases, NanStaysInItsOwnDetection)
{
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64}) {
            test::Job job = test::plain_job(test::kind(dtype, method, LUMICROP_PADDING_ZEROS), 7, 7, 64, 3, LUMICROP_GIVEN);
            for (double& pixel : job.channels[0].pixels)
                if (!std::isfinite(pixel)) pixel = 1;
            const test::Outputs clean = check(GetParam(), job);
            for (int64_t bad : {0, 15, 16, 31, 40, 63}) {
                test::Job spoilt = job;
                spoilt.channels[0].pixels[static_cast<size_t>(bad * 49 + 24)] =
                    bad % 2 == 0 ? std::nan("") : -std::numeric_limits<double>::infinity();
                const test::Outputs found = check(GetParam(), spoilt);
                EXPECT_FALSE(std::isfinite(found.photons[static_cast<size_t>(bad)]));
                for (size_t i = 0; i < 64; ++i)
                    if (static_cast<int64_t>(i) != bad) {
                        EXPECT_EQ(std::memcmp(&found.photons[i], &clean.photons[i], 8), 0)
                            << job.name << ": detection " << i << " beside " << bad;
                        EXPECT_EQ(found.flags[i], clean.flags[i]);
                    }
            }
        }
}

TEST_P(EdgeCases, OriginsAtTheEndsOfTheirTypesLieOutsideTheFrame)
{
    struct Extreme
    {
        lumicrop_dtype dtype;
        uint64_t bits;
    };
    for (const Extreme& extreme : {Extreme{LUMICROP_I64, uint64_t(INT64_MAX)}, Extreme{LUMICROP_I64, uint64_t(INT64_MIN)},
                                   Extreme{LUMICROP_U64, UINT64_MAX}, Extreme{LUMICROP_U64, uint64_t(1) << 63},
                                   Extreme{LUMICROP_I32, uint64_t(INT32_MAX)}, Extreme{LUMICROP_U32, UINT32_MAX}}) {
        test::Job job = test::plain_job(test::kind(LUMICROP_U16, Photometry::sum, LUMICROP_PADDING_GEOMETRY), 7, 7, 1, 3);
        test::LaidOut call(job);
        const int64_t shape[] = {1};
        uint64_t value = extreme.bits;
        lumicrop_array origin;
        ASSERT_EQ(lumicrop_array_init(&origin, sizeof origin, &value, extreme.dtype, 1, shape), LUMICROP_OK);
        call.detections.X0 = &origin;
        const test::Context context = test::make_context(GetParam());
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
        const test::Outputs found = call.outputs();
        EXPECT_EQ(found.photons[0], 0);
        EXPECT_EQ(found.flags[0], uint32_t{LUMICROP_FLAG_TRUNCATED | LUMICROP_FLAG_NO_BORDER})
            << extreme.dtype << " " << extreme.bits;
    }
}

TEST_P(EdgeCases, NoDetectionsAreNoError)
{
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::spline})
        for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
            check(GetParam(), test::plain_job(test::kind(LUMICROP_F32, method, LUMICROP_PADDING_NONE), 7, 7, 0, 3, source));
}

TEST_P(EdgeCases, ASigmaOfZeroCollectsThePixelUnderTheCentre)
{
    for (double sigma : {0.0, -0.0, 1e-13, 1e-12, 1e-9, 1e-3})
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64, LUMICROP_U16}) {
            test::Job job = one_sum(std::vector<double>(49, 20), 7, 7, dtype);
            job.channels[0].pixels[2 * 7 + 4] = 1020;
            job.channels[0].method = LUMICROP_FILTER;
            job.X0 = job.Y0 = test::column({3}, LUMICROP_I32);
            job.x_fit = test::column({711});
            job.y_fit = test::column({488});
            job.os_fit = test::column({20});
            job.sigma_fit = test::column({sigma});
            const test::Outputs found = check(GetParam(), job);
            EXPECT_NEAR(found.photons[0], 1000, 1000 * 8e-6)
                << sigma; // SPEC 7: 4e-6 (|S| sum|m| + sum|m| sum|m||crop - b|) / sum m^2
            EXPECT_EQ(found.flags[0], 0U) << sigma;
        }
}

TEST_P(EdgeCases, ALargeCameraOffsetLosesNoSignal)
{
    for (Photometry method : {Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F32, LUMICROP_I32, LUMICROP_F64}) {
            test::Job job = test::plain_job(test::kind(dtype, method, LUMICROP_PADDING_NONE), 11, 11, 50, 9, LUMICROP_GIVEN);
            test::ChannelInput& channel = job.channels[0];
            for (double& pixel : channel.pixels)
                pixel = test::as_held(dtype, std::isfinite(pixel) ? std::floor(pixel) + 30000 : 30000);
            channel.camera_offset = 30012.3;
            check(GetParam(), job);
        }
}

TEST_P(EdgeCases, PositionsOnALargeCameraKeepTheirDigits)
{
    for (Photometry method : {Photometry::isogauss, Photometry::gauss, Photometry::spline}) {
        test::Job job =
            test::plain_job(test::kind(LUMICROP_F32, method, LUMICROP_PADDING_NONE), 9, 9, 40, 31, LUMICROP_GIVEN);
        for (auto [origin, fit] : {std::pair{&job.X0, &job.x_fit}, std::pair{&job.Y0, &job.y_fit}}) {
            (*fit)->dtype = LUMICROP_F64;
            for (size_t i = 0; i < 40; ++i) {
                (*origin)->values[i] += 1e6;
                (*fit)->values[i] += 1e8;
            }
        }
        check(GetParam(), job);
    }
}

TEST_P(EdgeCases, AStrideOfZeroRepeatsAColumnsSingleValue)
{
    test::Job job =
        test::plain_job(test::kind(LUMICROP_U16, Photometry::isogauss, LUMICROP_PADDING_NONE), 9, 9, 40, 31, LUMICROP_GIVEN);
    job.sigma_fit->values.assign(40, test::as_held(LUMICROP_F32, 123.4));
    job.sigma_fit->layout.repeated = 1;
    job.os_fit->values.assign(40, 17);
    job.os_fit->layout.repeated = 1;
    check(GetParam(), job);
}

LUMICROP_ON_EVERY_BACKEND(EdgeCases);

} // namespace
