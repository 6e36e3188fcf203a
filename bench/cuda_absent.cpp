// Stands in for cuda_rows.cpp in builds without CUDA.
#include <iostream>

#include "cuda_rows.hpp"

namespace bench {

void register_cuda_rows(const Plan&)
{
    benchmark::AddCustomContext("cuda", "not in this build");
    std::cerr << "No rows of the CUDA backend: it is not in this build.\n";
}

std::vector<float> photons_by_cuda(Method, const std::shared_ptr<const Source>&)
{
    return {};
}

} // namespace bench
