// A cubic B-spline PSF over one crop, adjacent columns in the lanes (SPEC section 5).
//
// All pixels of a crop share z: the coefficients around the crop are contracted along z once, then along y once a row, then
// along x.
#pragma once

#include "cpu/crops.hpp"
#include "job/spline.hpp"
#include "math/bspline.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class SplinePsf
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    /// A pixel's column or row among the knots: its first coefficient and its weights, zero outside the domain.
    struct Place
    {
        int64_t first;
        Scalar weights[math::kOrder];
    };
    SplinePsf(const Channel& channel, Workspace& workspace)
        : channel_(channel), spline_(channel.spline->view()), width_(round_up(channel.width)),
          pitch_(round_up(spline_.x.n_coefficients) + kLanes), columns_(workspace.take<Place>(width_)),
          rows_(workspace.take<Place>(channel.height)), column_weights_(workspace.take<Scalar>(math::kOrder * width_)),
          slab_(workspace.take<Scalar>(spline_.y.n_coefficients * pitch_)), line_(workspace.take<Scalar>(pitch_))
    {
    }

    int64_t width() const { return width_; } // of the crop, in whole registers
    int64_t pitch() const { return pitch_; } // of the slab
    Scalar* slab() const { return slab_; }

    /// Steps on to the crop whose centre lies there; pixels outside `counted` get no weight. Whether any pixel has some. `outside` is set where
    /// some pixel lies outside the domain.
    bool find(const CropWindow& counted, double mux, double muy, double z, bool& outside)
    {
        x_ = place_all(spline_.x, channel_.pixel_x_nm, mux, counted.column_begin, counted.column_end, channel_.width,
                       columns_, outside);
        y_ = place_all(spline_.y, channel_.pixel_y_nm, muy, counted.row_begin, counted.row_end, channel_.height, rows_,
                       outside);
        Place depth;
        if (!place(spline_.z, z, depth)) {
            outside = true;
            return false;
        }
        if (x_.empty() || y_.empty()) return false;
        contract_depth(depth);
        spread_columns();
        // What fills the last registers has no weight, but must be a number.
        for (int64_t i = 0; i < pitch_; ++i) line_[i] = 0;
        return true;
    }

    /// Whether the row has any weight; then at() tells it.
    bool begin_row(int64_t row)
    {
        if (is_empty(rows_[row])) return false;
        contract_row(rows_[row]);
        return true;
    }

    /// The PSF at columns c to c + kLanes of the row whose line is ready.
    LUMICROP_INLINE Real at(int64_t c) const
    {
        Real weights[math::kOrder], coefficients[math::kOrder];
        const Scalar* const line = line_ + (columns_[0].first - x_.begin) + c;
        for (int k = 0; k < math::kOrder; ++k) {
            weights[k] = Real::load(column_weights_ + k * width_ + c);
            if (even_) {
                coefficients[k] = Real::load(line + k);
            } else {
                Scalar gathered[kLanes];
                for (int lane = 0; lane < kLanes; ++lane) gathered[lane] = line_[columns_[c + lane].first - x_.begin + k];
                coefficients[k] = Real::load(gathered);
            }
        }
        return math::contract(weights, coefficients[0], coefficients[1], coefficients[2], coefficients[3]);
    }

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

    const float* coefficients(float) const { return spline_.narrow; }
    const double* coefficients(double) const { return spline_.wide; }

private:
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

    /// slab[iy][ix] = sum over the four depths of weight * coefficient.
    void contract_depth(const Place& depth)
    {
        const int64_t nx = spline_.x.n_coefficients, ny = spline_.y.n_coefficients;
        const Scalar* const c = coefficients(Scalar()) + depth.first * ny * nx;
        const Real weights[math::kOrder] = {depth.weights[0], depth.weights[1], depth.weights[2], depth.weights[3]};
        for (int64_t iy = y_.begin; iy < y_.end; ++iy)
            for (int64_t ix = x_.begin; ix < x_.end; ix += kLanes) {
                const Scalar* const at = c + iy * nx + ix; // reads past a row's end stay in the padded coefficients
                math::contract(weights, Real::load(at), Real::load(at + ny * nx), Real::load(at + 2 * ny * nx),
                               Real::load(at + 3 * ny * nx))
                    .store(slab_ + (iy - y_.begin) * pitch_ + (ix - x_.begin));
            }
    }

    /// line[ix] = sum over the four coefficients of a row's place.
    void contract_row(const Place& at)
    {
        const Real weights[math::kOrder] = {at.weights[0], at.weights[1], at.weights[2], at.weights[3]};
        const Scalar* const rows = slab_ + (at.first - y_.begin) * pitch_;
        for (int64_t ix = 0; ix < x_.end - x_.begin; ix += kLanes)
            math::contract(weights, Real::load(rows + ix), Real::load(rows + pitch_ + ix),
                           Real::load(rows + 2 * pitch_ + ix), Real::load(rows + 3 * pitch_ + ix))
                .store(line_ + ix);
    }

    /// Columns' weights as lanes; columns without weight, and those that fill the last register, point at the range's begin.
    void spread_columns()
    {
        even_ = true;
        for (int64_t c = 0; c < width_; ++c) {
            const bool used = c < channel_.width && !is_empty(columns_[c]);
            for (int k = 0; k < math::kOrder; ++k)
                column_weights_[k * width_ + c] = used ? columns_[c].weights[k] : Scalar(0);
            if (!used) columns_[c].first = x_.begin;
            if (used && columns_[c].first != columns_[0].first + c) even_ = false;
            if (!used && c < channel_.width) even_ = false;
        }
        even_ = even_ && columns_[0].first - x_.begin + width_ + math::kDegree <= pitch_;
    }

    const Channel& channel_;
    const SplineView& spline_;
    const int64_t width_, pitch_;
    Place* const columns_;
    Place* const rows_;
    Scalar* const column_weights_; // [kOrder][width_]
    Scalar* const slab_;
    Scalar* const line_;
    Range x_{}, y_{};
    bool even_ = false; // neighbouring columns use neighbouring coefficients
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
