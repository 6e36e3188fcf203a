// Working memory from the caller: enough by what lumicrop_workspace_bytes says, refused below, in a graph and outside.
#include "jobs/kernel_jobs.hpp"
#include "jobs/labelled_job.hpp"
#include "jobs/photometry_job.hpp"
#include "jobs/run_job.hpp"
#include "support/cuda_test.hpp"

namespace {

using test::Photometry;
using test::Placement;

class CudaWorkspace : public test::CudaTest
{
};

constexpr size_t fence = 512; ///< bytes behind the workspace that nobody may write

test::Context context_with(const test::DeviceMemory& workspace, int64_t bytes, cudaStream_t stream)
{
    lumicrop_options options = test::cuda_options(stream);
    options.workspace = workspace.get();
    options.workspace_bytes = bytes;
    return test::make_context(options);
}

int64_t need_of(const test::LaidOut& call)
{
    int64_t bytes = -1;
    EXPECT_EQ(lumicrop_workspace_bytes(test::cuda_context().get(), call.channels.data(),
                                       static_cast<int64_t>(call.channels.size()), &call.detections, &call.result, &bytes),
              LUMICROP_OK)
        << lumicrop_last_error();
    EXPECT_GE(bytes, 0);
    return bytes;
}

std::vector<test::Job> labelled_jobs()
{
    std::vector<test::Job> jobs;
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline}) {
        std::vector<test::Job> parts;
        for (int64_t side : {7, 12, 20})
            parts.push_back(test::plain_job(test::kind(LUMICROP_U16, method, LUMICROP_PADDING_GEOMETRY), side, side, 37,
                                            static_cast<uint64_t>(side)));
        jobs.push_back(test::labelled_job(parts, LUMICROP_U64, 5));
    }
    std::vector<test::Job> rings; // neighbours are sought among those of one label
    for (int64_t side : {7, 12, 20}) {
        rings.push_back(test::photometry_plain_job({LUMICROP_MLE, LUMICROP_BACKGROUND_ANNULUS_MEAN}, LUMICROP_ISOGAUSS,
                                                   LUMICROP_U16, side, side, 37, static_cast<uint64_t>(side)));
        for (test::Column test::Job::*width : {&test::Job::sigma_fit, &test::Job::sigma_x_fit, &test::Job::sigma_y_fit,
                                               &test::Job::sigma_angle}) // which such a job may do without
            if (!(rings.back().*width)) rings.back().*width = test::column(std::vector<double>(37, 130));
    }
    jobs.push_back(test::labelled_job(rings, LUMICROP_U8, 6));
    const std::vector<test::Job> plain = test::kernel_jobs(30, 77, LUMICROP_GIVEN);
    jobs.insert(jobs.end(), plain.begin(), plain.end());
    return jobs;
}

TEST_F(CudaWorkspace, OfExactlyTheBytesThatACallNeedsIsEnoughAndNoneIsWrittenBeyond)
{
    const test::Stream stream;
    for (const test::Job& job : labelled_jobs()) {
        test::LaidOut call(job, {Placement::device, 2});
        const int64_t need = need_of(call);
        test::DeviceMemory workspace(static_cast<size_t>(need) + fence);
        workspace.fill(0xA5);
        const test::Context context = context_with(workspace, need, stream);
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << " again: " << lumicrop_last_error();
        stream.wait();
        EXPECT_TRUE(test::same_bits(call.outputs().bits, test::run_job(test::cuda_context().get(), job).bits)) << job.name;
        for (uint8_t byte : workspace.read(static_cast<size_t>(need), fence)) ASSERT_EQ(byte, 0xA5) << job.name;
        EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK) << lumicrop_last_error();
    }
}

TEST_F(CudaWorkspace, OfOneByteLessIsRefusedAndNothingIsTouched)
{
    const test::Stream stream;
    int refused = 0;
    for (const test::Job& job : labelled_jobs()) {
        test::LaidOut call(job, {Placement::device, 2});
        const int64_t need = need_of(call);
        if (need == 0) continue;
        ++refused;
        test::DeviceMemory workspace(static_cast<size_t>(need));
        workspace.fill(0xA5);
        const test::Context context = context_with(workspace, need - 1, stream);
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_OUT_OF_MEMORY) << job.name;
        const std::string text = lumicrop_last_error();
        EXPECT_NE(text.find("workspace"), std::string::npos) << text;
        EXPECT_NE(text.find(std::to_string(need)), std::string::npos) << text;
        stream.wait();
        EXPECT_TRUE(call.outputs_untouched()) << job.name;
        for (uint8_t byte : workspace.read()) ASSERT_EQ(byte, 0xA5) << job.name << ": the workspace was written";
    }
    EXPECT_GE(refused, 4) << "labels on the device need working memory";
}

TEST_F(CudaWorkspace, ServesACapturedCall)
{
    const test::Stream stream;
    for (const test::Job& job : labelled_jobs()) {
        test::LaidOut call(job, {Placement::device, 2});
        const int64_t need = need_of(call);
        const test::DeviceMemory workspace(static_cast<size_t>(need));
        const test::Context context = context_with(workspace, need, stream);
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        stream.wait();
        call.clear_outputs();
        test::must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        cudaGraph_t raw = nullptr;
        test::must(cudaStreamEndCapture(stream, &raw), "cudaStreamEndCapture");
        const test::Graph graph(raw);
        graph.launch(stream);
        graph.launch(stream);
        stream.wait();
        EXPECT_TRUE(test::same_bits(call.outputs().bits, test::run_job(test::cuda_context().get(), job).bits)) << job.name;
    }
}

TEST_F(CudaWorkspace, IsNotAskedOfCallsWithHostArrays)
{
    const test::Job job = labelled_jobs().front();
    const test::DeviceMemory workspace(256);
    const test::Stream stream;
    const test::Context context = context_with(workspace, 1, stream);
    for (Placement::Where where : {Placement::host, Placement::mixed})
        EXPECT_TRUE(test::same_bits(test::run_job(context.get(), job, {where, 3}).bits,
                                    test::run_job(test::cuda_context().get(), job).bits));
}

TEST_F(CudaWorkspace, ThatIsMisalignedOrHasASizeWithoutMemoryIsRefused)
{
    const test::DeviceMemory workspace(4096);
    lumicrop_context* context = nullptr;
    lumicrop_options options = test::cuda_options();
    options.workspace = workspace.get() + 8;
    options.workspace_bytes = 2048;
    EXPECT_EQ(lumicrop_context_create(&options, &context), LUMICROP_INVALID_ARGUMENT);
    EXPECT_NE(std::string(lumicrop_last_error()).find("workspace"), std::string::npos) << lumicrop_last_error();
    lumicrop_context_destroy(context);
}

} // namespace
