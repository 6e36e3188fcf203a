// Matched filter of crops with a cubic B-spline PSF (SPEC sections 4 and 5).
//
// All pixels of a crop share z: the coefficients around the crop are contracted along z once, then along y once a row, then
// along x. Crops come one after the other here; the lanes lie along the columns.
#pragma once

#include "cpu/filter_block.hpp"
#include "job/spline.hpp"
#include "math/bspline.hpp"

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
        : channel_(channel), spline_(channel.spline->view()), crops_(channel, workspace), width_(round_up(channel.width)),
          pitch_(round_up(spline_.x.n_coefficients) + kLanes), columns_(workspace.take<Place>(width_)),
          rows_(workspace.take<Place>(channel.height)), column_weights_(workspace.take<Scalar>(math::kOrder * width_)),
          slab_(workspace.take<Scalar>(spline_.y.n_coefficients * pitch_)), line_(workspace.take<Scalar>(pitch_)),
          pixels_(workspace.take<Scalar>(width_))
    {
    }

    void compute(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block);
        const FilterInputs<Scalar, kLanes> inputs(job, channel_, block);
        double z[kLanes];
        read_lanes(job.detections.z_fit, block.detection, 0.0, z);
        BlockSums<kLanes> sums{};
        double amplitude[kLanes];
        uint32_t shape_is_nan = 0, outside = 0;
        for (int lane = 0; lane < block.n; ++lane) {
            const double mux = inputs.mux[lane], muy = inputs.muy[lane];
            bool some_outside = false;
            sums.set(lane, add_up(lane, mux, muy, -z[lane], inputs.subtract[lane].high, some_outside));
            outside |= static_cast<uint32_t>(some_outside) << lane;
            shape_is_nan |= static_cast<uint32_t>((mux != mux) | (muy != muy) | (z[lane] != z[lane])) << lane;
        }
        for (double& one : amplitude) one = 1;
        finish_filter(channel_, crops_, inputs, sums, amplitude, shape_is_nan, block.n, outcomes);
        for (int lane = 0; lane < block.n; ++lane)
            if ((outside & ~shape_is_nan) >> lane & 1) outcomes.flags[lane] |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    }

private:
    /// A pixel's column or row among the knots: its first coefficient and its weights, zero outside the domain.
    struct Place
    {
        int64_t first;
        Scalar weights[math::kOrder];
    };
    /// Coefficients [begin, end) that some place uses.
    struct Range
    {
        int64_t begin, end;
        bool empty() const { return begin >= end; }
    };

    static bool is_empty(const Place& place)
    {
        return place.weights[0] == 0 && place.weights[1] == 0 && place.weights[2] == 0 && place.weights[3] == 0;
    }

    static int64_t round_up(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

    static bool place(const KnotAxis& axis, double x, Place& place)
    {
        const math::Knot knot = math::find_knot(axis, x);
        if (knot.interval < 0) {
            place = Place{};
            return false;
        }
        double weights[math::kOrder];
        math::basis_weights(axis, knot, weights);
        place.first = knot.interval - math::kDegree;
        for (int k = 0; k < math::kOrder; ++k) place.weights[k] = static_cast<Scalar>(weights[k]);
        return true;
    }

    /// Places of pixels [begin, end) of `n` along an axis; those outside the frame or the domain get no weight.
    Range place_all(const KnotAxis& axis, double pixel, double centre, int64_t begin, int64_t end, int64_t n, Place* places,
                    bool& outside) const
    {
        Range range{INT64_MAX, 0};
        for (int64_t i = 0; i < n; ++i) {
            places[i] = Place{};
            if (i < begin || i >= end) continue;
            if (!place(axis, static_cast<double>(i) * pixel - centre, places[i])) {
                outside = true;
                continue;
            }
            range.begin = places[i].first < range.begin ? places[i].first : range.begin;
            range.end = places[i].first + math::kOrder > range.end ? places[i].first + math::kOrder : range.end;
        }
        return range;
    }

    math::FilterSums add_up(int lane, double mux, double muy, double z, Scalar background, bool& outside)
    {
        const CropWindow& window = crops_.window(lane);
        const bool cut = channel_.padding == Padding::geometry;
        const Range x = place_all(spline_.x, channel_.pixel_x_nm, mux, cut ? window.column_begin : 0,
                                  cut ? window.column_end : channel_.width, channel_.width, columns_, outside);
        const Range y = place_all(spline_.y, channel_.pixel_y_nm, muy, cut ? window.row_begin : 0,
                                  cut ? window.row_end : channel_.height, channel_.height, rows_, outside);
        Place depth;
        if (!place(spline_.z, z, depth)) {
            outside = true;
            return {0, 0, 0};
        }
        if (x.empty() || y.empty()) return {0, 0, 0};
        contract_depth(depth, x, y);
        spread_columns(x);

        math::RunningSum<Real> weights, squares, products;
        // What fills the last registers has no weight, but must be a number.
        for (int64_t c = 0; c < width_; ++c) pixels_[c] = 0;
        for (int64_t i = 0; i < pitch_; ++i) line_[i] = 0;
        const int64_t row_begin = cut ? window.row_begin : 0, row_end = cut ? window.row_end : channel_.height;
        for (int64_t row = row_begin; row < row_end; ++row) {
            const bool in_domain = !is_empty(rows_[row]);
            if (in_domain) contract_row(rows_[row], x, y);
            crops_.read_row(lane, row, pixels_);
            for (int64_t c = 0; c < width_; c += kLanes) {
                const Real above = Real::load(pixels_ + c) - Real(background);
                if (!in_domain) { // weight 0, but a NaN must show
                    products.add(Real(0) * above);
                    continue;
                }
                const Real model = psf(c, x);
                weights.add(model);
                squares.add(model * model);
                products.add(model * above);
            }
        }
        return {total(weights), total(squares), total(products)};
    }

    const float* coefficients(float) const { return spline_.narrow; }
    const double* coefficients(double) const { return spline_.wide; }

    /// slab[iy][ix] = sum over the four depths of weight * coefficient.
    void contract_depth(const Place& depth, const Range& x, const Range& y)
    {
        const int64_t nx = spline_.x.n_coefficients, ny = spline_.y.n_coefficients;
        const Scalar* const c = coefficients(Scalar()) + depth.first * ny * nx;
        const Real weights[math::kOrder] = {depth.weights[0], depth.weights[1], depth.weights[2], depth.weights[3]};
        for (int64_t iy = y.begin; iy < y.end; ++iy)
            for (int64_t ix = x.begin; ix < x.end; ix += kLanes) {
                const Scalar* const at = c + iy * nx + ix; // reads past a row's end stay in the padded coefficients
                math::contract(weights, Real::load(at), Real::load(at + ny * nx), Real::load(at + 2 * ny * nx),
                               Real::load(at + 3 * ny * nx))
                    .store(slab_ + (iy - y.begin) * pitch_ + (ix - x.begin));
            }
    }

    /// line[ix] = sum over the four coefficients of a row's place.
    void contract_row(const Place& at, const Range& x, const Range& y)
    {
        const Real weights[math::kOrder] = {at.weights[0], at.weights[1], at.weights[2], at.weights[3]};
        const Scalar* const rows = slab_ + (at.first - y.begin) * pitch_;
        for (int64_t ix = 0; ix < x.end - x.begin; ix += kLanes)
            math::contract(weights, Real::load(rows + ix), Real::load(rows + pitch_ + ix),
                           Real::load(rows + 2 * pitch_ + ix), Real::load(rows + 3 * pitch_ + ix))
                .store(line_ + ix);
    }

    /// Columns' weights as lanes; columns without weight, and those that fill the last register, point at the range's begin.
    void spread_columns(const Range& x)
    {
        even_ = true;
        for (int64_t c = 0; c < width_; ++c) {
            const bool used = c < channel_.width && !is_empty(columns_[c]);
            for (int k = 0; k < math::kOrder; ++k)
                column_weights_[k * width_ + c] = used ? columns_[c].weights[k] : Scalar(0);
            if (!used) columns_[c].first = x.begin;
            if (used && columns_[c].first != columns_[0].first + c) even_ = false;
            if (!used && c < channel_.width) even_ = false;
        }
        even_ = even_ && columns_[0].first - x.begin + width_ + math::kDegree <= pitch_;
    }

    /// The PSF at columns c to c + kLanes of the row whose line is ready.
    LUMICROP_INLINE Real psf(int64_t c, const Range& x) const
    {
        Real weights[math::kOrder], coefficients[math::kOrder];
        const Scalar* const line = line_ + (columns_[0].first - x.begin) + c;
        for (int k = 0; k < math::kOrder; ++k) {
            weights[k] = Real::load(column_weights_ + k * width_ + c);
            if (even_) {
                coefficients[k] = Real::load(line + k);
            } else {
                Scalar gathered[kLanes];
                for (int lane = 0; lane < kLanes; ++lane) gathered[lane] = line_[columns_[c + lane].first - x.begin + k];
                coefficients[k] = Real::load(gathered);
            }
        }
        return math::contract(weights, coefficients[0], coefficients[1], coefficients[2], coefficients[3]);
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
    Crops<Real> crops_;
    const int64_t width_; // of the crop, in whole registers
    const int64_t pitch_; // of the slab
    Place* const columns_;
    Place* const rows_;
    Scalar* const column_weights_; // [kOrder][width_]
    Scalar* const slab_;
    Scalar* const line_;
    Scalar* const pixels_;
    bool even_ = false; // neighbouring columns use neighbouring coefficients
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
