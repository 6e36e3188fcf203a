// lumicrop_bench: crops per second, bytes per second, and share of the machine's read bandwidth, over the public API.
//
//   lumicrop_bench [--stack-mib=N] [Google Benchmark's own options]
//   lumicrop_bench --write-crops=FOLDER [--crops=N]     the same crops, and lumicrop's results, as .npy; nothing is timed
//
// Each iteration of a row reads its source once in a plain loop (read_all, same threads) and integrates it once, turn by
// turn, so that both see the same machine: `share` is the one rate over the other.

#include <unistd.h>

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include "job.hpp"
#include "npy.hpp"
#include "read_bandwidth.hpp"
#include "source.hpp"
#include "spline.hpp"

namespace bench {

namespace {

constexpr int64_t kSides[] = {7, 11, 15};
constexpr int64_t kMainSide = 11;
constexpr int64_t kWarmUpCrops = 4096;
constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t stack_bytes = 0;

struct Case
{
    Method method;
    int64_t side = kMainSide;
    lumicrop_dtype dtype = LUMICROP_F32;
    int threads = 1;
    Content content = Content::clean;
    lumicrop_isa isa = LUMICROP_ISA_AUTO;
};

const char* name_of_dtype(lumicrop_dtype dtype)
{
    return dtype == LUMICROP_F32 ? "f32" : "u16";
}

const char* name_of_isa(lumicrop_isa isa)
{
    switch (isa) {
    case LUMICROP_ISA_BASELINE: return "baseline";
    case LUMICROP_ISA_AVX2: return "avx2";
    case LUMICROP_ISA_AVX512: return "avx512";
    default: return "auto";
    }
}

std::string what(const Case& row)
{
    const std::string side = std::to_string(row.side);
    return std::string(name(row.method)) + "/" + side + "x" + side + "/" + name_of_dtype(row.dtype);
}

/// "filter/isogauss/11x11/f32/threads:2", and what is unusual after that.
std::string name(const Case& row)
{
    std::string made = what(row) + "/threads:" + std::to_string(row.threads);
    if (row.isa != LUMICROP_ISA_AUTO) made += std::string("/isa:") + name_of_isa(row.isa);
    switch (row.content) {
    case Content::clean: break;
    case Content::padded: made += "/padded:every-tenth"; break;
    case Content::gathered: made += "/gathered:scan-order"; break;
    case Content::gathered_shuffled: made += "/gathered:any-order"; break;
    }
    return made;
}

/// The source of a row; the one before is let go, so rows of one source stand together.
const Source& source_for(const Case& row)
{
    static std::optional<Source> kept;
    if (!kept || kept->side != row.side || kept->dtype != row.dtype || kept->content != row.content) {
        kept.reset();
        kept.emplace(is_gathered(row.content) ? movie_filling(stack_bytes, row.side, row.content)
                                              : stack_filling(stack_bytes, row.side, row.dtype, row.content));
    }
    return *kept;
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
    const Source& source = source_for({Method::sum});
    for (auto _ : state) state.SetIterationTime(read_seconds(source, threads));
    state.counters["bytes/s"] =
        benchmark::Counter(static_cast<double>(source.pixels.bytes()), benchmark::Counter::kIsIterationInvariantRate);
}

void integrate_row(benchmark::State& state, const Case& row)
{
    const Source& source = source_for(row);
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
    constexpr auto rate = benchmark::Counter::kIsIterationInvariantRate;
    state.counters["crops/s"] = benchmark::Counter(static_cast<double>(source.n()), rate);
    state.counters["bytes/s"] = benchmark::Counter(pixel_bytes, rate);
    state.counters["share"] = pixel_bytes / integrating / (static_cast<double>(source.pixels.bytes()) / reading);
}

/// Time of one call for few crops, which lie in the first cache by then.
void call_row(benchmark::State& state, const Case& row, int64_t n)
{
    const Source source = stack_of(n, row.side, row.dtype, row.content);
    lumicrop::Context context = context_for(row.threads, row.isa);
    Job job(row.method, source, n);
    for (auto _ : state) job.run(context);
    state.counters["crops/s"] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate);
}

template <class Row>
auto* register_row(const std::string& name, Row row)
{
    return benchmark::RegisterBenchmark(name.c_str(), [row](benchmark::State& state) {
        try {
            row(state);
        } catch (const std::exception& error) {
            state.SkipWithError(error.what());
        }
    });
}

void register_case(const Case& row)
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
                for (const int n : threads) register_case({method, side, dtype, n});
            // Lesser instruction sets, where the stack is at hand anyway.
            if (side == kMainSide && dtype == LUMICROP_F32)
                for (const lumicrop_isa isa : {LUMICROP_ISA_AVX2, LUMICROP_ISA_BASELINE})
                    for (const Method method : kMethods)
                        if (isa < best_isa()) register_case({method, side, dtype, threads.back(), Content::clean, isa});
        }

    for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16})
        for (const Method method : {Method::sum, Method::isogauss})
            register_case({method, kMainSide, dtype, threads.back(), Content::padded});
    for (const Content content : {Content::gathered, Content::gathered_shuffled})
        for (const Method method : {Method::sum, Method::isogauss})
            for (const int n : threads) register_case({method, kMainSide, LUMICROP_U16, n, content});

    for (const Method method : {Method::sum, Method::isogauss})
        for (const int64_t crops : {1, 100})
            for (const int n : threads) {
                const Case row{method, kMainSide, LUMICROP_F32, n};
                register_row("call/" + name(row) + "/crops:" + std::to_string(crops),
                             [=](benchmark::State& state) { call_row(state, row, crops); })
                    ->UseRealTime()
                    ->Unit(benchmark::kMicrosecond);
            }
}

void write_crops(const std::filesystem::path& folder, int64_t n)
{
    std::filesystem::create_directories(folder);
    SplineData spline = spline_data();
    write_npy(folder / "tx.npy", lumicrop::column(spline.tx));
    write_npy(folder / "ty.npy", lumicrop::column(spline.ty));
    write_npy(folder / "tz.npy", lumicrop::column(spline.tz));
    write_npy(folder / "coefficients.npy",
              lumicrop::array(spline.coefficients.data(), {kSplineSide, kSplineSide, kSplineSide}));
    std::ofstream(folder / "camera.json") << "{\"pixel_nm\": " << kCamera.pixel_nm << ", \"gain\": " << kCamera.gain
                                          << ", \"qe\": " << kCamera.qe << ", \"offset\": " << kCamera.offset << "}\n";

    lumicrop::Context context = context_for(0, LUMICROP_ISA_AUTO);
    for (const int64_t side : kSides) {
        const auto size = folder / (std::to_string(side) + "x" + std::to_string(side));
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            const Source source = stack_of(n, side, dtype, Content::clean);
            for (const Method method : kMethods) {
                Job job(method, source, n);
                job.run(context);
                const auto path = size / name_of_dtype(dtype) / (std::string(name(method)) + ".npy");
                std::filesystem::create_directories(path.parent_path());
                write_npy(path, lumicrop::column(job.photons()));
            }
            if (dtype != LUMICROP_U16) continue;
            const Columns& columns = source.columns;
            write_npy(size / "crops.npy", lumicrop::array(static_cast<uint16_t*>(source.pixels.data()), {n, side, side}));
            write_npy(size / "X0.npy", lumicrop::column(columns.X0));
            write_npy(size / "Y0.npy", lumicrop::column(columns.Y0));
            write_npy(size / "x_fit.npy", lumicrop::column(columns.x_fit));
            write_npy(size / "y_fit.npy", lumicrop::column(columns.y_fit));
            write_npy(size / "z_fit.npy", lumicrop::column(columns.z_fit));
            write_npy(size / "os_fit.npy", lumicrop::column(columns.os_fit));
            write_npy(size / "sigma_fit.npy", lumicrop::column(columns.sigma_fit));
            write_npy(size / "sigma_x_fit.npy", lumicrop::column(columns.sigma_x_fit));
            write_npy(size / "sigma_y_fit.npy", lumicrop::column(columns.sigma_y_fit));
            write_npy(size / "sigma_angle.npy", lumicrop::column(columns.sigma_angle));
        }
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
    benchmark::RunSpecifiedBenchmarks();
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
