// The one place that knows the backends. A test over EveryBackend runs on each that works here and is SKIPPED on the others.
#pragma once

#include "asked_numbers.hpp"

#include <lumicrop/lumicrop.h>

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace test {

struct Backend
{
    std::string name;
    lumicrop_backend backend;
    lumicrop_isa isa;
};

inline std::ostream& operator<<(std::ostream& out, const Backend& backend)
{
    return out << backend.name;
}

struct DestroyContext
{
    void operator()(lumicrop_context* context) const { lumicrop_context_destroy(context); }
};
using Context = std::unique_ptr<lumicrop_context, DestroyContext>;

/// Every backend that lumicrop knows: cpu_baseline, cpu_avx2, cpu_avx512, cuda.
/// LUMICROP_TEST_BACKENDS (names with commas between) leaves only those it lists.
std::vector<Backend> all_backends();

/// Empty where a context can be created, else the library's own words.
std::string why_unusable(const Backend& backend);

std::vector<Backend> usable_backends();

/// Options for a context of this backend, all else by default.
lumicrop_options options_for(const Backend& backend, int64_t n_threads = 0);

/// A context; the running test fails where it cannot be had.
Context make_context(const lumicrop_options& options);
Context make_context(const Backend& backend, int64_t n_threads = 0);

/// The GPU is a program that interprets kernels on the CPU: tests that measure nothing take less of everything.
bool gpu_is_emulated();

/// Whether tests shall do so here: the GPU or the processor itself is a program, or every access is checked.
inline bool takes_less(const Backend& backend)
{
    return (backend.backend == LUMICROP_BACKEND_CUDA && gpu_is_emulated()) || few_jobs_are_asked_for();
}

class EveryBackend : public testing::TestWithParam<Backend>
{
protected:
    void SetUp() override
    {
        const std::string reason = why_unusable(GetParam());
        if (!reason.empty()) GTEST_SKIP() << GetParam().name << ": " << reason;
    }
};

inline std::string backend_name(const testing::TestParamInfo<Backend>& info)
{
    return info.param.name;
}

} // namespace test

#define LUMICROP_ON_EVERY_BACKEND(suite)                                                                                    \
    INSTANTIATE_TEST_SUITE_P(On, suite, testing::ValuesIn(test::all_backends()), test::backend_name)
