// A cubic B-spline PSF, checked and prepared once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "job/array_view.hpp"
#include "math/spline_view.hpp"

namespace lumicrop {

/// Knots of one axis with the cubics of every interval between them.
class SplineAxis
{
public:
    SplineAxis(const lumicrop_array* knots, const std::string& name);

    KnotAxis view() const
    {
        return {knots_.data(), &polynomials_.data()->power[0][0], kSplineOrder * kSplineOrder, n_coefficients(),
                inverse_step_};
    }
    int64_t n_coefficients() const { return static_cast<int64_t>(knots_.size()) - kSplineOrder; }

private:
    std::vector<double> knots_;
    std::vector<BasisPolynomials> polynomials_;
    double inverse_step_;
};

/// S(x, y, z) with coefficients [iz][iy][ix], kept in both precisions.
class Spline
{
public:
    Spline(const lumicrop_array* tx, const lumicrop_array* ty, const lumicrop_array* tz, const lumicrop_array* coefficients);

    Spline(const Spline&) = delete;
    Spline& operator=(const Spline&) = delete;

    /// Valid as long as the spline.
    const SplineView& view() const { return view_; }

    /// Expires with the spline, so that what others keep of it is never taken for another's at the same address.
    std::weak_ptr<const void> life() const { return life_; }

private:
    SplineAxis x_, y_, z_;
    std::vector<float> narrow_;
    std::vector<double> wide_;
    SplineView view_;
    std::shared_ptr<const void> life_ = std::make_shared<int>(0);
};

} // namespace lumicrop

/// What the handle of the C ABI points to.
struct lumicrop_spline final : lumicrop::Spline
{
    using Spline::Spline;
};
