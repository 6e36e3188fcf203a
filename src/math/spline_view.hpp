// What a kernel may see of a spline: plain data, the same type for every instruction set.
#pragma once

#include <cstdint>

namespace lumicrop {

constexpr int kSplineDegree = 3;
constexpr int kSplineOrder = kSplineDegree + 1;

/// Weights that the basis functions take on one interval: cubics, lowest power first.
struct BasisPolynomials
{
    double power[kSplineOrder][kSplineOrder];
};

/// One axis: knots, and the cubics of every interval between them.
struct KnotAxis
{
    const double* knots;        // [n_coefficients + kSplineOrder]
    const double* polynomials;  // [n_coefficients]: a BasisPolynomials of the interval that begins at knots[j]
    int64_t polynomials_stride; // from one interval's to the next's
    int64_t n_coefficients;
    double inverse_step; // intervals per length on average, for the first guess
};

/// A whole spline, with coefficients [iz][iy][ix] in both precisions and a register's room behind them.
struct SplineView
{
    KnotAxis x, y, z;
    const float* narrow;
    const double* wide;
};

} // namespace lumicrop
