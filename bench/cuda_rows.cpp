// Each sample of a row on device arrays queues a kernel that reads the whole source, then the call, between events of
// one stream: so both see the same memory at the same clocks, and `share` is the one rate over the other. A row on host
// arrays times a plain copy to the device from pinned memory, then the call, by the wall.
#include "cuda_rows.hpp"

#include <cstring>
#include <iostream>

#include "device.hpp"

namespace bench {

namespace {

constexpr int kWarmUpCalls = 10;
constexpr int kCallsOfSample = 100;
constexpr std::size_t kCopyBytes = std::size_t{256} << 20;

using Sources = std::shared_ptr<std::unique_ptr<DeviceSource>>; // the one that is on the device, for all rows

DeviceSource& source_on_device(const Sources& sources, const Case& row, std::size_t bytes)
{
    const auto wanted = source_for(row, bytes);
    if (!*sources || (*sources)->source() != wanted) {
        sources->reset();
        *sources = std::make_unique<DeviceSource>(wanted);
    }
    return **sources;
}

/// Seconds of what `queue` puts on the stream, between events.
template <class Queue>
double seconds_on(const Stream& stream, const Event& begin, const Event& end, Queue queue)
{
    check_cuda(cudaEventRecord(begin.get(), stream.get()));
    queue();
    check_cuda(cudaEventRecord(end.get(), stream.get()));
    check_cuda(cudaEventSynchronize(end.get()));
    return seconds_between(begin, end);
}

void read_row(benchmark::State& state, const Sources& sources, const Plan& plan)
{
    DeviceSource& source = source_on_device(sources, {Method::sum}, plan.source_bytes);
    const Stream stream = make_stream();
    const Event begin = make_event(), end = make_event();
    const std::size_t size = source.source()->pixels.bytes();
    const auto read = [&] { read_on_device(source.pixels(), size, stream.get()); };
    for (int call = 0; call < kWarmUpCalls; ++call) read();
    measure_time(state, plan, [&] { return seconds_on(stream, begin, end, read); });
    state.counters["bytes/s"] = rate(static_cast<int64_t>(size));
}

/// A copy within the device; its bytes count twice, read and written.
void copy_row(benchmark::State& state, const Sources& sources, const Plan& plan)
{
    DeviceSource& source = source_on_device(sources, {Method::sum}, plan.source_bytes);
    const std::size_t size = source.source()->pixels.bytes();
    const DeviceBlock to = device_block(size);
    const Stream stream = make_stream();
    const Event begin = make_event(), end = make_event();
    const auto copy = [&] {
        check_cuda(cudaMemcpyAsync(to.get(), source.pixels(), size, cudaMemcpyDeviceToDevice, stream.get()));
    };
    for (int call = 0; call < kWarmUpCalls; ++call) copy();
    measure_time(state, plan, [&] { return seconds_on(stream, begin, end, copy); });
    state.counters["bytes/s"] = rate(static_cast<int64_t>(2 * size));
}

void device_row(benchmark::State& state, const Case& row, const Sources& sources, const Plan& plan)
{
    DeviceSource& there = source_on_device(sources, row, plan.source_bytes);
    const Source& source = *there.source();
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    DeviceJob job(row.method, there);
    const Event begin = make_event(), read = make_event(), end = make_event();
    for (int call = 0; call < kWarmUpCalls; ++call) job.run(context);
    context.synchronize();
    measure_share(state, plan, source, source.pixels.bytes(), [&] {
        check_cuda(cudaEventRecord(begin.get(), stream.get()));
        read_on_device(there.pixels(), source.pixels.bytes(), stream.get());
        check_cuda(cudaEventRecord(read.get(), stream.get()));
        job.run(context);
        check_cuda(cudaEventRecord(end.get(), stream.get()));
        context.synchronize();
        return Turn{seconds_between(begin, read), seconds_between(read, end)};
    });
}

/// All of a source's bytes from pinned memory to the device, by the wall; the bound of every call on host arrays.
class HostCopy
{
public:
    HostCopy() : from_(pinned_block(kCopyBytes)), to_(device_block(kCopyBytes))
    {
        std::memset(from_.get(), 1, kCopyBytes);
        seconds(); // warms up
    }
    double seconds() const
    {
        const auto began = std::chrono::steady_clock::now();
        check_cuda(cudaMemcpyAsync(to_.get(), from_.get(), kCopyBytes, cudaMemcpyHostToDevice, stream_.get()));
        check_cuda(cudaStreamSynchronize(stream_.get()));
        return seconds_since(began);
    }

private:
    Stream stream_ = make_stream();
    PinnedBlock from_;
    DeviceBlock to_;
};

void copy_from_host_row(benchmark::State& state, const Plan& plan)
{
    const HostCopy copy;
    measure_time(state, plan, [&] { return copy.seconds(); });
    state.counters["bytes/s"] = rate(kCopyBytes);
}

void host_row(benchmark::State& state, const Case& row, const Plan& plan)
{
    const auto source = source_for(row, plan.source_bytes);
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    Job job(row.method, *source, source->n());
    const HostCopy copy;
    job.run(context); // makes the pipeline's buffers
    measure_share(state, plan, *source, kCopyBytes, [&] {
        const double copying = copy.seconds();
        const auto began = std::chrono::steady_clock::now();
        job.run(context);
        return Turn{copying, seconds_since(began)};
    });
}

/// One call for few crops on the device and the wait for it.
void call_row(benchmark::State& state, const Case& row, const Plan& plan, int64_t n)
{
    DeviceSource source(std::make_shared<const Source>(stack_of(n, row.side, row.dtype, row.content)));
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    DeviceJob job(row.method, source);
    const auto call_and_wait = [&] {
        job.run(context);
        context.synchronize();
    };
    for (int call = 0; call < kWarmUpCalls; ++call) call_and_wait();
    measure_time(state, plan, [&] {
        const auto began = std::chrono::steady_clock::now();
        for (int call = 0; call < kCallsOfSample; ++call) call_and_wait();
        return seconds_since(began) / kCallsOfSample;
    });
    state.counters["crops/s"] = rate(n);
}

void register_by_source(const Sources& sources, const Plan& plan)
{
    const auto on_device = [=](const Case& row) {
        register_row("cuda/" + what(row) + name_of_content(row.content),
                     [=](benchmark::State& state) { device_row(state, row, sources, plan); });
    };
    const auto on_host = [=](const Case& row) {
        register_row("cuda/host/" + what(row) + name_of_content(row.content),
                     [=](benchmark::State& state) { host_row(state, row, plan); });
    };
    for (const int64_t side : kSides)
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            for (const Method method : kMethods) on_device({method, side, dtype});
            if (side != kMainSide) continue;
            for (const Method method : kMethods) on_host({method, side, dtype});
            for (const Method method : kEstimators) on_device({method, side, dtype});
        }
    for (const Content content : {Content::padded, Content::labelled})
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16})
            for (const Method method : {Method::sum, Method::isogauss}) on_device({method, kMainSide, dtype, content});
    for (const Content content : {Content::gathered, Content::gathered_shuffled}) {
        for (const Method method : {Method::sum, Method::isogauss}) on_device({method, kMainSide, LUMICROP_U16, content});
        for (const Method method : {Method::sum, Method::isogauss}) on_host({method, kMainSide, LUMICROP_U16, content});
    }
}

} // namespace

void register_cuda_rows(const Plan& plan)
{
    const DeviceInfo info = device_info();
    benchmark::AddCustomContext("cuda", info.reason);
    if (!info.usable) {
        std::cerr << "No rows of the CUDA backend: " << info.reason << '\n';
        return;
    }
    benchmark::AddCustomContext("cuda_device", info.name);
    benchmark::AddCustomContext("cuda_emulated", info.emulated ? "yes" : "no");
    if (info.emulated) std::cerr << "The GPU is emulated: the CUDA rows show that they run; their times mean nothing.\n";

    const auto sources = std::make_shared<std::unique_ptr<DeviceSource>>();
    register_row("cuda/read", [=](benchmark::State& state) { read_row(state, sources, plan); });
    register_row("cuda/copy", [=](benchmark::State& state) { copy_row(state, sources, plan); });
    register_row("cuda/copy-from-host", [=](benchmark::State& state) { copy_from_host_row(state, plan); });
    register_by_source(sources, plan);
    for (const Method method : {Method::sum, Method::isogauss})
        for (const int64_t crops : {1, 100}) {
            const Case row{method};
            register_row("cuda/call/" + what(row) + "/crops:" + std::to_string(crops), [=](benchmark::State& state) {
                call_row(state, row, plan, crops);
            })->Unit(benchmark::kMicrosecond);
        }
}

std::vector<float> photons_by_cuda(Method method, const std::shared_ptr<const Source>& source)
{
    if (!device_info().usable) return {};
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    DeviceSource there(source);
    DeviceJob job(method, there);
    job.run(context);
    return job.photons();
}

} // namespace bench
