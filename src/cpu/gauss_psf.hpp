// Pixel-integrated Gaussians of a block's detections, a detection in each lane (SPEC section 5).
//
// Where a detection's Gaussian is not rotated, its PSF is a product of one weight a column and one a row. A rotated one is evaluated at every
// pixel. Weights are fractions of the Gaussian's light, which the PSF of unit amplitude is up to a factor.
#pragma once

#include "cpu/filter_block.hpp"
#include "cpu/transpose.hpp"
#include "cpu/wide_lanes.hpp"
#include "math/near_pixels.hpp"
#include "math/rotated_gaussian.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class GaussPsf
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;
    using Wide = WideLanes<Real>;
    static constexpr uint32_t kAllLanes = (1u << kLanes) - 1;

    /// `width`, of a crop, in whole registers.
    GaussPsf(const Channel& channel, const Crops<kLanes>& crops, int64_t width, Workspace& workspace)
        : channel_(channel), crops_(crops), column_weights_(workspace.take<Real>(width)),
          row_weights_(workspace.take<Real>(channel.height))
    {
    }

    /// Steps on to the block's detections.
    void find(const Job& job, const Block<kLanes>& block, const FilterInputs<Real>& inputs)
    {
        x_.centre = inputs.column;
        y_.centre = inputs.row;
        read_shapes(job, block);
    }

    uint32_t rotated() const { return rotated_; } // lanes whose angle is not 0

    /// The PSF's height over the weights'.
    Wide amplitude() const
    {
        const DoubleLanes x_factor(math::amplitude_factor(channel_.pixel_x_nm)),
            y_factor(math::amplitude_factor(channel_.pixel_y_nm));
        Wide amplitude;
        for (int i = 0; i < Wide::kParts; ++i)
            amplitude.part[i] =
                math::gaussian_amplitude(x_.sigma.part[i], x_factor) * math::gaussian_amplitude(y_.sigma.part[i], y_factor);
        return amplitude;
    }

    /// Lanes where a parameter of the PSF is NaN.
    uint32_t is_nan(const FilterInputs<Real>& inputs) const
    {
        uint32_t lanes = 0;
        for (int i = 0; i < Wide::kParts; ++i) {
            const DoubleLanes x = x_.sigma.part[i], y = y_.sigma.part[i];
            const auto nan = (inputs.mux.part[i] != inputs.mux.part[i]) | (inputs.muy.part[i] != inputs.muy.part[i]) |
                             (x != x) | (y != y) | (theta_.part[i] != theta_.part[i]);
            lanes |= lane_bits(nan) << (i * DoubleLanes::kCount);
        }
        return lanes;
    }

    /// One weight a column and one a row, of lanes that are not rotated; zero outside the frame where that is padding.
    void weigh_axes()
    {
        weigh(x_, channel_.width, true, column_weights_);
        weigh(y_, channel_.height, false, row_weights_);
    }
    Real* columns() const { return column_weights_; }
    Real* rows() const { return row_weights_; }

    /// Columns' weights of one crop side by side, crop after crop, `width` apart; 0 behind the last column.
    void turn_columns(int64_t width, Scalar* turned) const
    {
        for (int64_t c = channel_.width; c < width; ++c) column_weights_[c] = Real(0);
        for (int64_t first = 0; first < width; first += kLanes) {
            Real rows[kLanes];
            for (int i = 0; i < kLanes; ++i) rows[i] = column_weights_[first + i];
            transpose(rows);
            for (int lane = 0; lane < kLanes; ++lane) rows[lane].store(turned + lane * width + first);
        }
    }

    /// Sums of weights and of their squares along an axis.
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

private:
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

public:
    /// Weights pixel by pixel, of rotated lanes (and of others, too): begin_row, then weight.
    class Rotated
    {
    public:
        explicit Rotated(const GaussPsf& psf)
            : psf_(psf), by_series_(psf.x_.by_series & psf.y_.by_series),
              cut_(psf.channel_.padding == Padding::geometry && psf.crops_.clipped() != 0)
        {
            const math::RotationOf<Wide> turn = psf.rotation();
            const double ratio = psf.channel_.pixel_y_nm / psf.channel_.pixel_x_nm;
            const Wide column_rest = psf.x_.centre - Wide::widened(psf.x_.exponents.nearest);
            const Wide row_rest = psf.y_.centre - Wide::widened(psf.y_.exponents.nearest);
            along_x_ = turned(psf.x_.scale, column_rest, row_rest, turn, true, ratio);
            along_y_ = turned(psf.y_.scale, column_rest, row_rest, turn, false, ratio);
        }

        LUMICROP_INLINE void begin_row(int64_t row)
        {
            const Real j = Real(static_cast<Scalar>(row)) - psf_.y_.exponents.nearest;
            row_ = row;
            x_row_ = math::turned_row(along_x_.places, j);
            y_row_ = math::turned_row(along_y_.places, j);
        }
        LUMICROP_INLINE Real weight(int64_t column) const
        {
            const Real i = Real(static_cast<Scalar>(column)) - psf_.x_.exponents.nearest;
            const Real x_bits = math::turned_exponent(along_x_.places, x_row_, i);
            const Real y_bits = math::turned_exponent(along_y_.places, y_row_, i);
            Real weight = math::fraction_around(psf_.x_.series, x_bits, psf_.y_.series, y_bits);
            if (by_series_ != kAllLanes)
                weight = select(mask_of<Real>(by_series_), weight,
                                psf_.by_axes(along_x_, along_y_, row_, column, x_bits, y_bits));
            return cut_ ? select(mask_of<Real>(psf_.inside(row_, column)), weight, Real(0)) : weight;
        }

    private:
        const GaussPsf& psf_;
        const uint32_t by_series_;
        const bool cut_;
        Turned along_x_, along_y_;
        int64_t row_ = 0;
        math::TurnedRow<Real> x_row_, y_row_;
    };

private:
    const Channel& channel_;
    const Crops<kLanes>& crops_;
    Real* const column_weights_;
    Real* const row_weights_;
    Axis x_, y_;
    Wide theta_;
    uint32_t rotated_ = 0;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
