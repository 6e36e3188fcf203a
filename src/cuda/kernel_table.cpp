#include "cuda/kernel_table.hpp"

#include <algorithm>

#include "cuda/device_views.hpp"
#include "cuda/plain_access.hpp"
#include "cuda/runtime.hpp"
#include "cuda/spline_layout.hpp"
#include "job/spline.hpp"

namespace lumicrop {
namespace cuda {
namespace {

/// Pixels that are computed in float32 (SPEC section 7).
bool is_narrow(Dtype dtype)
{
    return dtype == Dtype::u8 || dtype == Dtype::u16 || dtype == Dtype::i16 || dtype == Dtype::f32;
}

/// Whether the kernels of small crops serve a channel that is not plain.
bool has_small_photometry(const Channel& channel)
{
    return !adds_up(channel.method) && channel.model == Model::isogauss && !has_maps(channel) &&
           (channel.background == Subtracted::column || channel.background == Subtracted::fitted);
}

template <class Real>
Kernel team_kernel_for(const Channel& channel)
{
    TeamShape shape{channel.height, channel.width, {}, 0};
    if (uses_spline(channel)) {
        shape.spline = channel.spline->view();
        shape.axes_bytes = axes_bytes(shape.spline);
    }
    if (!channel.plain) return team_photometry_kernel(Real(), shape);
    if (uses_spline(channel)) return team_spline_kernel(Real(), shape);
    return channel.method == Method::sum ? team_sum_kernel(Real(), shape) : team_gauss_kernel(Real(), shape);
}

} // namespace

Kernel kernel_for(const Channel& channel)
{
    const bool narrow = is_narrow(channel.images.dtype);
    Kernel small;
    if (narrow && channel.height == channel.width) {
        if (!channel.plain)
            small = has_small_photometry(channel) ? small_isogauss_photometry_kernel(channel.width) : Kernel{};
        else if (channel.method == Method::sum)
            small = small_sum_kernel(channel.width);
        else if (channel.model == Model::isogauss)
            small = small_isogauss_kernel(channel.width);
        else if (channel.model == Model::gauss)
            small = small_gauss_kernel(channel.width);
        else if (has_short_lines(channel.spline->view()))
            small = small_spline_kernel(channel.width);
    }
    if (small.function != nullptr) return small;
    return narrow ? team_kernel_for<float>(channel) : team_kernel_for<double>(channel);
}

Kernel annulus_kernel_for(const Channel& channel)
{
    if (!is_annulus(channel.background)) return {};
    const AnnulusShape shape = annulus_shape(channel);
    return is_narrow(channel.images.dtype) ? annulus_kernel(float(), shape) : annulus_kernel(double(), shape);
}

Launcher::Launcher(int device)
{
    int count = 0;
    check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
    n_multiprocessors_ = count;
}

Grid Launcher::grid(const Kernel& kernel, int64_t n, int64_t most_scratch)
{
    int& occupancy = occupancy_[{kernel.function, kernel.shared_bytes}];
    if (occupancy == 0) {
        int blocks = 0;
        check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel.function, kernel.threads,
                                                            static_cast<std::size_t>(kernel.shared_bytes)),
              "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
        occupancy = std::max(blocks, 1);
    }
    int64_t blocks = std::min((n + kernel.crops - 1) / kernel.crops, occupancy * n_multiprocessors_);
    if (kernel.scratch_bytes > 0) blocks = std::min(blocks, std::max<int64_t>(most_scratch / kernel.scratch_bytes, 1));
    return {blocks, whole_lines(blocks * kernel.scratch_bytes)};
}

void Launcher::launch(const Kernel& kernel, ChannelView view, const Grid& grid, cudaStream_t stream)
{
    view.scratch_stride = kernel.scratch_bytes;
    view.tile_crops = kernel.tile_crops;
    view.warp_bytes = kernel.warp_bytes;
    view.axes_bytes = kernel.axes_bytes;
    find_plain_access(view);
    void* arguments[] = {&view};
    check(cudaLaunchKernel(kernel.function, dim3(static_cast<unsigned>(grid.blocks)),
                           dim3(static_cast<unsigned>(kernel.threads)), arguments,
                           static_cast<std::size_t>(kernel.shared_bytes), stream),
          "cudaLaunchKernel");
}

} // namespace cuda
} // namespace lumicrop
