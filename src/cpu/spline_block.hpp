// Matched filter of crops with a cubic B-spline PSF (SPEC sections 4 and 5).
//
// Crops come one after the other here; the lanes lie along the columns. Where knots and pixels step alike all columns share four weights, and so
// do all rows.
#pragma once

#include "cpu/filter_block.hpp"
#include "cpu/spline_psf.hpp"
#include "cpu/transpose.hpp"
#include "math/even_knots.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class SplineBlock
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    SplineBlock(const Channel& channel, Workspace& workspace)
        : channel_(channel), spline_(channel.spline->view()), crops_(channel, workspace), psf_(channel, workspace),
          width_(psf_.width()), pitch_(psf_.pitch()), slab_(psf_.slab()), pixels_(workspace.take<Scalar>(width_))
    {
        if (!std::is_same_v<Scalar, float> || channel.height > kStripRows || width_ > kMostRegisters * kLanes) return;
        even_x_ = math::even_pixels(spline_.x, channel.pixel_x_nm, channel.width);
        even_y_ = math::even_pixels(spline_.y, channel.pixel_y_nm, channel.height);
        even_z_ = math::even_pixels(spline_.z, 1.0, 1);
        // Lanes behind the last column are computed, too: what lies there must not be slow to compute with.
        if (slab_ == nullptr) return;
        for (int64_t i = 0; i < spline_.y.n_coefficients * pitch_; ++i) slab_[i] = 0;
    }

    void compute(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block, next);
        const FilterInputs<Real> inputs(job, channel_, block);
        alignas(64) double mux[kLanes], muy[kLanes], z[kLanes], weights[kLanes] = {}, squares[kLanes] = {},
                                                                products[kLanes] = {};
        alignas(64) Scalar background[kLanes];
        inputs.mux.store(mux);
        inputs.muy.store(muy);
        inputs.subtract_high.store(background);
        read_lanes(job.detections.z_fit, block, 0.0, z);
        uint32_t shape_is_nan = 0, outside = 0, even = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            crops_.prefetch(lane, kLanes);
            const bool nan = (mux[lane] != mux[lane]) | (muy[lane] != muy[lane]) | (z[lane] != z[lane]);
            shape_is_nan |= static_cast<uint32_t>(nan) << lane;
            if (const EvenCrop at(*this, lane, mux[lane], muy[lane], -z[lane]); at.found) {
                add_up_even(lane, at, background[lane]);
                even |= 1u << lane;
                continue;
            }
            even_sums_[0][lane] = even_sums_[1][lane] = even_sums_[2][lane] = Real(0);
            bool some_outside = false;
            const math::FilterSums sums = add_up(lane, mux[lane], muy[lane], -z[lane], background[lane], some_outside);
            weights[lane] = sums.weights;
            squares[lane] = sums.squares;
            products[lane] = sums.products;
            outside |= static_cast<uint32_t>(some_outside) << lane;
        }
        if (even != 0) {
            take_even(even, even_sums_[0], weights);
            take_even(even, even_sums_[1], squares);
            take_even(even, even_sums_[2], products);
        }
        using Wide = WideLanes<Real>;
        finish_filter<Real>(job, channel_, crops_, inputs, {Wide::load(weights), Wide::load(squares), Wide::load(products)},
                            Wide(1.0), shape_is_nan, block.n, outcomes);
        if (!job.result.flags) return;
        for (int lane = 0; lane < block.n; ++lane)
            if ((outside & ~shape_is_nan) >> lane & 1) outcomes.flags[lane] |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    }

private:
    static constexpr int64_t kStripRows = Crops<kLanes>::kStripRows;
    static constexpr int kMostRegisters = 4; // of a row, where knots are even

    /// A crop all of whose pixels lie where knots and pixels step alike.
    struct EvenCrop
    {
        bool found;
        int64_t x, y, z; // first coefficients
        Scalar x_weights[math::kOrder], y_weights[math::kOrder], z_weights[math::kOrder];

        EvenCrop(const SplineBlock& block, int lane, double mux, double muy, double depth)
        {
            const bool cut = block.channel_.padding == Padding::geometry && block.crops_.is_clipped(lane);
            found = !cut && place(block.even_x_, -mux, x, x_weights) && place(block.even_y_, -muy, y, y_weights) &&
                    (place(block.even_z_, depth, z, z_weights) || place_anywhere(block.spline_.z, depth));
        }

    private:
        static bool place(const EvenPixels& even, double at, int64_t& first, Scalar (&weights)[math::kOrder])
        {
            const double knots = (at - even.begin) * even.inverse_step;
            if (!(knots >= 0 && knots < even.count)) return false;
            const auto whole = static_cast<int64_t>(knots);
            first = even.first + whole;
            math::even_weights(static_cast<Scalar>(knots - static_cast<double>(whole)), weights);
            return true;
        }
        bool place_anywhere(const KnotAxis& axis, double depth)
        {
            typename SplinePsf<Real>::Place found_at;
            if (!SplinePsf<Real>::place(axis, depth, found_at)) return false;
            z = found_at.first;
            for (int k = 0; k < math::kOrder; ++k) z_weights[k] = found_at.weights[k];
            return true;
        }
    };

    void add_up_even(int lane, const EvenCrop& at, Scalar background)
    {
        with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            using Pixel = decltype(zero);
            switch (width_ / kLanes) {
            case 1: return add_up_even<Pixel, 1>(lane, at, background);
            case 2: return add_up_even<Pixel, 2>(lane, at, background);
            case 3: return add_up_even<Pixel, 3>(lane, at, background);
            default: return add_up_even<Pixel, kMostRegisters>(lane, at, background);
            }
        });
    }

    /// kRegisters hold a row.
    template <class Pixel, int kRegisters>
    void add_up_even(int lane, const EvenCrop& at, Scalar background)
    {
        contract_even_depth(at);
        const int64_t in_last = channel_.width - (kRegisters - 1) * kLanes;
        const FirstPixels<Pixel, kLanes> last(in_last, crops_.limit());
        const typename Real::Mask holds_pixels = mask_of<Real>(static_cast<uint32_t>((uint64_t{1} << in_last) - 1));
        const PixelRows rows = crops_.template rows<Pixel>(lane, 0, channel_.height);
        const Real x_weights[] = {Real(at.x_weights[0]), Real(at.x_weights[1]), Real(at.x_weights[2]),
                                  Real(at.x_weights[3])};
        const Real y_weights[] = {Real(at.y_weights[0]), Real(at.y_weights[1]), Real(at.y_weights[2]),
                                  Real(at.y_weights[3])};
        const Real level(background);
        Real weights(0), squares(0), products(0);
        for (int i = 0; i < kRegisters; ++i) {
            const Scalar* slab = slab_ + i * kLanes;
            const auto along_x = [&] {
                const Real line = math::contract(x_weights, Real::load(slab), Real::load(slab + 1), Real::load(slab + 2),
                                                 Real::load(slab + 3));
                slab += pitch_;
                return line;
            };
            Real first = along_x(), second = along_x(), third = along_x();
            Real sum(0), sum_squares(0), sum_products(0);
            for (int64_t row = 0; row < channel_.height; ++row) {
                const Real fourth = along_x();
                Real model = math::contract(y_weights, first, second, third, fourth);
                first = second;
                second = third;
                third = fourth;
                const std::byte* const from = rows.row(row) + i * kLanes * static_cast<int64_t>(sizeof(Pixel));
                Real pixels;
                if (i + 1 < kRegisters) {
                    pixels = converted<Real>(load_pixels<Pixel, kLanes>(from));
                } else {
                    pixels = converted<Real>(last.load(from));
                    model = select(holds_pixels, model, Real(0));
                }
                sum = sum + model;
                sum_squares = muladd(model, model, sum_squares);
                sum_products = muladd(model, pixels - level, sum_products);
            }
            if (i + 1 == kRegisters) sum_products = select(holds_pixels, sum_products, Real(0));
            weights = weights + sum;
            squares = squares + sum_squares;
            products = products + sum_products;
        }
        even_sums_[0][lane] = weights;
        even_sums_[1][lane] = squares;
        even_sums_[2][lane] = products;
    }

    /// slab[iy][ix] = sum over the four depths of weight * coefficient, from the crop's first coefficients on.
    void contract_even_depth(const EvenCrop& at)
    {
        const int64_t nx = spline_.x.n_coefficients, ny = spline_.y.n_coefficients;
        const Scalar* row = psf_.coefficients(Scalar()) + (at.z * ny + at.y) * nx + at.x;
        const Real weights[] = {Real(at.z_weights[0]), Real(at.z_weights[1]), Real(at.z_weights[2]), Real(at.z_weights[3])};
        Scalar* slab = slab_;
        for (int64_t iy = 0; iy < channel_.height + math::kDegree; ++iy, row += nx, slab += pitch_)
            for (int64_t ix = 0; ix < channel_.width + math::kDegree; ix += kLanes) {
                const Scalar* const from = row + ix;
                math::contract(weights, Real::load(from), Real::load(from + ny * nx), Real::load(from + 2 * ny * nx),
                               Real::load(from + 3 * ny * nx))
                    .store(slab + ix);
            }
    }

    static void take_even(uint32_t even, Real (&lanes)[kLanes], double (&sums)[kLanes])
    {
        alignas(64) double totals[kLanes];
        WideLanes<Real>::widened(sums_over_lanes(lanes)).store(totals);
        for (int lane = 0; lane < kLanes; ++lane)
            if (even >> lane & 1) sums[lane] = totals[lane];
    }

    math::FilterSums add_up(int lane, double mux, double muy, double z, Scalar background, bool& outside)
    {
        const CropWindow& window = crops_.window(lane);
        const bool cut = channel_.padding == Padding::geometry;
        const CropWindow counted = cut ? window : CropWindow{0, channel_.height, 0, channel_.width};
        if (!psf_.find(counted, mux, muy, z, outside)) return {0, 0, 0};

        math::RunningSum<Real> weights, squares, products;
        // What fills the last registers has no weight, but must be a number.
        for (int64_t c = 0; c < width_; ++c) pixels_[c] = 0;
        for (int64_t row = counted.row_begin; row < counted.row_end; ++row) {
            const bool in_domain = psf_.begin_row(row);
            read_row(lane, row);
            for (int64_t c = 0; c < width_; c += kLanes) {
                const Real above = Real::load(pixels_ + c) - Real(background);
                if (!in_domain) { // weight 0, but a NaN must show
                    products.add(Real(0) * above);
                    continue;
                }
                const Real model = psf_.at(c);
                weights.add(model);
                squares.add(model * model);
                products.add(model * above);
            }
        }
        return {total(weights), total(squares), total(products)};
    }

    void read_row(int lane, int64_t row)
    {
        with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            using Pixel = decltype(zero);
            const std::byte* const from = crops_.template rows<Pixel>(lane, row, row + 1).first;
            for (int64_t column = 0; column < channel_.width; ++column) {
                Pixel pixel;
                __builtin_memcpy(&pixel, from + column * static_cast<int64_t>(sizeof(Pixel)), sizeof pixel);
                pixels_[column] = static_cast<Scalar>(pixel);
            }
        });
    }

    static double total(const math::RunningSum<Real>& sum)
    {
        Scalar lanes[kLanes];
        sum.value().store(lanes);
        double all = 0;
        for (const Scalar lane : lanes) all += static_cast<double>(lane);
        return all;
    }

    const Channel& channel_;
    const SplineView& spline_;
    Crops<kLanes> crops_;
    SplinePsf<Real> psf_;
    const int64_t width_; // of the crop, in whole registers
    const int64_t pitch_; // of the slab
    Scalar* const slab_;
    Scalar* const pixels_;
    EvenPixels even_x_{}, even_y_{}, even_z_{};
    Real even_sums_[3][kLanes]; // weights, squares, products
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
