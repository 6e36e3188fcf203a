#include "every_backend.hpp"

#include <cuda_runtime_api.h>

namespace test {

bool gpu_is_emulated()
{
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
        cudaGetLastError();
        return false;
    }
    return std::string(properties.name).rfind("Emulated", 0) == 0;
}

} // namespace test
