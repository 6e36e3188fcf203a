// Matched filter of a block of crops with pixel-integrated Gaussians (SPEC sections 4 and 5).
//
// Where a detection's Gaussian is not rotated, its PSF is a product of one weight a column and one a row, and so are the sums of
// weights and squares. The weights are found with a crop in each lane, then turned, so that the one pass over the pixels that remains
// takes each crop's rows as they lie. A rotated one evaluates the PSF at every pixel, again with a crop in each lane. A block with both
// kinds takes both ways and each lane keeps its own, so that no detection depends on its neighbours.
#pragma once

#include "cpu/filter_block.hpp"
#include "cpu/tile.hpp"
#include "cpu/wide_lanes.hpp"
#include "math/near_pixels.hpp"
#include "math/rotated_gaussian.hpp"

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
          column_weights_(workspace.take<Real>(width_)), row_weights_(workspace.take<Real>(channel.height)),
          turned_weights_(workspace.take<Scalar>(kLanes * width_)), partial_(workspace.take<Real>(width_ / kLanes)),
          tile_(channel, workspace)
    {
    }

    void compute(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block, next);
        const FilterInputs<Real> inputs(job, channel_, block);
        x_.centre = inputs.column;
        y_.centre = inputs.row;
        read_shapes(job, block);
        BlockSums<Real> sums;
        if (rotated_ != kAllLanes) add_up_separable(inputs.subtract_high, sums);
        if (rotated_ != 0) add_up_rotated(inputs.subtract_high, sums);
        const DoubleLanes x_factor(math::amplitude_factor(channel_.pixel_x_nm)),
            y_factor(math::amplitude_factor(channel_.pixel_y_nm));
        Wide amplitude;
        uint32_t shape_is_nan = 0;
        for (int i = 0; i < Wide::kParts; ++i) {
            const DoubleLanes x = x_.sigma.part[i], y = y_.sigma.part[i];
            amplitude.part[i] = math::gaussian_amplitude(x, x_factor) * math::gaussian_amplitude(y, y_factor);
            const auto nan = (inputs.mux.part[i] != inputs.mux.part[i]) | (inputs.muy.part[i] != inputs.muy.part[i]) |
                             (x != x) | (y != y) | (theta_.part[i] != theta_.part[i]);
            shape_is_nan |= lane_bits(nan) << (i * DoubleLanes::kCount);
        }
        finish_filter<Real>(job, channel_, crops_, inputs, sums, amplitude, shape_is_nan, block.n, outcomes);
    }

private:
    using Wide = WideLanes<Real>;
    static constexpr uint32_t kAllLanes = (1u << kLanes) - 1;

    /// The Gaussians along one of their own axes.
    struct Axis
    {
        Wide sigma;         // [nm]
        Wide centre;        // from the first pixel's centre [px]
        Wide scale;         // width of a pixel, as erf's argument
        uint32_t by_series; // lanes whose pixels are narrow enough for the series
        math::PixelSeries<Real> series;
        math::PixelExponents<Real> exponents;
    };

    static Wide read(const Column& column, const Block<kLanes>& block, double otherwise)
    {
        alignas(64) double values[kLanes];
        read_lanes(column, block, otherwise, values);
        return Wide::load(values);
    }

    void read_shapes(const Job& job, const Block<kLanes>& block)
    {
        const Detections& columns = job.detections;
        rotated_ = 0;
        if (channel_.model == Model::isogauss) {
            x_.sigma = y_.sigma = read(columns.sigma_fit, block, channel_.psf_sigma_nm);
            theta_ = Wide(0.0);
        } else {
            x_.sigma = read(columns.sigma_x_fit ? columns.sigma_x_fit : columns.sigma_fit, block, channel_.psf_sigma_x_nm);
            y_.sigma = read(columns.sigma_y_fit ? columns.sigma_y_fit : columns.sigma_fit, block, channel_.psf_sigma_y_nm);
            theta_ = read(columns.sigma_angle, block, channel_.psf_theta_deg);
            for (int i = 0; i < Wide::kParts; ++i)
                rotated_ |= lane_bits(theta_.part[i] != DoubleLanes(0.0)) << (i * DoubleLanes::kCount);
        }
        set_scale(x_, channel_.pixel_x_nm);
        if (channel_.model == Model::isogauss && channel_.pixel_y_nm == channel_.pixel_x_nm) {
            y_.scale = x_.scale;
            y_.by_series = x_.by_series;
            y_.series = x_.series;
        } else {
            set_scale(y_, channel_.pixel_y_nm);
        }
        x_.exponents = exponents(x_);
        y_.exponents = exponents(y_);
    }

    static void set_scale(Axis& axis, double pixel)
    {
        const DoubleLanes limit(math::series_limit(Scalar()));
        axis.by_series = 0;
        Wide half;
        for (int i = 0; i < Wide::kParts; ++i) {
            const DoubleLanes scale = math::gaussian_scale(axis.sigma.part[i], DoubleLanes(pixel));
            const auto narrow = scale <= limit;
            axis.scale.part[i] = scale;
            axis.by_series |= lane_bits(narrow) << (i * DoubleLanes::kCount);
            half.part[i] = DoubleLanes(0.5) * select(narrow, scale, limit);
        }
        axis.series = math::pixel_series(half.rounded());
    }

    static math::PixelExponents<Real> exponents(const Axis& axis)
    {
        const math::PixelExponents<Wide> wide = math::pixel_exponents(axis.centre, axis.scale);
        return {wide.nearest.rounded(), wide.square_high.rounded(), wide.square_low.rounded(), wide.linear.rounded(),
                wide.constant.rounded()};
    }

    /// erf's argument `at` pixels from the first pixel's centre.
    static LUMICROP_INLINE Wide argument(const Axis& axis, double at) { return (Wide(at) - axis.centre) * axis.scale; }

    static LUMICROP_INLINE math::PixelEdge<Real> edge_at(const Wide& argument)
    {
        return math::pixel_edge(argument.rounded(), (argument * argument).rounded());
    }

    static LUMICROP_INLINE Real bits_at(const Axis& axis, int64_t i)
    {
        return math::exponent_of_pixel(axis.exponents, Real(static_cast<Scalar>(i)));
    }

    /// Fewer terms where all pixels of the lane's crop are near enough to its centre, in float32.
    static void weigh_by_series(const Axis& axis, int64_t n, Real* weights)
    {
        if constexpr (std::is_same_v<Scalar, float>) {
            constexpr int kTerms = 7;
            const Real most = larger(bits_at(axis, 0), bits_at(axis, n - 1));
            const typename Real::Mask near =
                math::are_near<kTerms>(axis.exponents, most) & (most < Real(math::ErrorFunction<Scalar>::kBits));
            const uint32_t near_lanes = lane_bits(near) & axis.by_series;
            if (near_lanes == axis.by_series) {
                for (int64_t i = 0; i < n; ++i) weights[i] = math::fraction_near<kTerms>(axis.series, bits_at(axis, i));
                return;
            }
            if (near_lanes != 0) {
                for (int64_t i = 0; i < n; ++i) {
                    const Real bits = bits_at(axis, i);
                    weights[i] = select(near, math::fraction_near<kTerms>(axis.series, bits),
                                        math::fraction_around(axis.series, bits));
                }
                return;
            }
        }
        for (int64_t i = 0; i < n; ++i) weights[i] = math::fraction_around(axis.series, bits_at(axis, i));
    }

    /// Fraction of the one-dimensional Gaussian on each of `n` pixels; zero outside the frame where that is padding.
    void weigh(const Axis& axis, int64_t n, bool is_column, Real* weights)
    {
        if (axis.by_series != 0) weigh_by_series(axis, n, weights);
        if (axis.by_series != kAllLanes) {
            const typename Real::Mask by_series = mask_of<Real>(axis.by_series);
            math::PixelEdge<Real> lower = edge_at(argument(axis, -0.5));
            for (int64_t i = 0; i < n; ++i) {
                const math::PixelEdge<Real> upper = edge_at(argument(axis, static_cast<double>(i) + 0.5));
                const Real between = math::fraction_between(lower, upper);
                weights[i] = axis.by_series != 0 ? select(by_series, weights[i], between) : between;
                lower = upper;
            }
        }
        if (channel_.padding != Padding::geometry || crops_.clipped() == 0) return;
        for (int lane = 0; lane < kLanes; ++lane) {
            const CropWindow& window = crops_.window(lane);
            const int64_t begin = is_column ? window.column_begin : window.row_begin;
            const int64_t end = is_column ? window.column_end : window.row_end;
            auto* const weight = reinterpret_cast<Scalar*>(weights) + lane;
            for (int64_t i = 0; i < begin; ++i) weight[i * kLanes] = 0;
            for (int64_t i = end; i < n; ++i) weight[i * kLanes] = 0;
        }
    }

    struct AxisSums
    {
        Real weights, squares;
    };

    static AxisSums add_up_axis(const Real* weights, int64_t n)
    {
        if (n <= math::kPlainTerms) {
            AxisSums plain{Real(0), Real(0)};
            for (int64_t i = 0; i < n; ++i) {
                plain.weights = plain.weights + weights[i];
                plain.squares = muladd(weights[i], weights[i], plain.squares);
            }
            return plain;
        }
        math::BatchedSum<Real> total, total_squares;
        for (int64_t i = 0; i < n; ++i) {
            total.add(weights[i]);
            total_squares.add(weights[i] * weights[i]);
        }
        return {total.value(), total_squares.value()};
    }

    void add_up_separable(Real background, BlockSums<Real>& sums)
    {
        weigh(x_, channel_.width, true, column_weights_);
        weigh(y_, channel_.height, false, row_weights_);
        const AxisSums columns = add_up_axis(column_weights_, channel_.width),
                       rows = add_up_axis(row_weights_, channel_.height);
        turn_weights();
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

    /// Columns' weights of one crop side by side, crop after crop.
    void turn_weights()
    {
        for (int64_t c = channel_.width; c < width_; ++c) column_weights_[c] = Real(0);
        for (int64_t first = 0; first < width_; first += kLanes) {
            Real rows[kLanes];
            for (int i = 0; i < kLanes; ++i) rows[i] = column_weights_[first + i];
            transpose(rows);
            for (int lane = 0; lane < kLanes; ++lane) rows[lane].store(turned_weights_ + lane * width_ + first);
        }
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
        const auto* const weights = reinterpret_cast<const Scalar*>(row_weights_) + lane;
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
        const auto* const weights = reinterpret_cast<const Scalar*>(row_weights_) + lane;
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

    /// One of the PSF's own axes, turned.
    struct Turned
    {
        math::TurnedAxisOf<Wide> axis;
        math::TurnedPlaces<Real> places;
    };

    static Turned turned(const Wide& scale, const Wide& column_rest, const Wide& row_rest,
                         const math::RotationOf<Wide>& turn, bool is_x, double ratio)
    {
        Turned along;
        math::TurnedPlaces<Wide> places;
        for (int i = 0; i < Wide::kParts; ++i) {
            const math::RotationOf<DoubleLanes> part{turn.sine.part[i], turn.cosine.part[i]};
            const auto axis = is_x ? math::turned_x(part, scale.part[i], ratio) : math::turned_y(part, scale.part[i], ratio);
            const auto at = math::turned_places(axis, column_rest.part[i], row_rest.part[i]);
            along.axis.along_column.part[i] = axis.along_column;
            along.axis.along_row.part[i] = axis.along_row;
            along.axis.half.part[i] = axis.half;
            places.column_high.part[i] = at.column_high;
            places.column_low.part[i] = at.column_low;
            places.row_high.part[i] = at.row_high;
            places.row_low.part[i] = at.row_low;
            places.start_high.part[i] = at.start_high;
            places.start_low.part[i] = at.start_low;
        }
        along.places = {places.column_high.rounded(), places.column_low.rounded(), places.row_high.rounded(),
                        places.row_low.rounded(),     places.start_high.rounded(), places.start_low.rounded()};
        return along;
    }

    math::RotationOf<Wide> rotation() const
    {
        Wide degrees = theta_;
        uint32_t huge = 0;
        for (int i = 0; i < Wide::kParts; ++i)
            huge |= lane_bits(!(absolute(theta_.part[i]) < DoubleLanes(math::kMostDegrees)));
        if (huge != 0) {
            alignas(64) double one[kLanes];
            degrees.store(one);
            for (double& angle : one)
                if (!(math::absolute(angle) < math::kMostDegrees)) angle = __builtin_fmod(angle, 360.0);
            degrees = Wide::load(one);
        }
        math::RotationOf<Wide> turn;
        for (int i = 0; i < Wide::kParts; ++i) {
            const auto part = math::rotation_of_moderate(degrees.part[i]);
            turn.sine.part[i] = part.sine;
            turn.cosine.part[i] = part.cosine;
        }
        return turn;
    }

    /// Fraction of the Gaussian along one of its own axes on a pixel that lies `along` from the centre, its exponent being `bits`.
    LUMICROP_INLINE Real fraction(const Axis& axis, const Turned& turned, const Wide& along, Real bits) const
    {
        const Real between = math::fraction_between(edge_at(along - turned.axis.half), edge_at(along + turned.axis.half));
        if (axis.by_series == 0) return between;
        return select(mask_of<Real>(axis.by_series), math::fraction_around(axis.series, bits), between);
    }

    void add_up_rotated(Real background, BlockSums<Real>& sums)
    {
        const math::RotationOf<Wide> turn = rotation();
        const double ratio = channel_.pixel_y_nm / channel_.pixel_x_nm;
        const Wide column_rest = x_.centre - Wide::widened(x_.exponents.nearest);
        const Wide row_rest = y_.centre - Wide::widened(y_.exponents.nearest);
        const Turned along_x = turned(x_.scale, column_rest, row_rest, turn, true, ratio);
        const Turned along_y = turned(y_.scale, column_rest, row_rest, turn, false, ratio);
        const math::TurnedPlaces<Real>&x_places = along_x.places, &y_places = along_y.places;
        const uint32_t by_series = x_.by_series & y_.by_series;
        const bool cut = channel_.padding == Padding::geometry && crops_.clipped() != 0;
        math::RunningSum<Real> weights, squares, products;
        for (int64_t strip = 0; strip < channel_.height; strip += tile_.strip_rows()) {
            const int64_t end = strip + tile_.strip_rows() < channel_.height ? strip + tile_.strip_rows() : channel_.height;
            tile_.load(crops_, strip, end);
            for (int64_t row = strip; row < end; ++row) {
                const Real j = Real(static_cast<Scalar>(row)) - y_.exponents.nearest;
                const math::TurnedRow<Real> x_row = math::turned_row(x_places, j), y_row = math::turned_row(y_places, j);
                for (int64_t begin = 0; begin < channel_.width; begin += math::kPlainTerms) {
                    const int64_t stop =
                        begin + math::kPlainTerms < channel_.width ? begin + math::kPlainTerms : channel_.width;
                    Real part(0), part_squares(0), part_products(0);
                    for (int64_t c = begin; c < stop; ++c) {
                        const Real i = Real(static_cast<Scalar>(c)) - x_.exponents.nearest;
                        const Real x_bits = math::turned_exponent(x_places, x_row, i);
                        const Real y_bits = math::turned_exponent(y_places, y_row, i);
                        Real weight = math::fraction_around(x_.series, x_bits, y_.series, y_bits);
                        if (by_series != kAllLanes)
                            weight =
                                select(mask_of<Real>(by_series), weight, by_axes(along_x, along_y, row, c, x_bits, y_bits));
                        if (cut) weight = select(mask_of<Real>(inside(row, c)), weight, Real(0));
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
            const auto rotated = mask_of<DoubleLanes>(rotated_ >> (i * DoubleLanes::kCount));
            all.part[i] = rotated_ == kAllLanes ? of_rotated.part[i] : select(rotated, of_rotated.part[i], all.part[i]);
        }
    }

    /// The weight of a pixel axis by axis, for lanes that one of the axes is too narrow for the series.
    __attribute__((noinline)) Real by_axes(const Turned& along_x, const Turned& along_y, int64_t row, int64_t column,
                                           Real x_bits, Real y_bits) const
    {
        const Wide dx = Wide(static_cast<double>(column)) - x_.centre, dy = Wide(static_cast<double>(row)) - y_.centre;
        const auto along = [&](const Turned& turned) {
            return muladd(dx, turned.axis.along_column, dy * turned.axis.along_row);
        };
        return fraction(x_, along_x, along(along_x), x_bits) * fraction(y_, along_y, along(along_y), y_bits);
    }

    /// Lanes whose pixel lies inside the frame.
    uint32_t inside(int64_t row, int64_t column) const
    {
        uint32_t bits = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            bits |= static_cast<uint32_t>(crops_.window(lane).holds(row, column)) << lane;
        }
        return bits;
    }

    static constexpr int64_t kStripRows = Crops<kLanes>::kStripRows;

    const Channel& channel_;
    Crops<kLanes> crops_;
    const int64_t width_; // of a crop, in whole registers
    Real* const column_weights_;
    Real* const row_weights_;
    Scalar* const turned_weights_; // [kLanes][width_]
    Real* const partial_;          // [width_ / kLanes]
    Tile<Real> tile_;
    Axis x_, y_;
    Wide theta_;
    uint32_t rotated_ = 0; // lanes whose angle is not 0
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
