// Rows of the CUDA backend.
#ifndef LUMICROP_BENCH_CUDA_ROWS_HPP
#define LUMICROP_BENCH_CUDA_ROWS_HPP

#include <cstddef>
#include <vector>

#include "case.hpp"

namespace bench {

/// Registers the rows, each over a source of `bytes`; where no GPU is usable none, and a line on stderr says why. What was
/// found goes into the context of the results.
void register_cuda_rows(std::size_t bytes);

/// What a GPU makes of `source`, all arrays in its memory; empty where none is usable.
std::vector<float> photons_by_cuda(Method method, const std::shared_ptr<const Source>& source);

} // namespace bench

#endif
