// What a context and a spline refuse, and what they say of themselves.
#include "small_call.hpp"

#include <cmath>
#include <cstdlib>

namespace {

lumicrop_options default_options()
{
    lumicrop_options options;
    EXPECT_EQ(lumicrop_options_init(&options, sizeof options), LUMICROP_OK);
    return options;
}

/// Status of a creation; on failure *context must be NULL and the text must name `word`.
lumicrop_status create(const lumicrop_options& options, const std::string& word = "")
{
    static int somewhere;
    auto* context = reinterpret_cast<lumicrop_context*>(&somewhere); // not NULL: the library has to say so
    const lumicrop_status status = lumicrop_context_create(&options, &context);
    if (status != LUMICROP_OK) {
        EXPECT_EQ(context, nullptr);
        EXPECT_TRUE(test::names(lumicrop_last_error(), {word}));
        EXPECT_STRNE(lumicrop_last_error(), "");
    } else {
        EXPECT_NE(context, nullptr);
        lumicrop_context_destroy(context);
    }
    return status;
}

TEST(Options, BeginAsTheHeaderSays)
{
    const lumicrop_options options = default_options();
    EXPECT_EQ(options.struct_size, int64_t{sizeof options});
    EXPECT_EQ(options.backend, LUMICROP_BACKEND_AUTO);
    EXPECT_EQ(options.isa, LUMICROP_ISA_AUTO);
    EXPECT_EQ(options.n_threads, 0);
    EXPECT_EQ(options.device, -1);
    EXPECT_EQ(options.reserved, 0);
    EXPECT_EQ(options.stream, nullptr);
    EXPECT_EQ(options.memory_budget, 0);
    EXPECT_EQ(options.progress, nullptr);
    EXPECT_EQ(options.progress_data, nullptr);
    EXPECT_EQ(options.workspace, nullptr);
    EXPECT_EQ(options.workspace_bytes, 0);
    lumicrop_channel channel;
    ASSERT_EQ(lumicrop_channel_init(&channel, sizeof channel), LUMICROP_OK);
    EXPECT_EQ(channel.source, LUMICROP_GIVEN);
    EXPECT_EQ(channel.method, LUMICROP_FILTER);
    EXPECT_EQ(channel.model, LUMICROP_ISOGAUSS);
    EXPECT_EQ(channel.padding, LUMICROP_PADDING_DEFAULT);
    EXPECT_EQ(channel.n_detections, -1);
    EXPECT_EQ(channel.camera_offset, 0);
    EXPECT_EQ(channel.psf_theta_deg, 0);
    EXPECT_EQ(channel.images, nullptr);
    EXPECT_EQ(channel.spline, nullptr);
    for (double quantity : {channel.pixel_y_nm, channel.pixel_x_nm, channel.gain, channel.qe, channel.psf_sigma_nm,
                            channel.psf_sigma_x_nm, channel.psf_sigma_y_nm})
        EXPECT_TRUE(std::isnan(quantity)) << "physical quantities have no automatic value";
    lumicrop_detections detections;
    ASSERT_EQ(lumicrop_detections_init(&detections, sizeof detections), LUMICROP_OK);
    EXPECT_EQ(detections.n, 0);
    EXPECT_EQ(detections.origin, LUMICROP_FIRST_PIXEL);
}

TEST(Options, ThatMakeNoSenseAreRefused)
{
    lumicrop_options options = default_options();
    options.backend = 7;
    EXPECT_EQ(create(options, "backend"), LUMICROP_INVALID_ARGUMENT);
    options = default_options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.isa = 9;
    EXPECT_EQ(create(options, "isa"), LUMICROP_INVALID_ARGUMENT);
    for (int64_t threads : {int64_t{-1}, int64_t{1025}, INT64_MAX}) {
        options = default_options();
        options.backend = LUMICROP_BACKEND_CPU;
        options.n_threads = threads;
        EXPECT_EQ(create(options, "n_threads"), LUMICROP_INVALID_ARGUMENT) << threads;
    }
    options = default_options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.stream = &options;
    EXPECT_NE(create(options, "stream"), LUMICROP_OK);
    options = default_options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.reserved = 1;
    EXPECT_EQ(create(options, "reserved"), LUMICROP_INVALID_ARGUMENT);
    options = default_options();
    options.struct_size = 0;
    EXPECT_EQ(create(options, "struct_size"), LUMICROP_INVALID_ARGUMENT);
}

/// Whatever the backend: a number that is wrong is wrong before anyone looks for a GPU.
TEST(Options, OfSizesBelowZeroAreRefused)
{
    for (lumicrop_backend backend : {LUMICROP_BACKEND_AUTO, LUMICROP_BACKEND_CPU, LUMICROP_BACKEND_CUDA})
        for (int64_t size : {int64_t{-1}, INT64_MIN}) {
            lumicrop_options options = default_options();
            options.backend = backend;
            options.memory_budget = size;
            EXPECT_EQ(create(options, "memory_budget"), LUMICROP_INVALID_ARGUMENT) << backend;
            options = default_options();
            options.backend = backend;
            options.workspace_bytes = size;
            EXPECT_EQ(create(options, "workspace_bytes"), LUMICROP_INVALID_ARGUMENT) << backend;
            options = default_options();
            options.backend = backend;
            options.device = -2;
            EXPECT_EQ(create(options, "device"), LUMICROP_INVALID_ARGUMENT) << backend;
        }
}

TEST(Options, OfAWorkspaceAreRefusedOnTheCpuAndABudgetIsNot)
{
    lumicrop_options options = default_options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.workspace = &options;
    options.workspace_bytes = sizeof options;
    EXPECT_EQ(create(options, "workspace"), LUMICROP_INVALID_ARGUMENT);
    options = default_options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.memory_budget = 1;
    EXPECT_EQ(create(options), LUMICROP_OK) << lumicrop_last_error();
}

TEST(Options, WithoutAnyMakeAWorkingContext)
{
    lumicrop_context* context = nullptr;
    ASSERT_EQ(lumicrop_context_create(nullptr, &context), LUMICROP_OK) << lumicrop_last_error();
    test::SmallCall call;
    EXPECT_EQ(call.integrate(context), LUMICROP_OK);
    lumicrop_context_destroy(context);
}

TEST(Environment, ForcesTheCpuWhereTheBackendIsAutomatic)
{
    setenv("LUMICROP_BACKEND", "cpu", 1);
    lumicrop_context* context = nullptr;
    ASSERT_EQ(lumicrop_context_create(nullptr, &context), LUMICROP_OK) << lumicrop_last_error();
    lumicrop_context_info info;
    ASSERT_EQ(lumicrop_context_info_init(&info, sizeof info), LUMICROP_OK);
    EXPECT_EQ(lumicrop_context_query(context, &info), LUMICROP_OK);
    EXPECT_EQ(info.backend, LUMICROP_BACKEND_CPU);
    EXPECT_TRUE(test::names(info.reason, {"LUMICROP_BACKEND"}));
    lumicrop_context_destroy(context);
    unsetenv("LUMICROP_BACKEND");
}

TEST(Backends, SayWhetherTheyAreCompiledInFoundAndUsable)
{
    lumicrop_backend_info info;
    ASSERT_EQ(lumicrop_backend_info_init(&info, sizeof info), LUMICROP_OK);
    ASSERT_EQ(lumicrop_backend_query(LUMICROP_BACKEND_CPU, &info), LUMICROP_OK);
    EXPECT_EQ(info.backend, LUMICROP_BACKEND_CPU);
    EXPECT_EQ(info.compiled_in, 1);
    EXPECT_EQ(info.found, 1);
    EXPECT_EQ(info.usable, 1);
    EXPECT_EQ(info.n_devices, 1);
    EXPECT_GE(info.isa, LUMICROP_ISA_BASELINE);
    EXPECT_GE(info.n_threads, 1);
    EXPECT_STRNE(info.reason, "");

    ASSERT_EQ(lumicrop_backend_info_init(&info, sizeof info), LUMICROP_OK);
    ASSERT_EQ(lumicrop_backend_query(LUMICROP_BACKEND_CUDA, &info), LUMICROP_OK);
    EXPECT_EQ(info.backend, LUMICROP_BACKEND_CUDA);
    EXPECT_STRNE(info.reason, "");
    EXPECT_EQ(info.usable == 1, test::why_unusable({"cuda", LUMICROP_BACKEND_CUDA, LUMICROP_ISA_AUTO}).empty());
    lumicrop_options options = default_options();
    options.backend = LUMICROP_BACKEND_CUDA;
    if (info.compiled_in == 0) {
        EXPECT_EQ(info.n_devices, 0);
        EXPECT_EQ(create(options, "CUDA"), LUMICROP_UNSUPPORTED);
    } else if (info.usable == 0) {
        const lumicrop_status status = create(options);
        EXPECT_TRUE(status == LUMICROP_NO_DEVICE || status == LUMICROP_DRIVER_TOO_OLD ||
                    status == LUMICROP_NO_KERNEL_IMAGE || status == LUMICROP_CUDA_FAILURE)
            << lumicrop_status_name(status);
        EXPECT_EQ(info.found, info.n_devices > 0 ? 1 : 0);
    } else {
        EXPECT_EQ(info.found, 1);
        EXPECT_GE(info.n_devices, 1);
    }
    EXPECT_EQ(info.isa, 0);
    EXPECT_EQ(info.n_threads, 0);
    for (lumicrop_backend backend : {0, 3, -1}) EXPECT_EQ(lumicrop_backend_query(backend, &info), LUMICROP_INVALID_ARGUMENT);
    info.struct_size = 0;
    EXPECT_EQ(lumicrop_backend_query(LUMICROP_BACKEND_CPU, &info), LUMICROP_INVALID_ARGUMENT);
}

class Contexts : public test::EveryBackend
{
};

TEST_P(Contexts, SayWhatTheyUse)
{
    const test::Context context = test::make_context(GetParam(), 3);
    lumicrop_context_info info;
    ASSERT_EQ(lumicrop_context_info_init(&info, sizeof info), LUMICROP_OK);
    ASSERT_EQ(lumicrop_context_query(context.get(), &info), LUMICROP_OK);
    EXPECT_EQ(info.backend, GetParam().backend);
    EXPECT_STRNE(info.reason, "");
    if (GetParam().backend == LUMICROP_BACKEND_CPU) {
        EXPECT_EQ(info.isa, GetParam().isa);
        EXPECT_EQ(info.n_threads, 3);
        EXPECT_EQ(info.device, -1);
    } else {
        EXPECT_EQ(info.isa, 0);
        EXPECT_EQ(info.n_threads, 0);
        EXPECT_EQ(info.device, 0);
    }
    EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK);
    info.struct_size = 0;
    EXPECT_EQ(lumicrop_context_query(context.get(), &info), LUMICROP_INVALID_ARGUMENT);
}

LUMICROP_ON_EVERY_BACKEND(Contexts);

class Splines : public testing::Test
{
protected:
    std::vector<double> tx = {0, 0, 0, 0, 1, 2, 3, 3, 3, 3};
    std::vector<double> ty = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    std::vector<double> tz = {-4, -3, -2, -1, 1, 2, 3, 4};
    std::vector<double> c = std::vector<double>(4 * 5 * 6, 0.5);
    std::vector<int64_t> shape = {4, 5, 6};

    lumicrop_status create(const std::vector<std::string>& words)
    {
        const auto knots = [](const std::vector<double>& t) {
            return std::make_unique<test::TypedArray>(LUMICROP_F64, std::vector<int64_t>{int64_t(t.size())}, t);
        };
        const auto x = knots(tx);
        const auto y = knots(ty);
        const auto z = knots(tz);
        c.resize(static_cast<size_t>(shape[0] * shape[1] * shape[2]), 0.5);
        const test::TypedArray coefficients(LUMICROP_F32, shape, c);
        lumicrop_spline* spline = reinterpret_cast<lumicrop_spline*>(this);
        const lumicrop_status status = lumicrop_spline_create(x->get(), y->get(), z->get(), coefficients.get(), &spline);
        if (status == LUMICROP_OK)
            lumicrop_spline_destroy(spline);
        else {
            EXPECT_EQ(spline, nullptr);
            EXPECT_TRUE(test::names(lumicrop_last_error(), words));
        }
        return status;
    }
};

TEST_F(Splines, OfTheSmallestAndOfUnevenGridsAreAccepted)
{
    EXPECT_EQ(create({}), LUMICROP_OK) << lumicrop_last_error();
}

TEST_F(Splines, WithoutEightFiniteNonDecreasingKnotsAreRefused)
{
    tx.pop_back();
    EXPECT_EQ(create({"coefficients", "6", "5"}), LUMICROP_INVALID_ARGUMENT) << "shape and knots disagree";
    tx = {0, 1, 2, 3, 4, 5, 6};
    shape[2] = 3;
    EXPECT_EQ(create({"tx", "7", "8"}), LUMICROP_INVALID_ARGUMENT);
    shape[2] = 4;
    tx = {0, 1, 2, 3, 4, 3.5, 6, 7};
    EXPECT_EQ(create({"tx", "5", "3.5"}), LUMICROP_INVALID_ARGUMENT);
    tx = {0, 1, 2, 3, std::nan(""), 5, 6, 7};
    EXPECT_EQ(create({"tx", "4"}), LUMICROP_INVALID_ARGUMENT);
    tx = {0, 1, 2, 3, 4, 5, 6, HUGE_VAL};
    EXPECT_EQ(create({"tx", "7"}), LUMICROP_INVALID_ARGUMENT);
    tx = {0, 0, 0, 3, 3, 4, 4, 4};
    EXPECT_EQ(create({"tx"}), LUMICROP_INVALID_ARGUMENT) << "an empty domain";
}

TEST_F(Splines, NameTheAxisThatIsWrong)
{
    ty[4] = 2;
    EXPECT_EQ(create({"ty", "4"}), LUMICROP_INVALID_ARGUMENT);
    ty[4] = 4;
    tz[0] = std::nan("");
    EXPECT_EQ(create({"tz", "0"}), LUMICROP_INVALID_ARGUMENT);
    tz[0] = -4;
    c[17] = std::nan("");
    EXPECT_EQ(create({"coefficients"}), LUMICROP_INVALID_ARGUMENT);
    c[17] = 1;
    for (size_t axis = 0; axis < 3; ++axis) {
        shape = {4, 5, 6};
        shape[axis] += 1;
        EXPECT_EQ(create({"coefficients", std::to_string(shape[axis]), std::to_string(shape[axis] - 1)}),
                  LUMICROP_INVALID_ARGUMENT);
    }
}

TEST_F(Splines, OfWrongTypesAxesMemoryOrNoPointerAreRefused)
{
    const test::TypedArray good(LUMICROP_F32, {8}, {0, 1, 2, 3, 4, 5, 6, 7});
    const test::TypedArray cube(LUMICROP_F64, {4, 4, 4}, std::vector<double>(64, 1));
    test::TypedArray whole(LUMICROP_I32, {8}, {0, 1, 2, 3, 4, 5, 6, 7});
    test::TypedArray device(LUMICROP_F32, {8}, {0, 1, 2, 3, 4, 5, 6, 7});
    device.array().memory = LUMICROP_DEVICE;
    const lumicrop_array* const g = good.get();
    struct Case
    {
        const lumicrop_array *tx, *ty, *tz, *c;
        std::string word;
    };
    for (const Case& k : {Case{nullptr, g, g, cube.get(), "tx"}, Case{g, nullptr, g, cube.get(), "ty"},
                          Case{g, g, nullptr, cube.get(), "tz"}, Case{g, g, g, nullptr, "coefficients"},
                          Case{whole.get(), g, g, cube.get(), "tx"}, Case{g, cube.get(), g, cube.get(), "ty"},
                          Case{g, g, device.get(), cube.get(), "tz"}, Case{g, g, g, g, "coefficients"}}) {
        lumicrop_spline* spline = reinterpret_cast<lumicrop_spline*>(this);
        EXPECT_NE(lumicrop_spline_create(k.tx, k.ty, k.tz, k.c, &spline), LUMICROP_OK) << k.word;
        EXPECT_EQ(spline, nullptr);
        EXPECT_TRUE(test::names(lumicrop_last_error(), {k.word}));
    }
    EXPECT_EQ(lumicrop_spline_create(g, g, g, cube.get(), nullptr), LUMICROP_INVALID_ARGUMENT);
    EXPECT_TRUE(test::names(lumicrop_last_error(), {"spline"}));
}

TEST(Arrays, BeginAsContiguousHostArraysAndRefuseNonsense)
{
    lumicrop_array array;
    const int64_t shape[] = {5, 6, 7};
    ASSERT_EQ(lumicrop_array_init(&array, sizeof array, &array, LUMICROP_U16, 3, shape), LUMICROP_OK);
    EXPECT_EQ(array.memory, LUMICROP_HOST);
    EXPECT_EQ(array.strides[0], 84);
    EXPECT_EQ(array.strides[1], 14);
    EXPECT_EQ(array.strides[2], 2);
    const int64_t negative[] = {5, -1, 7};
    EXPECT_EQ(lumicrop_array_init(&array, sizeof array, &array, LUMICROP_U16, 3, negative), LUMICROP_INVALID_ARGUMENT);
    EXPECT_TRUE(test::names(lumicrop_last_error(), {"shape", "-1"}));
    for (int64_t ndim : {0, 4, -1})
        EXPECT_EQ(lumicrop_array_init(&array, sizeof array, &array, LUMICROP_U16, ndim, shape), LUMICROP_INVALID_ARGUMENT);
    for (lumicrop_dtype dtype : {0, 11, -1})
        EXPECT_EQ(lumicrop_array_init(&array, sizeof array, &array, dtype, 1, shape), LUMICROP_INVALID_ARGUMENT);
    for (int64_t size : {int64_t{0}, int64_t{8}})
        EXPECT_EQ(lumicrop_array_init(&array, size, &array, LUMICROP_U8, 1, shape), LUMICROP_INVALID_ARGUMENT);
}

} // namespace
