// Rows of Google Benchmark.
#ifndef LUMICROP_BENCH_ROW_HPP
#define LUMICROP_BENCH_ROW_HPP

#include <benchmark/benchmark.h>

#include <exception>
#include <string>

namespace bench {

/// A row that reports what it throws.
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

/// So many of something in each iteration.
inline benchmark::Counter rate(int64_t count)
{
    return {static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate};
}

} // namespace bench

#endif
