// NULL wherever a pointer can be NULL, the names of the statuses, and whose thread an error text belongs to.
#include "small_call.hpp"

#include <set>
#include <thread>

namespace {

using test::SmallCall;

TEST(Statuses, EveryStatusHasANameOfItsOwn)
{
    std::set<std::string> seen;
    for (lumicrop_status status = LUMICROP_OK; status <= LUMICROP_CANCELLED; ++status) {
        ASSERT_NE(lumicrop_status_name(status), nullptr);
        seen.insert(lumicrop_status_name(status));
    }
    EXPECT_EQ(seen.size(), 11U);
    EXPECT_EQ(seen.count(""), 0U);
    EXPECT_EQ(seen.count("unknown status"), 0U);
    for (lumicrop_status status : {-1, 11, 77, INT32_MIN, INT32_MAX})
        EXPECT_STREQ(lumicrop_status_name(status), "unknown status");
    EXPECT_STREQ(lumicrop_status_name(LUMICROP_INVALID_ARGUMENT), "invalid argument");
}

TEST(Version, IsTheHeaders)
{
    const std::string version = std::to_string(LUMICROP_VERSION_MAJOR) + "." + std::to_string(LUMICROP_VERSION_MINOR) + "." +
                                std::to_string(LUMICROP_VERSION_PATCH);
    EXPECT_EQ(lumicrop_version(), version);
}

template <class Function>
void refuses(const char* what, Function call, const std::vector<std::string>& words = {})
{
    EXPECT_EQ(call(), LUMICROP_INVALID_ARGUMENT) << what;
    EXPECT_STRNE(lumicrop_last_error(), "") << what;
    EXPECT_TRUE(test::names(lumicrop_last_error(), words)) << what;
}

TEST(NullPointersOutsideACall, OfTheInitFunctionsAreRefused)
{
    const int64_t shape[] = {1};
    refuses("array", [&] { return lumicrop_array_init(nullptr, sizeof(lumicrop_array), nullptr, LUMICROP_F32, 1, shape); });
    lumicrop_array array;
    refuses("shape", [&] { return lumicrop_array_init(&array, sizeof array, nullptr, LUMICROP_F32, 1, nullptr); },
            {"shape"});
    refuses("backend_info", [] { return lumicrop_backend_info_init(nullptr, sizeof(lumicrop_backend_info)); });
    refuses("options", [] { return lumicrop_options_init(nullptr, sizeof(lumicrop_options)); });
    refuses("context_info", [] { return lumicrop_context_info_init(nullptr, sizeof(lumicrop_context_info)); });
    refuses("channel", [] { return lumicrop_channel_init(nullptr, sizeof(lumicrop_channel)); });
    refuses("detections", [] { return lumicrop_detections_init(nullptr, sizeof(lumicrop_detections)); });
    refuses("result", [] { return lumicrop_result_init(nullptr, sizeof(lumicrop_result)); });
}

TEST(NullPointersOutsideACall, OfQueriesAreRefused)
{
    refuses("backend info", [] { return lumicrop_backend_query(LUMICROP_BACKEND_CPU, nullptr); });
    lumicrop_context_info info;
    ASSERT_EQ(lumicrop_context_info_init(&info, sizeof info), LUMICROP_OK);
    refuses("context", [&] { return lumicrop_context_query(nullptr, &info); }, {"context"});
    refuses("synchronize", [] { return lumicrop_synchronize(nullptr); }, {"context"});
    refuses("create", [] { return lumicrop_context_create(nullptr, nullptr); }, {"context"});
    lumicrop_context_destroy(nullptr);
    lumicrop_spline_destroy(nullptr);
}

class NullPointers : public test::EveryBackend
{
};

TEST_P(NullPointers, OfIntegrateAreRefused)
{
    const test::Context context = test::make_context(GetParam());
    SmallCall c;
    refuses("info", [&] { return lumicrop_context_query(context.get(), nullptr); });
    refuses("context", [&] { return lumicrop_integrate(nullptr, c.channels.data(), 2, &c.detections, &c.result); },
            {"context"});
    refuses("channels", [&] { return lumicrop_integrate(context.get(), nullptr, 2, &c.detections, &c.result); },
            {"channels"});
    refuses("no channel", [&] { return lumicrop_integrate(context.get(), c.channels.data(), 0, &c.detections, &c.result); },
            {"n_channels", "0"});
    refuses("n_channels", [&] { return lumicrop_integrate(context.get(), c.channels.data(), -1, &c.detections, &c.result); },
            {"n_channels", "-1"});
    refuses("detections", [&] { return lumicrop_integrate(context.get(), c.channels.data(), 2, nullptr, &c.result); },
            {"detections"});
    refuses("result", [&] { return lumicrop_integrate(context.get(), c.channels.data(), 2, &c.detections, nullptr); },
            {"result"});
    EXPECT_TRUE(c.outputs_untouched());
}

TEST_P(NullPointers, OfTheQuestionForAWorkspaceAreRefused)
{
    const test::Context context = test::make_context(GetParam());
    SmallCall c;
    int64_t bytes = -1;
    const auto ask = [&](lumicrop_context* of, const lumicrop_channel* channels, const lumicrop_detections* detections,
                         const lumicrop_result* result,
                         int64_t* answer) { return lumicrop_workspace_bytes(of, channels, 2, detections, result, answer); };
    const lumicrop_channel* const channels = c.channels.data();
    refuses("context", [&] { return ask(nullptr, channels, &c.detections, &c.result, &bytes); }, {"context"});
    refuses("channels", [&] { return ask(context.get(), nullptr, &c.detections, &c.result, &bytes); }, {"channels"});
    refuses("detections", [&] { return ask(context.get(), channels, nullptr, &c.result, &bytes); }, {"detections"});
    refuses("result", [&] { return ask(context.get(), channels, &c.detections, nullptr, &bytes); }, {"result"});
    refuses("bytes", [&] { return ask(context.get(), channels, &c.detections, &c.result, nullptr); }, {"bytes"});
    EXPECT_EQ(bytes, -1) << "a refusal leaves the answer alone";
    EXPECT_EQ(ask(context.get(), channels, &c.detections, &c.result, &bytes), LUMICROP_OK) << lumicrop_last_error();
    if (GetParam().backend == LUMICROP_BACKEND_CPU) {
        EXPECT_EQ(bytes, 0);
    } else {
        EXPECT_GE(bytes, 0);
    }
    EXPECT_TRUE(c.outputs_untouched());
    c.channels[1].gain = -1;
    refuses("a job that is refused", [&] { return ask(context.get(), channels, &c.detections, &c.result, &bytes); },
            {"channel 2", "gain"});
}

TEST_P(NullPointers, ACallThatSucceedsLeavesTheErrorTextAsItIs)
{
    const test::Context context = test::make_context(GetParam());
    EXPECT_EQ(lumicrop_synchronize(nullptr), LUMICROP_INVALID_ARGUMENT);
    const std::string before = lumicrop_last_error();
    SmallCall c;
    EXPECT_EQ(c.integrate(context.get()), LUMICROP_OK);
    EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK);
    EXPECT_EQ(lumicrop_last_error(), before);
}

TEST(ErrorTexts, BelongToTheThreadThatFailed)
{
    EXPECT_EQ(lumicrop_synchronize(nullptr), LUMICROP_INVALID_ARGUMENT);
    const std::string mine = lumicrop_last_error();
    std::thread([&] {
        EXPECT_STREQ(lumicrop_last_error(), "") << "a thread without a failure has no text";
        EXPECT_EQ(lumicrop_options_init(nullptr, sizeof(lumicrop_options)), LUMICROP_INVALID_ARGUMENT);
        EXPECT_NE(lumicrop_last_error(), mine);
    }).join();
    EXPECT_EQ(lumicrop_last_error(), mine);
}

LUMICROP_ON_EVERY_BACKEND(NullPointers);

} // namespace
