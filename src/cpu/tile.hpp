// Pixels turned, so that each register holds one pixel of all crops of a block: for formulas that differ from pixel to pixel.
#pragma once

#include "cpu/crops.hpp"
#include "cpu/transpose.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class Tile
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    Tile(const Channel& channel, Workspace& workspace)
        : channel_(channel), in_last_((channel.width - 1) % kLanes + 1), strip_rows_(rows_of(channel)),
          pitch_(strip_rows_ * channel.width + kLanes), laid_(workspace.take<Scalar>(kLanes * pitch_)),
          turned_(workspace.take<Scalar>(pitch_ * kLanes))
    {
    }

    /// Rows that load() takes at a time.
    int64_t strip_rows() const { return strip_rows_; }

    /// Loads rows [begin, end) of all crops: pixel (row, column) is then pixel((row - begin) * width + column).
    void load(const Crops<kLanes>& crops, int64_t begin, int64_t end) { load(crops, begin, end, turned_); }
    LUMICROP_INLINE Real pixel(int64_t i) const { return Real::load(turned_ + i * kLanes); }

    /// The same into other memory, which has room for kLanes registers more.
    void load(const Crops<kLanes>& crops, int64_t begin, int64_t end, Scalar* turned)
    {
        const int64_t n = (end - begin) * channel_.width;
        const Scalar* from[kLanes];
        with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            using Pixel = decltype(zero);
            const FirstPixels<Pixel, kLanes> last(in_last_, crops.limit());
            for (int lane = 0; lane < kLanes; ++lane) {
                crops.prefetch(lane, kLanes);
                if (std::is_same_v<Pixel, Scalar> && crops.is_gapless(lane) && n >= kLanes)
                    from[lane] = reinterpret_cast<const Scalar*>(crops.template rows<Pixel>(lane, begin, end).first);
                else
                    from[lane] = lay<Pixel>(crops, lane, begin, end, last);
            }
        });
        // The last registers reach back over the ones before.
        for (int64_t i = 0; i < n; i += kLanes) {
            const int64_t first = i + kLanes <= n || n < kLanes ? i : n - kLanes;
            Real rows[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) rows[lane] = Real::load(from[lane] + first);
            transpose(rows);
            for (int k = 0; k < kLanes; ++k) rows[k].store(turned + (first + k) * kLanes);
        }
    }

private:
    static int64_t rows_of(const Channel& channel)
    {
        constexpr int64_t kPixels = 4096, kMost = Crops<kLanes>::kStripRows;
        const int64_t rows = kPixels / channel.width < kMost ? kPixels / channel.width : kMost;
        return rows < 1 ? 1 : rows < channel.height ? rows : channel.height;
    }

    /// Lays the lane's rows side by side; each row's last register reaches over what follows.
    template <class Pixel>
    LUMICROP_INLINE const Scalar* lay(const Crops<kLanes>& crops, int lane, int64_t begin, int64_t end,
                                      const FirstPixels<Pixel, kLanes>& last)
    {
        constexpr int64_t kSize = sizeof(Pixel);
        const PixelRows rows = crops.template rows<Pixel>(lane, begin, end);
        Scalar* const laid = laid_ + lane * pitch_;
        Scalar* to = laid;
        for (int64_t row = 0; row < end - begin; ++row, to += channel_.width) {
            const std::byte* const from = rows.row(row);
            const int64_t before_last = channel_.width - in_last_;
            for (int64_t i = 0; i < before_last; i += kLanes)
                converted<Real>(load_pixels<Pixel, kLanes>(from + i * kSize)).store(to + i);
            converted<Real>(last.load(from + before_last * kSize)).store(to + before_last);
        }
        return laid;
    }

    const Channel& channel_;
    const int64_t in_last_; // pixels of a row's last register
    const int64_t strip_rows_, pitch_;
    Scalar* const laid_;   // crop after crop
    Scalar* const turned_; // pixel after pixel
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
