// SPEC 8, fraction enclosed: a spline's light on all pixels of its lateral domain.
#pragma once

#include "photometry.hpp"

namespace oracle {

/// Each basis function added up over the pixels that lie in the domain, the crop's first one at -mu from the centre.
inline std::vector<Real> over_all_pixels(const std::vector<double>& t, double pixel, double mu)
{
    std::vector<Real> totals(t.size() - 4, 0);
    const auto first = static_cast<int64_t>(std::floor((t.front() + mu) / pixel)) - 1;
    const auto last = static_cast<int64_t>(std::ceil((t.back() + mu) / pixel)) + 1;
    for (int64_t i = first; i <= last; ++i) {
        const Basis basis = basis_at(t, static_cast<double>(i) * pixel - mu);
        for (size_t k = 0; basis.inside && k < 4; ++k) totals[basis.first + k] += basis.value[k];
    }
    return totals;
}

inline Real light_on_grid(const Psf& psf, double shift)
{
    const Spline& spline = *psf.spline;
    const Basis z = basis_at(spline.tz, -psf.z);
    const std::vector<Real> x = over_all_pixels(spline.tx, psf.pixel_x, psf.mux + shift);
    const std::vector<Real> y = over_all_pixels(spline.ty, psf.pixel_y, psf.muy + shift);
    Real light = 0;
    for (size_t c = 0; z.inside && c < 4; ++c)
        for (size_t b = 0; b < y.size(); ++b)
            for (size_t a = 0; a < x.size(); ++a)
                light += z.value[c] * y[b] * x[a] * spline.coefficients[((z.first + c) * y.size() + b) * x.size() + a];
    return light;
}

/// The light, and what a few roundings of the position may do to it: a pixel on the domain's very end may count or not.
inline Value light_of_spline(const Psf& psf)
{
    Value value;
    value.open = !std::isfinite(psf.mux) || !std::isfinite(psf.muy) || !std::isfinite(psf.z);
    if (value.open) return value;
    value.value = light_on_grid(psf, 0);
    const double rounding = 1e-10 * (psf.pixel_x + psf.pixel_y);
    for (double shift : {rounding, -rounding}) value.bound += std::abs(light_on_grid(psf, shift) - value.value);
    value.bound += std::ldexp(std::abs(value.value), -40);
    return value;
}

} // namespace oracle
