// Rows of the CUDA backend.
#ifndef LUMICROP_BENCH_CUDA_ROWS_HPP
#define LUMICROP_BENCH_CUDA_ROWS_HPP

#include <vector>

#include "case.hpp"
#include "row.hpp"

namespace bench {

/// Registers the rows; where no GPU is usable none, and a line on stderr says why. What was found goes into the context of the
/// results.
void register_cuda_rows(const Plan& plan);

/// What a GPU makes of `source`, all arrays in its memory; empty where none is usable.
std::vector<float> photons_by_cuda(Method method, const std::shared_ptr<const Source>& source);

} // namespace bench

#endif
