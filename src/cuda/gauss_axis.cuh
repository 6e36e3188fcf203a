// A pixel-integrated Gaussian along one axis, on the device.
#pragma once

#include "math/pixel_gaussian.hpp"

namespace lumicrop {
namespace cuda {

/// A Gaussian along one axis of the pixels, or of its own.
template <class Real>
struct GaussAxis
{
    double centre; // from the first pixel's centre [px]
    double scale;  // width of a pixel, as erf's argument
    bool by_series;
    math::PixelSeries<Real> series; // where by_series

    __device__ __forceinline__ GaussAxis(double centre_px, double sigma_nm, double pixel_nm)
        : centre(centre_px), scale(math::gaussian_scale(sigma_nm, pixel_nm))
    {
        constexpr double kLimit = math::series_limit(Real());
        by_series = scale <= kLimit;
        series = math::pixel_series(static_cast<Real>(0.5 * (by_series ? scale : kLimit)));
    }

    /// erf's argument `at` pixels from the first pixel's centre.
    __device__ __forceinline__ double argument(double at) const { return (at - centre) * scale; }

    static __device__ __forceinline__ math::PixelEdge<Real> edge(double argument)
    {
        return math::pixel_edge(static_cast<Real>(argument), static_cast<Real>(argument * argument));
    }

    /// Fraction on a pixel whose middle lies at `argument`.
    __device__ __forceinline__ Real fraction(double argument, double half) const
    {
        if (by_series) return math::fraction_around(series, static_cast<Real>(argument * argument));
        return math::fraction_between(edge(argument - half), edge(argument + half));
    }

    /// Fraction on pixel i.
    __device__ __forceinline__ Real fraction_of_pixel(int i) const
    {
        if (by_series) {
            const double middle = argument(i);
            return math::fraction_around(series, static_cast<Real>(middle * middle));
        }
        return math::fraction_between(edge(argument(i - 0.5)), edge(argument(i + 0.5)));
    }
};

} // namespace cuda
} // namespace lumicrop
