// Matched filter of small crops with a cubic B-spline PSF (SPEC sections 4 and 5), a few crops a warp at a time.
//
// Where pixels step with even knots all pixels of a crop share their weights along each axis. Then a crop belongs to a few lanes, each of
// which owns one column of coefficients, or two: it contracts them along z and y, row after row, and along x with those of the lanes
// beside it. Crops that reach knots which are not even, or the domain's end, or are clipped, are computed one by one, a pixel a lane.
#pragma once

#include "cuda/spline_pixels.cuh"

namespace lumicrop {
namespace cuda {

/// How many crops' pixels a warp has in shared memory at a time: little of it, because coefficients are read through the rest of that
/// memory, the first-level cache.
constexpr int spline_tile_crops(int side)
{
    int crops = kWarp;
    while (crops * side * side * static_cast<int>(sizeof(float)) > 8192) crops /= 2;
    return crops;
}

/// How the lanes of a warp share crops.
template <int kSide>
struct SplineLanes
{
    static constexpr int kTile = spline_tile_crops(kSide);
    static constexpr int kColumns = kSide == 11 || kSide == 15 ? 2 : 1; // of coefficients, of a lane
    /// The coefficients of two columns are loaded together, at even ones; so the first pixel's may be the second of a lane.
    static constexpr int kTaps = math::kOrder + kColumns - 1;
    static constexpr int kUsed = (kSide + kTaps - 1 + kColumns - 1) / kColumns;
    static constexpr int kCropLanes = kSide == 15 ? kWarp / 2 : kUsed;
    static constexpr int kAtOnce = kWarp / kCropLanes;
    static constexpr int kTurns = (kTile + kAtOnce - 1) / kAtOnce;
    static constexpr int kPixelLanes = (kSide + kColumns - 1) / kColumns;

    /// The crop of the tile that is computed in a slot, kAtOnce slots a turn: an order in which crops that are computed at once lie
    /// in different banks of shared memory.
    static __host__ __device__ constexpr int crop_of(int slot)
    {
        if (kSide == 7) return slot * 27 & (kTile - 1);
        if (kSide == 13) return (slot & ~3) | (slot & 1) << 1 | (slot >> 1 & 1);
        return slot;
    }
};

/// Whether lanes that read their pixels of a row at once meet different banks.
template <int kSide>
constexpr bool meets_no_bank_twice()
{
    using Lanes = SplineLanes<kSide>;
    for (int turn = 0; turn < Lanes::kTile / Lanes::kAtOnce; ++turn) {
        bool met[32] = {};
        for (int group = 0; group < Lanes::kAtOnce; ++group)
            for (int lane = 0; lane < Lanes::kPixelLanes; ++lane) {
                const int crop = Lanes::crop_of(turn * Lanes::kAtOnce + group);
                bool& bank = met[(crop * kSide * kSide + lane * Lanes::kColumns) % 32];
                if (bank) return false;
                bank = true;
            }
    }
    return true;
}

/// Where a crop stands in the spline: the weights that all its pixels share, and its first coefficient. An odd number of 16 bytes, so that
/// lanes which write theirs meet different banks.
struct SplinePlace
{
    Quad<float> x, y, z;
    struct alignas(16)
    {
        uint32_t column, row; // of coefficients in lines, rows counted over all depths
        float background;
        uint32_t unused; // whole words of 16 bytes are written at once
    } at;
    Quad<float> unused;
};

template <int kSide>
struct SmallSplines
{
    using Lanes = SplineLanes<kSide>;
    static_assert(meets_no_bank_twice<kSide>(), "another order of the crops is needed");
    static constexpr int kPixels = kSide * kSide;

    /// One warp's part of shared memory.
    struct alignas(16) Memory
    {
        float tile[Lanes::kTile * kPixels];
        SplinePlace places[kWarp];
        TileWindows windows;
        SplineBasis<float> bases[kWarp]; // of the crop that is computed alone: columns, and rows from kWarp / 2 on
    };
    static constexpr int kWarps = 4;
    static constexpr int kThreads = kWarps * kWarp;
    static constexpr int kBytes = kWarps * static_cast<int>(sizeof(Memory));
};

template <int kSide>
struct SplineShape
{
    static constexpr int height() { return kSide; }
    static constexpr int width() { return kSide; }
    static constexpr int pixels() { return kSide * kSide; }
    static constexpr int kTileCrops = SplineLanes<kSide>::kTile;
    static constexpr int quads_ahead(int) { return kTileCrops * pixels() / 4 / kWarp; }
};

/// This lane's columns of a crop: what its pixels add to the sums, into the first three rows of the crop.
template <int kSide>
__device__ __forceinline__ void add_columns(const ChannelView& view, const SplinePlace& place, float* pixels, int lane,
                                            bool wanted)
{
    using Lanes = SplineLanes<kSide>;
    constexpr int kColumns = Lanes::kColumns, kTaps = Lanes::kTaps;
    using Line = Run<float, kColumns>;
    constexpr uint32_t kWhole = ~(kColumns - 1u);
    const auto [place_column, place_row, background, unused] = place.at;
    // Lanes without coefficients of their own read those of the last lane that has.
    const uint32_t own_column = (place_column & kWhole) + static_cast<uint32_t>(kColumns * lane),
                   last = (place_column + kSide + math::kDegree - 1) & kWhole,
                   column = own_column < last ? own_column : last;
    const uint32_t n_rows = view.spline.n_line_rows;
    const float* const lines =
        view.spline.lines + (column / kLineColumns * n_rows + place_row) * kLineColumns + column % kLineColumns;
    const int64_t depth = view.spline.y.n_coefficients * kLineColumns;
    const float* const depths[math::kOrder] = {lines, lines + depth, lines + 2 * depth, lines + 3 * depth};

    const Quad<float> given = place.x, of_y = place.y, of_z = place.z;
    const auto &y = of_y.at, &z = of_z.at;
    float x[kTaps];
    if constexpr (kColumns == 1) {
#pragma unroll
        for (int k = 0; k < kTaps; ++k) x[k] = given.at[k];
    } else {
        const bool second = place_column % 2 != 0;
#pragma unroll
        for (int k = 0; k < kTaps; ++k) {
            const float if_first = k < math::kOrder ? given.at[k] : 0.0f, if_second = k > 0 ? given.at[k - 1] : 0.0f;
            x[k] = second ? if_second : if_first;
        }
    }

    // Lanes without pixels read those of the last lane that has.
    float* const own = pixels + kColumns * (lane < Lanes::kPixelLanes ? lane : Lanes::kPixelLanes - 1);
    float weights[kColumns] = {}, squares[kColumns] = {}, products[kColumns] = {};
    static_assert(kSide <= math::kPlainTerms, "a column is added up plainly");
    float slab[math::kOrder][kColumns]; // contracted along z: the last four rows
#pragma unroll
    for (int i = 0; i < kSide + math::kDegree; ++i) {
        Line at[math::kOrder];
#pragma unroll
        for (int k = 0; k < math::kOrder; ++k) at[k] = *reinterpret_cast<const Line*>(depths[k] + i * kLineColumns);
#pragma unroll
        for (int c = 0; c < kColumns; ++c)
            slab[i % math::kOrder][c] = math::contract(z, at[0].at[c], at[1].at[c], at[2].at[c], at[3].at[c]);
        const int row = i - math::kDegree;
        if (row < 0) continue;
        float line[kColumns + kTaps - 1];
#pragma unroll
        for (int c = 0; c < kColumns; ++c)
            line[c] = math::contract(y, slab[row % math::kOrder][c], slab[(row + 1) % math::kOrder][c],
                                     slab[(row + 2) % math::kOrder][c], slab[(row + 3) % math::kOrder][c]);
#pragma unroll
        for (int c = kColumns; c < kColumns + kTaps - 1; ++c)
            line[c] = __shfl_down_sync(0xFFFFFFFFu, line[c % kColumns], c / kColumns);
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
            float model = x[0] * line[c];
#pragma unroll
            for (int k = 1; k < kTaps; ++k) model = math::muladd(x[k], line[c + k], model);
            weights[c] += model;
            squares[c] = math::muladd(model, model, squares[c]);
            products[c] = math::muladd(model, own[row * kSide + c] - background, products[c]);
        }
    }
    __syncwarp(); // all have read their pixels
    if (wanted && lane < Lanes::kPixelLanes) {
        const bool more = kColumns == 2 && lane < Lanes::kPixelLanes - 1; // the last lane has one pixel only
        own[0] = more ? weights[0] + weights[kColumns - 1] : weights[0];
        own[kSide] = more ? squares[0] + squares[kColumns - 1] : squares[0];
        own[2 * kSide] = more ? products[0] + products[kColumns - 1] : products[0];
    }
    __syncwarp();
}

/// What add_columns left in a crop.
template <int kSide>
__device__ __forceinline__ math::FilterSums column_sums(const float* pixels)
{
    double sums[3] = {};
#pragma unroll
    for (int i = 0; i < 3; ++i)
#pragma unroll
        for (int lane = 0; lane < SplineLanes<kSide>::kPixelLanes; ++lane)
            sums[i] += static_cast<double>(pixels[i * kSide + lane * SplineLanes<kSide>::kColumns]);
    return {sums[0], sums[1], sums[2]};
}

template <int kSide>
__device__ __forceinline__ void compute_small_splines(const ChannelView& view)
{
    using Splines = SmallSplines<kSide>;
    using Lanes = SplineLanes<kSide>;
    constexpr int kTile = Lanes::kTile;
    constexpr unsigned kAll = 0xFFFFFFFFu, kOfTile = kAll >> (kWarp - kTile);
    extern __shared__ __align__(16) std::byte shared[];
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
    auto& memory = reinterpret_cast<typename Splines::Memory*>(shared)[warp];
    const int group = lane / Lanes::kCropLanes < Lanes::kAtOnce ? lane / Lanes::kCropLanes : Lanes::kAtOnce - 1;
    const int64_t step = static_cast<int64_t>(gridDim.x) * Splines::kThreads;
    for (int64_t begin = view.begin + static_cast<int64_t>(blockIdx.x) * Splines::kThreads + warp * kWarp; begin < view.end;
         begin += step) {
        const int n_crops = view.end - begin < kWarp ? static_cast<int>(view.end - begin) : kWarp;
        const Place place = place_of(view, begin + lane);
        bool good_frame = true;
        CropWindow window{view.images.data + place.crop * view.images.strides[0], 0, place.used ? kSide : 0, 0, kSide};
        if (!view.crops_adjacent) {
            good_frame = has_good_frame(view, place);
            window = window_of(view, place, good_frame);
        }
        const bool clipped = view.frame_known && is_clipped(view, window);
        FilterInputs<float> inputs;
        double z;
        with_reader(view, place, [&](const auto& reader) {
            inputs = filter_inputs<float>(view, reader);
            z = reader.real(view.columns.z_fit, 0);
        });
        const bool shape_is_nan = inputs.mux != inputs.mux || inputs.muy != inputs.muy || z != z;
        EvenBasis depth = even_basis(view.even_z, -z);
        if (!depth.shared) depth.basis = spline_basis<float>(view.spline.z, -z);
        const EvenBasis x = even_basis(view.even_x, -inputs.mux), y = even_basis(view.even_y, -inputs.muy);
        const bool all_count = view.padding != Padding::geometry || !clipped;
        const bool used = place.used && good_frame;
        const bool is_even = used && all_count && x.shared && y.shared && depth.basis.first >= 0;
        const uint32_t even = __ballot_sync(kAll, is_even), alone = __ballot_sync(kAll, used && !is_even);
        SplinePlace own{};
        if (is_even) {
#pragma unroll
            for (int k = 0; k < math::kOrder; ++k) {
                own.x.at[k] = x.basis.weights[k];
                own.y.at[k] = y.basis.weights[k];
                own.z.at[k] = depth.basis.weights[k];
            }
            own.at = {static_cast<uint32_t>(x.basis.first + view.spline.line_shift),
                      static_cast<uint32_t>(depth.basis.first * static_cast<int32_t>(view.spline.y.n_coefficients) +
                                            y.basis.first),
                      inputs.subtract.high, 0};
        }
        __syncwarp();
        memory.windows.at[lane] = window;
        memory.places[lane] = own;
        __syncwarp();

        math::FilterSums sums{};
        bool outside = false;
        for (int first = 0; first < n_crops; first += kTile) {
            load_tile(view, SplineShape<kSide>(), begin, memory.windows, first,
                      n_crops - first < kTile ? n_crops - first : kTile, memory.tile);
            __syncwarp();
            for (uint32_t left = alone >> first & kOfTile; left != 0; left &= left - 1) {
                const int j = __ffs(static_cast<int>(left)) - 1;
                CropWindow counted = memory.windows.at[first + j]; // pixels that count
                if (view.padding != Padding::geometry) counted = {nullptr, 0, kSide, 0, kSide};
                bool is_outside;
                const math::FilterSums found =
                    pixel_sums<kSide>(view, of_lane(inputs, first + j), of_lane(-z, first + j), counted,
                                      memory.tile + j * Splines::kPixels, memory.bases, is_outside);
                if (lane != first + j) continue;
                sums = found;
                outside = is_outside;
            }
            if ((even >> first & kOfTile) != 0) {
                __syncwarp();
#pragma unroll 1
                for (int turn = 0; turn < Lanes::kTurns; ++turn) {
                    const int slot = turn * Lanes::kAtOnce + group, crop = Lanes::crop_of(slot);
                    add_columns<kSide>(view, memory.places[first + crop], memory.tile + crop * Splines::kPixels,
                                       lane - group * Lanes::kCropLanes, slot < kTile);
                }
                if (is_even && lane >= first && lane < first + kTile)
                    sums = column_sums<kSide>(memory.tile + (lane - first) * Splines::kPixels);
            }
            __syncwarp();
        }

        Outcome outcome =
            finish_filter(view, inputs, sums, 1.0, shape_is_nan, clipped, [&] { return has_non_finite(view, window); });
        if (outside && !shape_is_nan) outcome.flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
        if (good_frame)
            write_outcome(view, place, outcome);
        else
            write_bad_index(view.results, place, view.faults);
    }
}

} // namespace cuda
} // namespace lumicrop
