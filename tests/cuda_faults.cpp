// A walk through all calls of the interface, for cuda_faults.sh to make one CUDA call of it fail at a time. Whatever fails must
// say so by a status and a text, leave outputs alone unless the status says that they are undefined, and leave a context behind
// that works or says that it does not. Leaks are the emulator's to report.
#include "errors/small_call.hpp"
#include "jobs/plain_job.hpp"
#include "jobs/run_job.hpp"
#include "support/device_memory.hpp"

#include <cmath>
#include <cstring>

namespace {

using test::SmallCall;

bool is_a_failure_of_cuda(lumicrop_status status)
{
    return status == LUMICROP_NO_DEVICE || status == LUMICROP_DRIVER_TOO_OLD || status == LUMICROP_NO_KERNEL_IMAGE ||
           status == LUMICROP_OUT_OF_MEMORY || status == LUMICROP_CUDA_FAILURE;
}

/// A failed call names the CUDA call, or what the machine lacks.
void expect_a_clear_failure(lumicrop_status status, const std::string& what)
{
    EXPECT_TRUE(is_a_failure_of_cuda(status))
        << what << ": " << lumicrop_status_name(status) << ": " << lumicrop_last_error();
    const std::string text = lumicrop_last_error();
    bool names_it = false;
    for (const char* word : {"cuda", "cub::", "GPU", "driver", "memory"})
        names_it = names_it || text.find(word) != std::string::npos;
    EXPECT_TRUE(names_it) << what << ": \"" << text << "\"";
    std::cout << what << ": " << lumicrop_status_name(status) << ": " << text << std::endl;
}

/// What a call on the CPU gives.
test::Outputs on_cpu(const test::Job& job)
{
    return test::run_job(test::make_context({"cpu", LUMICROP_BACKEND_CPU, LUMICROP_ISA_AUTO}).get(), job);
}

bool near(double found, double wanted)
{
    return (std::isnan(found) && std::isnan(wanted)) || std::abs(found - wanted) <= 1e-3 * (1 + std::abs(wanted));
}

/// A job with host arrays, larger than the memory budget.
struct HostJob
{
    test::Job job = test::plain_job(test::kind(LUMICROP_U16, test::Photometry::sum, LUMICROP_PADDING_ZEROS), 20, 20, 200, 3,
                                    LUMICROP_GIVEN);
    std::unique_ptr<test::LaidOut> call = std::make_unique<test::LaidOut>(job);

    lumicrop_status integrate(lumicrop_context* context) { return call->integrate(context); }
    bool untouched() const { return call->outputs_untouched(); }
    void clear() { call->clear_outputs(); }
    void expect_right() const
    {
        const test::Outputs wanted = on_cpu(job);
        const test::Outputs found = call->outputs();
        EXPECT_EQ(found.bits[1], wanted.bits[1]) << "border medians";
        for (size_t i = 0; i < found.photons.size(); ++i) EXPECT_TRUE(near(found.photons[i], wanted.photons[i])) << i;
    }
};

/// Two channels, told apart by labels. Managed memory is device memory that the host reads without a call that could be made
/// to fail.
class LabelledCall
{
public:
    enum class Where { host, device, outputs_on_host };
    LabelledCall(Where where, bool with_spline) : where_(where)
    {
        if (with_spline) {
            for (SmallCall* call : {&call_, &wanted_}) {
                call->channels[1].model = LUMICROP_SPLINE;
                call->channels[1].spline = call->spline;
            }
        }
        const test::Context cpu = test::make_context({"cpu", LUMICROP_BACKEND_CPU, LUMICROP_ISA_AUTO});
        EXPECT_EQ(wanted_.integrate(cpu.get()), LUMICROP_OK) << lumicrop_last_error();
        if (where == Where::host) return;
        test::must(cudaMallocManaged(&managed_, size), "cudaMallocManaged");
        std::memset(managed_, 0, size);
        for (test::TypedArray* array : {&call_.crops_1, &call_.crops_2, &call_.ch, &call_.X0, &call_.Y0, &call_.x_fit,
                                        &call_.y_fit, &call_.os_fit, &call_.sigma})
            move(*array);
        if (where == Where::device)
            for (test::TypedArray* array : outputs()) move(*array);
    }
    ~LabelledCall() { cudaFree(managed_); }
    LabelledCall(const LabelledCall&) = delete;
    LabelledCall& operator=(const LabelledCall&) = delete;

    lumicrop_status integrate(lumicrop_context* context) { return call_.integrate(context); }
    lumicrop_status workspace(lumicrop_context* context, int64_t* bytes)
    {
        return lumicrop_workspace_bytes(context, call_.channels.data(), 2, &call_.detections, &call_.result, bytes);
    }
    bool untouched()
    {
        fetch();
        return call_.outputs_untouched();
    }
    void clear()
    {
        for (test::TypedArray* array : outputs()) array->clear();
        for (const Moved& moved : moved_) std::memcpy(moved.to, moved.array->memory().data(), moved.array->memory().size());
    }
    void expect_right()
    {
        fetch();
        const std::vector<double> found = call_.photons.values();
        const std::vector<double> wanted = wanted_.photons.values();
        for (size_t i = 0; i < found.size(); ++i)
            EXPECT_TRUE(near(found[i], wanted[i])) << i << ": " << found[i] << " and " << wanted[i];
        EXPECT_EQ(call_.flags.values(), wanted_.flags.values());
    }

private:
    static constexpr size_t size = 16384;
    struct Moved
    {
        test::TypedArray* array;
        uint8_t* to;
    };
    std::vector<test::TypedArray*> outputs()
    {
        return {&call_.photons, &call_.background, &call_.psf_sum, &call_.denominator, &call_.flags};
    }
    void move(test::TypedArray& array)
    {
        auto* const to = static_cast<uint8_t*>(managed_) + used_;
        used_ += (array.memory().size() + 255) / 256 * 256;
        ASSERT_LE(used_, size);
        std::memcpy(to, array.memory().data(), array.memory().size());
        array.array().data = to + array.first_element();
        array.array().memory = LUMICROP_DEVICE;
        moved_.push_back({&array, to});
    }
    void fetch()
    {
        for (const Moved& moved : moved_) std::memcpy(moved.array->memory().data(), moved.to, moved.array->memory().size());
    }

    Where where_;
    SmallCall call_, wanted_;
    void* managed_ = nullptr;
    size_t used_ = 0;
    std::vector<Moved> moved_;
};

/// A context for the walk; null where it cannot be had, twice.
test::Context context_of(const lumicrop_options& options)
{
    for (const char* attempt : {"lumicrop_context_create", "lumicrop_context_create again"}) {
        lumicrop_context* context = nullptr;
        const lumicrop_status status = lumicrop_context_create(&options, &context);
        if (status == LUMICROP_OK) return test::Context(context);
        EXPECT_EQ(context, nullptr);
        expect_a_clear_failure(status, attempt);
    }
    return {};
}

/// Integrates and waits, and once more on the same context where that failed.
template <class Call>
void walk(lumicrop_context* context, Call& call, const std::string& what)
{
    for (bool again : {false, true}) {
        const std::string name = what + (again ? ", again" : "");
        lumicrop_status status = call.integrate(context);
        if (status != LUMICROP_OK) expect_a_clear_failure(status, name);
        if (again && status != LUMICROP_OK) { // what is still lacking may be memory
            EXPECT_TRUE(status == LUMICROP_CUDA_FAILURE || status == LUMICROP_OUT_OF_MEMORY) << name;
        }
        const lumicrop_status waited = lumicrop_synchronize(context);
        if (waited != LUMICROP_OK) expect_a_clear_failure(waited, name + ", lumicrop_synchronize");
        if (status != LUMICROP_OK && status != LUMICROP_CUDA_FAILURE) {
            EXPECT_TRUE(call.untouched()) << name << ": an output was touched";
        }
        if (status == LUMICROP_OK && waited == LUMICROP_OK) return call.expect_right();
        call.clear();
    }
}

void walk_through_everything()
{
    lumicrop_backend_info info;
    ASSERT_EQ(lumicrop_backend_info_init(&info, sizeof info), LUMICROP_OK);
    EXPECT_EQ(lumicrop_backend_query(LUMICROP_BACKEND_CUDA, &info), LUMICROP_OK);
    EXPECT_EQ(info.compiled_in, 1);
    EXPECT_STRNE(info.reason, "");

    lumicrop_options options = test::options_for({"cuda", LUMICROP_BACKEND_CUDA, LUMICROP_ISA_AUTO});
    options.memory_budget = 64 << 10;
    using Where = LabelledCall::Where;
    if (const test::Context context = context_of(options)) {
        HostJob chunks;
        walk(context.get(), chunks, "a host job of several chunks");
        LabelledCall host(Where::host, true);
        walk(context.get(), host, "a host job with labels and a spline");
        LabelledCall device(Where::device, false);
        walk(context.get(), device, "a device job with labels");
        LabelledCall spline(Where::device, true);
        walk(context.get(), spline, "a device job with a spline");
        LabelledCall mixed(Where::outputs_on_host, false);
        walk(context.get(), mixed, "a mixed job");
    }
    const test::Context asked = context_of(options);
    if (!asked) return;
    LabelledCall device(Where::device, false);
    int64_t bytes = 0;
    if (const lumicrop_status status = device.workspace(asked.get(), &bytes); status != LUMICROP_OK) {
        expect_a_clear_failure(status, "lumicrop_workspace_bytes");
        return;
    }
    const test::DeviceMemory workspace(static_cast<size_t>(bytes));
    options.workspace = workspace.get();
    options.workspace_bytes = bytes;
    if (const test::Context context = context_of(options))
        walk(context.get(), device, "a device job in the caller's workspace");
}

TEST(CudaFaults, EveryFailureIsAStatusAndATextAndNothingIsLeftBehind)
{
    try {
        walk_through_everything();
    } catch (const std::runtime_error& error) {
        std::cout << "the test's own call was the one that failed: " << error.what() << std::endl;
    }
}

} // namespace
