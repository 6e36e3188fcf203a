// Each iteration of a row on device arrays queues a kernel that reads the whole source, then the call, between events of
// one stream: so both see the same memory at the same clocks, and `share` is the one rate over the other. A row on host
// arrays times a plain copy to the device from pinned memory, then the call, by the wall.
#include "cuda_rows.hpp"

#include <chrono>
#include <cstring>
#include <iostream>

#include "device.hpp"
#include "row.hpp"

namespace bench {

namespace {

constexpr int kWarmUpCalls = 10;
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

void read_row(benchmark::State& state, const Sources& sources, std::size_t bytes)
{
    DeviceSource& source = source_on_device(sources, {Method::sum}, bytes);
    const Stream stream = make_stream();
    const Event begin = make_event(), end = make_event();
    const std::size_t size = source.source()->pixels.bytes();
    for (int call = 0; call < kWarmUpCalls; ++call) read_on_device(source.pixels(), size, stream.get());
    for (auto _ : state) {
        check_cuda(cudaEventRecord(begin.get(), stream.get()));
        read_on_device(source.pixels(), size, stream.get());
        check_cuda(cudaEventRecord(end.get(), stream.get()));
        check_cuda(cudaEventSynchronize(end.get()));
        state.SetIterationTime(seconds_between(begin, end));
    }
    state.counters["bytes/s"] = rate(static_cast<int64_t>(size));
}

/// A copy within the device; its bytes count twice, read and written.
void copy_row(benchmark::State& state, const Sources& sources, std::size_t bytes)
{
    DeviceSource& source = source_on_device(sources, {Method::sum}, bytes);
    const std::size_t size = source.source()->pixels.bytes();
    const DeviceBlock to = device_block(size);
    const Stream stream = make_stream();
    const Event begin = make_event(), end = make_event();
    for (auto _ : state) {
        check_cuda(cudaEventRecord(begin.get(), stream.get()));
        check_cuda(cudaMemcpyAsync(to.get(), source.pixels(), size, cudaMemcpyDeviceToDevice, stream.get()));
        check_cuda(cudaEventRecord(end.get(), stream.get()));
        check_cuda(cudaEventSynchronize(end.get()));
        state.SetIterationTime(seconds_between(begin, end));
    }
    state.counters["bytes/s"] = rate(static_cast<int64_t>(2 * size));
}

void device_row(benchmark::State& state, const Case& row, const Sources& sources, std::size_t bytes)
{
    DeviceSource& there = source_on_device(sources, row, bytes);
    const Source& source = *there.source();
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    DeviceJob job(row.method, there);
    const Event begin = make_event(), read = make_event(), end = make_event();
    for (int call = 0; call < kWarmUpCalls; ++call) job.run(context);
    context.synchronize();
    double reading = 0, integrating = 0;
    for (auto _ : state) {
        check_cuda(cudaEventRecord(begin.get(), stream.get()));
        read_on_device(there.pixels(), source.pixels.bytes(), stream.get());
        check_cuda(cudaEventRecord(read.get(), stream.get()));
        job.run(context);
        check_cuda(cudaEventRecord(end.get(), stream.get()));
        context.synchronize();
        reading += seconds_between(begin, read);
        const double seconds = seconds_between(read, end);
        integrating += seconds;
        state.SetIterationTime(seconds);
    }
    const double pixel_bytes = static_cast<double>(source.n() * source.crop_bytes());
    state.counters["crops/s"] = rate(source.n());
    state.counters["bytes/s"] = rate(source.n() * source.crop_bytes());
    state.counters["share"] = pixel_bytes / integrating / (static_cast<double>(source.pixels.bytes()) / reading);
}

double seconds_since(std::chrono::steady_clock::time_point began)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
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

void copy_from_host_row(benchmark::State& state)
{
    const HostCopy copy;
    for (auto _ : state) state.SetIterationTime(copy.seconds());
    state.counters["bytes/s"] = rate(kCopyBytes);
}

void host_row(benchmark::State& state, const Case& row, std::size_t bytes)
{
    const auto source = source_for(row, bytes);
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    Job job(row.method, *source, source->n());
    const HostCopy copy;
    job.run(context); // makes the pipeline's buffers
    double copying = 0, integrating = 0;
    for (auto _ : state) {
        copying += copy.seconds();
        const auto began = std::chrono::steady_clock::now();
        job.run(context);
        const double seconds = seconds_since(began);
        integrating += seconds;
        state.SetIterationTime(seconds);
    }
    const double pixel_bytes = static_cast<double>(source->n() * source->crop_bytes());
    state.counters["crops/s"] = rate(source->n());
    state.counters["bytes/s"] = rate(source->n() * source->crop_bytes());
    state.counters["share"] = pixel_bytes / integrating / (static_cast<double>(kCopyBytes) / copying);
}

/// One call for few crops on the device and the wait for it.
void call_row(benchmark::State& state, const Case& row, int64_t n)
{
    DeviceSource source(std::make_shared<const Source>(stack_of(n, row.side, row.dtype, row.content)));
    const Stream stream = make_stream();
    lumicrop::Context context = cuda_context(stream);
    DeviceJob job(row.method, source);
    for (int call = 0; call < kWarmUpCalls; ++call) job.run(context);
    context.synchronize();
    for (auto _ : state) {
        job.run(context);
        context.synchronize();
    }
    state.counters["crops/s"] = rate(n);
}

void register_by_source(const Sources& sources, std::size_t bytes)
{
    const auto on_device = [=](const Case& row) {
        register_row("cuda/" + what(row) + name_of_content(row.content),
                     [=](benchmark::State& state) { device_row(state, row, sources, bytes); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
    };
    const auto on_host = [=](const Case& row) {
        register_row("cuda/host/" + what(row) + name_of_content(row.content),
                     [=](benchmark::State& state) { host_row(state, row, bytes); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
    };
    for (const int64_t side : kSides)
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            for (const Method method : kMethods) on_device({method, side, dtype});
            if (side == kMainSide)
                for (const Method method : kMethods) on_host({method, side, dtype});
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

void register_cuda_rows(std::size_t bytes)
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
    register_row("cuda/read", [=](benchmark::State& state) { read_row(state, sources, bytes); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
    register_row("cuda/copy", [=](benchmark::State& state) { copy_row(state, sources, bytes); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
    register_row("cuda/copy-from-host", copy_from_host_row)->UseManualTime()->Unit(benchmark::kMillisecond);
    register_by_source(sources, bytes);
    for (const Method method : {Method::sum, Method::isogauss})
        for (const int64_t crops : {1, 100}) {
            const Case row{method};
            register_row("cuda/call/" + what(row) + "/crops:" + std::to_string(crops),
                         [=](benchmark::State& state) { call_row(state, row, crops); })
                ->UseRealTime()
                ->Unit(benchmark::kMicrosecond);
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
