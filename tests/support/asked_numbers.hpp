// Numbers that the environment asks for: LUMICROP_TEST_SEED, LUMICROP_TEST_JOB, LUMICROP_TEST_JOBS.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>

namespace test {

inline std::optional<uint64_t> number_from(const char* variable)
{
    const char* text = std::getenv(variable);
    if (text == nullptr || *text == '\0') return {};
    return std::strtoull(text, nullptr, 10);
}

/// Whether so few random jobs are asked for that everything must be slow here: the processor is emulated, or every access is checked.
inline bool few_jobs_are_asked_for()
{
    return number_from("LUMICROP_TEST_JOBS").value_or(UINT64_MAX) < 200;
}

/// So many cases; a tenth of them where everything is slow.
inline int fewer_of(int cases)
{
    return few_jobs_are_asked_for() ? cases / 10 : cases;
}

} // namespace test
