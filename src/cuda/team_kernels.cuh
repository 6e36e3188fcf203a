// Kernels in which a warp or a block computes one crop.
#pragma once

#include <algorithm>

#include "cuda/kernels.hpp"
#include "cuda/team_gauss.cuh"
#include "cuda/team_photometry.cuh"
#include "cuda/team_psf.cuh"
#include "cuda/team_spline.cuh"
#include "cuda/team_sum.cuh"

namespace lumicrop {
namespace cuda {

/// A warp's part of shared memory begins with this; scratch and the tile follow.
struct alignas(16) WarpMemory
{
    TileWindows windows;
    WarpTeam::Memory team;
};

/// Copies the spline's axes into shared memory; the spline that finds them there.
__device__ __forceinline__ SplineView with_near_axes(const SplineView& spline, std::byte* shared, int32_t bytes)
{
    const auto* const from = reinterpret_cast<const uint4*>(spline.x.knots);
    for (int32_t i = static_cast<int32_t>(threadIdx.x); i < bytes / static_cast<int32_t>(sizeof(uint4));
         i += static_cast<int32_t>(blockDim.x))
        reinterpret_cast<uint4*>(shared)[i] = from[i];
    __syncthreads();
    const auto moved = [&](const double* at) {
        return reinterpret_cast<const double*>(
            shared + (reinterpret_cast<const std::byte*>(at) - reinterpret_cast<const std::byte*>(spline.x.knots)));
    };
    SplineView near = spline;
    for (KnotAxis* axis : {&near.x, &near.y, &near.z}) {
        axis->knots = moved(axis->knots);
        axis->polynomials = moved(axis->polynomials);
    }
    return near;
}

/// A warp takes 32 detections, a column entry a lane; their crops come into shared memory a few at a time, and the warp computes one after
/// the other. Each lane keeps the outcome of its own, unless that is so much that registers would not last.
template <class Real, class Method>
__device__ __forceinline__ void compute_by_warps(const ChannelView& view)
{
    extern __shared__ __align__(16) std::byte shared[];
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
    SplineView spline = view.spline;
    if (view.axes_bytes > 0) spline = with_near_axes(view.spline, shared, view.axes_bytes);
    std::byte* const own = shared + view.axes_bytes + warp * view.warp_bytes;
    auto& memory = *reinterpret_cast<WarpMemory*>(own);
    std::byte* const scratch = own + sizeof(WarpMemory);
    auto* const tile = reinterpret_cast<Real*>(scratch + Method::scratch(view.height, view.width, view.spline));
    const AnyShape shape{view.height, view.width};
    const WarpTeam team(memory.team);
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t begin = view.begin + static_cast<int64_t>(blockIdx.x) * blockDim.x + warp * kWarp; begin < view.end;
         begin += step) {
        const int n_crops = view.end - begin < kWarp ? static_cast<int>(view.end - begin) : kWarp;
        const Place place = place_of(view, begin + lane);
        const bool good_frame = has_good_frame(view, place);
        const CropWindow window = window_of(view, place, good_frame);
        const typename Method::Parameters parameters = Method::parameters(view, place);
        const uint32_t to_compute = __ballot_sync(0xFFFFFFFFu, place.used && good_frame);
        __syncwarp();
        memory.windows.at[lane] = window;
        __syncwarp();
        constexpr bool kKeeps = std::is_same_v<typename Method::Found, Outcome>;
        Outcome outcome{};
        for (int first = 0; first < n_crops; first += view.tile_crops) {
            const int n = n_crops - first < view.tile_crops ? n_crops - first : view.tile_crops;
            load_tile(view, shape, begin, memory.windows, first, n, tile);
            __syncwarp();
            for (int j = first; j < first + n; ++j) {
                if ((to_compute >> j & 1u) == 0) continue;
                const CropWindow& of_crop = memory.windows.at[j];
                const TeamCrop<Real, NearPixels<Real>> crop{{tile + (j - first) * shape.pixels(), view.width},
                                                            of_crop,
                                                            view.frame_known && is_clipped(view, of_crop)};
                const typename Method::Found found =
                    Method::compute(view, spline, team, of_lane(parameters, j), crop, TeamScratch(scratch));
                if (lane == j) {
                    if constexpr (kKeeps)
                        outcome = found;
                    else
                        write_outcome(view, place, found);
                }
                __syncwarp();
            }
        }
        if (!good_frame)
            write_bad_index_as<typename Method::Found>(view.results, place, view.faults);
        else if (kKeeps)
            write_outcome(view, place, outcome);
    }
}

/// A block takes one detection after the other, and reads the pixels where they lie.
constexpr int kBlockThreads = 256;

template <class Real, class Method>
__device__ __forceinline__ void compute_by_blocks(const ChannelView& view)
{
    using Team = BlockTeam<kBlockThreads>;
    __shared__ typename Team::Memory memory;
    const Team team(memory);
    std::byte* const scratch = view.scratch + blockIdx.x * view.scratch_stride;
    for (int64_t at = view.begin + blockIdx.x; at < view.end; at += gridDim.x) {
        const Place place = place_of(view, at);
        if (!place.used) continue;
        const bool good_frame = has_good_frame(view, place);
        if (good_frame) {
            const CropWindow window = window_of(view, place, true);
            const TeamCrop<Real, FarPixels<Real>> crop{
                {view.images, window}, window, view.frame_known && is_clipped(view, window)};
            const typename Method::Found outcome =
                Method::compute(view, view.spline, team, Method::parameters(view, place), crop, TeamScratch(scratch));
            if (team.rank() == 0) write_outcome(view, place, outcome);
        } else if (team.rank() == 0) {
            write_bad_index_as<typename Method::Found>(view.results, place, view.faults);
        }
        team.sync(); // the scratch is used again
    }
}

constexpr int kMostWarps = 4;

template <class Real>
__global__ void __launch_bounds__(kMostWarps* kWarp, 2) sum_warp(const __grid_constant__ ChannelView view)
{
    compute_by_warps<Real, TeamSum<Real>>(view);
}
template <class Real>
__global__ void __launch_bounds__(kMostWarps* kWarp, 2) gauss_warp(const __grid_constant__ ChannelView view)
{
    compute_by_warps<Real, TeamGauss<Real>>(view);
}
template <class Real>
__global__ void __launch_bounds__(kMostWarps* kWarp, 2) spline_warp(const __grid_constant__ ChannelView view)
{
    compute_by_warps<Real, TeamSpline<Real>>(view);
}
template <class Real>
__global__ void __launch_bounds__(kBlockThreads, 1) sum_block(const __grid_constant__ ChannelView view)
{
    compute_by_blocks<Real, TeamSum<Real>>(view);
}
template <class Real>
__global__ void __launch_bounds__(kBlockThreads, 1) gauss_block(const __grid_constant__ ChannelView view)
{
    compute_by_blocks<Real, TeamGauss<Real>>(view);
}
template <class Real>
__global__ void __launch_bounds__(kBlockThreads, 1) spline_block(const __grid_constant__ ChannelView view)
{
    compute_by_blocks<Real, TeamSpline<Real>>(view);
}

template <class Real>
using Photometry = TeamPhotometry<Real, TeamPsf<Real>>;

template <class Real>
__global__ void __launch_bounds__(kMostWarps* kWarp, 2) photometry_warp(const __grid_constant__ ChannelView view)
{
    compute_by_warps<Real, Photometry<Real>>(view);
}
template <class Real>
__global__ void __launch_bounds__(kBlockThreads, 1) photometry_block(const __grid_constant__ ChannelView view)
{
    compute_by_blocks<Real, Photometry<Real>>(view);
}

/// The warp kernel of a method where a crop and its scratch fit a warp's share of shared memory, else the block kernel.
template <class Real, class Method>
Kernel team_kernel(const TeamShape& shape, void (*by_warps)(ChannelView), void (*by_blocks)(ChannelView))
{
    constexpr int64_t kMostShared = 48 * 1024, kTileBytes = 8 * 1024;
    const int64_t scratch = Method::scratch(shape.height, shape.width, shape.spline);
    const int64_t crop = shape.height * shape.width * static_cast<int64_t>(sizeof(Real));
    const auto fixed = static_cast<int64_t>(sizeof(WarpMemory)) + scratch;
    if (shape.height > kWarp || shape.width > kWarp || fixed + crop + 16 > kMostShared)
        return {reinterpret_cast<const void*>(by_blocks), kBlockThreads, 0, 1, scratch};
    // Axes too long to leave room for a warp stay in global memory.
    const int64_t axes = fixed + crop + 16 + shape.axes_bytes > kMostShared ? 0 : shape.axes_bytes;
    const int64_t room = kMostShared - axes;
    int64_t tile_crops = std::clamp<int64_t>(kTileBytes / crop, 1, kWarp);
    if (fixed + tile_crops * crop + 16 > room) tile_crops = 1;
    const int64_t warp_bytes = (fixed + tile_crops * crop + 15) / 16 * 16;
    const int64_t warps = std::min<int64_t>(room / warp_bytes, kMostWarps);
    Kernel kernel{reinterpret_cast<const void*>(by_warps), static_cast<int>(warps) * kWarp, axes + warps * warp_bytes,
                  warps * kWarp};
    kernel.tile_crops = static_cast<int32_t>(tile_crops);
    kernel.warp_bytes = static_cast<int32_t>(warp_bytes);
    kernel.axes_bytes = static_cast<int32_t>(axes);
    return kernel;
}

} // namespace cuda
} // namespace lumicrop
