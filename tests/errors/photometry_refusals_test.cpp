// What is refused of estimators, backgrounds, noise and maps (SPEC 8), with a message that names the channel, the field, expected and found.
#include "small_call.hpp"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

namespace {

using test::infinity;
using test::nan_;
using test::Refusal;
using test::SmallCall;
using test::TypedArray;

class PhotometryRefusals : public test::EveryBackend
{
protected:
    void SetUp() override
    {
        EveryBackend::SetUp();
        if (!IsSkipped()) context_ = test::make_context(GetParam());
    }
    void refuse(const std::string& what, const std::function<void(SmallCall&)>& spoil, std::vector<std::string> words,
                lumicrop_status status = LUMICROP_INVALID_ARGUMENT) const
    {
        test::expect_refused(context_.get(), {what, spoil, std::move(words), status});
    }
    void accept(const std::string& what, const std::function<void(SmallCall&)>& change) const
    {
        test::expect_accepted(context_.get(), what, change);
    }
    test::Context context_;
};

/// A map that outlives the call, of the frames' 20 x 24 pixels or other sizes.
struct MapOf
{
    explicit MapOf(lumicrop_dtype dtype, std::vector<int64_t> shape, double value)
        : array(dtype, shape, std::vector<double>(static_cast<size_t>(count(shape)), value))
    {
    }
    static int64_t count(const std::vector<int64_t>& shape)
    {
        int64_t n = 1;
        for (int64_t extent : shape) n *= extent;
        return n;
    }
    TypedArray array;
};

struct NamedMap
{
    const char* name;
    const lumicrop_array* lumicrop_channel::*field;
    lumicrop_dtype dtype;
};
const NamedMap camera_maps[] = {{"offset_map", &lumicrop_channel::offset_map, LUMICROP_F32},
                                {"gain_map", &lumicrop_channel::gain_map, LUMICROP_F64},
                                {"read_variance_map", &lumicrop_channel::read_variance_map, LUMICROP_F32},
                                {"bad_pixels", &lumicrop_channel::bad_pixels, LUMICROP_U8}};

TEST_P(PhotometryRefusals, EveryMethodTakesTheBackgroundsThatItCan)
{
    for (int32_t unknown : {0, 7, -1})
        refuse("method " + std::to_string(unknown), [=](SmallCall& c) { c.channels[1].method = unknown; },
               {"channel 2", "method", std::to_string(unknown), "_APERTURE (6)"});
    for (int32_t unknown : {-1, 9, 99})
        refuse("background " + std::to_string(unknown), [=](SmallCall& c) { c.channels[1].background = unknown; },
               {"channel 2", "background", std::to_string(unknown), "_FITTED (5)"});
    for (size_t channel : {0, 1})
        refuse("a fitted background of a sum or a filter",
               [=](SmallCall& c) { c.channels[channel].background = LUMICROP_BACKGROUND_FITTED; },
               {"channel " + std::to_string(channel + 1), "background", "LUMICROP_BACKGROUND_FITTED (5)", "LUMICROP_JOINT"});
    for (int32_t known : {LUMICROP_BACKGROUND_BORDER_MEDIAN, LUMICROP_BACKGROUND_CORRECTED_MEDIAN,
                          LUMICROP_BACKGROUND_COLUMN, LUMICROP_BACKGROUND_MAP})
        refuse("joint with a known background",
               [=](SmallCall& c) {
                   c.channels[1].method = LUMICROP_JOINT;
                   c.channels[1].background = known;
               },
               {"channel 2", "background", std::to_string(known), "LUMICROP_BACKGROUND_FITTED (5)", "LUMICROP_FILTER"});
    for (lumicrop_method method : {LUMICROP_JOINT, LUMICROP_OPTIMAL, LUMICROP_MLE})
        accept("a fitted background", [=](SmallCall& c) {
            c.channels[1].method = method;
            c.detections.os_fit = nullptr;
        });
    for (lumicrop_method method : {LUMICROP_SUM, LUMICROP_FILTER, LUMICROP_OPTIMAL, LUMICROP_MLE})
        for (int32_t known :
             {LUMICROP_BACKGROUND_BORDER_MEDIAN, LUMICROP_BACKGROUND_CORRECTED_MEDIAN, LUMICROP_BACKGROUND_COLUMN})
            accept("a known background", [=](SmallCall& c) {
                c.channels[1].method = method;
                c.channels[1].background = known;
            });
}

TEST_P(PhotometryRefusals, WhatTheEstimatorsReadMustBeGiven)
{
    struct Column
    {
        const char* name;
        const lumicrop_array* lumicrop_detections::*field;
    };
    const Column position[] = {{"X0", &lumicrop_detections::X0},
                               {"Y0", &lumicrop_detections::Y0},
                               {"x_fit", &lumicrop_detections::x_fit},
                               {"y_fit", &lumicrop_detections::y_fit}};
    for (lumicrop_method method : {LUMICROP_JOINT, LUMICROP_OPTIMAL, LUMICROP_MLE})
        for (const Column& column : position)
            refuse(std::string("an estimator without ") + column.name,
                   [&](SmallCall& c) {
                       c.channels[1].method = method;
                       c.detections.*column.field = nullptr;
                   },
                   {"channel 2", column.name, "required"});
    for (lumicrop_method method : {LUMICROP_OPTIMAL, LUMICROP_MLE, LUMICROP_SUM})
        refuse("a background of the column without os_fit",
               [=](SmallCall& c) {
                   c.channels[1].method = method;
                   c.channels[1].background = LUMICROP_BACKGROUND_COLUMN;
                   c.detections.os_fit = nullptr;
               },
               {"channel 2", "os_fit", "required"});
    refuse("an estimator without a width",
           [](SmallCall& c) {
               c.channels[1].method = LUMICROP_MLE;
               c.detections.sigma_fit = nullptr;
           },
           {"channel 2", "psf_sigma_nm", "sigma_fit"});
    refuse("an estimator without a spline",
           [](SmallCall& c) {
               c.channels[1].method = LUMICROP_MLE;
               c.channels[1].model = LUMICROP_SPLINE;
           },
           {"channel 2", "spline"});
    refuse("a fraction enclosed by a sum of unknown width",
           [](SmallCall& c) {
               c.channels.resize(1);
               c.channels[0].images = c.crops_2.get();
               c.channels[0].n_detections = -1;
               c.detections.ch = nullptr;
               c.detections.sigma_fit = nullptr;
               c.channels[0].pixel_x_nm = c.channels[0].pixel_y_nm = 100;
               c.result.enclosed = c.psf_sum.get();
               c.result.psf_sum = nullptr;
           },
           {"channel 1", "psf_sigma_nm"});
    for (const Column& column : position)
        refuse(std::string("a fraction enclosed by a sum without ") + column.name,
               [&](SmallCall& c) {
                   c.channels[0].pixel_x_nm = c.channels[0].pixel_y_nm = 100;
                   c.channels[1].method = LUMICROP_SUM;
                   c.result.photons_total = c.psf_sum.get();
                   c.result.psf_sum = nullptr;
                   c.detections.*column.field = nullptr;
               },
               {"channel 1", column.name, "required"});
    refuse("a fraction enclosed by a sum without a pixel size",
           [](SmallCall& c) {
               c.result.enclosed = c.psf_sum.get();
               c.result.psf_sum = nullptr;
           },
           {"channel 1", "pixel_y_nm", "nan"});
}

TEST_P(PhotometryRefusals, NoiseIsFiniteAndInItsRange)
{
    for (double value : {0.0, 0.999, -3.0, nan_, infinity})
        refuse("em_gain " + std::to_string(value), [=](SmallCall& c) { c.channels[1].em_gain = value; },
               {"channel 2", "em_gain", "at least 1"});
    for (double value : {-0.1, nan_, infinity, -infinity})
        refuse("read_noise " + std::to_string(value), [=](SmallCall& c) { c.channels[0].read_noise = value; },
               {"channel 1", "read_noise", "0 or more"});
    refuse("saturation", [](SmallCall& c) { c.channels[1].saturation = nan_; }, {"channel 2", "saturation", "nan"});
    for (int32_t value : {1, -1})
        refuse("reserved", [=](SmallCall& c) { c.channels[1].reserved = value; },
               {"channel 2", "reserved", std::to_string(value), "0 expected"});
    accept("no reading, much multiplication", [](SmallCall& c) {
        c.channels[0].em_gain = 1000;
        c.channels[0].read_noise = 0;
        c.channels[1].saturation = 100;
    });
}

TEST_P(PhotometryRefusals, MapsHaveTheFramesPixelsAndTheirOwnTypes)
{
    for (const NamedMap& map : camera_maps) {
        const bool is_mask = map.dtype == LUMICROP_U8;
        const std::string name = map.name;
        MapOf good(map.dtype, {20, 24}, 1);
        const auto with = [&](const MapOf& which) {
            return [&](SmallCall& c) {
                c.gather_channel_2();
                c.channels[1].*map.field = which.array.get();
            };
        };
        accept(name, with(good));
        const MapOf high(map.dtype, {19, 24}, 1);
        refuse(name + " of other height", with(high), {"channel 2", name, "19 x 24", "20 x 24"});
        const MapOf wide(map.dtype, {20, 25}, 1);
        refuse(name + " of other width", with(wide), {"channel 2", name, "20 x 25", "20 x 24"});
        const MapOf deep(map.dtype, {1, 20, 24}, 1);
        refuse(name + " of three axes", with(deep), {"channel 2", name, "3", "2"});
        const MapOf line(map.dtype, {24}, 1);
        refuse(name + " of one axis", with(line), {"channel 2", name, "1", "2"});
        const MapOf none(map.dtype, {0, 24}, 1);
        refuse(name + " without rows", with(none), {"channel 2", name, "0"});
        for (lumicrop_dtype other : {LUMICROP_U8, LUMICROP_U16, LUMICROP_I32, LUMICROP_F32, LUMICROP_I64}) {
            if (is_mask ? other == LUMICROP_U8 : other == LUMICROP_F32) continue;
            const MapOf wrong(other, {20, 24}, 1);
            refuse(name + " of another type", with(wrong),
                   {"channel 2", name, is_mask ? "uint8 expected" : "float32 or float64 expected"});
        }
        MapOf broken(map.dtype, {20, 24}, 1);
        broken.array.array().struct_size = 0;
        refuse(name + " not initialised", with(broken), {"channel 2", name});
        broken.array.array().struct_size = sizeof(lumicrop_array);
        broken.array.array().data = nullptr;
        refuse(name + " without data", with(broken), {"channel 2", name, "data"});
        if (GetParam().backend == LUMICROP_BACKEND_CPU) {
            MapOf far(map.dtype, {20, 24}, 1);
            far.array.array().memory = LUMICROP_DEVICE;
            refuse(name + " on a device", with(far), {"channel 2", name, "device"}, LUMICROP_UNSUPPORTED);
        }
    }
    MapOf offsets(LUMICROP_F32, {20, 24}, 1);
    MapOf bad(LUMICROP_U8, {20, 23}, 0);
    refuse("maps of given crops that disagree",
           [&](SmallCall& c) {
               c.channels[1].offset_map = offsets.array.get();
               c.channels[1].bad_pixels = bad.array.get();
           },
           {"channel 2", "bad_pixels", "20 x 23", "20 x 24", "the maps before it"});
}

TEST_P(PhotometryRefusals, NumbersOfMapsMakeSense)
{
    struct Spoilt
    {
        const NamedMap& map;
        double value;
        const char* expected;
    };
    const Spoilt all[] = {{camera_maps[1], 0, "above 0"},
                          {camera_maps[1], -2, "above 0"},
                          {camera_maps[1], infinity, "above 0"},
                          {camera_maps[2], -0.5, "0 or more"},
                          {camera_maps[2], infinity, "0 or more"}};
    for (const Spoilt& spoilt : all) {
        MapOf map(spoilt.map.dtype, {20, 24}, 1);
        map.array.write(7 * 24 + 11, spoilt.value);
        refuse(std::string(spoilt.map.name) + " " + std::to_string(spoilt.value),
               [&](SmallCall& c) {
                   c.gather_channel_2();
                   c.channels[1].*spoilt.map.field = map.array.get();
               },
               {"channel 2", std::string(spoilt.map.name) + "[7, 11]", spoilt.expected});
    }
    for (const NamedMap& named : camera_maps) {
        if (named.dtype == LUMICROP_U8) continue;
        MapOf map(named.dtype, {20, 24}, 1);
        map.array.write(5, nan_);
        accept("nan masks its pixel", [&](SmallCall& c) {
            c.gather_channel_2();
            c.channels[1].*named.field = map.array.get();
        });
    }
    MapOf gains(LUMICROP_F64, {20, 24}, 1);
    accept("a gain map needs no gain", [&](SmallCall& c) {
        c.gather_channel_2();
        c.channels[1].gain = nan_;
        c.channels[1].gain_map = gains.array.get();
    });
}

TEST_P(PhotometryRefusals, MapsCoverEveryGivenCrop)
{
    // Channel 2 holds detections 0, 2, 5 and 6 with X0 = 0, 4, -2, 7 and Y0 = 0, 3, 5, 2: crops of 5 x 6.
    MapOf map(LUMICROP_F32, {20, 24}, 1);
    const auto at = [&](double x, double y) {
        return [&map, x, y](SmallCall& c) {
            c.channels[1].offset_map = map.array.get();
            c.X0.write(5, x);
            c.Y0.write(5, y);
        };
    };
    refuse("a crop to the left", at(-1, 5), {"channel 2", "offset_map", "20 x 24", "detection 5", "X0 = -1", "Y0 = 5"});
    refuse("a crop above", at(3, -1), {"channel 2", "offset_map", "detection 5", "X0 = 3", "Y0 = -1"});
    refuse("a crop to the right", at(19, 5), {"channel 2", "offset_map", "detection 5", "X0 = 19"});
    refuse("a crop below", at(3, 16), {"channel 2", "offset_map", "detection 5", "Y0 = 16"});
    accept("crops that the map just covers", at(18, 15));
    refuse("maps of a sum without X0",
           [&](SmallCall& c) {
               c.channels.resize(1);
               c.channels[0].images = c.crops_2.get();
               c.channels[0].offset_map = map.array.get();
               c.detections.n = 4;
               c.detections.ch = c.detections.X0 = nullptr;
           },
           {"channel 1", "X0", "required", "maps"});
    refuse("maps with origins that are no whole numbers",
           [&](SmallCall& c) {
               c.channels[1].offset_map = map.array.get();
               c.detections.X0 = c.sigma.get();
           },
           {"X0", "integer"});
}

TEST_P(PhotometryRefusals, ABackgroundMapIsAFrameOrAMovie)
{
    const auto with = [](const TypedArray* map, bool gathered) {
        return [=](SmallCall& c) {
            if (gathered) c.gather_channel_2();
            c.channels[1].background = LUMICROP_BACKGROUND_MAP;
            c.channels[1].background_map = map == nullptr ? nullptr : map->get();
        };
    };
    refuse("no map", with(nullptr, true), {"channel 2", "background_map", "NULL"});
    MapOf one(LUMICROP_F32, {1, 20, 24}, 3);
    MapOf two(LUMICROP_F64, {2, 20, 24}, 3);
    accept("one for all frames", with(&one.array, true));
    accept("one a frame", with(&two.array, true));
    MapOf three(LUMICROP_F32, {3, 20, 24}, 3);
    refuse("another number of frames", with(&three.array, true), {"channel 2", "background_map", "3 frames", "1 or 2"});
    MapOf flat(LUMICROP_F32, {20, 24}, 3);
    refuse("two axes", with(&flat.array, true), {"channel 2", "background_map", "2", "3"});
    MapOf narrow(LUMICROP_F32, {1, 20, 23}, 3);
    refuse("another width", with(&narrow.array, true), {"channel 2", "background_map", "20 x 23", "20 x 24"});
    MapOf whole(LUMICROP_U16, {1, 20, 24}, 3);
    refuse("whole numbers", with(&whole.array, true), {"channel 2", "background_map", "uint16", "float32 or float64"});
    MapOf none(LUMICROP_F32, {0, 20, 24}, 3);
    refuse("no frame", with(&none.array, true), {"channel 2", "background_map", "0"});
    refuse("one a frame of given crops without frame",
           [&](SmallCall& c) {
               with(&two.array, false)(c);
               c.X0.write(5, 2);
           },
           {"channel 2", "frame", "required"});
    for (double bad : {-1.0, 2.0})
        refuse("a frame that the map has not",
               [&](SmallCall& c) {
                   with(&two.array, false)(c);
                   c.X0.write(5, 2);
                   c.detections.frame = c.frame.get();
                   c.frame.write(2, bad);
               },
               {"channel 2", "frame[2]", std::to_string(static_cast<int>(bad)), "background_map", "0 to 1"});
    accept("a map that nothing asks for is not looked at",
           [&](SmallCall& c) { c.channels[1].background_map = narrow.array.get(); });
}

TEST_P(PhotometryRefusals, CropsBeyondWhatIsFittedAreUnsupported)
{
    const std::vector<double> pixels(513 * 512, 5);
    TypedArray crops(LUMICROP_U16, {1, 513, 512}, pixels);
    const auto large = [&](SmallCall& c, lumicrop_method method) {
        c.channels.erase(c.channels.begin());
        c.channels[0].images = crops.get();
        c.channels[0].method = method;
        c.detections.ch = nullptr;
        c.detections.n = 1;
        for (TypedArray* column : {&c.X0, &c.Y0, &c.x_fit, &c.y_fit, &c.os_fit, &c.sigma, &c.photons, &c.background,
                                   &c.psf_sum, &c.denominator, &c.flags})
            column->array().shape[0] = 1;
    };
    refuse(
        "a joint fit", [&](SmallCall& c) { large(c, LUMICROP_JOINT); }, {"channel 1", "513 x 512", "262144"},
        LUMICROP_UNSUPPORTED);
    refuse(
        "a sum with its error",
        [&](SmallCall& c) {
            large(c, LUMICROP_SUM);
            c.result.photons_sigma = c.psf_sum.get();
            c.result.psf_sum = nullptr;
        },
        {"channel 1", "513 x 512", "262144"}, LUMICROP_UNSUPPORTED);
    accept("a plain sum", [&](SmallCall& c) { large(c, LUMICROP_SUM); });
}

TEST_P(PhotometryRefusals, NewColumnsAreCheckedAsTheOthersAre)
{
    struct Output
    {
        const char* name;
        const lumicrop_array* lumicrop_result::*field;
    };
    const Output outputs[] = {{"photons_sigma", &lumicrop_result::photons_sigma},
                              {"background_photons", &lumicrop_result::background_photons},
                              {"background_sigma", &lumicrop_result::background_sigma},
                              {"chi2", &lumicrop_result::chi2},
                              {"log_likelihood_ratio", &lumicrop_result::log_likelihood_ratio},
                              {"enclosed", &lumicrop_result::enclosed},
                              {"photons_total", &lumicrop_result::photons_total},
                              {"background_pixels", &lumicrop_result::background_pixels},
                              {"iterations", &lumicrop_result::iterations}};
    for (const Output& output : outputs) {
        const bool whole = output.field == &lumicrop_result::iterations;
        const auto with = [&](TypedArray& column) {
            return [&](SmallCall& c) {
                c.channels[0].pixel_x_nm = c.channels[0].pixel_y_nm = 100;
                c.result.*output.field = column.get();
            };
        };
        TypedArray good(whole ? LUMICROP_U32 : LUMICROP_F32, {7});
        accept(output.name, with(good));
        TypedArray few(whole ? LUMICROP_U32 : LUMICROP_F32, {6});
        refuse(std::string(output.name) + " too short", with(few), {output.name, "6", "7"});
        EXPECT_TRUE(few.untouched());
        for (lumicrop_dtype dtype : {LUMICROP_I32, whole ? LUMICROP_F64 : LUMICROP_U32, LUMICROP_U8}) {
            TypedArray other(dtype, {7});
            refuse(std::string(output.name) + " of another type", with(other),
                   {output.name, whole ? "uint32 expected" : "float32 or float64 expected"});
            EXPECT_TRUE(other.untouched());
        }
        TypedArray alike(whole ? LUMICROP_U32 : LUMICROP_F32, {7});
        alike.array().strides[0] = 0;
        refuse(std::string(output.name) + " of shared memory", with(alike), {output.name, "strides[0]"});
        EXPECT_TRUE(alike.untouched());
    }
}

// -- older callers ---------------------------------------------------------------------------------------------------

/// A caller of the first release knows none of the fields that came with SPEC 8: bytes behind what it states are not looked at.
TEST_P(PhotometryRefusals, CallersOfTheFirstReleaseAreUnderstoodAsBefore)
{
    SmallCall now;
    ASSERT_EQ(now.integrate(context_.get()), LUMICROP_OK) << lumicrop_last_error();
    for (int64_t size : {static_cast<int64_t>(offsetof(lumicrop_channel, spline) + sizeof(void*)),
                         static_cast<int64_t>(offsetof(lumicrop_channel, em_gain)),
                         static_cast<int64_t>(offsetof(lumicrop_channel, offset_map))}) {
        SmallCall then;
        std::vector<uint64_t> memory(2 * static_cast<size_t>(size) / 8 + 64, 0xA5A5A5A5A5A5A5A5U);
        auto* bytes = reinterpret_cast<unsigned char*>(memory.data());
        for (size_t k = 0; k < 2; ++k) {
            lumicrop_channel filled;
            std::memset(static_cast<void*>(&filled), 0xA5, sizeof filled);
            ASSERT_EQ(lumicrop_channel_init(&filled, size), LUMICROP_OK) << size << ": " << lumicrop_last_error();
            const lumicrop_channel& whole = then.channels[k];
            filled.images = whole.images;
            filled.method = whole.method;
            filled.model = whole.model;
            filled.gain = whole.gain;
            filled.qe = whole.qe;
            filled.pixel_y_nm = whole.pixel_y_nm;
            filled.pixel_x_nm = whole.pixel_x_nm;
            std::memcpy(bytes + k * static_cast<size_t>(size), &filled, static_cast<size_t>(size));
        }
        alignas(8) unsigned char result[sizeof(lumicrop_result)];
        std::memset(result, 0xA5, sizeof result);
        const auto known = static_cast<int64_t>(offsetof(lumicrop_result, photons_sigma));
        std::memcpy(result, &then.result, static_cast<size_t>(known));
        std::memcpy(result, &known, sizeof known);
        EXPECT_EQ(lumicrop_integrate(context_.get(), reinterpret_cast<const lumicrop_channel*>(bytes), 2, &then.detections,
                                     reinterpret_cast<const lumicrop_result*>(result)),
                  LUMICROP_OK)
            << size << ": " << lumicrop_last_error();
        EXPECT_EQ(then.photons.bytes(), now.photons.bytes()) << "channels of " << size << " bytes";
        EXPECT_EQ(then.background.bytes(), now.background.bytes());
        EXPECT_EQ(then.psf_sum.bytes(), now.psf_sum.bytes());
        EXPECT_EQ(then.denominator.bytes(), now.denominator.bytes());
        EXPECT_EQ(then.flags.bytes(), now.flags.bytes());
    }
}

LUMICROP_ON_EVERY_BACKEND(PhotometryRefusals);

} // namespace
