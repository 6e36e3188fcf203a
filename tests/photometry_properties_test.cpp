// What holds of SPEC 8 whatever the numbers are: bits that stay, pixels that are not looked at, maps that say what the scalars said.
#include "jobs/expected.hpp"
#include "jobs/photometry_expected.hpp"
#include "jobs/photometry_job.hpp"
#include "jobs/plain_job.hpp"
#include "support/asked_numbers.hpp"
#include "support/every_backend.hpp"

#include <cmath>
#include <cstring>
#include <numeric>

namespace {

using test::EstimateKind;
using test::Job;
using test::Maps;
using test::Out;

class PhotometryProperties : public test::EveryBackend
{
protected:
    bool is_gpu() const { return GetParam().backend == LUMICROP_BACKEND_CUDA; }

    bool run(lumicrop_context* context, const Job& job, test::Outputs& outputs)
    {
        test::LaidOut call(job);
        lumicrop_status status = call.integrate(context);
        if (status == LUMICROP_OK) status = lumicrop_synchronize(context);
        EXPECT_EQ(status, LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        outputs = call.outputs();
        outputs.status = status;
        return status == LUMICROP_OK;
    }
    /// All estimates; every second, from the given one on, where tests take less.
    static std::vector<EstimateKind> estimates(size_t first)
    {
        const std::vector<EstimateKind>& all = test::estimate_kinds();
        if (!test::takes_less(GetParam())) return all;
        std::vector<EstimateKind> some;
        for (size_t i = first; i < all.size(); i += 2) some.push_back(all[i]);
        return some;
    }

    /// A job for every estimate; sizes, types, models, padding rules and maps in turn.
    static std::vector<Job> jobs_of_every_estimate(int64_t n, lumicrop_source source = LUMICROP_GATHERED)
    {
        struct Shape
        {
            int64_t height, width;
        };
        const Shape shapes[] = {{9, 9}, {8, 13}, {1, 9}, {13, 13}, {20, 18}};
        const lumicrop_dtype dtypes[] = {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64, LUMICROP_U8, LUMICROP_I32};
        std::vector<Job> jobs;
        uint64_t number = 0;
        for (const EstimateKind& kind : estimates(source == LUMICROP_GIVEN ? 0 : 1))
            for (int turn = 0; turn < (test::takes_less(GetParam()) ? 1 : 4); ++turn, ++number) {
                const Shape& shape = shapes[number % 5];
                jobs.push_back(test::photometry_plain_job(
                    kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + number % 3), dtypes[(number + number / 5) % 5],
                    shape.height, shape.width, n, 4000 + number, source,
                    static_cast<lumicrop_padding>(LUMICROP_PADDING_ZEROS + (number + number / 3) % 3),
                    static_cast<Maps>((number + number / 4) % 6), number % 2 == 0));
            }
        return jobs;
    }
};

std::string bits_of(const test::Outputs& outputs, int64_t i)
{
    std::string bits;
    for (const std::vector<uint8_t>& column : outputs.bits) {
        const size_t size = column.size() / outputs.photons.size();
        bits.append(reinterpret_cast<const char*>(column.data()) + static_cast<size_t>(i) * size, size);
    }
    return bits;
}

/// The first column in which two detections differ.
std::string difference(const test::Outputs& a, size_t i, const test::Outputs& b, size_t k)
{
    for (size_t out = 0; out < test::n_outs; ++out)
        if (!a.columns[out].empty() && std::memcmp(&a.columns[out][i], &b.columns[out][k], sizeof(double)) != 0)
            return std::string(name_of(static_cast<Out>(out))) + " " + std::to_string(a.columns[out][i]) + " and " +
                   std::to_string(b.columns[out][k]);
    return "no number";
}

TEST_P(PhotometryProperties, AnyNumberOfThreadsGivesTheSameBits)
{
    if (is_gpu()) GTEST_SKIP() << GetParam().name << ": threads are the CPU backend's";
    for (const Job& job : jobs_of_every_estimate(test::takes_less(GetParam()) ? 50 : 130)) {
        test::Outputs one;
        ASSERT_TRUE(run(test::make_context(GetParam(), 1).get(), job, one));
        for (int64_t threads : {2, 3}) {
            test::Outputs more;
            ASSERT_TRUE(run(test::make_context(GetParam(), threads).get(), job, more));
            EXPECT_TRUE(test::same_bits(more.bits, one.bits)) << job.name << " on " << threads << " threads";
        }
    }
}

TEST_P(PhotometryProperties, ADetectionHasTheSameBitsAtAnyPlaceOfAnyBatch)
{
    const test::Context context = test::make_context(GetParam(), 2);
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (Job& job : jobs_of_every_estimate(53, source)) {
            job.channels[0].neighbour_radius_px = 0; // else the others of its frame matter
            test::Outputs whole;
            if (!run(context.get(), job, whole)) return;
            test::Chance chance(99, static_cast<uint64_t>(job.channels[0].width));
            for (int64_t size : {1, 2, 15, 17, 33}) {
                std::vector<int64_t> chosen;
                for (int64_t k = 0; k < size; ++k) chosen.push_back(chance.whole(0, job.n - 1));
                test::Outputs part;
                ASSERT_TRUE(run(context.get(), test::only(job, chosen), part));
                int wrong = 0;
                for (int64_t k = 0; k < size; ++k) {
                    const auto i = static_cast<size_t>(chosen[static_cast<size_t>(k)]);
                    if (bits_of(part, k) == bits_of(whole, static_cast<int64_t>(i))) continue;
                    if (++wrong == 1)
                        ADD_FAILURE() << job.name << ": detection " << i << " at place " << k << " of " << size << ": "
                                      << difference(part, static_cast<size_t>(k), whole, i);
                }
                if (wrong > 0) break;
            }
        }
}

TEST_P(PhotometryProperties, NanStaysInItsOwnDetection)
{
    const test::Context context = test::make_context(GetParam(), 2);
    uint64_t seed = 5000;
    for (const EstimateKind& kind : estimates(1))
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64}) {
            const Job job = test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3),
                                                       dtype, 9, 9, 40, seed, LUMICROP_GIVEN, LUMICROP_PADDING_NONE);
            ++seed;
            test::Outputs clean;
            if (!run(context.get(), job, clean)) return;
            for (int64_t bad : {0, 7, 16, 39}) {
                Job spoilt = job;
                spoilt.channels[0].pixels[static_cast<size_t>(bad * 81 + 40)] =
                    bad % 2 == 0 ? std::nan("") : -std::numeric_limits<double>::infinity();
                test::Outputs found;
                ASSERT_TRUE(run(context.get(), spoilt, found));
                EXPECT_FALSE(std::isfinite(found.photons[static_cast<size_t>(bad)])) << job.name;
                for (int64_t i = 0; i < job.n; ++i)
                    if (i != bad) {
                        ASSERT_EQ(bits_of(found, i), bits_of(clean, i))
                            << job.name << ": detection " << i << " beside " << bad;
                    }
            }
        }
}

/// A plain sum or filter is what it was: its options stated, or a context that has done other things before, change no bit.
TEST_P(PhotometryProperties, PlainChannelsKeepTheirBits)
{
    const test::Context context = test::make_context(GetParam(), 2);
    uint64_t seed = 6000;
    for (test::Photometry method :
         {test::Photometry::sum, test::Photometry::isogauss, test::Photometry::gauss, test::Photometry::spline})
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64}) {
            const Job job = test::plain_job(test::kind(dtype, method, LUMICROP_PADDING_ZEROS), 9, 9, 70, seed++);
            test::Outputs plain;
            ASSERT_TRUE(run(context.get(), job, plain));
            Job stated = job;
            test::ChannelInput& channel = stated.channels[0];
            channel.background = channel.subtracted();
            channel.em_gain = 1;
            channel.read_noise = 4; // of no use without an error asked for
            test::Outputs found;
            ASSERT_TRUE(run(context.get(), stated, found));
            EXPECT_TRUE(test::same_bits(found.bits, plain.bits)) << job.name;
        }
}

/// Asking for more changes photons, backgrounds and flags by no more than the oracle of the first release allows.
TEST_P(PhotometryProperties, PlainChannelsMeanTheSameWithErrorsAskedFor)
{
    const test::Context context = test::make_context(GetParam(), 2);
    uint64_t seed = 7000;
    for (test::Photometry method :
         {test::Photometry::sum, test::Photometry::isogauss, test::Photometry::gauss, test::Photometry::spline})
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64, LUMICROP_I32})
            for (lumicrop_padding padding : {LUMICROP_PADDING_ZEROS, LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_NONE})
                for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED}) {
                    const int64_t height = seed % 3 == 0 ? 5 : 9;
                    Job job = test::plain_job(test::kind(dtype, method, padding), height, 9,
                                              test::takes_less(GetParam()) ? 17 : 60, seed++, source);
                    const test::Expected expected = test::expect(job);
                    for (Out out : {Out::photons_sigma, Out::log_likelihood_ratio}) {
                        job.asked = test::first_five_outs | bit_of(out);
                        test::Outputs found;
                        if (!run(context.get(), job, found)) return;
                        test::agrees(job, expected, found, GetParam().name + " with " + name_of(out));
                    }
                }
}

/// Maps of one value everywhere say what the scalars say: both lie within the oracle's bounds of the same numbers.
TEST_P(PhotometryProperties, ConstantMapsAreTheScalars)
{
    const test::Context context = test::make_context(GetParam(), 2);
    const bool fewer = test::takes_less(GetParam());
    uint64_t seed = 8000;
    for (const EstimateKind& kind : estimates(0)) {
        if (kind.background == LUMICROP_BACKGROUND_CORRECTED_MEDIAN) continue; // maps leave no whole counts to be grouped
        const lumicrop_dtype left_out = seed % 2 == 0 ? LUMICROP_U16 : LUMICROP_F64;
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            if (fewer && dtype == left_out) continue;
            Job scalars =
                test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3), dtype, 9, 11,
                                           fewer ? 8 : 40, seed, LUMICROP_GATHERED, LUMICROP_PADDING_GEOMETRY);
            ++seed;
            test::ChannelInput& channel = scalars.channels[0];
            channel.camera_offset = 100;
            Job maps = scalars;
            test::ChannelInput& mapped = maps.channels[0];
            const auto constant = [&](double value) {
                return test::MapInput{std::vector<double>(static_cast<size_t>(mapped.map_height * mapped.map_width), value),
                                      LUMICROP_F64,
                                      {},
                                      0};
            };
            mapped.offset_map = constant(channel.camera_offset);
            mapped.gain_map = constant(channel.gain);
            mapped.read_variance_map = constant(channel.read_noise * channel.read_noise);
            mapped.camera_offset = -1e5; // what the maps replace is not looked at
            mapped.gain = 77;
            mapped.read_noise = 1e3;
            test::Outputs by_scalars;
            test::Outputs by_maps;
            if (!run(context.get(), scalars, by_scalars) || !run(context.get(), maps, by_maps)) return;
            EXPECT_TRUE(test::photometry_agrees(scalars, test::photometry_of(scalars), by_scalars, GetParam().name));
            const std::vector<oracle::Photometry> expected = test::photometry_of(maps);
            EXPECT_TRUE(test::photometry_agrees(maps, expected, by_maps, GetParam().name));
            for (size_t i = 0; i < expected.size(); ++i) {
                if (expected[i].photons.open || !std::isfinite(expected[i].photons.value)) continue;
                EXPECT_NEAR(by_maps.photons[i], by_scalars.photons[i],
                            static_cast<double>(
                                2 * expected[i].photons.bound +
                                2 * oracle::storage_rounding(expected[i].photons.value, scalars.output == LUMICROP_F32)))
                    << maps.name << ": detection " << i;
                EXPECT_EQ(by_maps.flags[i] & ~LUMICROP_FLAG_NOT_CONVERGED,
                          by_scalars.flags[i] & ~LUMICROP_FLAG_NOT_CONVERGED);
            }
        }
    }
}

/// Masked pixels take no part in any sum or median: whatever they hold, the bits are the same.
TEST_P(PhotometryProperties, MaskedPixelsAreNotLookedAt)
{
    const test::Context context = test::make_context(GetParam(), 2);
    uint64_t seed = 9000;
    for (const EstimateKind& kind : estimates(1))
        for (lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_F64, LUMICROP_U16}) {
            const int64_t n = test::takes_less(GetParam()) ? 17 : 40;
            const auto padding = static_cast<lumicrop_padding>(LUMICROP_PADDING_GEOMETRY + seed % 2);
            const Job job = test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3),
                                                       dtype, 9, 9, n, seed, LUMICROP_GATHERED, padding, Maps::bad_pixels);
            ++seed;
            test::Outputs wanted;
            if (!run(context.get(), job, wanted)) return;
            const test::ChannelInput& channel = job.channels[0];
            const double values[] = {std::nan(""), HUGE_VAL, 1e30, 0, 65535};
            for (double value : values) {
                if (!test::is_float(dtype) && !(value >= 0 && value <= 65535)) continue;
                Job other = job;
                for (int64_t i = 0; i < channel.n_frames * channel.map_height * channel.map_width; ++i)
                    if (channel.bad_pixels->values[static_cast<size_t>(i % (channel.map_height * channel.map_width))] != 0)
                        other.channels[0].pixels[static_cast<size_t>(i)] = value;
                test::Outputs found;
                ASSERT_TRUE(run(context.get(), other, found));
                for (int64_t i = 0; i < job.n; ++i)
                    ASSERT_EQ(bits_of(found, i), bits_of(wanted, i))
                        << job.name << " with " << value << " in masked pixels: detection " << i << ", "
                        << difference(found, static_cast<size_t>(i), wanted, static_cast<size_t>(i));
            }
        }
}

/// What is NaN in a map masks the pixel, as bad_pixels does: the same bits.
TEST_P(PhotometryProperties, NanInAMapMasksAsABadPixelDoes)
{
    const test::Context context = test::make_context(GetParam(), 2);
    uint64_t seed = 9500;
    for (const EstimateKind& kind : estimates(0))
        for (lumicrop_dtype dtype : {LUMICROP_U16, LUMICROP_F64}) {
            const int64_t n = test::takes_less(GetParam()) ? 17 : 40;
            Job by_mask = test::photometry_plain_job(kind, static_cast<lumicrop_model>(LUMICROP_ISOGAUSS + seed % 3), dtype,
                                                     9, 9, n, seed, LUMICROP_GATHERED, LUMICROP_PADDING_GEOMETRY, Maps::all);
            ++seed;
            Job by_nan = by_mask;
            test::ChannelInput& channel = by_nan.channels[0];
            test::Map* const maps[] = {&channel.offset_map, &channel.gain_map, &channel.read_variance_map};
            test::Map& spoilt = *maps[seed % 3];
            for (size_t i = 0; i < spoilt->values.size(); ++i)
                if (channel.bad_pixels->values[i] != 0) spoilt->values[i] = std::nan("");
            channel.bad_pixels.reset();
            test::Outputs wanted;
            test::Outputs found;
            if (!run(context.get(), by_mask, wanted) || !run(context.get(), by_nan, found)) return;
            for (int64_t i = 0; i < by_nan.n; ++i)
                ASSERT_EQ(bits_of(found, i), bits_of(wanted, i))
                    << by_nan.name << ": detection " << i << ", "
                    << difference(found, static_cast<size_t>(i), wanted, static_cast<size_t>(i));
        }
}

LUMICROP_ON_EVERY_BACKEND(PhotometryProperties);

} // namespace
