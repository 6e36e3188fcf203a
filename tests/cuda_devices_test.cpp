// Two GPUs, a context each. The emulator shows as many as CUEMU_DEVICES says.
#include "jobs/kernel_jobs.hpp"
#include "jobs/run_job.hpp"
#include "support/cuda_test.hpp"

namespace {

using test::Placement;

class CudaDevices : public test::CudaTest
{
protected:
    void SetUp() override
    {
        CudaTest::SetUp();
        if (IsSkipped()) return;
        int devices = 0;
        test::must(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
        if (devices < 2) GTEST_SKIP() << "one GPU here, two expected";
    }
    void TearDown() override { cudaSetDevice(0); }

    static test::Context context_on(int device)
    {
        lumicrop_options options = test::cuda_options();
        options.device = device;
        return test::make_context(options);
    }
    static int current_device()
    {
        int device = -1;
        test::must(cudaGetDevice(&device), "cudaGetDevice");
        return device;
    }
};

TEST_F(CudaDevices, EveryCallRestoresTheCallersDevice)
{
    for (int mine : {0, 1})
        for (int theirs : {0, 1}) {
            test::must(cudaSetDevice(mine), "cudaSetDevice");
            test::Context context = context_on(theirs);
            EXPECT_EQ(current_device(), mine) << "after lumicrop_context_create";
            lumicrop_context_info info;
            ASSERT_EQ(lumicrop_context_info_init(&info, sizeof info), LUMICROP_OK);
            EXPECT_EQ(lumicrop_context_query(context.get(), &info), LUMICROP_OK);
            EXPECT_EQ(info.device, theirs);
            for (const test::Job& job : test::kernel_jobs(20, 40)) {
                for (Placement::Where where : {Placement::host, Placement::device, Placement::mixed}) {
                    test::must(cudaSetDevice(theirs), "cudaSetDevice"); // its memory lies there
                    test::LaidOut call(job, {where, 2});
                    test::must(cudaSetDevice(mine), "cudaSetDevice");
                    int64_t bytes = -1;
                    EXPECT_EQ(lumicrop_workspace_bytes(context.get(), call.channels.data(), 1, &call.detections,
                                                       &call.result, &bytes),
                              LUMICROP_OK)
                        << lumicrop_last_error();
                    EXPECT_EQ(current_device(), mine) << "after lumicrop_workspace_bytes";
                    EXPECT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
                    EXPECT_EQ(current_device(), mine) << "after lumicrop_integrate";
                    EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK) << lumicrop_last_error();
                    EXPECT_EQ(current_device(), mine) << "after lumicrop_synchronize";
                }
                test::LaidOut refused(job);
                refused.channels[0].qe = -1;
                EXPECT_EQ(refused.integrate(context.get()), LUMICROP_INVALID_ARGUMENT);
                EXPECT_EQ(current_device(), mine) << "after a refusal";
            }
            context.reset();
            EXPECT_EQ(current_device(), mine) << "after lumicrop_context_destroy";
            lumicrop_backend_info backend;
            ASSERT_EQ(lumicrop_backend_info_init(&backend, sizeof backend), LUMICROP_OK);
            EXPECT_EQ(lumicrop_backend_query(LUMICROP_BACKEND_CUDA, &backend), LUMICROP_OK);
            EXPECT_EQ(backend.n_devices >= 2, true);
            EXPECT_EQ(current_device(), mine) << "after lumicrop_backend_query";
        }
}

TEST_F(CudaDevices, OneContextEachGivesTheSameBits)
{
    const test::Context first = context_on(0);
    const test::Context second = context_on(1);
    for (const test::Job& job : test::kernel_jobs(40, 60)) { // a spline serves both
        const std::vector<std::vector<uint8_t>> wanted = test::run_job(first.get(), job).bits;
        EXPECT_TRUE(test::same_bits(test::run_job(second.get(), job).bits, wanted)) << job.name;
        test::must(cudaSetDevice(1), "cudaSetDevice");
        EXPECT_TRUE(test::same_bits(test::run_job(second.get(), job, {Placement::device, 1}).bits, wanted)) << job.name;
        EXPECT_TRUE(test::same_bits(test::run_job(second.get(), job, {Placement::mixed, 2}).bits, wanted)) << job.name;
        test::must(cudaSetDevice(0), "cudaSetDevice");
        EXPECT_TRUE(test::same_bits(test::run_job(first.get(), job, {Placement::device, 3}).bits, wanted)) << job.name;
    }
}

TEST_F(CudaDevices, OneSplineServesTheContextsOfTwoDevices)
{
    const test::Job job =
        test::plain_job(test::kind(LUMICROP_F32, test::Photometry::spline, LUMICROP_PADDING_NONE), 11, 11, 60, 17);
    test::LaidOut call(job);
    const test::Context first = context_on(0);
    const test::Context second = context_on(1);
    ASSERT_EQ(call.integrate(first.get()), LUMICROP_OK) << lumicrop_last_error();
    const std::vector<std::vector<uint8_t>> wanted = call.outputs().bits;
    ASSERT_EQ(call.integrate(second.get()), LUMICROP_OK) << lumicrop_last_error();
    EXPECT_TRUE(test::same_bits(call.outputs().bits, wanted));
}

TEST_F(CudaDevices, AContextOfTheCurrentDeviceIsTheDefault)
{
    for (int device : {1, 0}) {
        test::must(cudaSetDevice(device), "cudaSetDevice");
        const test::Context context = test::cuda_context();
        lumicrop_context_info info;
        ASSERT_EQ(lumicrop_context_info_init(&info, sizeof info), LUMICROP_OK);
        EXPECT_EQ(lumicrop_context_query(context.get(), &info), LUMICROP_OK);
        EXPECT_EQ(info.device, device);
    }
}

TEST_F(CudaDevices, MemoryOfAnotherDeviceIsRefusedByTheNameOfItsArray)
{
    const test::Context context = context_on(0);
    const test::Job job =
        test::plain_job(test::kind(LUMICROP_U16, test::Photometry::isogauss, LUMICROP_PADDING_NONE), 9, 9, 20, 3);
    test::must(cudaSetDevice(1), "cudaSetDevice");
    const test::LaidOut elsewhere(job, {Placement::device, 1});
    test::must(cudaSetDevice(0), "cudaSetDevice");
    for (auto [name, column] :
         {std::pair{"X0", &lumicrop_detections::X0}, std::pair{"x_fit", &lumicrop_detections::x_fit}}) {
        test::LaidOut call(job, {Placement::device, 1});
        call.detections.*column = elsewhere.detections.*column;
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_INVALID_ARGUMENT) << name;
        EXPECT_NE(std::string(lumicrop_last_error()).find(name), std::string::npos) << lumicrop_last_error();
        EXPECT_TRUE(call.outputs_untouched()) << name;
    }
    test::LaidOut call(job, {Placement::device, 1});
    call.channels[0].images = elsewhere.channels[0].images;
    EXPECT_EQ(call.integrate(context.get()), LUMICROP_INVALID_ARGUMENT);
    EXPECT_NE(std::string(lumicrop_last_error()).find("images"), std::string::npos) << lumicrop_last_error();
}

TEST_F(CudaDevices, ThatAreNotThereAreRefused)
{
    lumicrop_options options = test::cuda_options();
    options.device = 1000;
    lumicrop_context* context = nullptr;
    const lumicrop_status status = lumicrop_context_create(&options, &context);
    EXPECT_TRUE(status == LUMICROP_INVALID_ARGUMENT || status == LUMICROP_NO_DEVICE) << status;
    EXPECT_EQ(context, nullptr);
    EXPECT_NE(std::string(lumicrop_last_error()).find("1000"), std::string::npos) << lumicrop_last_error();
}

} // namespace
