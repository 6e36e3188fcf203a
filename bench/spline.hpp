// A spline PSF of 25 x 25 x 25 coefficients: an astigmatic molecule, widening away from focus.
#ifndef LUMICROP_BENCH_SPLINE_HPP
#define LUMICROP_BENCH_SPLINE_HPP

#include <cstdint>
#include <vector>

namespace bench {

inline constexpr int64_t kSplineSide = 25;

struct SplineData
{
    std::vector<double> tx, ty, tz;  ///< not-a-knot, as interpolation makes them: steps of 100 nm laterally, 50 nm along z
    std::vector<float> coefficients; ///< [iz][iy][ix]
};

SplineData spline_data();

} // namespace bench

#endif
