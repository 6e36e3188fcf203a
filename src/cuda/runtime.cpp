#include "cuda/runtime.hpp"

#include <string>

namespace lumicrop {
namespace cuda {

lumicrop_status status_of(cudaError_t error)
{
    switch (error) {
    case cudaErrorNoDevice: return LUMICROP_NO_DEVICE;
    case cudaErrorInsufficientDriver: return LUMICROP_DRIVER_TOO_OLD;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorInvalidKernelImage: return LUMICROP_NO_KERNEL_IMAGE;
    case cudaErrorMemoryAllocation: return LUMICROP_OUT_OF_MEMORY;
    default: return LUMICROP_CUDA_FAILURE;
    }
}

void check(cudaError_t error, const char* call)
{
    if (error == cudaSuccess) return;
    cudaGetLastError(); // an error that is told is not told again by a later call, unless it lasts
    refuse(std::string(call) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")", status_of(error));
}

CurrentDevice::CurrentDevice(int device)
{
    check(cudaGetDevice(&before_), "cudaGetDevice");
    if (before_ == device) return;
    check(cudaSetDevice(device), "cudaSetDevice");
    changed_ = true;
}

CurrentDevice::~CurrentDevice()
{
    if (changed_) cudaSetDevice(before_);
}

RelaxedCapture::RelaxedCapture()
{
    check(cudaThreadExchangeStreamCaptureMode(&mode_), "cudaThreadExchangeStreamCaptureMode");
}

RelaxedCapture::~RelaxedCapture()
{
    cudaThreadExchangeStreamCaptureMode(&mode_);
}

Stream make_stream()
{
    cudaStream_t made = nullptr;
    check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return Stream(made);
}

Event make_event()
{
    cudaEvent_t made = nullptr;
    check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    return Event(made);
}

cudaError_t allocate_device(void** memory, std::size_t bytes)
{
    return cudaMalloc(memory, bytes);
}

cudaError_t allocate_pinned(void** memory, std::size_t bytes)
{
    return cudaHostAlloc(memory, bytes, cudaHostAllocPortable);
}

StreamMemory::StreamMemory(int64_t bytes, cudaMemPool_t pool, cudaStream_t stream) : stream_(stream)
{
    if (bytes > 0)
        check(cudaMallocFromPoolAsync(&memory_, static_cast<std::size_t>(bytes), pool, stream), "cudaMallocFromPoolAsync");
}

StreamMemory::~StreamMemory()
{
    if (memory_ != nullptr) cudaFreeAsync(memory_, stream_);
}

void StreamMemory::free()
{
    if (memory_ == nullptr) return;
    check(cudaFreeAsync(std::exchange(memory_, nullptr), stream_), "cudaFreeAsync");
}

} // namespace cuda
} // namespace lumicrop
