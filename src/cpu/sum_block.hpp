// Border-median sum of a block of crops (SPEC section 3).
//
// The borders are laid side by side and turned, so that all crops of the block sort theirs in one network. The sum goes over each crop's
// pixels as they lie. Crops whose border holds zeros that may be padding, or NaN, are mended before: stand-ins take the place of what is
// left out of the median.
#pragma once

#include "cpu/border_keys.hpp"
#include "cpu/crop_padding.hpp"
#include "cpu/pixel_sums.hpp"
#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/matched_filter.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Middle of the borders of all crops of a block; `stored` holds them side by side.
template <class Keys, int kBorder>
__attribute__((noinline)) math::Middle<typename Keys::Lanes> middle_of_stored(const typename Keys::Stored* stored,
                                                                              int64_t pitch)
{
    constexpr int kPixels = Turn<Keys>::kPixels;
    typename Keys::Lanes values[kBorder];
    for (int first = 0; first < kBorder; first += kPixels) {
        typename Keys::Lanes turned[kPixels];
        Turn<Keys>::turn(stored + first, pitch, turned);
        for (int i = 0; i < kPixels && first + i < kBorder; ++i) values[first + i] = turned[i];
    }
    return math::middle_of(values);
}

template <class PixelType>
class SumBlock
{
public:
    using Pixel = PixelType;
    using Keys = typename KeysOf<Pixel>::Keys;
    using Lanes = typename Keys::Lanes;
    static constexpr int kLanes = Lanes::kCount;

    SumBlock(const Channel& channel, Workspace& workspace)
        : channel_(channel), crops_(channel, workspace), n_border_(math::border_size(channel.height, channel.width)),
          n_sorted_(n_border_ + n_border_ % 2), pitch_((n_border_ + 2 * kLanes) / kLanes * kLanes),
          stored_(workspace.take<Stored>(kLanes * pitch_)), border_(workspace.take<Lanes>(n_border_ + Turn<Keys>::kPixels)),
          pixels_(channel.height * channel.width, crops_.limit()), row_pixels_(channel.width, crops_.limit()),
          padding_(channel, crops_, workspace)
    {
    }

    void compute(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block, next);
        switch (kHasSides && crops_.is_gapless() && channel_.height == channel_.width ? channel_.width : 0) {
        case 7: return compute_crops<7>(job, block, outcomes);
        case 9: return compute_crops<9>(job, block, outcomes);
        case 11: return compute_crops<11>(job, block, outcomes);
        case 13: return compute_crops<13>(job, block, outcomes);
        case 15: return compute_crops<15>(job, block, outcomes);
        default: return compute_crops<0>(job, block, outcomes);
        }
    }

private:
    using Stored = typename Keys::Stored;
    using Real = std::conditional_t<std::is_same_v<Keys, DoubleKeys>, DoubleLanes, FloatLanes>;
    using Scalar = typename Real::Scalar; // what the pixels are computed in
    static constexpr bool kExact = std::is_same_v<Lanes, ShortLanes>;
    static constexpr bool kHasSides = std::is_same_v<Pixel, float> || std::is_same_v<Pixel, uint16_t>;
    static constexpr int64_t kSize = sizeof(Pixel);

    /// Of square crops whose side the compiler knows; 0: of any crops.
    template <int kSide>
    void compute_crops(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        for (int lane = 0; lane < kLanes; ++lane) {
            crops_.prefetch(lane, 2 * kLanes);
            lay_border<kSide>(lane);
            mended_[lane] = {n_sorted_ - n_border_, 0, 0};
        }
        for (uint32_t lanes = odd_lanes<kSide>(); lanes != 0; lanes &= lanes - 1) mend(__builtin_ctz(lanes));

        double median[kLanes]; // raw counts
        find_medians(median);
        double counts[kLanes];
        if constexpr (kExact)
            add_up_exactly<kSide>(median, counts);
        else
            add_up<kSide>(median, counts);
        for (int lane = 0; lane < kLanes; ++lane) {
            outcomes.counts[lane] = math::without_origin(counts[lane]);
            outcomes.background[lane] = median[lane] - channel_.camera_offset;
            outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number();
            outcomes.flags[lane] = 0;
        }
        if (!job.result.flags) return;
        for (int lane = 0; lane < block.n; ++lane) {
            if (mended_[lane].n_padded > 0 || crops_.is_clipped(lane)) outcomes.flags[lane] |= LUMICROP_FLAG_TRUNCATED;
            if (mended_[lane].n_left_out == n_sorted_) outcomes.flags[lane] |= LUMICROP_FLAG_NO_BORDER;
            if (!math::is_finite(outcomes.counts[lane]) && crops_.template has_non_finite<Scalar>(lane))
                outcomes.flags[lane] |= LUMICROP_FLAG_DATA_NOT_FINITE;
        }
    }

    /// What mending a crop found.
    struct Mended
    {
        int64_t n_left_out; // of what is sorted
        int64_t n_padded;
        int64_t n_zeros; // all of them, padding or not
    };

    PixelRows rows(int lane, int64_t begin, int64_t end) const { return crops_.template rows<Pixel>(lane, begin, end); }

    static LUMICROP_INLINE void lay_run(const std::byte* from, int64_t n, Stored* to)
    {
        if constexpr (std::is_same_v<Pixel, Stored>)
            copy_bytes(from, n * kSize, reinterpret_cast<std::byte*>(to));
        else
            for (int64_t i = 0; i < n; ++i) to[i] = stored_at(from + i * kSize);
    }
    static LUMICROP_INLINE Stored stored_at(const std::byte* from)
    {
        Pixel pixel;
        __builtin_memcpy(&pixel, from, sizeof pixel);
        return static_cast<Stored>(pixel);
    }

    template <int kSide>
    int64_t height() const
    {
        return kSide > 0 ? kSide : channel_.height;
    }
    template <int kSide>
    int64_t width() const
    {
        return kSide > 0 ? kSide : channel_.width;
    }
    template <int kSide>
    int64_t n_border() const
    {
        return kSide > 0 ? math::border_size(kSide, kSide) : n_border_;
    }

    /// Lays the lane's border into its place, in any order. The first stand-in follows, which makes an odd number of pixels even, and more of
    /// them fill the last register.
    template <int kSide>
    LUMICROP_INLINE void lay_border(int lane)
    {
        const int64_t height = this->height<kSide>(), width = this->width<kSide>();
        Stored* const to = stored_ + lane * pitch_;
        if (kSide > 0 || (crops_.is_gapless(lane) && height >= 3 && width >= 2)) {
            const std::byte* const crop = rows(lane, 0, height).first;
            lay_run(crop, width + 1, to); // the first row, and the second's first pixel
            Stored* const pairs = to + width + 1;
            const std::byte* const between = crop + (2 * width - 1) * kSize; // a row's last pixel, and the next one's first
#pragma GCC unroll 16
            for (int64_t row = 0; row < height - 3; ++row) lay_pair(between + row * width * kSize, pairs + 2 * row);
            lay_run(crop + (height * width - width - 1) * kSize, width + 1, pairs + 2 * (height - 3));
        } else {
            lay_border_by_rows(lane, to);
        }
        for (int i = 0; i < kLanes; ++i) to[n_border<kSide>() + i] = Keys::most();
    }
    static LUMICROP_INLINE void lay_pair(const std::byte* from, Stored* to)
    {
        if constexpr (std::is_same_v<Pixel, Stored>) {
            __builtin_memcpy(to, from, 2 * kSize);
        } else {
            to[0] = stored_at(from);
            to[1] = stored_at(from + kSize);
        }
    }

    /// In the order of math::border_pixel.
    __attribute__((noinline)) void lay_border_by_rows(int lane, Stored* to) const
    {
        const int64_t height = channel_.height, width = channel_.width;
        for (int64_t begin = 0; begin < height; begin += kStripRows) {
            const int64_t end = begin + kStripRows < height ? begin + kStripRows : height;
            const PixelRows strip = rows(lane, begin, end);
            for (int64_t row = begin; row < end; ++row) {
                const std::byte* const from = strip.row(row - begin);
                if (width == 1) {
                    to[row] = stored_at(from);
                } else if (row == 0 || row == height - 1) {
                    lay_run(from, width, to + (row == 0 ? 0 : width));
                } else {
                    Stored* const pair = to + 2 * width + 2 * (row - 1);
                    pair[0] = stored_at(from);
                    pair[1] = stored_at(from + (width - 1) * kSize);
                }
            }
        }
    }

    /// Lanes with a pixel in the border that may be padding, or is NaN.
    template <int kSide>
    uint32_t odd_lanes() const
    {
        uint32_t odd = channel_.padding == Padding::geometry ? crops_.clipped() : 0;
        const bool zeros = channel_.padding == Padding::zeros;
        if (kExact && !zeros) return odd;
        for (int lane = 0; lane < kLanes; ++lane)
            odd |= static_cast<uint32_t>(holds_odd<kSide>(stored_ + lane * pitch_, zeros)) << lane;
        return odd;
    }

    template <int kSide>
    LUMICROP_INLINE bool holds_odd(const Stored* stored, bool zeros) const
    {
        if constexpr (kExact) {
            Shorts found{};
            for (int64_t i = 0; i < n_border<kSide>(); i += kLanes) found |= (Shorts)(load(stored + i) == Shorts{});
            return any_bit(found);
        } else {
            typename Real::Mask found = Real(0) != Real(0);
            for (int64_t i = 0; i < n_border<kSide>(); i += kLanes) {
                const Real pixel = Real::load(stored + i);
                found = found | (zeros ? !(absolute(pixel) > Real(0)) : pixel != pixel);
            }
            return lane_bits(found) != 0;
        }
    }
    static LUMICROP_INLINE Shorts load(const Stored* from)
    {
        Shorts shorts;
        __builtin_memcpy(&shorts, from, sizeof shorts);
        return shorts;
    }
    static LUMICROP_INLINE bool any_bit(Shorts shorts)
    {
        return lane_bits(FloatLanes::Mask{(FloatLanes::Bits)shorts != FloatLanes::Bits{}}) != 0;
    }

    /// Finds the lane's padding, and lays its border anew with stand-ins for what is left out.
    __attribute__((noinline)) void mend(int lane)
    {
        Mended& mended = mended_[lane];
        const auto [n_padded, n_zeros] = padding_.find(lane);
        mended.n_padded = n_padded;
        mended.n_zeros = n_zeros;
        Stored* const to = stored_ + lane * pitch_;
        lay_border_by_rows(lane, to);
        for (int64_t i = 0; i < n_border_; ++i)
            if (to[i] != to[i]) leave_out(to[i], mended);
        if (n_padded > 0) padding_.for_each_on_border([&](int64_t i) { leave_out(to[i], mended); });
    }

    static LUMICROP_INLINE void leave_out(Stored& pixel, Mended& mended)
    {
        pixel = (mended.n_left_out & 1) == 0 ? Keys::most() : Keys::least();
        ++mended.n_left_out;
    }

    math::Middle<Lanes> middle()
    {
        switch (n_sorted_) { // squares of 3 to 17 pixels
        case 8: return middle_of_stored<Keys, 8>(stored_, pitch_);
        case 16: return middle_of_stored<Keys, 16>(stored_, pitch_);
        case 24: return middle_of_stored<Keys, 24>(stored_, pitch_);
        case 32: return middle_of_stored<Keys, 32>(stored_, pitch_);
        case 40: return middle_of_stored<Keys, 40>(stored_, pitch_);
        case 48: return middle_of_stored<Keys, 48>(stored_, pitch_);
        case 56: return middle_of_stored<Keys, 56>(stored_, pitch_);
        case 64: return middle_of_stored<Keys, 64>(stored_, pitch_);
        default: break;
        }
        constexpr int kPixels = Turn<Keys>::kPixels;
        for (int64_t first = 0; first < n_sorted_; first += kPixels) {
            Lanes turned[kPixels];
            Turn<Keys>::turn(stored_ + first, pitch_, turned);
            for (int i = 0; i < kPixels; ++i) border_[first + i] = turned[i];
        }
        math::sort(border_, n_sorted_);
        return {border_[math::lower_middle(n_sorted_)], border_[math::upper_middle(n_sorted_)]};
    }

    void find_medians(double (&median)[kLanes])
    {
        const math::Middle<Lanes> of_all = middle();
        typename Lanes::Scalar low[kLanes], high[kLanes];
        of_all.low.store(low);
        of_all.high.store(high);
        for (int lane = 0; lane < kLanes; ++lane) {
            const int at = Turn<Keys>::lane_of(lane);
            median[lane] = math::median_of_middle(Keys::pixel(low[at]), Keys::pixel(high[at]));
        }
        for (int lane = 0; lane < kLanes; ++lane) {
            const int64_t n_left_out = mended_[lane].n_left_out;
            if (n_left_out == 0) continue;
            const int at = Turn<Keys>::lane_of(lane);
            const math::Middle<double> of_rest =
                math::middle_of_rest(math::Middle<double>{Keys::pixel(low[at]), Keys::pixel(high[at])}, n_left_out);
            // No border: a background of 0 counts above the offset.
            median[lane] =
                n_left_out == n_sorted_ ? channel_.camera_offset : math::median_of_middle(of_rest.low, of_rest.high);
        }
    }

    double counted_pixels(int lane) const
    {
        return static_cast<double>(channel_.height * channel_.width - mended_[lane].n_padded);
    }

    /// Sum of (pixel - median) over the pixels that are not padding, which is 0 and adds nothing to the sum of pixels.
    template <int kSide>
    void add_up_exactly(const double (&median)[kLanes], double (&counts)[kLanes]) const
    {
        int64_t totals[kLanes];
        const bool is_large = channel_.height * channel_.width > ExactSum<Pixel>::kMostPixels;
        if (!is_large) {
            WordLanes sums[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) {
                crops_.prefetch(kLanes + lane, 2 * kLanes);
                WordLanes sum(WordLanes::Vector{});
                if (kSide > 0 || crops_.is_gapless(lane))
                    sum = pixels_.template add<kSide * kSide>(sum, rows(lane, 0, channel_.height).first);
                else
                    crops_.template for_each_row<Pixel>(
                        lane, [&](const std::byte* row) { sum = row_pixels_.template add<0>(sum, row); });
                sums[lane] = sum;
            }
            for (int first = 0; first < kLanes; first += WordLanes::kCount) {
                int32_t words[WordLanes::kCount];
                sums_over_lanes(reinterpret_cast<WordLanes(&)[WordLanes::kCount]>(sums[first])).store(words);
                for (int i = 0; i < WordLanes::kCount; ++i) totals[first + i] = words[i];
            }
        } else {
            for (int lane = 0; lane < kLanes; ++lane) totals[lane] = large_sum(lane);
        }
        for (int lane = 0; lane < kLanes; ++lane) {
            if (!is_large)
                totals[lane] += crops_.is_gapless(lane) ? pixels_.shifted_by(1) : row_pixels_.shifted_by(channel_.height);
            counts[lane] = static_cast<double>(totals[lane]) - counted_pixels(lane) * median[lane];
        }
    }

    int64_t large_sum(int lane) const
    {
        int64_t total = 0;
        crops_.template for_each_row<Pixel>(lane, [&](const std::byte* row) {
            for (int64_t column = 0; column < channel_.width; ++column)
                total += static_cast<int64_t>(stored_at(row + column * kSize));
        });
        return total;
    }

    /// The same, above the high part of the median.
    template <int kSide>
    void add_up(const double (&median)[kLanes], double (&counts)[kLanes]) const
    {
        Real sums[kLanes];
        math::Parts<Scalar> background[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) background[lane] = math::in_parts<Scalar>(median[lane]);
        for (int lane = 0; lane < kLanes; ++lane) {
            crops_.prefetch(kLanes + lane, 2 * kLanes);
            const Real level(background[lane].high);
            sums[lane] =
                mended_[lane].n_padded > 0 ? sum_above<kSide, true>(lane, level) : sum_above<kSide, false>(lane, level);
        }
        Scalar above[kLanes];
        sums_over_lanes(sums).store(above);
        for (int lane = 0; lane < kLanes; ++lane) {
            counts[lane] =
                static_cast<double>(above[lane]) - counted_pixels(lane) * static_cast<double>(background[lane].low);
            if (mended_[lane].n_padded > 0) // zeros that are not padding
                counts[lane] -= static_cast<double>(mended_[lane].n_zeros - mended_[lane].n_padded) *
                                static_cast<double>(background[lane].high);
        }
    }

    /// In the order of the pixels, wherever they lie.
    template <int kSide, bool kWithoutZeros>
    LUMICROP_INLINE Real sum_above(int lane, Real level) const
    {
        const int64_t height = this->height<kSide>(), width = this->width<kSide>();
        if (height <= kStripRows && height * width <= math::kPlainTerms * Real::kCount) {
            Real plain(0);
            const auto add = [&](Real above) { plain = plain + above; };
            const std::byte* const crop = crops_.template run<Pixel>(lane, 0, height);
            pixels_.template for_each<kWithoutZeros>(crop, height * width, level, add);
            return plain;
        }
        math::BatchedSum<Real> sum;
        const auto add = [&](Real above) { sum.add(above); };
        for (int64_t begin = 0; begin < height; begin += kStripRows) {
            const int64_t end = begin + kStripRows < height ? begin + kStripRows : height;
            const std::byte* const strip = crops_.template run<Pixel>(lane, begin, end);
            pixels_.template for_each<kWithoutZeros>(strip, (end - begin) * width, level, add);
        }
        return sum.value();
    }

    static constexpr int64_t kStripRows = Crops<kLanes>::kStripRows;

    const Channel& channel_;
    Crops<kLanes> crops_;
    const int64_t n_border_;
    const int64_t n_sorted_; // an even number
    const int64_t pitch_;    // of the borders laid side by side
    Stored* const stored_;
    Lanes* const border_;
    const std::conditional_t<kExact, ExactSum<Pixel>, LevelledPixels<Pixel, Real>> pixels_,
        row_pixels_;                                 // of a crop, of a row
    const CropPadding<Pixel, Real, kLanes> padding_; // of the crop that is mended
    Mended mended_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
