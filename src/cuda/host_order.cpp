#include "cuda/host_order.hpp"

#include <algorithm>
#include <cmath>

#include "cuda/detection_order.hpp"
#include "cuda/device_views.hpp"

namespace lumicrop {
namespace cuda {
namespace {

/// Writes one result on the host.
void write(const Column& column, int64_t detection, double value)
{
    std::byte* const at = column.data + detection * column.stride;
    if (column.dtype == Dtype::f32)
        *reinterpret_cast<float*>(at) = static_cast<float>(value);
    else
        *reinterpret_cast<double*>(at) = value;
}

void write_word(const Column& column, int64_t detection, uint32_t word)
{
    if (column && !column.on_device) *reinterpret_cast<uint32_t*>(column.data + detection * column.stride) = word;
}

} // namespace

HostOrder::HostOrder(const Job& given, cudaStream_t stream) : job_(given)
{
    for (Channel& channel : job_.channels)
        if (channel.positions != nullptr) channel.positions = job_.positions.data() + channel.first;
    if (job_.detections.ch.on_device) {
        job_.detections.ch = copied_down(job_.detections.ch, stream);
        order_by_labels();
    }
    readable_ = job_.detections;
    const auto make_readable = [&](std::initializer_list<Column*> columns) {
        for (Column* column : columns)
            if (column->on_device) *column = copied_down(*column, stream);
    };
    for (const Channel& channel : job_.channels) {
        if (channel.n == 0) continue;
        const bool cuts = channel.gathered && !channel.images.on_device, seeks = seeks_neighbours(channel);
        if (cuts || seeks) make_readable({&readable_.frame});
        if (cuts) make_readable({&readable_.X0, &readable_.Y0});
        if (seeks || (cuts && is_annulus(channel.background))) make_readable({&readable_.x_fit, &readable_.y_fit});
    }
}

Column HostOrder::copied_down(const Column& column, cudaStream_t stream)
{
    const int64_t reach = (job_.n - 1) * column.stride, size = size_of(column.dtype);
    const int64_t lowest = std::min<int64_t>(reach, 0), bytes = std::abs(reach) + size;
    copies_.emplace_back(static_cast<std::size_t>(bytes));
    check(cudaMemcpyAsync(copies_.back().data(), column.data + lowest, static_cast<std::size_t>(bytes),
                          cudaMemcpyDeviceToHost, stream),
          "cudaMemcpyAsync of a column to the host");
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    Column copy = column;
    copy.data = copies_.back().data() - lowest;
    copy.on_device = false;
    return copy;
}

void HostOrder::order_by_labels()
{
    const auto n_channels = static_cast<int64_t>(job_.channels.size());
    std::vector<std::vector<int64_t>> of_channel(static_cast<std::size_t>(n_channels));
    for (int64_t i = 0; i < job_.n; ++i) {
        const int64_t label = read_whole(job_.detections.ch, i);
        if (label < 1 || label > n_channels) {
            refused_.push_back(i);
            continue;
        }
        auto& detections = of_channel[static_cast<std::size_t>(label - 1)];
        if (static_cast<int64_t>(detections.size()) < job_.channels[static_cast<std::size_t>(label - 1)].n)
            detections.push_back(i);
        else
            refused_.push_back(i);
    }
    job_.positions.clear();
    std::vector<std::size_t> begins;
    for (const auto& detections : of_channel) {
        begins.push_back(job_.positions.size());
        job_.positions.insert(job_.positions.end(), detections.begin(), detections.end());
    }
    for (std::size_t k = 0; k < of_channel.size(); ++k) {
        job_.channels[k].positions = job_.positions.data() + begins[k];
        job_.channels[k].n = static_cast<int64_t>(of_channel[k].size());
    }
    for (std::size_t k = 0; k < of_channel.size(); ++k)
        if (has_maps(job_.channels[k])) check_maps(job_, job_.channels[k], static_cast<int64_t>(k) + 1);
    if (job_.detections.frame && !job_.detections.frame.on_device)
        for (std::size_t k = 0; k < of_channel.size(); ++k)
            if (names_frames(job_.channels[k])) check_frames(job_, job_.channels[k], static_cast<int64_t>(k) + 1);
}

void HostOrder::refuse_detections(const Lent& lent) const
{
    if (refused_.empty()) return;
    const auto n = static_cast<int64_t>(refused_.size());
    const int64_t bounds[2] = {0, n};
    StreamMemory memory(n * static_cast<int64_t>(sizeof(int64_t)) + static_cast<int64_t>(sizeof bounds), lent.pool,
                        lent.own_stream);
    once_begun([&] {
        const Result& results = job_.result;
        for (const int64_t detection : refused_) {
            for (const Column* column :
                 {&results.photons, &results.background, &results.psf_sum, &results.denominator, &results.photons_sigma,
                  &results.background_photons, &results.background_sigma, &results.chi2, &results.log_likelihood_ratio,
                  &results.enclosed, &results.photons_total, &results.background_pixels})
                if (*column && !column->on_device) write(*column, detection, std::nan(""));
            write_word(results.flags, detection, LUMICROP_FLAG_BAD_INDEX);
            write_word(results.iterations, detection, 0);
        }
        auto* const on_device = reinterpret_cast<int64_t*>(memory.get());
        check(cudaMemcpyAsync(on_device, bounds, sizeof bounds, cudaMemcpyHostToDevice, lent.own_stream),
              "cudaMemcpyAsync to the device");
        check(cudaMemcpyAsync(on_device + 2, refused_.data(), refused_.size() * sizeof(int64_t), cudaMemcpyHostToDevice,
                              lent.own_stream),
              "cudaMemcpyAsync to the device");
        refuse_surplus(
            on_device + 2, on_device, 0,
            output_columns(results,
                           [](const Column& column) { return column.on_device ? as_it_lies(column) : ColumnView{}; }),
            lent.faults, lent.own_stream);
        memory.free();
        check(cudaStreamSynchronize(lent.own_stream), "cudaStreamSynchronize");
    });
}

} // namespace cuda
} // namespace lumicrop
