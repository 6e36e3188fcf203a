// Each sample of a row reads its source once in a plain loop (read_all, same threads) and integrates it once, turn by turn,
// so that both see the same machine: `share` is the one rate over the other. Where a row is compared with another, such as
// padded crops with clean ones, that one has a turn in each sample, too: `ratio`.
#include "cpu_rows.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "case.hpp"
#include "read_bandwidth.hpp"

namespace bench {

namespace {

constexpr int64_t kWarmUpCrops = 4096;
constexpr int64_t kManyCrops = 1000; // half a megabyte: in a cache, and a call's own cost spread over them
constexpr int64_t kMostSweptCrops = 10000000;
constexpr double kLeastSampleSeconds = 2e-3; // of calls that are shorter, many make a sample

/// A row of the CPU backend.
struct CpuCase : Case
{
    CpuCase(const Case& row, int n, lumicrop_isa set = LUMICROP_ISA_AUTO) : Case(row), threads(n), isa(set) {}
    int threads;
    lumicrop_isa isa;
};

/// "filter/isogauss/11x11/f32/threads:2", and what is unusual after that.
std::string name(const CpuCase& row)
{
    const std::string made = what(row) + "/threads:" + std::to_string(row.threads);
    return made + name_of_isa_asked(row.isa) + name_of_content(row.content);
}

double read_seconds(const Source& source, int threads)
{
    const auto began = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(read_all(source.pixels.data(), source.pixels.bytes(), threads));
    return seconds_since(began);
}

double run_seconds(Job& job, lumicrop::Context& context, int64_t calls = 1)
{
    const auto began = std::chrono::steady_clock::now();
    for (int64_t call = 0; call < calls; ++call) job.run(context);
    return seconds_since(began) / static_cast<double>(calls);
}

/// As many calls as make a sample; they warm up.
int64_t calls_of_sample(Job& job, lumicrop::Context& context)
{
    int64_t calls = 1;
    while (static_cast<double>(calls) * run_seconds(job, context, calls) < kLeastSampleSeconds) calls *= 2;
    return calls;
}

void read_row(benchmark::State& state, const Plan& plan, int threads)
{
    const auto source = source_for({Method::sum}, plan.source_bytes);
    measure_time(state, plan, [&] { return read_seconds(*source, threads); });
    state.counters["bytes/s"] = rate(static_cast<int64_t>(source->pixels.bytes()));
}

/// Reads the first and the last pixel of every row of every crop of a movie, in the detections' order, and does nothing else.
double touch_seconds(const Source& source, int threads)
{
    const auto began = std::chrono::steady_clock::now();
    const auto* const pixels = static_cast<const uint16_t*>(source.pixels.data());
    const Columns& columns = source.columns;
    uint32_t total = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : total)
    for (int64_t i = 0; i < source.n(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const int64_t first_row = columns.frame[at] * source.shape[1] + columns.Y0[at];
        const uint16_t* row = pixels + first_row * source.shape[2] + columns.X0[at];
        for (int64_t r = 0; r < source.side; ++r, row += source.shape[2])
            total += static_cast<uint32_t>(row[0] + row[source.side - 1]);
    }
    benchmark::DoNotOptimize(total);
    return seconds_since(began);
}

/// The most that gathered crops can hope for: their cache lines come, one by one, and nothing is computed.
void touch_row(benchmark::State& state, const Plan& plan, int threads)
{
    const auto source = source_for({Method::sum, kMainSide, LUMICROP_U16, Content::gathered}, plan.source_bytes);
    measure_time(state, plan, [&] { return touch_seconds(*source, threads); });
    state.counters["crops/s"] = rate(source->n());
}

/// A call over all of a row's source, made ready.
class WholeCall
{
public:
    WholeCall(const Plan& plan, const CpuCase& row)
        : source_(source_for(row, plan.source_bytes)), context_(cpu_context(row.threads, row.isa)),
          job_(row.method, *source_, source_->n())
    {
        Job(row.method, *source_, std::min(source_->n(), kWarmUpCrops)).run(context_); // wakes the threads
    }
    const Source& source() const { return *source_; }
    double seconds() { return run_seconds(job_, context_); }

private:
    std::shared_ptr<const Source> source_;
    lumicrop::Context context_;
    Job job_;
};

void integrate_row(benchmark::State& state, const Plan& plan, const CpuCase& row, const std::optional<CpuCase>& compared)
{
    std::optional<WholeCall> other;
    if (compared) other.emplace(plan, *compared);
    WholeCall call(plan, row);
    const auto take_turns = [&] {
        const double reading = read_seconds(call.source(), row.threads);
        const double integrating = call.seconds();
        return Turn{reading, integrating, other ? other->seconds() : 0};
    };
    measure_share(state, plan, call.source(), call.source().pixels.bytes(), take_turns, other ? other->source().n() : 0);
}

/// Time of one call for few crops, which lie in the first caches by then, and its `overhead`: what is left of it after the
/// crops' own time, as one thread takes it for each of many such crops in the same sample.
void call_row(benchmark::State& state, const Plan& plan, const CpuCase& row, int64_t n)
{
    const Source source = stack_of(kManyCrops, row.side, row.dtype, row.content);
    lumicrop::Context context = cpu_context(row.threads, row.isa), of_one_thread = cpu_context(1, row.isa);
    Job few(row.method, source, n), many(row.method, source, kManyCrops);
    const int64_t calls_of_few = calls_of_sample(few, context), calls_of_many = calls_of_sample(many, of_one_thread);
    std::vector<double> overheads;
    measure_time(state, plan, [&] {
        const double each = run_seconds(many, of_one_thread, calls_of_many) / kManyCrops;
        few.run(context); // its crops are in the first cache again
        const double seconds = run_seconds(few, context, calls_of_few);
        overheads.push_back(seconds - static_cast<double>(n) * each);
        return seconds;
    });
    state.counters["crops/s"] = rate(n);
    state.counters["overhead"] = median(overheads);
}

/// One call for the first `n` crops of a stack, again and again: few of them lie in a cache.
void sweep_row(benchmark::State& state, const Plan& plan, const CpuCase& row, int64_t n, int64_t most)
{
    const auto source = source_for(row, static_cast<std::size_t>(most * row.crop_bytes()));
    lumicrop::Context context = cpu_context(row.threads, row.isa);
    Job job(row.method, *source, n);
    const int64_t calls = calls_of_sample(job, context);
    measure_time(state, plan, [&] { return run_seconds(job, context, calls); });
    state.counters["crops/s"] = rate(n);
    state.counters["bytes/s"] = rate(n * source->crop_bytes());
}

void register_integrate_row(const Plan& plan, const CpuCase& row, const std::optional<CpuCase>& compared = std::nullopt)
{
    register_row(name(row), [=](benchmark::State& state) { integrate_row(state, plan, row, compared); });
}

std::vector<int> thread_counts()
{
    const int64_t all = cpu_context().info().n_threads;
    if (all <= 1) return {1};
    return {1, static_cast<int>(all)};
}

void register_stack_rows(const Plan& plan, const std::vector<int>& threads)
{
    for (const int64_t side : kSides)
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            const bool is_main = side == kMainSide && dtype == LUMICROP_F32;
            for (const Method method : kMethods)
                for (const int n : threads) {
                    std::optional<CpuCase> of_one_thread;
                    if (is_main && n > 1) of_one_thread.emplace(Case{method, side, dtype}, 1);
                    register_integrate_row(plan, {{method, side, dtype}, n}, of_one_thread);
                }
            if (!is_main) continue;
            for (const lumicrop_isa isa : {LUMICROP_ISA_AVX2, LUMICROP_ISA_BASELINE})
                for (const Method method : kMethods) {
                    const CpuCase best({method, side, dtype}, threads.back());
                    if (isa < best_isa()) register_integrate_row(plan, {best, best.threads, isa}, best);
                }
        }
}

/// Crops that are not clean, or not given, each compared with those that are.
void register_unusual_rows(const Plan& plan, const std::vector<int>& threads)
{
    const auto beside_usual = [&](Method method, lumicrop_dtype dtype, Content content, int n) {
        register_integrate_row(plan, {{method, kMainSide, dtype, content}, n}, CpuCase{{method, kMainSide, dtype}, n});
    };
    for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16})
        for (const Method method : {Method::sum, Method::isogauss})
            beside_usual(method, dtype, Content::padded, threads.back());
    for (const int n : threads)
        register_row("read/crops/11x11/u16/threads:" + std::to_string(n) + name_of_content(Content::gathered),
                     [=](benchmark::State& state) { touch_row(state, plan, n); });
    for (const Content content : {Content::gathered, Content::gathered_shuffled})
        for (const Method method : {Method::sum, Method::isogauss})
            for (const int n : threads) beside_usual(method, LUMICROP_U16, content, n);
}

/// Estimators, each compared with the filter.
void register_estimator_rows(const Plan& plan, const std::vector<int>& threads)
{
    for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16})
        for (const Method method : kEstimators)
            for (const int n : threads)
                register_integrate_row(plan, {{method, kMainSide, dtype}, n},
                                       CpuCase{{Method::isogauss, kMainSide, dtype}, n});
}

void register_call_rows(const Plan& plan, const std::vector<int>& threads)
{
    for (const Method method : {Method::sum, Method::isogauss})
        for (const int64_t crops : {1, 100})
            for (const int n : threads) {
                const CpuCase row({method, kMainSide}, n);
                register_row("call/" + name(row) + "/crops:" + std::to_string(crops), [=](benchmark::State& state) {
                    call_row(state, plan, row, crops);
                })->Unit(benchmark::kMicrosecond);
            }
}

void register_sweep_rows(const Plan& plan, int threads)
{
    for (const Method method : {Method::sum, Method::isogauss, Method::gauss, Method::spline}) {
        const CpuCase row({method, kMainSide}, threads);
        const int64_t fitting = static_cast<int64_t>(plan.sweep_bytes) / row.crop_bytes();
        int64_t most = 1;
        while (most < kMostSweptCrops && 10 * most <= fitting) most *= 10;
        for (int64_t crops = 1; crops <= most; crops *= 10)
            register_row("sweep/" + name(row) + "/crops:" + std::to_string(crops),
                         [=](benchmark::State& state) { sweep_row(state, plan, row, crops, most); });
    }
}

} // namespace

const char* name_of_isa(lumicrop_isa isa)
{
    switch (isa) {
    case LUMICROP_ISA_BASELINE: return "baseline";
    case LUMICROP_ISA_AVX2: return "avx2";
    case LUMICROP_ISA_AVX512: return "avx512";
    default: return "auto";
    }
}

std::string name_of_isa_asked(lumicrop_isa isa)
{
    return isa == LUMICROP_ISA_AUTO ? "" : std::string("/isa:") + name_of_isa(isa);
}

lumicrop::Context cpu_context(int threads, lumicrop_isa isa)
{
    lumicrop_options options = lumicrop::options();
    options.backend = LUMICROP_BACKEND_CPU;
    options.n_threads = threads;
    options.isa = isa;
    return lumicrop::Context(options);
}

void register_cpu_rows(const Plan& plan)
{
    const std::vector<int> threads = thread_counts();
    for (const int n : threads)
        register_row("read/threads:" + std::to_string(n), [=](benchmark::State& state) { read_row(state, plan, n); });
    register_stack_rows(plan, threads);
    register_estimator_rows(plan, threads);
    register_unusual_rows(plan, threads);
    register_call_rows(plan, threads);
    register_sweep_rows(plan, threads.back());
}

} // namespace bench
