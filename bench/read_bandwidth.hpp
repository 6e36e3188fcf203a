// The machine's read bandwidth: what any program that looks at every pixel once can hope for.
#ifndef LUMICROP_BENCH_READ_BANDWIDTH_HPP
#define LUMICROP_BENCH_READ_BANDWIDTH_HPP

#include <cstddef>
#include <cstdint>

#include "lumicrop/lumicrop.h"

namespace bench {

/// Sum of `bytes` bytes from `data` (64-byte aligned) as 32-bit words, in eight vector accumulators of the instruction set.
/// Bytes after the last whole group of eight vectors are not read.
template <lumicrop_isa Isa>
uint32_t read_sum(const void* data, std::size_t bytes);

/// Reads all of `data`, each thread one contiguous part, with the widest vectors of this processor.
uint32_t read_all(const void* data, std::size_t bytes, int threads);

/// The instruction set that lumicrop, and so read_all, takes on this processor.
lumicrop_isa best_isa();

} // namespace bench

#endif
