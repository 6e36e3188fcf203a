// Memory, streams and events of a GPU, owned by their scope, every call checked. For tests in builds with CUDA.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

/// Throws where a call of the runtime that the test itself makes goes wrong.
inline void must(cudaError_t status, const char* call)
{
    if (status != cudaSuccess)
        throw std::runtime_error(std::string(call) + ": " + cudaGetErrorName(status) + ", " + cudaGetErrorString(status));
}

class DeviceMemory
{
public:
    explicit DeviceMemory(size_t bytes) : bytes_(bytes) { must(cudaMalloc(&memory_, bytes == 0 ? 1 : bytes), "cudaMalloc"); }
    ~DeviceMemory() { cudaFree(memory_); }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    uint8_t* get() const { return static_cast<uint8_t*>(memory_); }
    size_t bytes() const { return bytes_; }

    /// From the host; complete on return.
    void write(size_t offset, const void* source, size_t bytes)
    {
        if (bytes > 0) must(cudaMemcpy(get() + offset, source, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
        must(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize"); // the last bytes may still be on their way
    }
    /// What is there now; waits for the default stream and for nothing else.
    std::vector<uint8_t> read(size_t offset, size_t bytes) const
    {
        std::vector<uint8_t> held(bytes);
        if (bytes > 0) must(cudaMemcpy(held.data(), get() + offset, bytes, cudaMemcpyDeviceToHost), "cudaMemcpy");
        return held;
    }
    std::vector<uint8_t> read() const { return read(0, bytes_); }
    void fill(int byte)
    {
        must(cudaMemset(memory_, byte, bytes_), "cudaMemset");
        must(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
    }

private:
    void* memory_ = nullptr;
    size_t bytes_;
};

/// A stream that the default stream does not wait for.
class Stream
{
public:
    Stream() { must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
    ~Stream() { cudaStreamDestroy(stream_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    operator cudaStream_t() const { return stream_; } // NOLINT: it is one
    void wait() const { must(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

private:
    cudaStream_t stream_ = nullptr;
};

class Event
{
public:
    Event() { must(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags"); }
    ~Event() { cudaEventDestroy(event_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    operator cudaEvent_t() const { return event_; } // NOLINT

private:
    cudaEvent_t event_ = nullptr;
};

/// What a stream was asked to do while it was captured; launched on any stream.
class Graph
{
public:
    explicit Graph(cudaGraph_t graph) : graph_(graph)
    {
        must(cudaGraphInstantiate(&executable_, graph, 0), "cudaGraphInstantiate");
    }
    ~Graph()
    {
        cudaGraphExecDestroy(executable_);
        cudaGraphDestroy(graph_);
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    void launch(cudaStream_t stream) const { must(cudaGraphLaunch(executable_, stream), "cudaGraphLaunch"); }

private:
    cudaGraph_t graph_;
    cudaGraphExec_t executable_ = nullptr;
};

inline void copy_on(cudaStream_t stream, void* to, const void* from, size_t bytes)
{
    if (bytes > 0) must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "cudaMemcpyAsync");
}

} // namespace test
