// Memory and time of a GPU, by the CUDA runtime.
#ifndef LUMICROP_BENCH_DEVICE_HPP
#define LUMICROP_BENCH_DEVICE_HPP

#include <cuda_runtime_api.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "job.hpp"

namespace bench {

/// Throws std::runtime_error unless `error` is cudaSuccess.
void check_cuda(cudaError_t error);

/// Whether lumicrop can use a GPU, and its sentence why or why not.
struct DeviceInfo
{
    bool usable;
    bool emulated; ///< an emulator stands in for the GPU: results count, times mean nothing
    std::string name;
    std::string reason;
};
DeviceInfo device_info();

template <class Handle, cudaError_t (*destroy)(Handle)>
struct CudaDelete
{
    using pointer = Handle;
    void operator()(Handle handle) const { destroy(handle); }
};
using DeviceBlock = std::unique_ptr<void, CudaDelete<void*, cudaFree>>;
using PinnedBlock = std::unique_ptr<void, CudaDelete<void*, cudaFreeHost>>;
using Stream = std::unique_ptr<CUstream_st, CudaDelete<cudaStream_t, cudaStreamDestroy>>;
using Event = std::unique_ptr<CUevent_st, CudaDelete<cudaEvent_t, cudaEventDestroy>>;

DeviceBlock device_block(std::size_t bytes);
PinnedBlock pinned_block(std::size_t bytes);
Stream make_stream();
Event make_event();

/// Seconds between two events that have passed.
double seconds_between(const Event& begin, const Event& end);

/// A source as it lies on the device: its arrays copied when first used.
class DeviceSource
{
public:
    explicit DeviceSource(std::shared_ptr<const Source> source) : source_(std::move(source)) {}
    const std::shared_ptr<const Source>& source() const { return source_; }
    void* pixels();
    void* column(const lumicrop_array& column);

private:
    void* copy(const void* data, std::size_t bytes);

    std::shared_ptr<const Source> source_;
    std::map<const void*, DeviceBlock> copies_;
};

/// A call over all of a source, its arrays on the device.
class DeviceJob
{
public:
    DeviceJob(Method method, DeviceSource& source);
    void run(lumicrop::Context& context) { job_.run(context); }
    /// Waits for the device.
    std::vector<float> photons() const;

private:
    Job job_;
    std::vector<DeviceBlock> outputs_; // photons first
};

lumicrop::Context cuda_context(const Stream& stream);

/// Queues a kernel that reads all of `data` (aligned to 16 bytes; bytes after the last whole 16 are not read).
void read_on_device(const void* data, std::size_t bytes, cudaStream_t stream);

} // namespace bench

#endif
