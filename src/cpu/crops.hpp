// Where the crops of a block lie, clipped to the frame, and their rows of pixels.
#pragma once

#include <type_traits>

#include "cpu/block.hpp"
#include "cpu/partial_load.hpp"
#include "cpu/workspace.hpp"
#include "math/running_sum.hpp"
#include "math/window.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// The part of one lane's crop that lies inside the frame.
struct CropWindow
{
    int64_t row_begin, row_end, column_begin, column_end;

    bool holds(int64_t r, int64_t c) const { return r >= row_begin && r < row_end && c >= column_begin && c < column_end; }
};

/// Rows of adjacent pixels, a stride apart.
struct PixelRows
{
    const std::byte* first;
    int64_t stride;

    LUMICROP_INLINE const std::byte* row(int64_t r) const { return first + r * stride; }
};

/// Calls `use` with a pixel of the type: those that are computed in Scalar's precision (SPEC section 7).
template <class Scalar, class Use>
LUMICROP_INLINE auto with_pixel_type(Dtype dtype, Use use)
{
    if constexpr (std::is_same_v<Scalar, float>) {
        switch (dtype) {
        case Dtype::u8: return use(uint8_t());
        case Dtype::u16: return use(uint16_t());
        case Dtype::i16: return use(int16_t());
        default: return use(float());
        }
    } else {
        switch (dtype) {
        case Dtype::u32: return use(uint32_t());
        case Dtype::i32: return use(int32_t());
        default: return use(double());
        }
    }
}

/// Copies a few bytes: 16 at a time, the last ones reaching back.
LUMICROP_INLINE void copy_bytes(const std::byte* from, int64_t n, std::byte* to)
{
    constexpr int64_t kPiece = 16;
    if (n < kPiece) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[i];
        return;
    }
    for (int64_t i = 0; i + kPiece < n; i += kPiece) __builtin_memcpy(to + i, from + i, kPiece);
    __builtin_memcpy(to + n - kPiece, from + n - kPiece, kPiece);
}

/// The crops of one block, and of the one after it, so that their pixels are on their way before they are needed.
template <int kLanes>
class Crops
{
public:
    /// Rows that rows() hands out at a time: as many as may be added up plainly.
    static constexpr int64_t kStripRows = math::kPlainTerms;
    /// Bytes of a crop that is joined where it has gaps.
    static constexpr int64_t kMostJoined = 4096;

    Crops(const Channel& channel, Workspace& workspace)
        : channel_(channel), pixel_bytes_(size_of(channel.images.dtype)), row_bytes_(channel.width * pixel_bytes_),
          staging_pitch_(row_bytes_ + kRegisterBytes), staging_(workspace.take<std::byte>(kStripRows * staging_pitch_)),
          run_(workspace.take<std::byte>(kStripRows * staging_pitch_)), joins_(channel.height * row_bytes_ <= kMostJoined),
          joined_pitch_(joins_ ? channel.height * row_bytes_ + kRegisterBytes : 0),
          joined_(workspace.take<std::byte>(kLanes * joined_pitch_)), limit_(readable_limit(channel.images)),
          adjacent_(channel.images.strides[2] == pixel_bytes_),
          gapless_(adjacent_ && channel.images.strides[1] == row_bytes_)
    {
        for (Places& places : places_) {
            for (CropWindow& window : places.windows) window = {0, channel.height, 0, channel.width};
            places.clipped = 0;
        }
    }

    /// Steps on to `block`; `next` is the one that will follow, or null.
    void find(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next)
    {
        current_ = 1 - current_;
        if (!found_next_) locate(job, block, places_[current_]);
        found_next_ = next != nullptr;
        if (found_next_) locate(job, *next, places_[1 - current_]);
        if (!joins_ || (gapless_ && clipped() == 0)) return;
        with_pixel_bytes([&](auto pixel) {
            for (int lane = 0; lane < kLanes; ++lane)
                if (!lies_gapless(lane)) join<decltype(pixel)>(lane, 0, channel_.height, joined_ + lane * joined_pitch_);
        });
    }

    const CropWindow& window(int lane) const { return places_[current_].windows[lane]; }
    uint32_t clipped() const { return places_[current_].clipped; } // a bit a lane
    bool is_clipped(int lane) const { return is_clipped(places_[current_], lane); }
    const std::byte* limit() const { return limit_; }

    /// Whether rows() hands out the lane's crop as a whole, one run of adjacent pixels.
    bool is_gapless(int lane) const { return joins_ || lies_gapless(lane); }
    bool is_gapless() const { return joins_; } // all of them

    /// Asks for some of the next block's pixels: those of step `step` of `steps` in which this block is computed. All at once they would hold up
    /// what else is read.
    LUMICROP_INLINE void prefetch(int64_t step, int64_t steps) const
    {
        if (!found_next_) return;
        for (int64_t lane = step * kLanes / steps; lane < (step + 1) * kLanes / steps; ++lane)
            prefetch_crop(static_cast<int>(lane));
    }

    /// Rows [begin, end) of a lane's crop, with zeros outside its window: any number where it is gapless, else at most kStripRows, which are good
    /// until the next call.
    template <class Pixel>
    LUMICROP_INLINE PixelRows rows(int lane, int64_t begin, int64_t end) const
    {
        if (lies_gapless(lane)) return {address(places_[current_].corners[lane], begin, 0), row_bytes_};
        if (joins_) return {joined_ + lane * joined_pitch_ + begin * row_bytes_, row_bytes_};
        if (adjacent_ && !is_clipped(lane))
            return {address(places_[current_].corners[lane], begin, 0), channel_.images.strides[1]};
        stage<Pixel>(lane, begin, end, staging_, staging_pitch_);
        return {staging_, staging_pitch_};
    }

    /// Calls `use(row)` for every row of the lane's crop.
    template <class Pixel, class Use>
    LUMICROP_INLINE void for_each_row(int lane, Use use) const
    {
        for (int64_t begin = 0; begin < channel_.height; begin += kStripRows) {
            const int64_t end = begin + kStripRows < channel_.height ? begin + kStripRows : channel_.height;
            const PixelRows strip = rows<Pixel>(lane, begin, end);
            for (int64_t row = 0; row < end - begin; ++row) use(strip.row(row));
        }
    }

    /// The same rows one behind the other without gaps.
    template <class Pixel>
    LUMICROP_INLINE const std::byte* run(int lane, int64_t begin, int64_t end) const
    {
        if (is_gapless(lane)) return rows<Pixel>(lane, begin, end).first;
        join<Pixel>(lane, begin, end, run_);
        return run_;
    }

    /// Whether some pixel of the lane inside its window is NaN or infinite.
    template <class Scalar>
    bool has_non_finite(int lane) const
    {
        return with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            using Pixel = decltype(zero);
            const CropWindow& inside = window(lane);
            for (int64_t row = inside.row_begin; row < inside.row_end; ++row)
                for (int64_t column = inside.column_begin; column < inside.column_end; ++column) {
                    const Pixel value = pixel<Pixel>(lane, row, column);
                    if (!(value - value == Pixel(0))) return true;
                }
            return false;
        });
    }

private:
    LUMICROP_INLINE void prefetch_crop(int lane) const
    {
        constexpr int64_t kLine = 64;
        const Places& next = places_[1 - current_];
        if (gapless_ && !is_clipped(next, lane)) {
            const std::byte* const begin = next.corners[lane];
            for (int64_t at = 0; at < channel_.height * row_bytes_; at += kLine) __builtin_prefetch(begin + at);
        } else if (adjacent_) {
            const CropWindow& window = next.windows[lane];
            for (int64_t row = window.row_begin; row < window.row_end; ++row) {
                const std::byte* const begin = address(next.corners[lane], row, window.column_begin);
                for (int64_t at = 0; at < row_bytes_ - 1; at += kLine) __builtin_prefetch(begin + at);
                __builtin_prefetch(begin + row_bytes_ - 1);
            }
        }
    }

    struct Places
    {
        const std::byte* corners[kLanes]; // address of each crop's first pixel, were it inside the frame
        CropWindow windows[kLanes];
        uint32_t clipped;
    };

    static bool is_clipped(const Places& places, int lane) { return (places.clipped >> lane & 1) != 0; }

    void locate(const Job& job, const Block<kLanes>& block, Places& places) const
    {
        const Images& images = channel_.images;
        if (!channel_.frame_known) {
            for (int lane = 0; lane < kLanes; ++lane)
                places.corners[lane] = images.data + block.crop[lane] * images.strides[0];
            return;
        }
        alignas(64) int64_t row[kLanes], column[kLanes];
        read_any(job.detections.X0, block, column);
        read_any(job.detections.Y0, block, row);
        if (channel_.gathered) {
            alignas(64) int64_t image[kLanes];
            read_any(job.detections.frame, block, image);
            for (int lane = 0; lane < kLanes; ++lane)
                places.corners[lane] = address(images.data + image[lane] * images.strides[0], row[lane], column[lane]);
        } else {
            for (int lane = 0; lane < kLanes; ++lane)
                places.corners[lane] = images.data + block.crop[lane] * images.strides[0];
        }
        const int64_t last_row = channel_.frame_height - channel_.height,
                      last_column = channel_.frame_width - channel_.width;
        uint32_t clipped = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            const bool inside =
                (row[lane] >= 0) & (row[lane] <= last_row) & (column[lane] >= 0) & (column[lane] <= last_column);
            clipped |= static_cast<uint32_t>(!inside) << lane;
        }
        for (uint32_t lanes = clipped | places.clipped; lanes != 0; lanes &= lanes - 1) {
            const int lane = __builtin_ctz(lanes);
            CropWindow& window = places.windows[lane];
            math::clip(row[lane], channel_.height, channel_.frame_height, window.row_begin, window.row_end);
            math::clip(column[lane], channel_.width, channel_.frame_width, window.column_begin, window.column_end);
        }
        places.clipped = clipped;
    }

    /// End of the memory that the images certainly own, for loads of whole registers past a row's end.
    static const std::byte* readable_limit(const Images& images)
    {
        if (images.shape[0] == 0) return images.data;
        int64_t reach = size_of(images.dtype);
        for (int axis = 0; axis < 3; ++axis)
            if (images.strides[axis] > 0) reach += (images.shape[axis] - 1) * images.strides[axis];
        return images.data + reach;
    }

    /// In whole numbers that may wrap: a crop far outside has a corner, too, though nobody reads there.
    LUMICROP_INLINE const std::byte* address(const std::byte* corner, int64_t row, int64_t column) const
    {
        const uint64_t down = static_cast<uint64_t>(row) * static_cast<uint64_t>(channel_.images.strides[1]);
        const uint64_t along = static_cast<uint64_t>(column) * static_cast<uint64_t>(channel_.images.strides[2]);
        return reinterpret_cast<const std::byte*>(reinterpret_cast<uint64_t>(corner) + down + along);
    }

    template <class Pixel>
    LUMICROP_INLINE Pixel pixel(int lane, int64_t row, int64_t column) const
    {
        Pixel value;
        __builtin_memcpy(&value, address(places_[current_].corners[lane], row, column), sizeof value);
        return value;
    }

    /// Calls `use` with something as large as a pixel.
    template <class Use>
    LUMICROP_INLINE void with_pixel_bytes(Use use) const
    {
        switch (pixel_bytes_) {
        case 1: return use(uint8_t());
        case 2: return use(uint16_t());
        case 4: return use(uint32_t());
        default: return use(uint64_t());
        }
    }

    bool lies_gapless(int lane) const { return gapless_ && !is_clipped(lane); }

    /// Copies rows of the lane's crop one behind the other.
    template <class Pixel>
    LUMICROP_INLINE void join(int lane, int64_t begin, int64_t end, std::byte* to) const
    {
        if (!adjacent_ || is_clipped(lane)) return stage<Pixel>(lane, begin, end, to, row_bytes_);
        const std::byte* from = address(places_[current_].corners[lane], begin, 0);
        for (int64_t row = begin; row < end; ++row, from += channel_.images.strides[1], to += row_bytes_)
            copy_bytes(from, row_bytes_, to);
    }

    /// Copies rows of the lane's crop a pitch apart, with zeros outside the window.
    template <class Pixel>
    __attribute__((noinline)) void stage(int lane, int64_t begin, int64_t end, std::byte* staged, int64_t pitch) const
    {
        const CropWindow& inside = window(lane);
        for (int64_t row = begin; row < end; ++row) {
            auto* const to = reinterpret_cast<Pixel*>(staged + (row - begin) * pitch);
            const bool some = row >= inside.row_begin && row < inside.row_end;
            const int64_t first = some ? inside.column_begin : channel_.width,
                          last = some ? inside.column_end : channel_.width;
            for (int64_t column = 0; column < first; ++column) to[column] = Pixel(0);
            for (int64_t column = first; column < last; ++column) to[column] = pixel<Pixel>(lane, row, column);
            for (int64_t column = last; column < channel_.width; ++column) to[column] = Pixel(0);
        }
    }

    const Channel& channel_;
    const int64_t pixel_bytes_, row_bytes_, staging_pitch_;
    std::byte* const staging_;
    std::byte* const run_;
    const bool
        joins_; // crops that have gaps are joined, all of a block at once, so that many reads are on their way together
    const int64_t joined_pitch_;
    std::byte* const joined_;
    const std::byte* const limit_;
    const bool adjacent_; // a row's pixels
    const bool gapless_;  // a crop's rows
    Places places_[2];
    int current_ = 0;
    bool found_next_ = false;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
