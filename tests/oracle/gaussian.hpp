// SPEC 5: Gaussians averaged over a pixel.
#pragma once

#include "crop.hpp"

#include <cmath>

namespace oracle {

inline const Real pi = std::acos(Real(-1));

inline Real width_of(Real sigma)
{
    return std::abs(sigma) < Real(1e-12) ? Real(1e-12) : sigma;
}

/// erf(upper) - erf(lower) by complements in the tails, where the erf themselves are both 1.
inline Real erf_between(Real lower, Real upper)
{
    if (lower > 0 && upper > 0) return std::erfc(lower) - std::erfc(upper);
    if (lower < 0 && upper < 0) return std::erfc(-upper) - std::erfc(-lower);
    return std::erf(upper) - std::erf(lower);
}

/// g(x; mu, sigma, h): unit-height Gaussian averaged over a pixel of width h whose centre lies `distance` from mu.
inline Real pixel_gaussian(Real distance, Real sigma, Real h)
{
    const Real s = width_of(sigma);
    return std::sqrt(pi / 2) * s / h *
           erf_between((distance - h / 2) / (std::sqrt(Real(2)) * s), (distance + h / 2) / (std::sqrt(Real(2)) * s));
}

} // namespace oracle
