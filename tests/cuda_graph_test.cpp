// Calls in a CUDA graph: captured once, replayed on what the arrays then hold, with the bits of a direct call.
#include "jobs/kernel_jobs.hpp"
#include "jobs/labelled_job.hpp"
#include "jobs/run_job.hpp"
#include "support/cuda_test.hpp"

#include <functional>
#include <memory>

namespace {

using test::Photometry;
using test::Placement;

class CudaGraphs : public test::CudaTest
{
};

/// Two channels of one method and of two sizes, told apart by labels.
test::Job two_channels(Photometry method, uint64_t seed, lumicrop_source source)
{
    const auto part = [&](lumicrop_dtype dtype, int64_t height, int64_t width, uint64_t number) {
        return test::plain_job(test::kind(dtype, method, LUMICROP_PADDING_ZEROS), height, width, 40, number, source);
    };
    return test::labelled_job({part(LUMICROP_U16, 9, 9, seed), part(LUMICROP_F32, 20, 18, seed + 1)}, LUMICROP_I32, seed);
}

struct Kind
{
    Photometry method;
    lumicrop_source source;
    std::string name;
};
const std::vector<Kind> kinds = {{Photometry::sum, LUMICROP_GIVEN, "sum"},
                                 {Photometry::isogauss, LUMICROP_GATHERED, "isogauss"},
                                 {Photometry::gauss, LUMICROP_GIVEN, "gauss"},
                                 {Photometry::spline, LUMICROP_GATHERED, "spline"}};

/// Captures what `work` queues on the stream.
std::unique_ptr<test::Graph> captured(const test::Stream& stream, cudaStreamCaptureMode mode,
                                      const std::function<void()>& work)
{
    test::must(cudaStreamBeginCapture(stream, mode), "cudaStreamBeginCapture");
    work();
    cudaGraph_t graph = nullptr;
    test::must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    return std::make_unique<test::Graph>(graph);
}

void expect_ok(lumicrop_status status, const std::string& what)
{
    EXPECT_EQ(status, LUMICROP_OK) << what << ": " << lumicrop_last_error();
}

std::vector<std::vector<uint8_t>> direct_bits(const test::Job& job)
{
    return test::run_job(test::cuda_context().get(), job).bits;
}

/// The arrays of `call` shall hold what those of `job`, of the same shapes, would.
void change_inputs(test::LaidOut& call, const test::Job& job)
{
    const test::LaidOut other(job, {Placement::device, 1});
    ASSERT_EQ(other.mirrors().size(), call.mirrors().size());
    for (size_t k = 0; k < call.mirrors().size(); ++k) {
        test::DeviceMirror& mirror = *call.mirrors()[k];
        if (mirror.is_output()) continue;
        mirror.array().memory() = other.mirrors()[k]->array().memory();
        mirror.upload();
    }
}

TEST_F(CudaGraphs, EveryMethodIsCapturedAndReplayedOnWhatTheArraysThenHold)
{
    for (cudaStreamCaptureMode mode : {cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeGlobal})
        for (const Kind& kind : kinds) {
            const test::Stream stream;
            const test::Context context = test::cuda_context(stream);
            const test::Job job = two_channels(kind.method, 50, kind.source);
            test::LaidOut call(job, {Placement::device, 1});
            if (kind.method == Photometry::spline) expect_ok(call.integrate(context.get()), "its spline arrives");
            stream.wait();
            call.clear_outputs();
            const auto graph = captured(stream, mode, [&] { expect_ok(call.integrate(context.get()), kind.name); });
            EXPECT_TRUE(call.outputs_untouched()) << kind.name << ": to capture is not to run";
            for (int replay = 0; replay < 2; ++replay) {
                call.clear_outputs();
                graph->launch(stream);
                stream.wait();
                EXPECT_TRUE(test::same_bits(call.outputs().bits, direct_bits(job))) << kind.name << ", replay " << replay;
            }
            test::Job changed = two_channels(kind.method, 80, kind.source); // other pixels, columns and order of labels
            for (size_t k = 0; k < 2; ++k) changed.channels[k].spline = job.channels[k].spline;
            change_inputs(call, changed);
            call.clear_outputs();
            graph->launch(stream);
            stream.wait();
            EXPECT_TRUE(test::same_bits(call.outputs().bits, direct_bits(changed))) << kind.name << ", changed inputs";
            expect_ok(lumicrop_synchronize(context.get()), kind.name);
        }
}

TEST_F(CudaGraphs, AReplayStandsInItsPlaceOnAnotherStream)
{
    const test::Stream stream;
    const test::Stream other;
    const test::Context context = test::cuda_context(stream);
    const test::Job job = two_channels(Photometry::isogauss, 50, LUMICROP_GIVEN);
    test::LaidOut call(job, {Placement::device, 1});
    const auto graph =
        captured(stream, cudaStreamCaptureModeGlobal, [&] { expect_ok(call.integrate(context.get()), "capture"); });
    test::DeviceMemory& images = call.mirror_of(call.channels[0].images).memory();
    const test::DeviceMemory kept(images.bytes());
    test::must(cudaMemcpy(kept.get(), images.get(), images.bytes(), cudaMemcpyDeviceToDevice), "cudaMemcpy");
    images.fill(1);
    test::copy_on(other, images.get(), kept.get(), images.bytes());
    graph->launch(other);
    test::must(cudaMemsetAsync(images.get(), 1, images.bytes(), other), "cudaMemsetAsync");
    other.wait();
    EXPECT_TRUE(test::same_bits(call.outputs().bits, direct_bits(job)));
}

TEST_F(CudaGraphs, SeveralCallsFitIntoOneGraph)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    std::vector<test::Job> jobs = test::kernel_jobs(35, 2000);
    std::vector<std::unique_ptr<test::LaidOut>> calls;
    for (size_t k = 0; k < jobs.size(); ++k) {
        calls.push_back(std::make_unique<test::LaidOut>(jobs[k], Placement{Placement::device, k}));
        expect_ok(calls.back()->integrate(context.get()), jobs[k].name);
    }
    stream.wait();
    for (const auto& call : calls) call->clear_outputs();
    const auto graph = captured(stream, cudaStreamCaptureModeThreadLocal, [&] {
        for (const auto& call : calls) expect_ok(call->integrate(context.get()), "in the graph");
    });
    graph->launch(stream);
    graph->launch(stream);
    stream.wait();
    for (size_t k = 0; k < jobs.size(); ++k)
        EXPECT_TRUE(test::same_bits(calls[k]->outputs().bits, direct_bits(jobs[k]))) << jobs[k].name;
}

TEST_F(CudaGraphs, ALabelThatGoesBadIsReportedByTheReplay)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    const test::Job job = two_channels(Photometry::sum, 50, LUMICROP_GATHERED);
    test::LaidOut call(job, {Placement::device, 1});
    const auto graph =
        captured(stream, cudaStreamCaptureModeThreadLocal, [&] { expect_ok(call.integrate(context.get()), "capture"); });
    graph->launch(stream);
    expect_ok(lumicrop_synchronize(context.get()), "good labels");
    test::DeviceMirror& labels = call.mirror_of(call.detections.ch);
    labels.array().write(11, 7);
    labels.upload();
    graph->launch(stream);
    stream.wait();
    EXPECT_NE(call.outputs().flags[11] & LUMICROP_FLAG_BAD_INDEX, 0U);
    EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_BAD_INDEX);
    expect_ok(lumicrop_synchronize(context.get()), "asked again");
}

TEST_F(CudaGraphs, HostArraysAreRefusedAndTheContextWorksAfterwards)
{
    for (Placement::Where where : {Placement::host, Placement::inputs, Placement::outputs}) {
        const test::Stream stream;
        const test::Context context = test::cuda_context(stream);
        const test::Job job = two_channels(Photometry::isogauss, 50, LUMICROP_GIVEN);
        test::LaidOut call(job, {where, 1});
        test::LaidOut on_device(job, {Placement::device, 1});
        test::must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_UNSUPPORTED) << where;
        EXPECT_NE(std::string(lumicrop_last_error()).find("captur"), std::string::npos) << lumicrop_last_error();
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        test::must(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
        EXPECT_EQ(status, cudaStreamCaptureStatusActive) << "the refusal spoilt the capture";
        expect_ok(on_device.integrate(context.get()), "what follows is captured");
        cudaGraph_t raw = nullptr;
        test::must(cudaStreamEndCapture(stream, &raw), "cudaStreamEndCapture");
        const test::Graph graph(raw);
        EXPECT_TRUE(call.outputs_untouched()) << where;
        graph.launch(stream);
        stream.wait();
        const std::vector<std::vector<uint8_t>> wanted = direct_bits(job);
        EXPECT_TRUE(test::same_bits(on_device.outputs().bits, wanted)) << where;
        expect_ok(call.integrate(context.get()), "outside the capture");
        stream.wait();
        EXPECT_TRUE(test::same_bits(call.outputs().bits, wanted)) << where;
    }
}

TEST_F(CudaGraphs, ASplineThatHasNotArrivedIsRefusedWithASentence)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    const test::Job job = two_channels(Photometry::spline, 50, LUMICROP_GIVEN);
    test::LaidOut call(job, {Placement::device, 1});
    test::must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    const lumicrop_status status = call.integrate(context.get());
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
    if (status != LUMICROP_OK) {
        EXPECT_EQ(status, LUMICROP_UNSUPPORTED);
        EXPECT_NE(std::string(lumicrop_last_error()).find("spline"), std::string::npos) << lumicrop_last_error();
        EXPECT_EQ(ended, cudaSuccess) << "the refusal spoilt the capture";
    }
    expect_ok(call.integrate(context.get()), "outside the capture");
    stream.wait();
    EXPECT_TRUE(test::same_bits(call.outputs().bits, direct_bits(job)));
}

} // namespace
