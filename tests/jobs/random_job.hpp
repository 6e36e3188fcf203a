// Jobs that together meet everything SPEC 2 to 6 allows.
#pragma once

#include "cell.hpp"
#include "job.hpp"

namespace test {

/// Job number `number` of the sequence that `seed` starts. It depends on nothing else, and the sequence goes round all
/// cells of the coverage table evenly.
Job random_job(uint64_t seed, uint64_t number);

/// Channels of the first `jobs` jobs together: the cells they visit.
uint64_t channels_before(uint64_t seed, uint64_t jobs);

/// Channels after which every cell has been visited once more.
uint64_t channels_of_a_round();

} // namespace test
