// The backend on a GPU: calls whose arrays all live there are queued on the caller's stream; others go by way of host_chunks.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "backend.hpp"
#include "cuda/detection_order.hpp"
#include "cuda/device_views.hpp"
#include "cuda/host_chunks.hpp"
#include "cuda/kernel_table.hpp"
#include "cuda/runtime.hpp"
#include "cuda/spline_cache.hpp"

namespace lumicrop {
namespace cuda {
namespace {

std::string no_gpu(const std::string& why)
{
    return "no GPU can be used: " + why;
}

/// How many GPUs there are. Throws Refusal where there is none, or the driver does not say.
int count_devices()
{
    int driver = 0, n = 0;
    check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    if (driver == 0) refuse("no CUDA driver is installed", LUMICROP_NO_DEVICE);
    check(cudaGetDeviceCount(&n), "cudaGetDeviceCount");
    if (n == 0) refuse("the CUDA driver finds no GPU", LUMICROP_NO_DEVICE);
    return n;
}

/// The GPU that is asked for, or the current one for -1. Throws Refusal where there is none such, or this build has no code for it.
int usable_device(int asked, int n_devices)
{
    int device = asked;
    if (device < 0) check(cudaGetDevice(&device), "cudaGetDevice");
    if (device >= n_devices)
        refuse("options: device is " + std::to_string(device) + ", 0 to " + std::to_string(n_devices - 1) + " expected",
               LUMICROP_NO_DEVICE);
    const CurrentDevice current(device);
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, small_sum_kernel(7).function), "cudaFuncGetAttributes");
    return device;
}

int attribute(cudaDeviceAttr which, int device)
{
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
    return value;
}

std::string description_of(int device)
{
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    return "GPU " + std::to_string(device) + ", " + properties.name + ", compute capability " +
           std::to_string(properties.major) + "." + std::to_string(properties.minor);
}

bool is_capturing(cudaStream_t stream)
{
    cudaStreamCaptureStatus status;
    check(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
    return status != cudaStreamCaptureStatusNone;
}

/// What a context holds of its device.
class Resources
{
public:
    Resources(int device, const lumicrop_options& options)
        : launcher(device), own_stream(make_stream()),
          chunks(options.memory_budget, Progress(options.progress, options.progress_data))
    {
        if (attribute(cudaDevAttrMemoryPoolsSupported, device) == 0)
            refuse("GPU " + std::to_string(device) + " has no memory pools, which lumicrop needs", LUMICROP_UNSUPPORTED);
        cudaMemPoolProps properties{};
        properties.allocType = cudaMemAllocationTypePinned;
        properties.location.type = cudaMemLocationTypeDevice;
        properties.location.id = device;
        cudaMemPool_t made = nullptr;
        check(cudaMemPoolCreate(&made, &properties), "cudaMemPoolCreate");
        pool = Pool(made);
        uint64_t keep_all = UINT64_MAX;
        check(cudaMemPoolSetAttribute(made, cudaMemPoolAttrReleaseThreshold, &keep_all), "cudaMemPoolSetAttribute");
        faults_.at_least(sizeof(Faults), "cudaMalloc");
        found_.at_least(sizeof(Faults), "cudaHostAlloc");
        forget_faults();
    }

    Faults* faults() const { return reinterpret_cast<Faults*>(faults_.get()); }

    /// What the device found since it was last asked. Everything that was queued must have run.
    Faults found_faults()
    {
        auto* const found = reinterpret_cast<Faults*>(found_.get());
        check(cudaMemcpyAsync(found, faults(), sizeof(Faults), cudaMemcpyDeviceToHost, own_stream.get()), "cudaMemcpyAsync");
        check(cudaStreamSynchronize(own_stream.get()), "cudaStreamSynchronize");
        const Faults faults = *found;
        if (faults.n_bad != 0) forget_faults();
        return faults;
    }

    Launcher launcher;
    Stream own_stream;
    Pool pool;
    SplineCache splines;
    HostChunks chunks;

private:
    void forget_faults()
    {
        auto* const none = reinterpret_cast<Faults*>(found_.get());
        *none = {0, ~0ull};
        check(cudaMemcpyAsync(faults(), none, sizeof(Faults), cudaMemcpyHostToDevice, own_stream.get()), "cudaMemcpyAsync");
        check(cudaStreamSynchronize(own_stream.get()), "cudaStreamSynchronize");
    }

    DeviceMemory faults_;
    PinnedMemory found_;
};

class CudaBackend final : public Backend
{
public:
    /// `device` is current.
    CudaBackend(int device, const lumicrop_options& options)
        : device_(device), stream_(static_cast<cudaStream_t>(options.stream)),
          workspace_(static_cast<std::byte*>(options.workspace)), workspace_bytes_(options.workspace_bytes)
    {
        if (workspace_ != nullptr) check_place(workspace_, true, "options: workspace");
        if (reinterpret_cast<uintptr_t>(workspace_) % 256 != 0) refuse("options: workspace is not aligned to 256 bytes");
        const RelaxedCapture relaxed;
        resources_ = std::make_unique<Resources>(device, options);
    }

    ~CudaBackend() override
    {
        try {
            const CurrentDevice current(device_);
            cudaStreamSynchronize(stream_);
            resources_.reset();
        } catch (const Refusal&) { // the driver is no more; what is left goes without it
        }
    }

    BackendFacts facts() const override { return {LUMICROP_BACKEND_CUDA, LUMICROP_ISA_AUTO, 0, device_}; }

    void check_place(const void* data, bool on_device, const std::string& name) const override
    {
        cudaPointerAttributes found;
        check(cudaPointerGetAttributes(&found, data), "cudaPointerGetAttributes");
        if (on_device && found.type == cudaMemoryTypeUnregistered)
            refuse(name + " is said to lie in device memory, but does not");
        if (on_device && found.type == cudaMemoryTypeDevice && found.device != device_)
            refuse(name + " lies on GPU " + std::to_string(found.device) + ", GPU " + std::to_string(device_) +
                   " expected, which the context uses");
        if (!on_device && found.type == cudaMemoryTypeDevice)
            refuse(name + " is said to lie in host memory, but lies on GPU " + std::to_string(found.device));
    }

    void integrate(const Job& job) override
    {
        if (job.n == 0) return;
        const CurrentDevice current(device_);
        if (!has_host_arrays(job)) {
            integrate_on_device(job);
            return;
        }
        if (is_capturing(stream_))
            refuse("arrays in host memory cannot take part while the context's stream is being captured",
                   LUMICROP_UNSUPPORTED);
        const RelaxedCapture relaxed;
        resources_->chunks.integrate(job, {resources_->launcher, resources_->splines, resources_->pool.get(), stream_,
                                           resources_->own_stream.get(), resources_->faults()});
    }

    int64_t workspace_bytes(const Job& job) override
    {
        if (job.n == 0) return 0;
        const CurrentDevice current(device_);
        return plan_of(job).bytes;
    }

    lumicrop_status synchronize() override
    {
        const CurrentDevice current(device_);
        if (is_capturing(stream_)) refuse("the context's stream is being captured, and cannot be waited for");
        check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
        const RelaxedCapture relaxed;
        const Faults found = resources_->found_faults();
        if (found.n_bad == 0) return LUMICROP_OK;
        refuse(std::to_string(found.n_bad) +
                   " detections have a label or frame number out of range, the first is detection " +
                   std::to_string(found.first_bad) + ": their results are NaN, and their flags tell",
               LUMICROP_BAD_INDEX);
    }

private:
    /// A kernel's launch over a channel. No blocks: there is none.
    struct Launch
    {
        Kernel kernel;
        Grid grid{0, 0};
    };

    /// How a call's workspace is shared out: labels put in order, then neighbours, rings and scratch of one channel after the other.
    struct Plan
    {
        std::vector<Launch> annuli, crops;
        int64_t order_bytes = 0, neighbour_bytes = 0, ring_bytes = 0, bytes = 0;
    };

    Launch launch_of(const Kernel& kernel, int64_t n)
    {
        if (kernel.function == nullptr || n == 0) return {kernel, {0, 0}};
        return {kernel, resources_->launcher.grid(kernel, n)};
    }

    Plan plan_of(const Job& job)
    {
        Plan plan;
        int64_t scratch = 0;
        for (const Channel& channel : job.channels) {
            plan.annuli.push_back(launch_of(annulus_kernel_for(channel), channel.n));
            plan.crops.push_back(launch_of(kernel_for(channel), channel.n));
            for (const Launch& launch : {plan.annuli.back(), plan.crops.back()})
                scratch = std::max(scratch, launch.grid.scratch_bytes);
            if (channel.n > 0 && seeks_neighbours(channel))
                plan.neighbour_bytes = std::max(plan.neighbour_bytes, neighbour_bytes(channel.n));
            plan.ring_bytes = std::max(plan.ring_bytes, ring_bytes(view_of(job, channel, nullptr), channel.n));
        }
        if (job.detections.ch) plan.order_bytes = order_bytes(job.n, static_cast<int64_t>(job.channels.size()));
        plan.bytes = plan.order_bytes + plan.neighbour_bytes + plan.ring_bytes + scratch;
        return plan;
    }

    void integrate_on_device(const Job& job)
    {
        const Plan plan = plan_of(job);
        if (workspace_ != nullptr && workspace_bytes_ < plan.bytes)
            refuse("options: workspace has " + std::to_string(workspace_bytes_) + " bytes, " + std::to_string(plan.bytes) +
                       " expected",
                   LUMICROP_OUT_OF_MEMORY);
        std::vector<DeviceSpline> splines;
        for (std::size_t k = 0; k < job.channels.size(); ++k)
            splines.push_back(device_spline(job.channels[k], "channel " + std::to_string(k + 1) + ": spline"));
        StreamMemory memory(workspace_ == nullptr ? plan.bytes : 0, resources_->pool.get(), stream_);
        std::byte* const workspace = workspace_ == nullptr ? memory.get() : workspace_;

        const OutputColumns results = output_columns(job.result, as_it_lies);
        const auto n_channels = static_cast<int64_t>(job.channels.size());
        once_begun([&] {
            DetectionOrder order{nullptr, nullptr};
            if (job.detections.ch) {
                order = order_detections(as_it_lies(job.detections.ch), job.n, n_channels, workspace, stream_);
                refuse_surplus(order.positions, order.bounds + n_channels, 0, results, resources_->faults(), stream_);
            }
            for (std::size_t k = 0; k < job.channels.size(); ++k) {
                const Channel& channel = job.channels[k];
                if (order.bounds != nullptr)
                    refuse_surplus(order.positions, order.bounds + k, channel.n, results, resources_->faults(), stream_);
                if (channel.n == 0) continue;
                ChannelView view = view_of(job, channel, resources_->faults());
                view.columns = input_columns(channel, job.detections, as_it_lies);
                view.results = results;
                view.counting.maps = camera_maps(channel, map_as_it_lies);
                view.spline = splines[k];
                std::byte* const own = workspace + plan.order_bytes;
                place_rings(view, own + plan.neighbour_bytes);
                view.scratch = own + plan.neighbour_bytes + plan.ring_bytes;
                if (order.bounds != nullptr) {
                    view.positions = order.positions;
                    view.bounds = order.bounds + k;
                }
                if (seeks_neighbours(channel)) view.annulus.neighbours = order_neighbours(view, channel.n, own, stream_);
                for (const Launch& launch : {plan.annuli[k], plan.crops[k]})
                    if (launch.grid.blocks > 0) resources_->launcher.launch(launch.kernel, view, launch.grid, stream_);
            }
            memory.free();
        });
    }

    /// The device's copy of a channel's spline, if it uses one.
    DeviceSpline device_spline(const Channel& channel, const std::string& name)
    {
        if (!uses_spline(channel)) return {};
        if (const DeviceSpline* known = resources_->splines.find(*channel.spline)) return *known;
        if (is_capturing(stream_))
            refuse(name + " is not on the device yet, and cannot be copied there while the stream is being captured: call "
                          "once with "
                          "it before",
                   LUMICROP_UNSUPPORTED);
        const RelaxedCapture relaxed;
        return resources_->splines.of(*channel.spline, resources_->own_stream.get());
    }

    const int device_;
    const cudaStream_t stream_;
    std::byte* const workspace_;
    const int64_t workspace_bytes_;
    std::unique_ptr<Resources> resources_;
};

} // namespace

Availability availability()
{
    Availability known;
    known.compiled_in = true;
    try {
        known.n_devices = count_devices();
        known.reason = "using " + description_of(usable_device(-1, known.n_devices));
        known.status = LUMICROP_OK;
    } catch (const Refusal& refusal) {
        known.status = refusal.status;
        known.reason = no_gpu(refusal.text);
    }
    return known;
}

std::unique_ptr<Backend> make_backend(const lumicrop_options& options)
{
    int device = -1;
    try {
        device = usable_device(options.device, count_devices());
    } catch (Refusal& refusal) {
        refusal.text = no_gpu(refusal.text);
        throw;
    }
    const CurrentDevice current(device);
    return std::make_unique<CudaBackend>(device, options);
}

} // namespace cuda
} // namespace lumicrop
