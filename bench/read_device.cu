// The device's read bandwidth: what any kernel that looks at every pixel once can hope for.
#include <cstdint>

#include "device.hpp"

namespace bench {

namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerProcessor = 8; // 2,048 threads: all that a multiprocessor holds
constexpr int kLoads = 4;              // of 16 bytes, in flight together: 128 KiB a multiprocessor

__global__ void read_sum(const uint4* data, int64_t n, uint32_t* never)
{
    const int64_t step = int64_t{gridDim.x} * blockDim.x;
    int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    uint32_t total = 0;
    for (; i + (kLoads - 1) * step < n; i += kLoads * step) {
        uint4 values[kLoads];
#pragma unroll
        for (int load = 0; load < kLoads; ++load) values[load] = data[i + load * step];
#pragma unroll
        for (int load = 0; load < kLoads; ++load) total += values[load].x + values[load].y + values[load].z + values[load].w;
    }
    for (; i < n; i += step) total += data[i].x + data[i].y + data[i].z + data[i].w;
    // The pointer is null. The compiler does not know and must keep the loads.
    if (never != nullptr) *never = total;
}

} // namespace

void read_on_device(const void* data, std::size_t bytes, cudaStream_t stream)
{
    int device = 0, processors = 0;
    check_cuda(cudaGetDevice(&device));
    check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device));
    read_sum<<<static_cast<unsigned>(processors * kBlocksPerProcessor), kThreads, 0, stream>>>(
        static_cast<const uint4*>(data), static_cast<int64_t>(bytes / sizeof(uint4)), nullptr);
    check_cuda(cudaGetLastError());
}

} // namespace bench
