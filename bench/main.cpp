// lumicrop_bench: crops per second, bytes per second, and share of the machine's read bandwidth, over the public API.
//
//   lumicrop_bench [--stack-mib=N] [--samples=N] [--seconds=N] [Google Benchmark's own options]
//   lumicrop_bench --write-crops=FOLDER [--crops=N] [--frames=N]    the same crops, and lumicrop's results, and frames of the
//                                                                   movie, as .npy; nothing is timed
//
// A row takes samples until they agree: N at least, and for so many seconds at most.

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>

#include "cpu_rows.hpp"
#include "cuda_rows.hpp"
#include "program.hpp"
#include "write_crops.hpp"

namespace bench {

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t memory_bytes()
{
    return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t last_cache_bytes()
{
    return static_cast<std::size_t>(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)));
}

/// Twice the last cache that the processor reports, so that nothing of one pass is left for the next; at least 1 GiB, and
/// no more than an eighth of the memory.
std::size_t automatic_stack_bytes()
{
    return std::min(std::max(1024 * kMiB, 2 * last_cache_bytes()), memory_bytes() / 8) / kMiB * kMiB;
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

Plan take_plan(int& argc, char** argv)
{
    Plan plan{automatic_stack_bytes(), memory_bytes() / 4};
    if (const auto mib = take_option(argc, argv, "stack-mib"))
        plan.source_bytes = plan.sweep_bytes = std::stoull(*mib) * kMiB;
    if (const auto samples = take_option(argc, argv, "samples")) plan.least_samples = std::stoi(*samples);
    if (const auto seconds = take_option(argc, argv, "seconds")) plan.most_seconds = std::stod(*seconds);
    return plan;
}

void add_context(const Plan& plan)
{
    const lumicrop_context_info info = cpu_context().info();
    benchmark::AddCustomContext("lumicrop", lumicrop_version());
    benchmark::AddCustomContext("isa", name_of_isa(info.isa));
    benchmark::AddCustomContext("threads", std::to_string(info.n_threads));
    benchmark::AddCustomContext("stack_mib", std::to_string(plan.source_bytes / kMiB));
    benchmark::AddCustomContext("last_cache_mib", std::to_string(last_cache_bytes() / kMiB));
#if defined(__clang__)
    benchmark::AddCustomContext("compiler", "clang " __clang_version__);
#else
    benchmark::AddCustomContext("compiler", "GCC " __VERSION__);
#endif
}

int run(int argc, char** argv)
{
    const auto folder = take_option(argc, argv, "write-crops");
    const auto crops = take_option(argc, argv, "crops"), frames = take_option(argc, argv, "frames");
    const Plan plan = take_plan(argc, argv);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    if (folder) {
        write_crops(*folder, crops ? std::stoll(*crops) : 200000);
        if (frames) write_movie(*folder, std::stoll(*frames));
        return 0;
    }
    add_context(plan);
    register_cpu_rows(plan);
    register_cuda_rows(plan);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::ClearRegisteredBenchmarks(); // lets device memory go while there is a device
    benchmark::Shutdown();
    return 0;
}

} // namespace

} // namespace bench

int main(int argc, char** argv)
{
    return bench::run_program("lumicrop_bench", bench::run, argc, argv);
}
