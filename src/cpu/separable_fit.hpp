// Filter and joint fit with their errors where the PSF is a product of one weight a column and one a row and all pixels have one camera:
// rows of pixels are taken as they lie, and nothing is kept of them.
#pragma once

#include "cpu/gauss_psf.hpp"
#include "cpu/transpose.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Whether small crops of the channel may take this way; rotated, padded and cut ones among them do not.
inline bool is_separable(const Channel& channel, const Result& wanted, int64_t most_width)
{
    const bool fits =
        (channel.method == Method::filter && channel.background == Subtracted::column) || channel.method == Method::joint;
    return fits && channel.model != Model::spline && !has_maps(channel) && !(channel.saturation < __builtin_inf()) &&
           !wanted.log_likelihood_ratio && channel.height <= math::kPlainTerms && channel.width <= most_width;
}

template <class Real>
class SeparableFit
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;
    using Psf = GaussPsf<Real>;
    static constexpr int kMostRegisters = 2; // of a row

    /// `width`: of a crop, in whole registers.
    SeparableFit(const Channel& channel, const Crops<kLanes>& crops, int64_t width, Workspace& workspace)
        : channel_(channel), crops_(crops), width_(width), columns_(workspace.take<Scalar>(kLanes * width)),
          minus_light_(workspace.take<Real>(channel.height))
    {
    }

    /// Electrons above a level that has two parts, of a gain.
    struct Levels
    {
        Real high, low; // counts; electrons
        Scalar gain;
    };

    /// What a first pass over the pixels tells.
    struct Sums
    {
        Real weights; // of the PSF before it was normalised: the rows' weights are, now
        math::Square<Real> normal;
        math::Light<Real> light; // sums of p d and of d
        uint32_t zero_on_border; // lanes, where that is padding
    };

    /// `comes_again`: spread() will want squares, and pass over the pixels once more.
    template <bool kFitted>
    Sums add_up(const Psf& psf, const Levels& levels, bool comes_again)
    {
        const typename Psf::AxisSums columns = Psf::add_up_axis(psf.columns(), channel_.width),
                                     rows = Psf::add_up_axis(psf.rows(), channel_.height);
        psf.turn_columns(width_, columns_);
        rows_ = psf.rows();
        Sums sums;
        sums.weights = columns.weights * rows.weights;
        const Real scale = Real(1) / sums.weights;
        for (int64_t row = 0; row < channel_.height; ++row) rows_[row] = rows_[row] * scale;
        const Real squares = columns.squares * rows.squares * scale * scale;
        const auto n = static_cast<Scalar>(channel_.height * channel_.width);
        sums.normal = {squares, Real(1), Real(n)};
        sums.zero_on_border = 0;
        normal_squares_ = squares;
        columns_ends_ = ends_of(psf.columns(), channel_.width);
        levels.high.store(high_);
        levels.low.store(low_);
        gain_ = levels.gain;
        const bool seeks_zeros = kFitted && channel_.padding == Padding::zeros;
        Real products[kLanes], pixels[kLanes];
        for_each_crop([&](auto rows_of, int lane) LUMICROP_INLINED {
            crops_.prefetch(lane, comes_again ? 2 * kLanes : kLanes);
            if (first_pass<kFitted>(rows_of, lane, products[lane], pixels[lane]) && seeks_zeros)
                sums.zero_on_border |= static_cast<uint32_t>(has_zero_on_border(rows_of)) << lane;
        });
        sums.light = {sums_over_lanes(products), kFitted ? sums_over_lanes(pixels) : Real(0)};
        const Real gain(levels.gain);
        sums.light.signal = muladd(sums.light.signal, gain, Real(0) - levels.low);
        sums.light.background = muladd(sums.light.background, gain, Real(0) - levels.low * Real(n));
        return sums;
    }

    /// The sums that errors are made of; `base` is the variance of pixels without the model. V is linear in p where no pixel of a crop is
    /// too dark, so that they come from sums of p. In lanes of `uncertain` they do not hold: some is, or its V is too far from others'.
    math::Spread<Real> spread(Real excess, const math::Light<Real>& light, Real base, bool wants_squares,
                              uint32_t& uncertain)
    {
        const Ends rows = ends_of(rows_, channel_.height);
        const Real n(static_cast<Scalar>(channel_.height * channel_.width));
        const Real dark = muladd(excess, light.background, base); // V where p is 0
        const Real bright = muladd(excess * light.signal, rows.most * columns_ends_.most, dark);
        const Real least = excess * Real(static_cast<Scalar>(math::kLeastMean)), most = larger(dark, bright);
        const Real too_far =
            most * Real(static_cast<Scalar>(1e-8)); // of a product of four, the eighth part of float32's range
        uncertain = lane_bits((dark < least) | (bright < least) | !(too_far < smaller(dark, bright)));
        const Real by_light = excess * light.signal, squares = normal_squares_, nothing(0);
        math::Spread<Real> spread{{muladd(by_light, rows.cubes * columns_ends_.cubes, dark * squares),
                                   muladd(by_light, squares, dark), muladd(n, dark, by_light)},
                                  {nothing, nothing, nothing},
                                  Real(1),
                                  n,
                                  nothing};
        if (wants_squares) {
            spread.squares = sum_of_squares(excess, light, base, most);
            uncertain |= lane_bits(!(spread.squares - spread.squares == nothing)); // not finite
        }
        return spread;
    }

private:
    /// Of an axis' weights: the sum of their cubes, and the largest.
    struct Ends
    {
        Real cubes, most;
    };
    static Ends ends_of(const Real* weights, int64_t n)
    {
        Ends ends{Real(0), weights[0]};
        for (int64_t i = 0; i < n; ++i) {
            ends.cubes = muladd(weights[i] * weights[i], weights[i], ends.cubes);
            ends.most = larger(ends.most, weights[i]);
        }
        return ends;
    }

    /// What a lane's pixels are compared with, in units in which the largest V is 1; `dark` and `drop` are below 0, for one step less a pixel.
    struct Model
    {
        Real gain;
        Real dark; // minus the background
        Real drop; // of V by such a unit: minus the excess
        Real base;
    };

    Real sum_of_squares(Real excess, const math::Light<Real>& light, Real base, Real most) const
    {
        const Real unit = Real(1) / square_root(most), low = Real::load(low_);
        const Real minus = Real(0) - unit, minus_signal = light.signal * minus;
        alignas(64) Scalar gain[kLanes], dark[kLanes], drop[kLanes], rest[kLanes];
        (Real(gain_) * unit).store(gain);
        ((light.background + low) * minus).store(dark); // the level's low part is left to the model
        (excess * minus).store(drop);
        ((base - excess * low) * unit * unit).store(rest);
        for (int64_t row = 0; row < channel_.height; ++row) minus_light_[row] = rows_[row] * minus_signal;
        Real squares[kLanes];
        for_each_crop([&](auto rows_of, int lane) LUMICROP_INLINED {
            crops_.prefetch(kLanes + lane, 2 * kLanes);
            squares[lane] =
                second_pass(rows_of, lane, {Real(gain[lane]), Real(dark[lane]), Real(drop[lane]), Real(rest[lane])});
        });
        return sums_over_lanes(squares);
    }

    /// A crop's rows, with as many registers as hold one.
    template <class PixelType, int kCount, int kSide>
    struct Rows
    {
        using Pixel = PixelType;
        static constexpr int kRegisters = kCount;
        PixelRows pixels;
        int64_t n_rows;
        const FirstPixels<Pixel, kLanes>& last;

        /// kSide: that of gapless squares, where the compiler knows it, else 0.
        LUMICROP_INLINE int64_t height() const { return kSide > 0 ? kSide : n_rows; }
        LUMICROP_INLINE const std::byte* row(int64_t r) const
        {
            return pixels.first + r * (kSide > 0 ? kSide * static_cast<int64_t>(sizeof(Pixel)) : pixels.stride);
        }

        LUMICROP_INLINE Real at(int64_t row, int i) const
        {
            const std::byte* const from = this->row(row) + i * (kLanes * static_cast<int64_t>(sizeof(Pixel)));
            return i + 1 < kCount ? converted<Real>(load_pixels<Pixel, kLanes>(from)) : converted<Real>(last.load(from));
        }
    };

    template <class Use>
    LUMICROP_INLINE void for_each_crop(Use use) const
    {
        with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            using Pixel = decltype(zero);
            if constexpr (std::is_same_v<Pixel, float> || std::is_same_v<Pixel, uint16_t>) {
                switch (crops_.is_gapless() && channel_.height == channel_.width ? channel_.width : 0) {
                case 7: return for_each_of<Pixel, registers_of(7), 7>(use);
                case 9: return for_each_of<Pixel, registers_of(9), 9>(use);
                case 11: return for_each_of<Pixel, registers_of(11), 11>(use);
                case 13: return for_each_of<Pixel, registers_of(13), 13>(use);
                case 15: return for_each_of<Pixel, registers_of(15), 15>(use);
                default: break;
                }
            }
            if (width_ == kLanes)
                for_each_of<Pixel, 1, 0>(use);
            else
                for_each_of<Pixel, 2, 0>(use);
        });
    }
    /// A side that takes more registers than are served does not come here.
    static constexpr int registers_of(int width) { return width <= kLanes ? 1 : 2; }

    template <class Pixel, int kRegisters, int kSide, class Use>
    LUMICROP_INLINE void for_each_of(Use use) const
    {
        const FirstPixels<Pixel, kLanes> last(channel_.width - (width_ - kLanes), crops_.limit());
        for (int lane = 0; lane < kLanes; ++lane)
            use(Rows<Pixel, kRegisters, kSide>{crops_.template rows<Pixel>(lane, 0, channel_.height), channel_.height, last},
                lane);
    }

    typename Real::Mask holds_pixels() const
    {
        const int64_t in_last = channel_.width - (width_ - kLanes);
        return mask_of<Real>(static_cast<uint32_t>((uint64_t{1} << in_last) - 1));
    }
    static LUMICROP_INLINE Real of_row(const Real* rows, int64_t row, int lane)
    {
        return Real(reinterpret_cast<const Scalar*>(rows)[row * kLanes + lane]);
    }

    /// Sums of p (pixel - level) and, where b is fitted, of (pixel - level), in counts, by columns; and then whether a pixel may be exactly 0.
    template <bool kFitted, class RowsOf>
    LUMICROP_INLINE bool first_pass(const RowsOf& rows, int lane, Real& product, Real& sum) const
    {
        constexpr int kRegisters = RowsOf::kRegisters;
        const Real level(high_[lane]), nothing(0);
        Real products[kRegisters], pixels[kRegisters];
        for (int i = 0; i < kRegisters; ++i) products[i] = pixels[i] = nothing;
        Real darkest[kRegisters];
        for (Real& one : darkest) one = Real(1);
        const int64_t height = rows.height();
#pragma GCC unroll 16
        for (int64_t row = 0; row < height; ++row) {
            const Real weight = of_row(rows_, row, lane);
            for (int i = 0; i < kRegisters; ++i) {
                const Real pixel = rows.at(row, i), above = pixel - level;
                products[i] = muladd(weight, above, products[i]);
                if constexpr (kFitted) {
                    pixels[i] = pixels[i] + above;
                    darkest[i] = smaller(absolute(pixel), darkest[i]);
                }
            }
        }
        const typename Real::Mask holds = holds_pixels();
        const Scalar* const columns = columns_ + lane * width_;
        product = select(holds, Real::load(columns + (kRegisters - 1) * kLanes) * products[kRegisters - 1], nothing);
        sum = select(holds, pixels[kRegisters - 1], nothing);
        if constexpr (kRegisters == 2) {
            product = muladd(Real::load(columns), products[0], product);
            sum = sum + pixels[0];
        }
        if constexpr (!kFitted) return false;
        typename Real::Mask zero = (darkest[kRegisters - 1] == nothing) & holds;
        if constexpr (kRegisters == 2) zero = zero | (darkest[0] == nothing);
        return lane_bits(zero) != 0;
    }

    /// Whether a pixel of the crop's border is exactly 0.
    template <class RowsOf>
    __attribute__((noinline)) bool has_zero_on_border(const RowsOf& rows) const
    {
        using Pixel = typename RowsOf::Pixel;
        const int64_t height = channel_.height, last = (channel_.width - 1) * static_cast<int64_t>(sizeof(Pixel));
        const Real nothing(0);
        typename Real::Mask ends = nothing != nothing;
        const typename Real::Mask holds = holds_pixels();
        for (int i = 0; i < RowsOf::kRegisters; ++i) {
            const auto zero = (rows.at(0, i) == nothing) | (rows.at(height - 1, i) == nothing);
            ends = ends | (i + 1 < RowsOf::kRegisters ? zero : zero & holds);
        }
        bool found = lane_bits(ends) != 0;
        for (int64_t row = 1; row + 1 < height; ++row) {
            found |= is_zero<Pixel>(rows.row(row));
            found |= is_zero<Pixel>(rows.row(row) + last);
        }
        return found;
    }
    template <class Pixel>
    static LUMICROP_INLINE bool is_zero(const std::byte* at)
    {
        Pixel pixel;
        __builtin_memcpy(&pixel, at, sizeof pixel);
        return pixel == Pixel(0);
    }

    /// Sum of (d - mu)^2 / V.
    template <class RowsOf>
    LUMICROP_INLINE Real second_pass(const RowsOf& rows, int lane, const Model& model) const
    {
        constexpr int kRegisters = RowsOf::kRegisters;
        Real squares[kRegisters];
        for (Real& one : squares) one = Real(0);
        const int64_t height = rows.height(), whole = height - height % 4;
#pragma GCC unroll 4
        for (int64_t row = 0; row < whole; row += 4) add_squares<4>(rows, row, lane, model, squares);
        switch (height - whole) {
        case 3: add_squares<3>(rows, whole, lane, model, squares); break;
        case 2: add_squares<2>(rows, whole, lane, model, squares); break;
        case 1: add_squares<1>(rows, whole, lane, model, squares); break;
        default: break;
        }
        const Real of_last = select(holds_pixels(), squares[kRegisters - 1], Real(0));
        return kRegisters == 2 ? of_last + squares[0] : of_last;
    }

    /// Up to four rows share a division.
    template <int kRows, class RowsOf, int kRegisters>
    LUMICROP_INLINE void add_squares(const RowsOf& rows, int64_t first, int lane, const Model& model,
                                     Real (&squares)[kRegisters]) const
    {
        const Real level(high_[lane]);
        const Scalar* const columns = columns_ + lane * width_;
        for (int i = 0; i < kRegisters; ++i) {
            Real square[4], variance[4];
            for (int k = 0; k < kRows; ++k) {
                const Real minus_mean =
                    muladd(of_row(minus_light_, first + k, lane), Real::load(columns + i * kLanes), model.dark);
                const Real rest = muladd(rows.at(first + k, i) - level, model.gain, minus_mean);
                variance[k] = muladd(model.drop, minus_mean, model.base);
                square[k] = rest * rest;
            }
            Real sum = square[0], product = variance[0]; // fractions are added
            if constexpr (kRows >= 2) {
                sum = muladd(square[0], variance[1], square[1] * variance[0]);
                product = product * variance[1];
            }
            if constexpr (kRows == 3) {
                sum = muladd(sum, variance[2], square[2] * product);
                product = product * variance[2];
            }
            if constexpr (kRows == 4) {
                const Real other = variance[2] * variance[3];
                sum = muladd(sum, other, muladd(square[2], variance[3], square[3] * variance[2]) * product);
                product = product * other;
            }
            squares[i] = muladd(sum, reciprocal(product), squares[i]);
        }
    }

    const Channel& channel_;
    const Crops<kLanes>& crops_;
    const int64_t width_;
    Scalar* const columns_;   // [kLanes][width_]
    Real* const minus_light_; // of rows: minus their weights times the light
    Real* rows_ = nullptr;
    alignas(64) Scalar high_[kLanes], low_[kLanes];
    Scalar gain_ = 0;
    Real normal_squares_; // sum of p^2
    Ends columns_ends_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
