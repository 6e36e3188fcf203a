// Work on the caller's streams: what comes before and after a call, who waits for whom, and who does not.
#include "jobs/kernel_jobs.hpp"
#include "jobs/run_job.hpp"
#include "support/cuda_test.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace {

using test::Placement;

class CudaStreams : public test::CudaTest
{
};

/// The bits that a job has with host arrays.
std::vector<std::vector<uint8_t>> direct_bits(const test::Job& job)
{
    return test::run_job(test::cuda_context().get(), job).bits;
}

/// What a producer will write into the arrays of a call, and for now something else there.
class Producer
{
public:
    explicit Producer(test::LaidOut& call)
    {
        for (const auto& mirror : call.mirrors()) {
            if (mirror->is_output()) continue;
            test::DeviceMemory& memory = mirror->memory();
            sources_.push_back(std::make_unique<test::DeviceMemory>(memory.bytes()));
            targets_.push_back(memory.get());
            test::must(cudaMemcpy(sources_.back()->get(), memory.get(), memory.bytes(), cudaMemcpyDeviceToDevice),
                       "cudaMemcpy");
            test::must(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
            memory.fill(1); // what a call that does not wait will see
        }
    }
    void queue(cudaStream_t stream) const
    {
        for (size_t k = 0; k < sources_.size(); ++k)
            test::copy_on(stream, targets_[k], sources_[k]->get(), sources_[k]->bytes());
    }

private:
    std::vector<std::unique_ptr<test::DeviceMemory>> sources_;
    std::vector<uint8_t*> targets_;
};

/// Copies the outputs of a call aside when the stream gets there, and lets go of the originals.
class Consumer
{
public:
    Consumer(test::LaidOut& call, cudaStream_t stream) : call_(call)
    {
        for (const auto& mirror : call.mirrors()) {
            if (!mirror->is_output()) continue;
            test::DeviceMemory& memory = mirror->memory();
            copies_.push_back(std::make_unique<test::DeviceMemory>(memory.bytes()));
            test::copy_on(stream, copies_.back()->get(), memory.get(), memory.bytes());
            test::must(cudaMemsetAsync(memory.get(), 0x77, memory.bytes(), stream), "cudaMemsetAsync");
        }
    }
    /// The copies, once the stream has been waited for.
    std::vector<std::vector<uint8_t>> bits() const
    {
        size_t k = 0;
        for (const auto& mirror : call_.mirrors())
            if (mirror->is_output()) {
                test::DeviceMemory& memory = mirror->memory();
                test::must(cudaMemcpy(memory.get(), copies_[k++]->get(), memory.bytes(), cudaMemcpyDeviceToDevice),
                           "cudaMemcpy");
            }
        return call_.outputs().bits;
    }

private:
    test::LaidOut& call_;
    std::vector<std::unique_ptr<test::DeviceMemory>> copies_;
};

TEST_F(CudaStreams, AProducerThatIsStillWritingComesBeforeTheCallAndAConsumerAfterIt)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (const test::Job& job : test::kernel_jobs(40, 500, source)) {
            test::LaidOut call(job, {Placement::device, 3});
            const Producer producer(call);
            producer.queue(stream);
            ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
            const Consumer consumer(call, stream);
            stream.wait();
            ASSERT_TRUE(test::same_bits(consumer.bits(), direct_bits(job))) << job.name;
            EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK) << lumicrop_last_error();
        }
}

TEST_F(CudaStreams, ACallThatMixesMemoriesStandsInItsPlaceOnTheStream)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (Placement::Where where : {Placement::inputs, Placement::outputs, Placement::mixed})
        for (const test::Job& job : test::kernel_jobs(40, 600)) {
            test::LaidOut call(job, {where, 8});
            const Producer producer(call);
            producer.queue(stream);
            ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
            const Consumer consumer(call, stream);
            stream.wait();
            ASSERT_TRUE(test::same_bits(consumer.bits(), direct_bits(job))) << job.name << ", placement " << where;
        }
}

TEST_F(CudaStreams, ACallOnDeviceArraysReturnsBeforeItsWorkHasRun)
{
    if (!test::work_is_lazy()) GTEST_SKIP() << "can only be told where queued work waits to be asked for";
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (const test::Job& job : test::kernel_jobs(40, 700)) {
        test::LaidOut call(job, {Placement::device, 4});
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error(); // its spline has arrived
        stream.wait();
        call.clear_outputs();
        const Producer producer(call);
        producer.queue(stream);
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady) << job.name << ": the call waited for the stream";
        EXPECT_TRUE(call.outputs_untouched()) << job.name << ": the call waited for its own work";
        stream.wait();
        EXPECT_FALSE(call.outputs_untouched()) << job.name;
    }
}

struct Gate
{
    std::atomic<bool> open{false};
    std::atomic<bool> given_up{false};
    static void wait(void* data)
    {
        auto* const gate = static_cast<Gate*>(data);
        for (int tenths = 0; tenths < 100 && !gate->open; ++tenths)
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        gate->given_up = !gate->open;
    }
};

TEST_F(CudaStreams, ACallOnDeviceArraysReturnsWhileTheStreamIsHeldUp)
{
    if (test::gpu_is_emulated()) GTEST_SKIP() << "the emulator runs host functions on the calling thread";
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (const test::Job& job : test::kernel_jobs(40, 750)) {
        test::LaidOut call(job, {Placement::device, 4});
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error(); // kernels are loaded
        stream.wait();
        Gate gate;
        test::must(cudaLaunchHostFunc(stream, Gate::wait, &gate), "cudaLaunchHostFunc");
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
        EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady) << job.name;
        gate.open = true;
        stream.wait();
        EXPECT_FALSE(gate.given_up) << job.name << ": the call waited for the stream";
    }
}

TEST_F(CudaStreams, InputsMayBeFreedInStreamOrderRightAfterTheCall)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (const test::Job& job : test::kernel_jobs(40, 800)) {
        test::LaidOut call(job, {Placement::device, 5});
        std::vector<void*> borrowed;
        for (const auto& mirror : call.mirrors()) {
            if (mirror->is_output()) continue;
            test::DeviceMemory& memory = mirror->memory();
            if (memory.bytes() == 0) continue;
            void* copy = nullptr;
            test::must(cudaMallocAsync(&copy, memory.bytes(), stream), "cudaMallocAsync");
            test::copy_on(stream, copy, memory.get(), memory.bytes());
            test::must(cudaMemsetAsync(memory.get(), 1, memory.bytes(), stream), "cudaMemsetAsync"); // nobody reads it now
            mirror->point_to(copy);
            borrowed.push_back(copy);
        }
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        for (void* copy : borrowed) test::must(cudaFreeAsync(copy, stream), "cudaFreeAsync");
        void* again = nullptr; // what was freed is given away again, and written
        test::must(cudaMallocAsync(&again, 1 << 20, stream), "cudaMallocAsync");
        test::must(cudaMemsetAsync(again, 0xEE, 1 << 20, stream), "cudaMemsetAsync");
        test::must(cudaFreeAsync(again, stream), "cudaFreeAsync");
        stream.wait();
        ASSERT_TRUE(test::same_bits(call.outputs().bits, direct_bits(job))) << job.name;
    }
}

TEST_F(CudaStreams, TwoContextsOnTwoStreamsTakeTurnsAndAnEventOrdersThem)
{
    const test::Stream first_stream;
    const test::Stream second_stream;
    const test::Context first = test::cuda_context(first_stream);
    const test::Context second = test::cuda_context(second_stream);
    std::vector<std::unique_ptr<test::LaidOut>> calls;
    std::vector<std::unique_ptr<Producer>> producers;
    std::vector<test::Job> jobs = test::kernel_jobs(40, 900);
    for (size_t k = 0; k < jobs.size(); ++k) {
        const bool odd = k % 2 == 1;
        const test::Stream& writer = odd ? first_stream : second_stream; // the stream on which the call is not
        const test::Stream& reader = odd ? second_stream : first_stream;
        calls.push_back(std::make_unique<test::LaidOut>(jobs[k], Placement{Placement::device, k}));
        producers.push_back(std::make_unique<Producer>(*calls.back()));
        producers.back()->queue(writer);
        const test::Event written;
        test::must(cudaEventRecord(written, writer), "cudaEventRecord");
        test::must(cudaStreamWaitEvent(reader, written, 0), "cudaStreamWaitEvent");
        ASSERT_EQ(calls.back()->integrate((odd ? second : first).get()), LUMICROP_OK) << lumicrop_last_error();
    }
    EXPECT_EQ(lumicrop_synchronize(second.get()), LUMICROP_OK) << lumicrop_last_error();
    EXPECT_EQ(lumicrop_synchronize(first.get()), LUMICROP_OK) << lumicrop_last_error();
    for (size_t k = 0; k < jobs.size(); ++k)
        EXPECT_TRUE(test::same_bits(calls[k]->outputs().bits, direct_bits(jobs[k]))) << jobs[k].name;
}

TEST_F(CudaStreams, TwoContextsOnTwoThreadsGiveTheBitsOfOne)
{
    const std::vector<test::Job> jobs = test::kernel_jobs(40, 1000);
    std::vector<std::vector<std::vector<uint8_t>>> wanted;
    for (const test::Job& job : jobs) wanted.push_back(direct_bits(job));
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            const test::Stream stream;
            const test::Context context = test::cuda_context(stream);
            for (size_t k = 0; k < jobs.size(); ++k)
                for (Placement::Where where : {Placement::device, Placement::host, Placement::mixed}) {
                    const size_t which = (k + 5 * t) % jobs.size();
                    EXPECT_TRUE(test::same_bits(test::run_job(context.get(), jobs[which], {where, t}).bits, wanted[which]))
                        << jobs[which].name;
                }
        });
    for (std::thread& thread : threads) thread.join();
}

TEST_F(CudaStreams, AContextMayEndWhileItsWorkIsQueued)
{
    for (const test::Job& job : test::kernel_jobs(40, 1100)) {
        const test::Stream stream;
        test::LaidOut call(job, {Placement::device, 6});
        {
            const test::Context context = test::cuda_context(stream);
            ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        }
        stream.wait();
        ASSERT_TRUE(test::same_bits(call.outputs().bits, direct_bits(job))) << job.name;
    }
}

TEST_F(CudaStreams, HostInputsBelongToTheCallerAgainWhenTheCallReturns)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (const test::Job& job : test::kernel_jobs(40, 1200)) {
        test::LaidOut call(job, {Placement::outputs, 7});
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        const lumicrop_array& x_fit = *call.detections.x_fit; // contiguous; other columns and images travel like it
        std::fill_n(static_cast<uint8_t*>(x_fit.data), x_fit.shape[0] * x_fit.strides[0], uint8_t{0xFF});
        stream.wait();
        ASSERT_TRUE(test::same_bits(call.outputs().bits, direct_bits(job))) << job.name;
    }
}

TEST_F(CudaStreams, TheDefaultStreamIsAStreamLikeAnother)
{
    const test::Context context = test::cuda_context(nullptr);
    for (const test::Job& job : test::kernel_jobs(40, 1300)) {
        test::LaidOut call(job, {Placement::device, 9});
        const Producer producer(call);
        producer.queue(nullptr);
        ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        const Consumer consumer(call, nullptr);
        ASSERT_TRUE(test::same_bits(consumer.bits(), direct_bits(job))) << job.name;
    }
}

} // namespace
