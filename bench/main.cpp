// lumicrop_bench: crops per second, bytes per second, and share of the machine's read bandwidth, over the public API.
//
//   lumicrop_bench [--stack-mib=N] [Google Benchmark's own options]
//   lumicrop_bench --write-crops=FOLDER [--crops=N]     the same crops, and lumicrop's results, as .npy; nothing is timed
//
// Each iteration of a row reads its source once in a plain loop (read_all, same threads) and integrates it once, turn by
// turn, so that both see the same machine: `share` is the one rate over the other.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>

#include "case.hpp"
#include "cuda_rows.hpp"
#include "read_bandwidth.hpp"
#include "row.hpp"
#include "write_crops.hpp"

namespace bench {

namespace {

constexpr int64_t kWarmUpCrops = 4096;
constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t stack_bytes = 0;

/// A row of the CPU backend.
struct CpuCase : Case
{
    CpuCase(const Case& row, int n, lumicrop_isa set = LUMICROP_ISA_AUTO) : Case(row), threads(n), isa(set) {}
    int threads;
    lumicrop_isa isa;
};

const char* name_of_isa(lumicrop_isa isa)
{
    switch (isa) {
    case LUMICROP_ISA_BASELINE: return "baseline";
    case LUMICROP_ISA_AVX2: return "avx2";
    case LUMICROP_ISA_AVX512: return "avx512";
    default: return "auto";
    }
}

/// "filter/isogauss/11x11/f32/threads:2", and what is unusual after that.
std::string name(const CpuCase& row)
{
    std::string made = what(row) + "/threads:" + std::to_string(row.threads);
    if (row.isa != LUMICROP_ISA_AUTO) made += std::string("/isa:") + name_of_isa(row.isa);
    return made + name_of_content(row.content);
}

lumicrop::Context context_for(int threads, lumicrop_isa isa)
{
    lumicrop_options options = lumicrop::options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.n_threads = threads;
    options.isa = isa;
    return lumicrop::Context(options);
}

double seconds_of(const std::chrono::steady_clock::duration& duration)
{
    return std::chrono::duration<double>(duration).count();
}

double read_seconds(const Source& source, int threads)
{
    const auto began = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(read_all(source.pixels.data(), source.pixels.bytes(), threads));
    return seconds_of(std::chrono::steady_clock::now() - began);
}

void read_row(benchmark::State& state, int threads)
{
    const auto kept = source_for({Method::sum}, stack_bytes);
    const Source& source = *kept;
    for (auto _ : state) state.SetIterationTime(read_seconds(source, threads));
    state.counters["bytes/s"] = rate(static_cast<int64_t>(source.pixels.bytes()));
}

void integrate_row(benchmark::State& state, const CpuCase& row)
{
    const auto kept = source_for(row, stack_bytes);
    const Source& source = *kept;
    lumicrop::Context context = context_for(row.threads, row.isa);
    Job(row.method, source, std::min(source.n(), kWarmUpCrops)).run(context); // wakes the threads
    Job job(row.method, source, source.n());
    double reading = 0, integrating = 0;
    for (auto _ : state) {
        reading += read_seconds(source, row.threads);
        const auto began = std::chrono::steady_clock::now();
        job.run(context);
        const double seconds = seconds_of(std::chrono::steady_clock::now() - began);
        integrating += seconds;
        state.SetIterationTime(seconds);
    }
    const double pixel_bytes = static_cast<double>(source.n() * source.crop_bytes());
    state.counters["crops/s"] = rate(source.n());
    state.counters["bytes/s"] = rate(source.n() * source.crop_bytes());
    state.counters["share"] = pixel_bytes / integrating / (static_cast<double>(source.pixels.bytes()) / reading);
}

/// Time of one call for few crops, which lie in the first cache by then.
void call_row(benchmark::State& state, const CpuCase& row, int64_t n)
{
    const Source source = stack_of(n, row.side, row.dtype, row.content);
    lumicrop::Context context = context_for(row.threads, row.isa);
    Job job(row.method, source, n);
    for (auto _ : state) job.run(context);
    state.counters["crops/s"] = rate(n);
}

void register_case(const CpuCase& row)
{
    register_row(name(row), [row](benchmark::State& state) { integrate_row(state, row); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

std::vector<int> thread_counts()
{
    const int64_t all = context_for(0, LUMICROP_ISA_AUTO).info().n_threads;
    if (all <= 1) return {1};
    return {1, static_cast<int>(all)};
}

void register_rows()
{
    const std::vector<int> threads = thread_counts();
    for (const int n : threads)
        register_row("read/threads:" + std::to_string(n), [n](benchmark::State& state) { read_row(state, n); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);

    for (const int64_t side : kSides)
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            for (const Method method : kMethods)
                for (const int n : threads) register_case({{method, side, dtype}, n});
            // Lesser instruction sets, where the stack is at hand anyway.
            if (side == kMainSide && dtype == LUMICROP_F32)
                for (const lumicrop_isa isa : {LUMICROP_ISA_AVX2, LUMICROP_ISA_BASELINE})
                    for (const Method method : kMethods)
                        if (isa < best_isa()) register_case({{method, side, dtype}, threads.back(), isa});
        }

    for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16})
        for (const Method method : {Method::sum, Method::isogauss})
            register_case({{method, kMainSide, dtype, Content::padded}, threads.back()});
    for (const Content content : {Content::gathered, Content::gathered_shuffled})
        for (const Method method : {Method::sum, Method::isogauss})
            for (const int n : threads) register_case({{method, kMainSide, LUMICROP_U16, content}, n});

    for (const Method method : {Method::sum, Method::isogauss})
        for (const int64_t crops : {1, 100})
            for (const int n : threads) {
                const CpuCase row({method, kMainSide}, n);
                register_row("call/" + name(row) + "/crops:" + std::to_string(crops),
                             [=](benchmark::State& state) { call_row(state, row, crops); })
                    ->UseRealTime()
                    ->Unit(benchmark::kMicrosecond);
            }
}

/// Twice the last cache that the processor reports, so that nothing of one pass is left for the next; at least 1 GiB, and
/// no more than an eighth of the memory.
std::size_t automatic_stack_bytes()
{
    const long cache = std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE));
    const auto memory = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return std::min(std::max(1024 * kMiB, 2 * static_cast<std::size_t>(cache)), memory / 8) / kMiB * kMiB;
}

/// The value of --name=VALUE, taken out of the arguments.
std::optional<std::string> take_option(int& argc, char** argv, const std::string& option)
{
    const std::string begins = "--" + option + "=";
    for (int i = 1; i < argc; ++i)
        if (std::strncmp(argv[i], begins.c_str(), begins.size()) == 0) {
            std::string value = argv[i] + begins.size();
            std::copy(argv + i + 1, argv + argc, argv + i);
            --argc;
            return value;
        }
    return std::nullopt;
}

int run(int argc, char** argv)
{
    const auto crops_folder = take_option(argc, argv, "write-crops");
    const auto crops = take_option(argc, argv, "crops");
    const auto stack_mib = take_option(argc, argv, "stack-mib");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    if (crops_folder) {
        write_crops(*crops_folder, crops ? std::stoll(*crops) : 200000);
        return 0;
    }
    stack_bytes = stack_mib ? std::stoull(*stack_mib) * kMiB : automatic_stack_bytes();
    const lumicrop_context_info info = context_for(0, LUMICROP_ISA_AUTO).info();
    benchmark::AddCustomContext("lumicrop", lumicrop_version());
    benchmark::AddCustomContext("isa", name_of_isa(info.isa));
    benchmark::AddCustomContext("threads", std::to_string(info.n_threads));
    benchmark::AddCustomContext("stack_mib", std::to_string(stack_bytes / kMiB));
    benchmark::AddCustomContext("last_cache_mib",
                                std::to_string(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)) / static_cast<long>(kMiB)));
#if defined(__clang__)
    benchmark::AddCustomContext("compiler", "clang " __clang_version__);
#else
    benchmark::AddCustomContext("compiler", "GCC " __VERSION__);
#endif
    register_rows();
    register_cuda_rows(stack_bytes);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::ClearRegisteredBenchmarks(); // lets device memory go while there is a device
    benchmark::Shutdown();
    return 0;
}

} // namespace

} // namespace bench

int main(int argc, char** argv)
{
    try {
        return bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "lumicrop_bench: " << error.what() << '\n';
        return 1;
    }
}
