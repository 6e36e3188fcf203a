#include "job/spline.hpp"

#include <cmath>

#include "job/refusal.hpp"
#include "math/bspline.hpp"

namespace lumicrop {
namespace {

// Kernels read whole registers, which may reach past the last coefficient.
constexpr std::size_t kReadAhead = 16;

void refuse_device(bool on_device, const std::string& name)
{
    if (on_device) refuse(name + " lies in device memory, host memory expected", LUMICROP_UNSUPPORTED);
}

/// A three-dimensional host array of float32 or float64, as float64.
std::vector<double> checked_coefficients(const lumicrop_array* given, const int64_t (&expected)[3])
{
    const std::string name = "coefficients";
    const Images array = checked_images(given, name);
    if (array.dtype != Dtype::f32 && array.dtype != Dtype::f64)
        refuse(name + " is " + name_of(array.dtype) + ", float32 or float64 expected");
    refuse_device(array.on_device, name);
    for (int axis = 0; axis < 3; ++axis)
        if (array.shape[axis] != expected[axis]) {
            const auto text = [](const int64_t(&shape)[3]) {
                return "(" + std::to_string(shape[0]) + ", " + std::to_string(shape[1]) + ", " + std::to_string(shape[2]) +
                       ")";
            };
            refuse(name + " has shape " + text(array.shape) + ", " + text(expected) +
                   " expected: (len(tz) - 4, len(ty) - 4, len(tx) - 4)");
        }
    std::vector<double> values;
    values.reserve(static_cast<std::size_t>(expected[0] * expected[1] * expected[2]));
    for (int64_t iz = 0; iz < expected[0]; ++iz)
        for (int64_t iy = 0; iy < expected[1]; ++iy) {
            Column row;
            row.data = const_cast<std::byte*>(array.data) + iz * array.strides[0] + iy * array.strides[1];
            row.stride = array.strides[2];
            row.dtype = array.dtype;
            for (int64_t ix = 0; ix < expected[2]; ++ix) {
                const double value = read_real(row, ix);
                if (!std::isfinite(value))
                    refuse(name + "[" + std::to_string(iz) + "][" + std::to_string(iy) + "][" + std::to_string(ix) +
                           "] is " + std::to_string(value) + ", a finite number expected");
                values.push_back(value);
            }
        }
    return values;
}

} // namespace

SplineAxis::SplineAxis(const lumicrop_array* given, const std::string& name)
{
    if (given == nullptr) refuse(name + " is NULL, an array of knots expected");
    const int64_t n = given->shape[0];
    const Column column = checked_column(given, name, n, ColumnKind::real);
    refuse_device(column.on_device, name);
    if (n < int64_t{2} * kSplineOrder) refuse(name + " has " + std::to_string(n) + " knots, at least 8 expected (degree 3)");
    for (int64_t i = 0; i < n; ++i) {
        const double knot = read_real(column, i);
        const std::string which = name + "[" + std::to_string(i) + "]";
        if (!std::isfinite(knot)) refuse(which + " is " + std::to_string(knot) + ", a finite number expected");
        if (i > 0 && knot < knots_.back())
            refuse(which + " is " + std::to_string(knot) + " and follows " + std::to_string(knots_.back()) +
                   ", non-decreasing knots expected");
        knots_.push_back(knot);
    }
    const int64_t last = n_coefficients();
    const double low = knots_[kSplineDegree], high = knots_[static_cast<std::size_t>(last)];
    if (!(low < high))
        refuse(name + ": the domain from knot 3 to knot " + std::to_string(last) + " is empty, " + name + "[3] < " + name +
               "[" + std::to_string(last) + "] expected");
    inverse_step_ = static_cast<double>(last - kSplineDegree) / (high - low);
    polynomials_.resize(static_cast<std::size_t>(last));
    for (int64_t j = kSplineDegree; j < last; ++j)
        if (knots_[static_cast<std::size_t>(j)] < knots_[static_cast<std::size_t>(j + 1)])
            polynomials_[static_cast<std::size_t>(j)] = math::basis_polynomials(knots_.data(), j);
}

Spline::Spline(const lumicrop_array* tx, const lumicrop_array* ty, const lumicrop_array* tz,
               const lumicrop_array* coefficients)
    : x_(tx, "tx"), y_(ty, "ty"), z_(tz, "tz"),
      wide_(checked_coefficients(coefficients, {z_.n_coefficients(), y_.n_coefficients(), x_.n_coefficients()}))
{
    narrow_.reserve(wide_.size() + kReadAhead);
    for (const double value : wide_) narrow_.push_back(static_cast<float>(value));
    narrow_.resize(narrow_.size() + kReadAhead);
    wide_.resize(wide_.size() + kReadAhead);
    view_ = {x_.view(), y_.view(), z_.view(), narrow_.data(), wide_.data()};
}

} // namespace lumicrop
