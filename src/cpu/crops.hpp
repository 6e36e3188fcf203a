// The pixels of a block's crops: found, clipped to the frame, and turned so that each register holds one pixel of all crops.
#pragma once

#include <type_traits>

#include "cpu/block.hpp"
#include "cpu/transpose.hpp"
#include "cpu/workspace.hpp"
#include "math/border.hpp"
#include "math/window.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// One lane's crop: where it lies and which part of it lies inside the frame.
struct CropWindow
{
    const std::byte* frame;           // image that holds the crop
    int64_t row, column;              // of the crop's first pixel in that image
    int64_t row_begin, row_end;       // rows of the crop inside the frame
    int64_t column_begin, column_end; // columns likewise
    bool clipped;                     // some pixel lies outside
};

/// As many pixels as a register has lanes, as they are stored.
template <class Pixel, int kLanes>
struct VectorOf;
#define LUMICROP_PIXEL_VECTOR(pixel)                                                                                        \
    template <int kLanes>                                                                                                   \
    struct VectorOf<pixel, kLanes>                                                                                          \
    {                                                                                                                       \
        typedef pixel Type __attribute__((vector_size(kLanes * sizeof(pixel))));                                            \
    };
LUMICROP_PIXEL_VECTOR(uint8_t)
LUMICROP_PIXEL_VECTOR(uint16_t)
LUMICROP_PIXEL_VECTOR(int16_t)
LUMICROP_PIXEL_VECTOR(uint32_t)
LUMICROP_PIXEL_VECTOR(int32_t)
#undef LUMICROP_PIXEL_VECTOR

/// The pixels of one block, strip of rows by strip of rows.
template <class Real>
class Crops
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;
    static constexpr int64_t kStripPixels = 4096; // 256 KiB of AVX-512 lanes

    Crops(const Channel& channel, Workspace& workspace)
        : channel_(channel), strip_rows_(rows_of(channel)),
          tile_(workspace.take<Scalar>((strip_rows_ * channel.width + kLanes) * kLanes)),
          staging_(workspace.take<std::byte>(kLanes * staging_pitch(channel))), limit_(readable_limit(channel.images))
    {
    }

    void find(const Job& job, const Block<kLanes>& block)
    {
        int64_t image[kLanes] = {}, row[kLanes] = {}, column[kLanes] = {};
        const Images& images = channel_.images;
        if (channel_.frame_known) {
            read_any(job.detections.X0, block.detection, column);
            read_any(job.detections.Y0, block.detection, row);
        }
        if (channel_.gathered) read_any(job.detections.frame, block.detection, image);
        clipped_ = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            CropWindow& window = windows_[lane];
            window.frame = images.data + (channel_.gathered ? image[lane] : block.crop[lane]) * images.strides[0];
            window.row_begin = window.column_begin = 0;
            window.row_end = channel_.height;
            window.column_end = channel_.width;
            if (channel_.frame_known) {
                math::clip(row[lane], channel_.height, channel_.frame_height, window.row_begin, window.row_end);
                math::clip(column[lane], channel_.width, channel_.frame_width, window.column_begin, window.column_end);
            }
            window.row = channel_.gathered ? row[lane] : 0;
            window.column = channel_.gathered ? column[lane] : 0;
            window.clipped = window.row_begin != 0 || window.column_begin != 0 || window.row_end != channel_.height ||
                             window.column_end != channel_.width;
            clipped_ |= static_cast<uint32_t>(window.clipped) << lane;
        }
    }

    const CropWindow& window(int lane) const { return windows_[lane]; }
    uint32_t clipped() const { return clipped_; } // a bit a lane

    int64_t strip_rows() const { return strip_rows_; }
    bool one_strip() const { return strip_rows_ >= channel_.height; }

    /// Loads rows [begin, end), at most strip_rows(): pixel (row, column) then lies at tile()[((row - begin) * width + column) * kLanes].
    void load(int64_t begin, int64_t end)
    {
        with_pixel_type([&](auto pixel) { load_rows<decltype(pixel)>(begin, end); });
    }
    const Scalar* tile() const { return tile_; }
    Real pixel(int64_t i) const { return Real::load(tile_ + i * kLanes); }

    /// Whether some pixel of the lane inside its window is NaN or infinite.
    bool has_non_finite(int lane) const
    {
        bool found = false;
        with_pixel_type([&](auto pixel) { found = has_non_finite_of<decltype(pixel)>(lane); });
        return found;
    }

    /// One row of one lane's crop as Scalars, zeros outside the window; `row` has room for whole registers.
    void read_row(int lane, int64_t r, Scalar* row) const
    {
        with_pixel_type([&](auto pixel) { copy_row<decltype(pixel)>(lane, r, row); });
    }

private:
    /// Calls `use` with a pixel of the images' type: those that are computed in this precision (SPEC section 7).
    template <class Use>
    LUMICROP_INLINE void with_pixel_type(Use use) const
    {
        if constexpr (sizeof(Scalar) == sizeof(float)) {
            switch (channel_.images.dtype) {
            case Dtype::u8: return use(uint8_t());
            case Dtype::u16: return use(uint16_t());
            case Dtype::i16: return use(int16_t());
            default: return use(float());
            }
        } else {
            switch (channel_.images.dtype) {
            case Dtype::u32: return use(uint32_t());
            case Dtype::i32: return use(int32_t());
            default: return use(double());
            }
        }
    }

    static int64_t rows_of(const Channel& channel)
    {
        const int64_t rows = kStripPixels / channel.width;
        return rows < 1 ? 1 : rows < channel.height ? rows : channel.height;
    }
    static int64_t staging_pitch(const Channel& channel) { return (channel.width + kLanes) * size_of(channel.images.dtype); }
    /// End of the memory that the images certainly own, for loads of whole registers past a row's end.
    static const std::byte* readable_limit(const Images& images)
    {
        if (images.shape[0] == 0) return images.data;
        int64_t reach = size_of(images.dtype);
        for (int axis = 0; axis < 3; ++axis)
            if (images.strides[axis] > 0) reach += (images.shape[axis] - 1) * images.strides[axis];
        return images.data + reach;
    }

    LUMICROP_INLINE const std::byte* address(const CropWindow& window, int64_t row, int64_t column) const
    {
        return window.frame + (window.row + row) * channel_.images.strides[1] +
               (window.column + column) * channel_.images.strides[2];
    }

    template <class Pixel>
    void load_rows(int64_t begin, int64_t end)
    {
        const int64_t width = channel_.width;
        const bool adjacent = channel_.images.strides[2] == static_cast<int64_t>(sizeof(Pixel));
        if (adjacent && clipped_ == 0 && channel_.images.strides[1] == width * static_cast<int64_t>(sizeof(Pixel))) {
            const std::byte* sources[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) sources[lane] = address(windows_[lane], begin, 0);
            load_run<Pixel>(sources, (end - begin) * width, tile_);
            return;
        }
        for (int64_t row = begin; row < end; ++row) {
            const std::byte* sources[kLanes];
            for (int lane = 0; lane < kLanes; ++lane)
                sources[lane] =
                    adjacent && !windows_[lane].clipped ? address(windows_[lane], row, 0) : staged_row<Pixel>(lane, row);
            load_run<Pixel>(sources, width, tile_ + (row - begin) * width * kLanes);
        }
    }

    /// A row copied to where whole registers may be read, with zeros outside the window.
    template <class Pixel>
    const std::byte* staged_row(int lane, int64_t row)
    {
        auto* const staged = reinterpret_cast<Pixel*>(staging_ + lane * staging_pitch(channel_));
        copy_row<Pixel>(lane, row, staged);
        return reinterpret_cast<const std::byte*>(staged);
    }

    template <class Pixel, class To>
    void copy_row(int lane, int64_t row, To* to) const
    {
        const CropWindow& window = windows_[lane];
        const bool inside = row >= window.row_begin && row < window.row_end;
        const int64_t begin = inside ? window.column_begin : channel_.width;
        const int64_t end = inside ? window.column_end : channel_.width;
        for (int64_t column = 0; column < begin; ++column) to[column] = To(0);
        for (int64_t column = begin; column < end; ++column) {
            Pixel pixel;
            __builtin_memcpy(&pixel, address(window, row, column), sizeof pixel);
            to[column] = static_cast<To>(pixel);
        }
        for (int64_t column = end; column < channel_.width; ++column) to[column] = To(0);
    }

    /// Turns `count` adjacent pixels of each lane. The last registers overlap the ones before them, or reach past the run
    /// where the memory is the images' own.
    template <class Pixel>
    LUMICROP_INLINE void load_run(const std::byte* (&sources)[kLanes], int64_t count, Scalar* to)
    {
        int64_t i = 0;
        for (; i + kLanes <= count; i += kLanes) turn<Pixel>(sources, i, to);
        if (i == count) return;
        if (count >= kLanes) return turn<Pixel>(sources, count - kLanes, to);
        constexpr int64_t kSpan = kLanes * static_cast<int64_t>(sizeof(Pixel));
        for (int lane = 0; lane < kLanes; ++lane) {
            std::byte* const staged = staging_ + lane * staging_pitch(channel_);
            if (sources[lane] == staged || sources[lane] + kSpan <= limit_) continue;
            // A run shorter than the register at the very end of the images. count < kLanes, and staging has room for that many.
            __builtin_memcpy(staged, sources[lane], static_cast<std::size_t>(count) * sizeof(Pixel));
            sources[lane] = staged;
        }
        turn<Pixel>(sources, 0, to);
    }

    template <class Pixel>
    static LUMICROP_INLINE void turn(const std::byte* const (&sources)[kLanes], int64_t first, Scalar* to)
    {
        Real rows[kLanes];
        for (int lane = 0; lane < kLanes; ++lane)
            rows[lane] = converted<Pixel>(sources[lane] + first * static_cast<int64_t>(sizeof(Pixel)));
        transpose(rows);
        for (int i = 0; i < kLanes; ++i) rows[i].store(to + (first + i) * kLanes);
    }

    template <class Pixel>
    static LUMICROP_INLINE Real converted(const std::byte* from)
    {
        if constexpr (std::is_same_v<Pixel, Scalar>) {
            return Real::load(reinterpret_cast<const Scalar*>(from));
        } else {
            typename VectorOf<Pixel, kLanes>::Type pixels;
            __builtin_memcpy(&pixels, from, sizeof pixels);
            if constexpr (sizeof(Pixel) < sizeof(int32_t)) // by way of int32, for which there are instructions
                return Real(
                    __builtin_convertvector(__builtin_convertvector(pixels, typename Real::Bits), typename Real::Vector));
            else
                return Real(__builtin_convertvector(pixels, typename Real::Vector));
        }
    }

    template <class Pixel>
    bool has_non_finite_of(int lane) const
    {
        const CropWindow& window = windows_[lane];
        for (int64_t row = window.row_begin; row < window.row_end; ++row)
            for (int64_t column = window.column_begin; column < window.column_end; ++column) {
                Pixel pixel;
                __builtin_memcpy(&pixel, address(window, row, column), sizeof pixel);
                if (!(pixel - pixel == Pixel(0))) return true;
            }
        return false;
    }

    const Channel& channel_;
    const int64_t strip_rows_;
    Scalar* const tile_;
    std::byte* const staging_;
    const std::byte* const limit_;
    CropWindow windows_[kLanes];
    uint32_t clipped_ = 0;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
