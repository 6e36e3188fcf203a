// Rows of Google Benchmark, each measured until its samples agree.
#ifndef LUMICROP_BENCH_ROW_HPP
#define LUMICROP_BENCH_ROW_HPP

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>

#include "source.hpp"

namespace bench {

/// How much is measured.
struct Plan
{
    std::size_t source_bytes; ///< of a stack or a movie
    std::size_t sweep_bytes;  ///< at most, of the stack whose part is measured for each number of crops
    int least_samples = 7;    ///< of a row, before they may agree
    double most_seconds = 8;  ///< for a row, unless a third sample takes longer
};

/// A row of one iteration, in which it takes its samples itself; it reports what it throws.
template <class Row>
auto* register_row(const std::string& name, Row row)
{
    const auto reporting = [row](benchmark::State& state) {
        try {
            row(state);
        } catch (const std::exception& error) {
            state.SkipWithError(error.what());
        }
    };
    return benchmark::RegisterBenchmark(name.c_str(), reporting)
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

/// So many of something in each iteration.
inline benchmark::Counter rate(int64_t count)
{
    return {static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate};
}

inline double seconds_since(std::chrono::steady_clock::time_point began)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

double median(std::vector<double> values);

/// Seconds that something takes: the median of samples, and how far they spread.
void measure_time(benchmark::State& state, const Plan& plan, const std::function<double()>& sample);

/// Seconds that one sample took: a plain read (or copy) of some bytes, a call over a source, and a call of another row.
struct Turn
{
    double reading;
    double integrating;
    double other = 0;
};

/// Rates of a call over all of `source`, and `share`: the rate of its pixels over that of reading `read_bytes` in the same sample.
/// With crops of another row also `ratio`: the rate of crops over that other row's in the same sample.
void measure_share(benchmark::State& state, const Plan& plan, const Source& source, std::size_t read_bytes,
                   const std::function<Turn()>& sample, int64_t other_crops = 0);

} // namespace bench

#endif
