// The fixture of tests that need a GPU, or its emulator: SKIPPED with the library's own reason where there is none.
#pragma once

#include "device_memory.hpp"
#include "every_backend.hpp"

#include <algorithm>
#include <cstdlib>

namespace test {

inline const Backend& cuda_backend()
{
    static const Backend backend = {"cuda", LUMICROP_BACKEND_CUDA, LUMICROP_ISA_AUTO};
    return backend;
}

/// Options for a context on a stream of the caller's.
inline lumicrop_options cuda_options(cudaStream_t stream = nullptr)
{
    lumicrop_options options = options_for(cuda_backend());
    options.stream = stream;
    return options;
}

inline Context cuda_context(cudaStream_t stream = nullptr)
{
    return make_context(cuda_options(stream));
}

class CudaTest : public testing::Test
{
protected:
    void SetUp() override
    {
        const std::vector<Backend> asked = all_backends();
        if (std::none_of(asked.begin(), asked.end(), [](const Backend& b) { return b.name == "cuda"; }))
            GTEST_SKIP() << "cuda: not among LUMICROP_TEST_BACKENDS";
        const std::string reason = why_unusable(cuda_backend());
        if (!reason.empty()) GTEST_SKIP() << "cuda: " << reason;
    }
};

/// The emulator runs queued work only when something waits for it: what a call has merely queued can be told from what it did.
inline bool work_is_lazy()
{
    const char* streams = std::getenv("CUEMU_STREAMS");
    return gpu_is_emulated() && (streams == nullptr || *streams == '\0' || std::string(streams) == "lazy");
}

} // namespace test
