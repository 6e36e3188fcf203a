// Structs of older, smaller and newer, larger callers (lumicrop.h, "Structs").
#include "small_call.hpp"

#include <cstddef>
#include <cstring>

namespace {

using test::SmallCall;

constexpr int64_t tail = 24; ///< bytes that a newer caller's struct has beyond this library's

template <class Struct>
using Init = lumicrop_status (*)(Struct*, int64_t);

template <class Struct>
void check_init(const char* name, Init<Struct> init, int64_t without_last)
{
    alignas(Struct) unsigned char memory[sizeof(Struct) + tail];
    for (int64_t size : {int64_t{0}, int64_t{7}, int64_t{-1}, INT64_MIN})
        EXPECT_EQ(init(reinterpret_cast<Struct*>(memory), size), LUMICROP_INVALID_ARGUMENT) << name << " of size " << size;

    std::memset(memory, 0xA5, sizeof memory);
    EXPECT_EQ(init(reinterpret_cast<Struct*>(memory), without_last), LUMICROP_OK) << name << ": " << lumicrop_last_error();
    for (size_t byte = static_cast<size_t>(without_last); byte < sizeof memory; ++byte)
        ASSERT_EQ(memory[byte], 0xA5) << name << ": init wrote beyond the size it was given, byte " << byte;

    std::memset(memory, 0xA5, sizeof memory);
    EXPECT_EQ(init(reinterpret_cast<Struct*>(memory), sizeof(Struct) + tail), LUMICROP_OK)
        << name << ": " << lumicrop_last_error();
    for (size_t byte = sizeof(Struct); byte < sizeof memory; ++byte)
        ASSERT_EQ(memory[byte], 0) << name << ": a newer caller's fields begin as zeros, byte " << byte;
    int64_t stated = 0;
    std::memcpy(&stated, memory, sizeof stated);
    EXPECT_EQ(stated, static_cast<int64_t>(sizeof(Struct)) + tail) << name;
}

TEST(StructSizes, InitFillsExactlyTheBytesOfTheCallersStruct)
{
    check_init<lumicrop_options>("options", lumicrop_options_init, offsetof(lumicrop_options, stream));
    check_init<lumicrop_channel>("channel", lumicrop_channel_init, offsetof(lumicrop_channel, spline));
    check_init<lumicrop_detections>("detections", lumicrop_detections_init, offsetof(lumicrop_detections, sigma_angle));
    check_init<lumicrop_result>("result", lumicrop_result_init, offsetof(lumicrop_result, flags));
}

/// A struct at the end of bytes of which nobody may read further: `size` stated, the rest a sentinel.
template <class Struct>
struct Older
{
    explicit Older(const Struct& whole, int64_t size)
    {
        std::memset(memory, 0xA5, sizeof memory);
        std::memcpy(memory, &whole, static_cast<size_t>(size));
        std::memcpy(memory, &size, sizeof size);
    }
    const Struct* get() const { return reinterpret_cast<const Struct*>(memory); }
    alignas(Struct) unsigned char memory[sizeof(Struct)];
};

template <class Struct>
struct Newer
{
    explicit Newer(const Struct& whole, unsigned char last_byte)
    {
        const int64_t size = sizeof memory;
        std::memset(memory, 0, sizeof memory);
        std::memcpy(memory, &whole, sizeof whole);
        std::memcpy(memory, &size, sizeof size);
        memory[sizeof memory - 1] = last_byte;
    }
    const Struct* get() const { return reinterpret_cast<const Struct*>(memory); }
    alignas(Struct) unsigned char memory[sizeof(Struct) + tail];
};

class StructSizes : public test::EveryBackend
{
protected:
    lumicrop_options options() const
    {
        lumicrop_options options;
        EXPECT_EQ(lumicrop_options_init(&options, sizeof options), LUMICROP_OK);
        options.backend = GetParam().backend;
        options.isa = GetParam().isa;
        return options;
    }
    std::vector<double> plain_photons(lumicrop_context* context) const
    {
        SmallCall call;
        EXPECT_EQ(call.integrate(context), LUMICROP_OK);
        return call.photons.values();
    }
};

TEST_P(StructSizes, OlderSmallerOptionsResultsAndDetectionsAreAccepted)
{
    lumicrop_context* raw = nullptr;
    for (size_t size : {offsetof(lumicrop_options, workspace_bytes), offsetof(lumicrop_options, progress),
                        offsetof(lumicrop_options, memory_budget), offsetof(lumicrop_options, stream)}) {
        lumicrop_context_destroy(raw);
        const Older<lumicrop_options> older(options(), static_cast<int64_t>(size));
        ASSERT_EQ(lumicrop_context_create(older.get(), &raw), LUMICROP_OK) << size << ": " << lumicrop_last_error();
    }
    const test::Context context(raw);
    SmallCall call;
    const Older<lumicrop_result> result(call.result, offsetof(lumicrop_result, flags));
    const Older<lumicrop_detections> detections(call.detections, offsetof(lumicrop_detections, sigma_angle));
    EXPECT_EQ(lumicrop_integrate(context.get(), call.channels.data(), 2, detections.get(), result.get()), LUMICROP_OK)
        << lumicrop_last_error();
    EXPECT_EQ(call.photons.values(), plain_photons(context.get()));
    EXPECT_TRUE(call.flags.untouched()) << "a field that the caller's struct lacks was used";
}

TEST_P(StructSizes, ArraysOfChannelsAreSteppedByTheSizeTheyState)
{
    const test::Context context = test::make_context(GetParam());
    const std::vector<double> photons = plain_photons(context.get());
    constexpr size_t whole = sizeof(lumicrop_channel);
    for (size_t size : {offsetof(lumicrop_channel, spline), whole, whole + 8, whole + tail}) {
        SmallCall call;
        std::vector<uint64_t> memory(2 * size / 8, 0); // zeros behind what this library knows
        auto* bytes = reinterpret_cast<unsigned char*>(memory.data());
        for (size_t k = 0; k < 2; ++k) {
            call.channels[k].struct_size = static_cast<int64_t>(size);
            std::memcpy(bytes + k * size, &call.channels[k], std::min(size, whole));
        }
        const auto* channels = reinterpret_cast<const lumicrop_channel*>(bytes);
        EXPECT_EQ(lumicrop_integrate(context.get(), channels, 2, &call.detections, &call.result), LUMICROP_OK)
            << size << ": " << lumicrop_last_error();
        EXPECT_EQ(call.photons.values(), photons) << "channels of " << size << " bytes";
        if (size <= whole) continue;
        SmallCall refused;
        bytes[2 * size - 1] = 1; // a field of a newer caller that this library does not know
        EXPECT_EQ(lumicrop_integrate(context.get(), channels, 2, &refused.detections, &refused.result),
                  LUMICROP_UNSUPPORTED);
        EXPECT_TRUE(test::names(lumicrop_last_error(), {"channel 2"}));
        EXPECT_TRUE(refused.outputs_untouched());
    }
}

TEST_P(StructSizes, ChannelsOfDifferentSizesAreRefused)
{
    const test::Context context = test::make_context(GetParam());
    test::expect_refused(
        context.get(),
        {"sizes disagree", [](SmallCall& c) { c.channels[1].struct_size -= 8; }, {"channel 2", "struct_size"}});
    for (int64_t size : {int64_t{0}, int64_t{8}, int64_t{-8}})
        test::expect_refused(context.get(),
                             {"size " + std::to_string(size),
                              [size](SmallCall& c) { c.channels[0].struct_size = c.channels[1].struct_size = size; },
                              {"struct_size", std::to_string(size)}});
    for (int64_t size : {int64_t{0}, int64_t{8}, int64_t{-8}}) {
        test::expect_refused(context.get(), {"detections of size " + std::to_string(size),
                                             [size](SmallCall& c) { c.detections.struct_size = size; },
                                             {"detections"}});
        test::expect_refused(
            context.get(),
            {"result of size " + std::to_string(size), [size](SmallCall& c) { c.result.struct_size = size; }, {"result"}});
    }
}

/// What a newer caller asks for in fields that this library does not know is legal, but not done: UNSUPPORTED.
TEST_P(StructSizes, NewerLargerStructsAreAcceptedWhileTheirTailIsZero)
{
    const test::Context context = test::make_context(GetParam());
    for (unsigned char last : {0, 1}) {
        const lumicrop_status wanted = last == 0 ? LUMICROP_OK : LUMICROP_UNSUPPORTED;
        const Newer<lumicrop_options> options_newer(options(), last);
        lumicrop_context* raw = nullptr;
        EXPECT_EQ(lumicrop_context_create(options_newer.get(), &raw), wanted) << lumicrop_last_error();
        lumicrop_context_destroy(raw);
        SmallCall call;
        const Newer<lumicrop_detections> detections(call.detections, last);
        EXPECT_EQ(lumicrop_integrate(context.get(), call.channels.data(), 2, detections.get(), &call.result), wanted);
        const Newer<lumicrop_result> result(call.result, last);
        EXPECT_EQ(lumicrop_integrate(context.get(), call.channels.data(), 2, &call.detections, result.get()), wanted);
        const Newer<lumicrop_array> images(*call.channels[1].images, last);
        call.channels[1].images = images.get();
        EXPECT_EQ(call.integrate(context.get()), wanted) << lumicrop_last_error();
    }
}

LUMICROP_ON_EVERY_BACKEND(StructSizes);

} // namespace
