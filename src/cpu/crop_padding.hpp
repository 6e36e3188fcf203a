// Padding of one crop, where zeros are connected to its border or pixels lie outside the frame (SPEC section 3): a bit a column, or for wide
// crops a byte a pixel.
#pragma once

#include "cpu/crops.hpp"
#include "cpu/partial_load.hpp"
#include "math/border.hpp"
#include "math/padding.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Of crops of this pixel type, which are computed in Real.
template <class Pixel, class Real, int kLanes>
class CropPadding
{
public:
    struct Counts
    {
        int64_t n_padded;
        int64_t n_zeros; // all of them, padding or not
    };

    CropPadding(const Channel& channel, const Crops<kLanes>& crops, Workspace& workspace)
        : channel_(channel), crops_(crops), is_narrow_(channel.width <= 32),
          zero_rows_(workspace.take<uint32_t>(is_narrow_ ? channel.height : 0)),
          padded_rows_(workspace.take<uint32_t>(is_narrow_ ? channel.height : 0)),
          zeros_(workspace.take<uint8_t>(is_narrow_ ? 0 : channel.height * channel.width)),
          padding_(workspace.take<uint8_t>(is_narrow_ ? 0 : channel.height * channel.width))
    {
    }

    /// Finds that of the lane's crop.
    Counts find(int lane) const
    {
        const int64_t n_zeros = is_narrow_ ? find_zeros_by_rows(lane) : find_zeros(lane);
        if (channel_.padding == Padding::geometry) return {crops_.is_clipped(lane) ? find_outside(lane) : 0, n_zeros};
        return {channel_.padding == Padding::zeros ? grow() : 0, n_zeros};
    }

    /// Calls `use(i)` for the pixels of the border that are padding, in the order of math::border_pixel. For a crop that has some.
    template <class Use>
    void for_each_on_border(Use use) const
    {
        const int64_t n_border = math::border_size(channel_.height, channel_.width);
        if (is_narrow_ && n_border <= 64) {
            for (uint64_t left = border_bits(); left != 0; left &= left - 1) use(__builtin_ctzll(left));
            return;
        }
        for (int64_t i = 0; i < n_border; ++i) {
            const math::PixelPosition at = math::border_pixel(i, channel_.height, channel_.width);
            if (is_padding(at.row, at.column)) use(i);
        }
    }

private:
    static constexpr int64_t kSize = sizeof(Pixel);

    /// A bit for each pixel of the border.
    uint64_t border_bits() const
    {
        const int64_t height = channel_.height, width = channel_.width;
        if (width == 1 || height == 1) {
            uint64_t bits = padded_rows_[0];
            for (int64_t row = 1; row < height; ++row) bits |= static_cast<uint64_t>(padded_rows_[row] & 1) << row;
            return bits;
        }
        uint64_t bits = padded_rows_[0] | static_cast<uint64_t>(padded_rows_[height - 1]) << width;
        for (int64_t row = 1; row + 1 < height; ++row) {
            const uint32_t ends = (padded_rows_[row] & 1) | (padded_rows_[row] >> (width - 1)) << 1;
            bits |= static_cast<uint64_t>(ends) << (2 * width + 2 * (row - 1));
        }
        return bits;
    }

    bool is_padding(int64_t row, int64_t column) const
    {
        return is_narrow_ ? (padded_rows_[row] >> column & 1) != 0 : padding_[row * channel_.width + column] != 0;
    }

    int64_t find_zeros_by_rows(int lane) const
    {
        constexpr int64_t kPixels = Real::kCount;
        const int64_t in_last = (channel_.width - 1) % kPixels + 1, before_last = channel_.width - in_last;
        const FirstPixels<Pixel, Real::kCount> last(in_last, crops_.limit());
        const uint32_t pixels = static_cast<uint32_t>((uint64_t{1} << channel_.width) - 1);
        int64_t row = 0, n_zeros = 0;
        crops_.template for_each_row<Pixel>(lane, [&](const std::byte* from) {
            uint32_t bits = 0;
            for (int64_t i = 0; i < before_last; i += kPixels)
                bits |= zeros_of(load_pixels<Pixel, Real::kCount>(from + i * kSize)) << i;
            bits |= zeros_of(last.load(from + before_last * kSize)) << before_last;
            zero_rows_[row] = bits & pixels;
            n_zeros += __builtin_popcount(zero_rows_[row]);
            ++row;
        });
        return n_zeros;
    }
    template <class Vector>
    static LUMICROP_INLINE uint32_t zeros_of(Vector pixels)
    {
        return lane_bits(converted<Real>(pixels) == Real(0));
    }

    int64_t find_zeros(int lane) const
    {
        uint8_t* zero = zeros_;
        int64_t n_zeros = 0;
        crops_.template for_each_row<Pixel>(lane, [&](const std::byte* from) {
            for (int64_t column = 0; column < channel_.width; ++column, ++zero) {
                Pixel pixel;
                __builtin_memcpy(&pixel, from + column * kSize, sizeof pixel);
                *zero = pixel == Pixel(0);
                n_zeros += *zero;
            }
        });
        return n_zeros;
    }

    /// Pixels outside the frame.
    int64_t find_outside(int lane) const
    {
        const CropWindow& window = crops_.window(lane);
        int64_t n_padded = 0;
        for (int64_t row = 0; row < channel_.height; ++row) {
            uint32_t bits = 0;
            for (int64_t column = 0; column < channel_.width; ++column) {
                const bool outside = !window.holds(row, column);
                n_padded += outside;
                if (is_narrow_)
                    bits |= static_cast<uint32_t>(outside) << column;
                else
                    padding_[row * channel_.width + column] = outside;
            }
            if (is_narrow_) padded_rows_[row] = bits;
        }
        return n_padded;
    }

    /// Zeros connected to the border.
    int64_t grow() const
    {
        const int64_t height = channel_.height, width = channel_.width;
        int64_t n_padded = 0;
        if (is_narrow_) {
            math::grow_rows(zero_rows_, padded_rows_, height, width);
            for (int64_t row = 0; row < height; ++row) n_padded += __builtin_popcount(padded_rows_[row]);
        } else {
            math::grow_padding(zeros_, padding_, height, width);
            for (int64_t i = 0; i < height * width; ++i) n_padded += padding_[i];
        }
        return n_padded;
    }

    const Channel& channel_;
    const Crops<kLanes>& crops_;
    const bool is_narrow_;
    uint32_t* const zero_rows_;
    uint32_t* const padded_rows_;
    uint8_t* const zeros_;
    uint8_t* const padding_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
