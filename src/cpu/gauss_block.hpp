// Matched filter of a block of crops with pixel-integrated Gaussians (SPEC sections 4 and 5).
//
// Where a detection's Gaussian is not rotated, its PSF is a product of one weight a column and one a row, and so are the sums of
// weights and squares: one pass over the pixels remains. A rotated one evaluates the PSF at every pixel. A block with both kinds takes
// both ways and each lane keeps its own, so that no detection depends on its neighbours.
#pragma once

#include "cpu/filter_block.hpp"
#include "cpu/wide_lanes.hpp"
#include "math/pixel_gaussian.hpp"
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
        : channel_(channel), crops_(channel, workspace), column_weights_(workspace.take<Real>(channel.width)),
          row_weights_(workspace.take<Real>(channel.height))
    {
    }

    void compute(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block);
        const FilterInputs<Scalar, kLanes> inputs(job, channel_, block);
        read_shapes(job, block);
        Scalar high_parts[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
            high_parts[lane] = inputs.subtract[lane].high;
            x_.centre[lane] = inputs.column[lane];
            y_.centre[lane] = inputs.row[lane];
        }
        const Real background = Real::load(high_parts);
        BlockSums<kLanes> sums;
        if (rotated_ != kAllLanes) add_up_separable(background, sums);
        if (rotated_ != 0) add_up_rotated(background, sums);
        double amplitude[kLanes];
        uint32_t shape_is_nan = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            amplitude[lane] = math::gaussian_amplitude(x_.scale[lane]) * math::gaussian_amplitude(y_.scale[lane]);
            const bool nan = (inputs.mux[lane] != inputs.mux[lane]) | (inputs.muy[lane] != inputs.muy[lane]) |
                             (x_.sigma[lane] != x_.sigma[lane]) | (y_.sigma[lane] != y_.sigma[lane]) |
                             (theta_[lane] != theta_[lane]);
            shape_is_nan |= static_cast<uint32_t>(nan) << lane;
        }
        finish_filter(channel_, crops_, inputs, sums, amplitude, shape_is_nan, block.n, outcomes);
    }

private:
    using Wide = WideLanes<Real>;
    static constexpr uint32_t kAllLanes = (1u << kLanes) - 1;

    /// The Gaussians along one of their own axes.
    struct Axis
    {
        alignas(64) double sigma[kLanes];  // [nm]
        alignas(64) double centre[kLanes]; // from the first pixel's centre [px]
        alignas(64) double scale[kLanes];  // width of a pixel, as erf's argument
        uint32_t by_series;                // lanes whose pixels are narrow enough for the series
        math::PixelSeries<Real> series;
    };

    void read_shapes(const Job& job, const Block<kLanes>& block)
    {
        const Detections& columns = job.detections;
        if (channel_.model == Model::isogauss) {
            read_lanes(columns.sigma_fit, block.detection, channel_.psf_sigma_nm, x_.sigma);
            for (int lane = 0; lane < kLanes; ++lane) y_.sigma[lane] = x_.sigma[lane];
            for (double& degrees : theta_) degrees = 0;
        } else {
            read_lanes(columns.sigma_x_fit ? columns.sigma_x_fit : columns.sigma_fit, block.detection,
                       channel_.psf_sigma_x_nm, x_.sigma);
            read_lanes(columns.sigma_y_fit ? columns.sigma_y_fit : columns.sigma_fit, block.detection,
                       channel_.psf_sigma_y_nm, y_.sigma);
            read_lanes(columns.sigma_angle, block.detection, channel_.psf_theta_deg, theta_);
        }
        set_scale(x_, channel_.pixel_x_nm);
        set_scale(y_, channel_.pixel_y_nm);
        rotated_ = 0;
        for (int lane = 0; lane < kLanes; ++lane) rotated_ |= static_cast<uint32_t>(theta_[lane] != 0) << lane;
    }

    static void set_scale(Axis& axis, double pixel)
    {
        constexpr double kLimit = math::series_limit(Scalar());
        axis.by_series = 0;
        Scalar half[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
            axis.scale[lane] = math::gaussian_scale(axis.sigma[lane], pixel);
            const bool narrow = axis.scale[lane] <= kLimit;
            axis.by_series |= static_cast<uint32_t>(narrow) << lane;
            half[lane] = static_cast<Scalar>(0.5 * (narrow ? axis.scale[lane] : kLimit));
        }
        axis.series = math::pixel_series(Real::load(half));
    }

    /// erf's argument `at` pixels from the first pixel's centre.
    static LUMICROP_INLINE Wide argument(const Axis& axis, double at)
    {
        return (Wide::filled(at) - Wide::load(axis.centre)) * Wide::load(axis.scale);
    }

    static LUMICROP_INLINE math::PixelEdge<Real> edge_at(const Wide& argument)
    {
        return math::pixel_edge(argument.rounded(), (argument * argument).rounded());
    }

    static LUMICROP_INLINE Real fraction_around(const Axis& axis, const Wide& argument)
    {
        return math::fraction_around(axis.series, (argument * argument).rounded());
    }

    /// Fraction of the one-dimensional Gaussian on each of `n` pixels; zero outside the frame where that is padding.
    void weigh(const Axis& axis, int64_t n, bool is_column, Real* weights)
    {
        if (axis.by_series != 0)
            for (int64_t i = 0; i < n; ++i) weights[i] = fraction_around(axis, argument(axis, static_cast<double>(i)));
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
        Scalar weights[kLanes], squares[kLanes];
    };

    static void add_up_axis(const Real* weights, int64_t n, AxisSums& sums)
    {
        math::RunningSum<Real> total, total_squares;
        for (int64_t i = 0; i < n; i += math::kPlainTerms) {
            Real part(0), part_squares(0);
            const int64_t end = i + math::kPlainTerms < n ? i + math::kPlainTerms : n;
            for (int64_t k = i; k < end; ++k) {
                part = part + weights[k];
                part_squares = muladd(weights[k], weights[k], part_squares);
            }
            total.add(part);
            total_squares.add(part_squares);
        }
        total.value().store(sums.weights);
        total_squares.value().store(sums.squares);
    }

    template <class Use>
    void for_each_row(Use use)
    {
        for (int64_t begin = 0; begin < channel_.height; begin += crops_.strip_rows()) {
            const int64_t end =
                begin + crops_.strip_rows() < channel_.height ? begin + crops_.strip_rows() : channel_.height;
            crops_.load(begin, end);
            for (int64_t row = begin; row < end; ++row) use(row, (row - begin) * channel_.width);
        }
    }

    void add_up_separable(Real background, BlockSums<kLanes>& sums)
    {
        weigh(x_, channel_.width, true, column_weights_);
        weigh(y_, channel_.height, false, row_weights_);
        AxisSums columns, rows;
        add_up_axis(column_weights_, channel_.width, columns);
        add_up_axis(row_weights_, channel_.height, rows);
        math::RunningSum<Real> total;
        for_each_row([&](int64_t row, int64_t first) {
            if (channel_.width <= math::kPlainTerms)
                total.add(row_weights_[row] * product(background, first, 0, channel_.width));
            else
                for (int64_t c = 0; c < channel_.width; c += math::kPlainTerms)
                    total.add(row_weights_[row] *
                              product(background, first, c,
                                      c + math::kPlainTerms < channel_.width ? c + math::kPlainTerms : channel_.width));
        });
        Scalar products[kLanes];
        total.value().store(products);
        for (int lane = 0; lane < kLanes; ++lane)
            sums.set(lane, {static_cast<double>(columns.weights[lane]) * static_cast<double>(rows.weights[lane]),
                            static_cast<double>(columns.squares[lane]) * static_cast<double>(rows.squares[lane]),
                            static_cast<double>(products[lane])});
    }

    LUMICROP_INLINE Real product(Real background, int64_t first, int64_t begin, int64_t end)
    {
        Real part(0);
        for (int64_t c = begin; c < end; ++c) part = muladd(column_weights_[c], crops_.pixel(first + c) - background, part);
        return part;
    }

    /// One of the PSF's own axes, lane by lane.
    struct Turned
    {
        double along_column[kLanes], along_row[kLanes], half[kLanes];

        void set(int lane, const math::TurnedAxis& axis)
        {
            along_column[lane] = axis.along_column;
            along_row[lane] = axis.along_row;
            half[lane] = axis.half;
        }
    };

    /// Fraction of the Gaussian along one of its own axes on a pixel that lies `along` from the centre.
    LUMICROP_INLINE Real fraction(const Axis& axis, const Turned& turned, const Wide& along) const
    {
        Real value;
        if (axis.by_series != 0) {
            value = fraction_around(axis, along);
            if (axis.by_series == kAllLanes) return value;
        }
        const Wide half = Wide::load(turned.half);
        const Real between = math::fraction_between(edge_at(along - half), edge_at(along + half));
        return axis.by_series != 0 ? select(mask_of<Real>(axis.by_series), value, between) : between;
    }

    void add_up_rotated(Real background, BlockSums<kLanes>& sums)
    {
        Turned along_x, along_y;
        for (int lane = 0; lane < kLanes; ++lane) {
            const math::Rotation turn = math::rotation(theta_[lane]);
            const double ratio = channel_.pixel_y_nm / channel_.pixel_x_nm;
            along_x.set(lane, math::turned_x(turn, x_.scale[lane], ratio));
            along_y.set(lane, math::turned_y(turn, y_.scale[lane], ratio));
        }
        const bool cut = channel_.padding == Padding::geometry && crops_.clipped() != 0;
        math::RunningSum<Real> weights, squares, products;
        for_each_row([&](int64_t row, int64_t first) {
            const Wide dy = Wide::filled(static_cast<double>(row)) - Wide::load(y_.centre);
            const Wide x_of_row = dy * Wide::load(along_x.along_row), y_of_row = dy * Wide::load(along_y.along_row);
            for (int64_t begin = 0; begin < channel_.width; begin += math::kPlainTerms) {
                const int64_t end = begin + math::kPlainTerms < channel_.width ? begin + math::kPlainTerms : channel_.width;
                Real part(0), part_squares(0), part_products(0);
                for (int64_t c = begin; c < end; ++c) {
                    const Wide dx = Wide::filled(static_cast<double>(c)) - Wide::load(x_.centre);
                    Real weight = fraction(x_, along_x, muladd(dx, Wide::load(along_x.along_column), x_of_row)) *
                                  fraction(y_, along_y, muladd(dx, Wide::load(along_y.along_column), y_of_row));
                    if (cut) weight = select(mask_of<Real>(inside(row, c)), weight, Real(0));
                    part = part + weight;
                    part_squares = muladd(weight, weight, part_squares);
                    part_products = muladd(weight, crops_.pixel(first + c) - background, part_products);
                }
                weights.add(part);
                squares.add(part_squares);
                products.add(part_products);
            }
        });
        Scalar w[kLanes], s[kLanes], p[kLanes];
        weights.value().store(w);
        squares.value().store(s);
        products.value().store(p);
        for (int lane = 0; lane < kLanes; ++lane)
            if (rotated_ >> lane & 1)
                sums.set(lane, {static_cast<double>(w[lane]), static_cast<double>(s[lane]), static_cast<double>(p[lane])});
    }

    /// Lanes whose pixel lies inside the frame.
    uint32_t inside(int64_t row, int64_t column) const
    {
        uint32_t bits = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            const CropWindow& window = crops_.window(lane);
            const bool in = row >= window.row_begin && row < window.row_end && column >= window.column_begin &&
                            column < window.column_end;
            bits |= static_cast<uint32_t>(in) << lane;
        }
        return bits;
    }

    const Channel& channel_;
    Crops<Real> crops_;
    Real* const column_weights_;
    Real* const row_weights_;
    Axis x_, y_;
    double theta_[kLanes];
    uint32_t rotated_ = 0; // lanes whose angle is not 0
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
