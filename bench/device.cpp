#include "device.hpp"

#include <stdexcept>

namespace bench {

void check_cuda(cudaError_t error)
{
    if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

DeviceInfo device_info()
{
    lumicrop_backend_info backend;
    lumicrop::check(lumicrop_backend_info_init(&backend, sizeof backend));
    lumicrop::check(lumicrop_backend_query(LUMICROP_BACKEND_CUDA, &backend));
    if (!backend.usable) return {false, false, "", backend.reason};
    int device = 0;
    cudaDeviceProp properties{};
    check_cuda(cudaGetDevice(&device));
    check_cuda(cudaGetDeviceProperties(&properties, device));
    const std::string name = properties.name;
    return {true, name.find("Emulated") != std::string::npos, name, backend.reason};
}

DeviceBlock device_block(std::size_t bytes)
{
    void* data = nullptr;
    check_cuda(cudaMalloc(&data, bytes));
    return DeviceBlock(data);
}

PinnedBlock pinned_block(std::size_t bytes)
{
    void* data = nullptr;
    check_cuda(cudaMallocHost(&data, bytes));
    return PinnedBlock(data);
}

Stream make_stream()
{
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return Stream(stream);
}

Event make_event()
{
    cudaEvent_t event = nullptr;
    check_cuda(cudaEventCreate(&event));
    return Event(event);
}

double seconds_between(const Event& begin, const Event& end)
{
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
    return static_cast<double>(milliseconds) * 1e-3;
}

void* DeviceSource::copy(const void* data, std::size_t bytes)
{
    auto at = copies_.find(data);
    if (at == copies_.end()) {
        at = copies_.emplace(data, device_block(bytes)).first;
        check_cuda(cudaMemcpy(at->second.get(), data, bytes, cudaMemcpyHostToDevice));
    }
    return at->second.get();
}

void* DeviceSource::pixels()
{
    return copy(source_->pixels.data(), source_->pixels.bytes());
}

void* DeviceSource::column(const lumicrop_array& column)
{
    return copy(column.data, static_cast<std::size_t>(column.shape[0] * column.strides[0]));
}

DeviceJob::DeviceJob(Method method, DeviceSource& source) : job_(method, *source.source(), source.source()->n())
{
    const auto* pixels = static_cast<const char*>(source.source()->pixels.data());
    for (lumicrop_array& images : job_.images()) {
        images.data = static_cast<char*>(source.pixels()) + (static_cast<const char*>(images.data) - pixels);
        images.memory = LUMICROP_DEVICE;
    }
    for (lumicrop_array* column : job_.columns()) {
        column->data = source.column(*column);
        column->memory = LUMICROP_DEVICE;
    }
    for (lumicrop_array* column : job_.outputs()) {
        outputs_.push_back(device_block(static_cast<std::size_t>(source.source()->n()) * sizeof(float)));
        column->data = outputs_.back().get();
        column->memory = LUMICROP_DEVICE;
    }
}

std::vector<float> DeviceJob::photons() const
{
    std::vector<float> values(job_.photons().size());
    check_cuda(cudaDeviceSynchronize());
    check_cuda(cudaMemcpy(values.data(), outputs_.front().get(), values.size() * sizeof(float), cudaMemcpyDeviceToHost));
    return values;
}

lumicrop::Context cuda_context(const Stream& stream)
{
    lumicrop_options options = lumicrop::options();
    options.backend = LUMICROP_BACKEND_CUDA;
    options.stream = stream.get();
    return lumicrop::Context(options);
}

} // namespace bench
