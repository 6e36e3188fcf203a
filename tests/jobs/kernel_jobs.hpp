#pragma once

#include "plain_job.hpp"

namespace test {

/// A job of every kind that takes its own way through a GPU: a crop per lane (9 x 9), per warp (8 x 13, 20 x 18), per block
/// (37 x 33); every method; an integer, float32 and float64 type in turn; estimators with errors, maps, and backgrounds on annuli.
std::vector<Job> kernel_jobs(int64_t n, uint64_t seed, lumicrop_source source = LUMICROP_GATHERED);

} // namespace test
