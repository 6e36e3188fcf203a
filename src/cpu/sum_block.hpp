// Border-median sum of a block of crops (SPEC section 3).
#pragma once

#include "cpu/crops.hpp"
#include "math/border_median.hpp"
#include "math/padding.hpp"
#include "math/running_sum.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class SumBlock
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    SumBlock(const Channel& channel, Workspace& workspace)
        : channel_(channel), crops_(channel, workspace), n_border_(math::border_size(channel.height, channel.width)),
          border_(workspace.take<Real>(n_border_)), left_out_(workspace.take<uint16_t>(n_border_)),
          zero_(workspace.take<uint16_t>(can_pad() ? channel.height * channel.width : 0)),
          padding_(workspace.take<uint16_t>(can_pad() ? channel.height * channel.width : 0))
    {
    }

    void compute(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block);
        read_border();
        double median[kLanes]; // raw counts
        uint32_t no_border;
        const bool exclude = find_left_out();
        if (exclude)
            median_of_rest(median, no_border);
        else
            median_of_all(median, no_border);

        // Subtracting the raw median takes the camera's offset with it.
        math::Parts<Scalar> background[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) background[lane] = math::in_parts<Scalar>(median[lane]);
        double sums[kLanes], pixels[kLanes];
        if (padded_ != 0)
            add_up<true>(background, sums, pixels);
        else
            add_up<false>(background, sums, pixels);

        for (int lane = 0; lane < kLanes; ++lane) {
            outcomes.counts[lane] = sums[lane] - pixels[lane] * static_cast<double>(background[lane].low);
            outcomes.background[lane] = median[lane] - channel_.camera_offset;
            outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number();
            outcomes.flags[lane] = 0;
        }
        for (int lane = 0; lane < block.n; ++lane) {
            if ((padded_ | crops_.clipped()) >> lane & 1) outcomes.flags[lane] |= LUMICROP_FLAG_TRUNCATED;
            if (no_border >> lane & 1) outcomes.flags[lane] |= LUMICROP_FLAG_NO_BORDER;
            if (!math::is_finite(outcomes.counts[lane]) && crops_.has_non_finite(lane))
                outcomes.flags[lane] |= LUMICROP_FLAG_DATA_NOT_FINITE;
        }
    }

private:
    bool can_pad() const { return channel_.padding != Padding::none; }

    void load_strip(int64_t begin)
    {
        const int64_t end = begin + crops_.strip_rows();
        crops_.load(begin, end < channel_.height ? end : channel_.height);
    }

    /// Copies the border out of the tile, in the order of math::border_pixel.
    void read_border()
    {
        const int64_t height = channel_.height, width = channel_.width;
        for (int64_t begin = 0; begin < height; begin += crops_.strip_rows()) {
            load_strip(begin);
            const int64_t end = begin + crops_.strip_rows() < height ? begin + crops_.strip_rows() : height;
            for (int64_t row = begin; row < end; ++row) {
                const int64_t first = (row - begin) * width;
                if (width == 1) {
                    border_[row] = crops_.pixel(first);
                } else if (row == 0 || row == height - 1) {
                    Real* const to = border_ + (row == 0 ? 0 : width);
                    for (int64_t column = 0; column < width; ++column) to[column] = crops_.pixel(first + column);
                } else {
                    Real* const to = border_ + 2 * width + 2 * (row - 1);
                    to[0] = crops_.pixel(first);
                    to[1] = crops_.pixel(first + width - 1);
                }
            }
        }
    }

    /// Border pixels that are padding or NaN; whether there are any. Grows the padding inwards where it began.
    bool find_left_out()
    {
        padded_ = 0;
        uint32_t any = 0;
        const bool zeros = channel_.padding == Padding::zeros;
        typename Real::Mask suspect = border_[0] != border_[0];
        if (zeros)
            for (int64_t i = 0; i < n_border_; ++i) suspect = suspect | (border_[i] != border_[i]) | (border_[i] == Real(0));
        else
            for (int64_t i = 0; i < n_border_; ++i) suspect = suspect | (border_[i] != border_[i]);
        any = lane_bits(suspect);
        const uint32_t outside = channel_.padding == Padding::geometry ? crops_.clipped() : 0;
        if ((any | outside) == 0) return false;

        if (zeros) grow_zeros();
        if (outside != 0) mark_outside(outside);
        for (int64_t i = 0; i < n_border_; ++i) {
            const math::PixelPosition at = math::border_pixel(i, channel_.height, channel_.width);
            const uint32_t nan = lane_bits(border_[i] != border_[i]);
            const uint32_t padding = padded_ != 0 ? padding_[at.row * channel_.width + at.column] : 0u;
            left_out_[i] = static_cast<uint16_t>(nan | padding);
        }
        return true;
    }

    void grow_zeros()
    {
        uint32_t at_border = 0;
        for (int64_t i = 0; i < n_border_; ++i) at_border |= lane_bits(border_[i] == Real(0));
        if (at_border == 0) return;
        for (int64_t begin = 0; begin < channel_.height; begin += crops_.strip_rows()) {
            if (!crops_.one_strip()) load_strip(begin);
            const int64_t rows =
                crops_.strip_rows() < channel_.height - begin ? crops_.strip_rows() : channel_.height - begin;
            uint16_t* const zero = zero_ + begin * channel_.width;
            for (int64_t i = 0; i < rows * channel_.width; ++i)
                zero[i] = static_cast<uint16_t>(lane_bits(crops_.pixel(i) == Real(0)) & at_border);
        }
        math::grow_padding(zero_, padding_, channel_.height, channel_.width);
        padded_ = at_border;
    }

    void mark_outside(uint32_t outside)
    {
        const int64_t n = channel_.height * channel_.width;
        for (int64_t i = 0; i < n; ++i) padding_[i] = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            if ((outside >> lane & 1) == 0) continue;
            const CropWindow& window = crops_.window(lane);
            for (int64_t row = 0; row < channel_.height; ++row)
                for (int64_t column = 0; column < channel_.width; ++column)
                    if (row < window.row_begin || row >= window.row_end || column < window.column_begin ||
                        column >= window.column_end)
                        padding_[row * channel_.width + column] |= static_cast<uint16_t>(1u << lane);
        }
        padded_ = outside;
    }

    void store_median(const math::Middle<Real>& middle, double (&median)[kLanes])
    {
        Scalar low[kLanes], high[kLanes];
        middle.low.store(low);
        middle.high.store(high);
        for (int lane = 0; lane < kLanes; ++lane)
            median[lane] = math::median_of_middle(static_cast<double>(low[lane]), static_cast<double>(high[lane]));
    }

    template <int kBorder>
    __attribute__((noinline)) void median_unrolled(double (&median)[kLanes])
    {
        Real values[kBorder];
        for (int i = 0; i < kBorder; ++i) values[i] = border_[i];
        store_median(math::middle_of(values), median);
    }

    void median_of_all(double (&median)[kLanes], uint32_t& no_border)
    {
        no_border = 0;
        switch (n_border_) { // squares of 3 to 17 pixels
        case 8: return median_unrolled<8>(median);
        case 16: return median_unrolled<16>(median);
        case 24: return median_unrolled<24>(median);
        case 32: return median_unrolled<32>(median);
        case 40: return median_unrolled<40>(median);
        case 48: return median_unrolled<48>(median);
        case 56: return median_unrolled<56>(median);
        case 64: return median_unrolled<64>(median);
        default: break;
        }
        math::sort(border_, n_border_);
        store_median({border_[math::lower_middle(n_border_)], border_[math::upper_middle(n_border_)]}, median);
    }

    /// What is left out sorts to the end; each lane then has a middle of its own.
    void median_of_rest(double (&median)[kLanes], uint32_t& no_border)
    {
        int64_t counts[kLanes] = {};
        for (int64_t i = 0; i < n_border_; ++i) {
            border_[i] = select(mask_of<Real>(left_out_[i]), Real(__builtin_inf()), border_[i]);
            for (int lane = 0; lane < kLanes; ++lane) counts[lane] += (left_out_[i] >> lane & 1) == 0;
        }
        math::sort(border_, n_border_);
        const auto* const sorted = reinterpret_cast<const Scalar*>(border_);
        no_border = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            if (counts[lane] == 0) {
                median[lane] = channel_.camera_offset; // a background of 0 counts above the offset
                no_border |= 1u << lane;
                continue;
            }
            median[lane] =
                math::median_of_middle(static_cast<double>(sorted[math::lower_middle(counts[lane]) * kLanes + lane]),
                                       static_cast<double>(sorted[math::upper_middle(counts[lane]) * kLanes + lane]));
        }
    }

    /// Sum of (pixel - high part of the background) over the pixels that are not padding, and their number.
    template <bool kPadded>
    void add_up(const math::Parts<Scalar> (&background)[kLanes], double (&sums)[kLanes], double (&pixels)[kLanes])
    {
        const int64_t height = channel_.height, width = channel_.width;
        Scalar high_parts[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) high_parts[lane] = background[lane].high;
        const Real high = Real::load(high_parts);
        math::RunningSum<Real> total;
        int64_t left_out[kLanes] = {};
        for (int64_t begin = 0; begin < height; begin += crops_.strip_rows()) {
            if (!crops_.one_strip()) load_strip(begin);
            const int64_t strip = crops_.strip_rows() < height - begin ? crops_.strip_rows() : height - begin;
            const int64_t n = strip * width;
            for (int64_t i = 0; i < n; i += math::kPlainTerms) {
                Real part(0);
                const int64_t end = i + math::kPlainTerms < n ? i + math::kPlainTerms : n;
                for (int64_t k = i; k < end; ++k) {
                    Real above = crops_.pixel(k) - high;
                    if constexpr (kPadded) {
                        const uint32_t bits = padding_[begin * width + k];
                        above = select(mask_of<Real>(bits), Real(0), above);
                        for (int lane = 0; lane < kLanes; ++lane) left_out[lane] += bits >> lane & 1;
                    }
                    part = part + above;
                }
                total.add(part);
            }
        }
        Scalar values[kLanes];
        total.value().store(values);
        for (int lane = 0; lane < kLanes; ++lane) {
            sums[lane] = static_cast<double>(values[lane]);
            pixels[lane] = static_cast<double>(height * width - left_out[lane]);
        }
    }

    const Channel& channel_;
    Crops<Real> crops_;
    const int64_t n_border_;
    Real* const border_;
    uint16_t* const left_out_;
    uint16_t* const zero_;
    uint16_t* const padding_;
    uint32_t padded_ = 0; // lanes with padding
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
