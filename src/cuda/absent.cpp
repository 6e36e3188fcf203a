// Stands in for src/cuda in a build without it.
#include "backend.hpp"

namespace lumicrop {
namespace cuda {
namespace {

constexpr const char* kNoCuda = "this build has no CUDA backend";

} // namespace

Availability availability()
{
    Availability none;
    none.reason = kNoCuda;
    return none;
}

std::unique_ptr<Backend> make_backend(const lumicrop_options&)
{
    refuse(kNoCuda, LUMICROP_UNSUPPORTED);
}

} // namespace cuda
} // namespace lumicrop
