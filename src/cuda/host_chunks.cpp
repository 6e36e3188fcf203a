#include "cuda/host_chunks.hpp"

#include <algorithm>
#include <string>

#include "cuda/chunk_layout.hpp"
#include "cuda/host_order.hpp"
#include "cuda/map_copies.hpp"
#include "cuda/neighbour_copies.hpp"

namespace lumicrop {
namespace cuda {
namespace {

/// Larger chunks would gain nothing: copies of this size run at the bus's own speed.
constexpr int64_t kMostChunkBytes = int64_t{32} << 20;

/// One channel on its way: how its chunks look.
struct Route
{
    const Channel* channel;
    ChunkLayout layout;
    Kernel annulus, kernel; // the first only where there are rings
    DeviceSpline spline;
    int64_t chunk; // crops
};

/// Waits for everything queued before what it reads and writes is given up.
class Waiting
{
public:
    Waiting(cudaStream_t first, cudaStream_t second) : streams_{first, second} {}
    ~Waiting()
    {
        for (cudaStream_t stream : streams_) cudaStreamSynchronize(stream);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    cudaStream_t streams_[2];
};

bool some_arrays_on_device(const Job& job, const Channel& channel)
{
    bool found = false;
    const auto look = [&found](const Column& column) {
        found |= column.on_device;
        return ColumnView{};
    };
    input_columns(channel, job.detections, look);
    output_columns(job.result, look);
    return found;
}

} // namespace

void HostChunks::make_slots()
{
    if (began_.get() == nullptr) began_ = make_event();
    for (Slot& slot : slots_) {
        if (slot.stream.get() == nullptr) slot.stream = make_stream();
        if (slot.done.get() == nullptr) slot.done = make_event();
    }
}

int64_t HostChunks::budget()
{
    if (budget_ == 0) {
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
        budget_ = static_cast<int64_t>(free / 2);
    }
    return budget_;
}

void HostChunks::integrate(const Job& given, const Lent& lent)
{
    make_slots();
    // Where the host cuts crops out or puts detections in order, it needs to see what lies on the device.
    check(cudaEventRecord(began_.get(), lent.callers_stream), "cudaEventRecord");
    check(cudaStreamWaitEvent(lent.own_stream, began_.get(), 0), "cudaStreamWaitEvent");
    for (Slot& slot : slots_) check(cudaStreamWaitEvent(slot.stream.get(), began_.get(), 0), "cudaStreamWaitEvent");
    const HostOrder order(given, lent.own_stream);
    const Job& job = order.job();

    std::vector<Route> routes;
    const int64_t most_scratch = std::min(Launcher::kMostScratch, budget() / 8);
    int64_t scratch = 0, total = 0;
    for (const Channel& channel : job.channels) {
        if (channel.n == 0) continue;
        const Kernel annulus = annulus_kernel_for(channel), kernel = kernel_for(channel);
        const bool needs_positions = channel.positions != nullptr && some_arrays_on_device(job, channel);
        routes.push_back({&channel, ChunkLayout(job, channel, needs_positions), annulus, kernel,
                          uses_spline(channel) ? lent.splines.of(*channel.spline, lent.own_stream) : DeviceSpline{}, 0});
        scratch = std::max(scratch, lent.launcher.grid(kernel, channel.n, most_scratch).scratch_bytes);
        if (annulus.function != nullptr)
            scratch = std::max(scratch, lent.launcher.grid(annulus, channel.n, most_scratch).scratch_bytes);
        total += channel.n;
    }
    MapCopies maps(job);
    NeighbourCopies neighbours(job, order.readable());
    const int64_t whole_call = maps.bytes() + neighbours.bytes();
    if (whole_call > budget())
        refuse("options: memory_budget is " + std::to_string(budget()) +
                   " bytes, but the maps of the cameras and the neighbours of annuli take " + std::to_string(whole_call),
               LUMICROP_OUT_OF_MEMORY);
    const int64_t room = (budget() - whole_call) / 2 - scratch; // of a chunk
    const int64_t chunk_bytes = std::min(kMostChunkBytes, room);
    int64_t most_input = 0, most_output = 0, most = 0;
    for (Route& route : routes) {
        const int64_t one = route.layout.bytes_of(1);
        int64_t chunk = 1;
        if (one > chunk_bytes) {
            if (one > room)
                refuse("options: memory_budget is " + std::to_string(budget()) + " bytes, at least " +
                           std::to_string(2 * (one + scratch) + whole_call) + " expected for crops of " +
                           std::to_string(route.channel->height) + " x " + std::to_string(route.channel->width) + " pixels",
                       LUMICROP_OUT_OF_MEMORY);
        } else if (route.layout.bytes_of(route.channel->n) <= chunk_bytes) {
            chunk = route.channel->n;
        } else {
            chunk = std::max<int64_t>((chunk_bytes - one) / std::max<int64_t>(route.layout.bytes_a_crop(), 1), 1);
            if (chunk > 32) chunk = chunk / 32 * 32;
        }
        route.chunk = chunk;
        route.layout.set_crops(chunk);
        most_input = std::max(most_input, route.layout.input_bytes());
        most_output = std::max(most_output, route.layout.output_bytes());
        most = std::max(most, route.layout.bytes());
    }
    for (Slot& slot : slots_) {
        slot.device.at_least(most, "cudaMalloc for chunks");
        slot.inputs.at_least(most_input, "cudaHostAlloc for chunks");
        slot.results.at_least(most_output, "cudaHostAlloc for chunks");
        slot.scratch.at_least(scratch, "cudaMalloc for scratch");
    }
    maps.copy_to(maps_.at_least(maps.bytes(), "cudaMalloc for maps"), lent.own_stream);
    neighbours.copy_to(neighbours_.at_least(neighbours.bytes(), "cudaMalloc for neighbours"), lent.own_stream);
    order.refuse_detections(lent);

    /// A chunk whose results are still in a slot.
    struct OnItsWay
    {
        const Route* route = nullptr;
        int64_t begin = 0, end = 0;
    } on_its_way[2];
    const Waiting waiting(slots_[0].stream.get(), slots_[1].stream.get());
    int64_t done = 0;
    const auto finish = [&](int which) {
        OnItsWay& chunk = on_its_way[which];
        if (chunk.route == nullptr) return;
        check(cudaEventSynchronize(slots_[which].done.get()), "cudaEventSynchronize");
        chunk.route->layout.unpack(chunk.route->channel->positions, chunk.begin, chunk.end, slots_[which].results.get());
        done += chunk.end - chunk.begin;
        chunk.route = nullptr;
        if (done < total) progress_.tell(done, job.n);
    };
    once_begun([&] {
        int turn = 0;
        for (const Route& route : routes) {
            const Channel& channel = *route.channel;
            for (int64_t begin = 0; begin < channel.n; begin += route.chunk, turn = 1 - turn) {
                finish(turn);
                Slot& slot = slots_[turn];
                const int64_t end = std::min(channel.n, begin + route.chunk);
                const ChunkLayout& layout = route.layout;
                layout.pack(order.readable(), channel.positions, begin, end, slot.inputs.get());
                const auto input = static_cast<std::size_t>(layout.input_bytes());
                const auto output = static_cast<std::size_t>(layout.output_bytes());
                if (input > 0)
                    check(cudaMemcpyAsync(slot.device.get(), slot.inputs.get(), input, cudaMemcpyHostToDevice,
                                          slot.stream.get()),
                          "cudaMemcpyAsync to the device");
                ChannelView view = layout.view(job, begin, end, slot.device.get(), lent.faults);
                view.counting.maps = maps.of(channel);
                view.spline = route.spline;
                view.annulus.neighbours = neighbours.of(channel);
                view.scratch = slot.scratch.get();
                for (const Kernel& kernel : {route.annulus, route.kernel})
                    if (kernel.function != nullptr)
                        lent.launcher.launch(kernel, view, lent.launcher.grid(kernel, end - begin, most_scratch),
                                             slot.stream.get());
                if (output > 0)
                    check(cudaMemcpyAsync(slot.results.get(), slot.device.get() + input, output, cudaMemcpyDeviceToHost,
                                          slot.stream.get()),
                          "cudaMemcpyAsync to the host");
                check(cudaEventRecord(slot.done.get(), slot.stream.get()), "cudaEventRecord");
                on_its_way[turn] = {&route, begin, end};
            }
        }
        finish(turn);
        finish(1 - turn);
    });
    progress_.tell(job.n, job.n);
}

} // namespace cuda
} // namespace lumicrop
