// Matched filter of a block of crops with pixel-integrated Gaussians (SPEC sections 4 and 5).
//
// Where a detection's Gaussian is not rotated, its PSF is a product of one weight a column and one a row, and so are the sums of
// weights and squares. The weights are found with a crop in each lane, then turned, so that the one pass over the pixels that remains
// takes each crop's rows as they lie. A rotated one evaluates the PSF at every pixel, again with a crop in each lane. A block with both
// kinds takes both ways and each lane keeps its own, so that no detection depends on its neighbours.
#pragma once

#include "cpu/gauss_psf.hpp"
#include "cpu/tile.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class GaussBlock
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    GaussBlock(const Channel& channel, Workspace& workspace)
        : channel_(channel), crops_(channel, workspace), width_((channel.width + kLanes - 1) / kLanes * kLanes),
          psf_(channel, crops_, width_, workspace), turned_weights_(workspace.take<Scalar>(kLanes * width_)),
          partial_(workspace.take<Real>(width_ / kLanes)), tile_(channel, workspace)
    {
    }

    void compute(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block, next);
        const FilterInputs<Real> inputs(job, channel_, block);
        psf_.find(job, block, inputs);
        BlockSums<Real> sums;
        if (psf_.rotated() != Psf::kAllLanes) add_up_separable(inputs.subtract_high, sums);
        if (psf_.rotated() != 0) add_up_rotated(inputs.subtract_high, sums);
        finish_filter<Real>(job, channel_, crops_, inputs, sums, psf_.amplitude(), psf_.is_nan(inputs), block.n, outcomes);
    }

private:
    using Wide = WideLanes<Real>;
    using Psf = GaussPsf<Real>;

    void add_up_separable(Real background, BlockSums<Real>& sums)
    {
        psf_.weigh_axes();
        const typename Psf::AxisSums columns = Psf::add_up_axis(psf_.columns(), channel_.width),
                                     rows = Psf::add_up_axis(psf_.rows(), channel_.height);
        psf_.turn_columns(width_, turned_weights_);
        alignas(64) Scalar levels[kLanes];
        background.store(levels);
        Real products[kLanes];
        with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            using Pixel = decltype(zero);
            if constexpr (std::is_same_v<Pixel, float> || std::is_same_v<Pixel, uint16_t>) {
                switch (crops_.is_gapless() && channel_.height == channel_.width ? channel_.width : 0) {
                case 7: return multiply<Pixel, registers_of(7), 7>(levels, products);
                case 9: return multiply<Pixel, registers_of(9), 9>(levels, products);
                case 11: return multiply<Pixel, registers_of(11), 11>(levels, products);
                case 13: return multiply<Pixel, registers_of(13), 13>(levels, products);
                case 15: return multiply<Pixel, registers_of(15), 15>(levels, products);
                default: break;
                }
            }
            switch (channel_.height <= kStripRows ? width_ / kLanes : 0) {
            case 1: return multiply<Pixel, 1, 0>(levels, products);
            case 2: return multiply<Pixel, 2, 0>(levels, products);
            default: return multiply<Pixel, 0, 0>(levels, products);
            }
        });
        sums = {Wide::widened(columns.weights) * Wide::widened(rows.weights),
                Wide::widened(columns.squares) * Wide::widened(rows.squares), Wide::widened(sums_over_lanes(products))};
    }

    static constexpr int registers_of(int width) { return (width + kLanes - 1) / kLanes; }

    /// Sums of weight * (pixel - background) over the crops, by columns. kRegisters hold a row; 0: any number, and any height. kSide: that of
    /// gapless squares, where the compiler knows it, else 0.
    template <class Pixel, int kRegisters, int kSide>
    void multiply(const Scalar (&levels)[kLanes], Real (&products)[kLanes]) const
    {
        const int64_t in_last = channel_.width - (width_ - kLanes);
        const FirstPixels<Pixel, kLanes> last(in_last, crops_.limit());
        const typename Real::Mask holds_pixels = mask_of<Real>(static_cast<uint32_t>((uint64_t{1} << in_last) - 1));
        for (int lane = 0; lane < kLanes; ++lane) {
            crops_.prefetch(lane, kLanes);
            if constexpr (kRegisters > 0)
                products[lane] = product<Pixel, kRegisters, kSide>(lane, Real(levels[lane]), last, holds_pixels);
            else
                products[lane] = product_of_strips<Pixel>(lane, Real(levels[lane]), last, holds_pixels);
        }
    }

    template <class Pixel, int kRegisters, int kSide>
    LUMICROP_INLINE Real product(int lane, Real background, const FirstPixels<Pixel, kLanes>& last,
                                 typename Real::Mask holds_pixels) const
    {
        const auto* const weights = reinterpret_cast<const Scalar*>(psf_.rows()) + lane;
        const PixelRows rows = crops_.template rows<Pixel>(lane, 0, channel_.height);
        Real parts[kRegisters];
        for (Real& part : parts) part = Real(0);
        const int64_t height = kSide > 0 ? kSide : channel_.height;
        const int64_t stride = kSide > 0 ? kSide * static_cast<int64_t>(sizeof(Pixel)) : rows.stride;
#pragma GCC unroll 16
        for (int64_t row = 0; row < height; ++row) {
            const Real weight(weights[row * kLanes]);
            const std::byte* const from = rows.first + row * stride;
            for (int i = 0; i + 1 < kRegisters; ++i) parts[i] = muladd(weight, whole<Pixel>(from, i) - background, parts[i]);
            const Real pixels = converted<Real>(last.load(from + (kRegisters - 1) * kSpan<Pixel>));
            parts[kRegisters - 1] = muladd(weight, pixels - background, parts[kRegisters - 1]);
        }
        const Scalar* const columns = turned_weights_ + lane * width_;
        Real product =
            select(holds_pixels, Real::load(columns + (kRegisters - 1) * kLanes) * parts[kRegisters - 1], Real(0));
        for (int i = 0; i + 1 < kRegisters; ++i) product = muladd(Real::load(columns + i * kLanes), parts[i], product);
        return product;
    }

    template <class Pixel>
    static constexpr int64_t kSpan = kLanes* static_cast<int64_t>(sizeof(Pixel)); // of a register's pixels

    template <class Pixel>
    static LUMICROP_INLINE Real whole(const std::byte* row, int64_t i)
    {
        return converted<Real>(load_pixels<Pixel, kLanes>(row + i * kSpan<Pixel>));
    }

    template <class Pixel>
    Real product_of_strips(int lane, Real background, const FirstPixels<Pixel, kLanes>& last,
                           typename Real::Mask holds_pixels) const
    {
        const int64_t height = channel_.height, n_registers = width_ / kLanes;
        const auto* const weights = reinterpret_cast<const Scalar*>(psf_.rows()) + lane;
        math::BatchedSum<Real> total;
        for (int64_t begin = 0; begin < height; begin += kStripRows) {
            const int64_t end = begin + kStripRows < height ? begin + kStripRows : height;
            const PixelRows rows = crops_.template rows<Pixel>(lane, begin, end);
            for (int64_t i = 0; i < n_registers; ++i) partial_[i] = Real(0);
            for (int64_t row = begin; row < end; ++row) {
                const Real weight(weights[row * kLanes]);
                const std::byte* const from = rows.row(row - begin);
                for (int64_t i = 0; i + 1 < n_registers; ++i)
                    partial_[i] = muladd(weight, whole<Pixel>(from, i) - background, partial_[i]);
                const Real pixels = converted<Real>(last.load(from + (n_registers - 1) * kSpan<Pixel>));
                partial_[n_registers - 1] = muladd(weight, pixels - background, partial_[n_registers - 1]);
            }
            const Scalar* const columns = turned_weights_ + lane * width_;
            for (int64_t i = 0; i + 1 < n_registers; ++i) total.add(Real::load(columns + i * kLanes) * partial_[i]);
            const Real product = Real::load(columns + (n_registers - 1) * kLanes) * partial_[n_registers - 1];
            total.add(select(holds_pixels, product, Real(0)));
        }
        return total.value();
    }

    void add_up_rotated(Real background, BlockSums<Real>& sums)
    {
        typename Psf::Rotated rotated(psf_);
        math::RunningSum<Real> weights, squares, products;
        for (int64_t strip = 0; strip < channel_.height; strip += tile_.strip_rows()) {
            const int64_t end = strip + tile_.strip_rows() < channel_.height ? strip + tile_.strip_rows() : channel_.height;
            tile_.load(crops_, strip, end);
            for (int64_t row = strip; row < end; ++row) {
                rotated.begin_row(row);
                for (int64_t begin = 0; begin < channel_.width; begin += math::kPlainTerms) {
                    const int64_t stop =
                        begin + math::kPlainTerms < channel_.width ? begin + math::kPlainTerms : channel_.width;
                    Real part(0), part_squares(0), part_products(0);
                    for (int64_t c = begin; c < stop; ++c) {
                        const Real weight = rotated.weight(c);
                        part = part + weight;
                        part_squares = muladd(weight, weight, part_squares);
                        part_products =
                            muladd(weight, tile_.pixel((row - strip) * channel_.width + c) - background, part_products);
                    }
                    weights.add(part);
                    squares.add(part_squares);
                    products.add(part_products);
                }
            }
        }
        keep(sums.weights, Wide::widened(weights.value()));
        keep(sums.squares, Wide::widened(squares.value()));
        keep(sums.products, Wide::widened(products.value()));
    }

    /// Lanes that are rotated take the new value.
    void keep(Wide& all, const Wide& of_rotated) const
    {
        for (int i = 0; i < Wide::kParts; ++i) {
            const auto rotated = mask_of<DoubleLanes>(psf_.rotated() >> (i * DoubleLanes::kCount));
            all.part[i] =
                psf_.rotated() == Psf::kAllLanes ? of_rotated.part[i] : select(rotated, of_rotated.part[i], all.part[i]);
        }
    }

    static constexpr int64_t kStripRows = Crops<kLanes>::kStripRows;

    const Channel& channel_;
    Crops<kLanes> crops_;
    const int64_t width_; // of a crop, in whole registers
    Psf psf_;
    Scalar* const turned_weights_; // [kLanes][width_]
    Real* const partial_;          // [width_ / kLanes]
    Tile<Real> tile_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
