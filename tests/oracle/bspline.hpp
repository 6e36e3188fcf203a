// SPEC 5: tensor-product B-spline of degree 3, by the Cox - de Boor recursion as it stands in the textbooks.
#pragma once

#include "crop.hpp"

#include <array>

namespace oracle {

struct Spline
{
    std::vector<double> tx, ty, tz;
    std::vector<double> coefficients; ///< [iz][iy][ix]
};

/// The four B-splines of degree 3 that may differ from 0 at one coordinate.
struct Basis
{
    bool inside = false; ///< within [t[3], t[n]]
    size_t first = 0;    ///< index of the first of the four
    std::array<Real, 4> value{};
};

/// B_{i,k}(x) where [t[interval], t[interval + 1]) holds x; a quotient 0/0 counts as 0.
inline Real basis_function(const std::vector<double>& t, size_t i, int k, Real x, size_t interval)
{
    if (k == 0) return i == interval ? 1 : 0;
    Real sum = 0;
    const Real left = Real(t[i + k]) - t[i];
    const Real right = Real(t[i + k + 1]) - t[i + 1];
    if (left > 0) sum += (x - t[i]) / left * basis_function(t, i, k - 1, x, interval);
    if (right > 0) sum += (t[i + k + 1] - x) / right * basis_function(t, i + 1, k - 1, x, interval);
    return sum;
}

/// The coordinate is float64, as SPEC wants the domain test and the knot search.
inline Basis basis_at(const std::vector<double>& t, double x)
{
    const size_t n = t.size() - 4;
    Basis basis;
    if (!(x >= t[3] && x <= t[n])) return basis;
    basis.inside = true;
    size_t interval = n - 1; // the last interval that is not empty is closed at its upper end
    while (interval > 3 && (t[interval] > x || t[interval] == t[interval + 1])) --interval;
    basis.first = interval - 3;
    for (size_t j = 0; j < 4; ++j) basis.value[j] = basis_function(t, basis.first + j, 3, x, interval);
    return basis;
}

inline Real spline_value(const Spline& spline, const Basis& x, const Basis& y, const Basis& z)
{
    if (!x.inside || !y.inside || !z.inside) return 0;
    const size_t nx = spline.tx.size() - 4;
    const size_t ny = spline.ty.size() - 4;
    Real value = 0;
    for (size_t c = 0; c < 4; ++c)
        for (size_t b = 0; b < 4; ++b)
            for (size_t a = 0; a < 4; ++a)
                value += z.value[c] * y.value[b] * x.value[a] *
                         spline.coefficients[((z.first + c) * ny + y.first + b) * nx + x.first + a];
    return value;
}

} // namespace oracle
