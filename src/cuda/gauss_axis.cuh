// Pixel-integrated Gaussians along one axis, on the device.
#pragma once

#include "math/pixel_gaussian.hpp"
#include "math/rotated_gaussian.hpp"

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
    math::PixelExponents<Real> exponents;

    __device__ __forceinline__ GaussAxis(double centre_px, double sigma_nm, double pixel_nm)
        : centre(centre_px), scale(math::gaussian_scale(sigma_nm, pixel_nm))
    {
        constexpr double kLimit = math::series_limit(Real());
        by_series = scale <= kLimit;
        series = math::pixel_series(static_cast<Real>(0.5 * (by_series ? scale : kLimit)));
        place();
    }

    /// The same Gaussian about another centre.
    __device__ __forceinline__ GaussAxis(const GaussAxis& other, double centre_px)
        : centre(centre_px), scale(other.scale), by_series(other.by_series), series(other.series)
    {
        place();
    }

    /// From the pixel nearest to the centre to the centre [px].
    __device__ __forceinline__ double rest() const { return centre - static_cast<double>(exponents.nearest); }

    /// erf's argument `at` pixels from the first pixel's centre.
    __device__ __forceinline__ double argument(double at) const { return (at - centre) * scale; }

    static __device__ __forceinline__ math::PixelEdge<Real> edge(double argument)
    {
        return math::pixel_edge(static_cast<Real>(argument), static_cast<Real>(argument * argument));
    }

    /// Fraction on pixel i, where by_series.
    __device__ __forceinline__ Real fraction_by_series(int i) const
    {
        return math::fraction_around(series, math::exponent_of_pixel(exponents, static_cast<Real>(i)));
    }

    /// Fraction on pixel i.
    __device__ __forceinline__ Real fraction_of_pixel(int i) const
    {
        if (by_series) return fraction_by_series(i);
        return math::fraction_between(edge(argument(i - 0.5)), edge(argument(i + 0.5)));
    }

private:
    __device__ __forceinline__ void place()
    {
        const math::PixelExponents<double> wide = math::pixel_exponents(centre, scale);
        exponents = {static_cast<Real>(wide.nearest), static_cast<Real>(wide.square_high),
                     static_cast<Real>(wide.square_low), static_cast<Real>(wide.linear), static_cast<Real>(wide.constant)};
    }
};

/// A Gaussian that is turned about its centre: the fraction on each pixel, a row of pixels after the other.
template <class Real>
class TurnedGauss
{
public:
    __device__ __forceinline__ TurnedGauss(const GaussAxis<Real>& x, const GaussAxis<Real>& y, double theta_deg,
                                           double ratio)
        : x_(x), y_(y)
    {
        const math::Rotation turn = math::rotation(theta_deg);
        along_x_ = math::turned_x(turn, x.scale, ratio);
        along_y_ = math::turned_y(turn, y.scale, ratio);
        x_places_ = places(along_x_);
        y_places_ = places(along_y_);
    }

    __device__ __forceinline__ void begin_row(int row)
    {
        row_ = row;
        const Real j = static_cast<Real>(row) - y_.exponents.nearest;
        x_row_ = math::turned_row(x_places_, j);
        y_row_ = math::turned_row(y_places_, j);
    }

    /// Whether both axes are by_series.
    __device__ __forceinline__ bool by_series() const { return x_.by_series && y_.by_series; }

    /// Fraction on the pixel of this row, where by_series.
    __device__ __forceinline__ Real fraction_by_series(int column) const
    {
        const Real i = static_cast<Real>(column) - x_.exponents.nearest;
        return math::fraction_around(x_.series, math::turned_exponent(x_places_, x_row_, i), y_.series,
                                     math::turned_exponent(y_places_, y_row_, i));
    }

    /// Fraction on it whatever the axes, each by the form that serves it.
    __device__ __forceinline__ Real fraction_by_axes(int column) const
    {
        const double dx = column - x_.centre, dy = row_ - y_.centre;
        return axis_fraction(x_, along_x_, math::muladd(dx, along_x_.along_column, dy * along_x_.along_row)) *
               axis_fraction(y_, along_y_, math::muladd(dx, along_y_.along_column, dy * along_y_.along_row));
    }

private:
    __device__ __forceinline__ math::TurnedPlaces<Real> places(const math::TurnedAxis& along) const
    {
        const math::TurnedPlaces<double> wide = math::turned_places(along, x_.rest(), y_.rest());
        return {static_cast<Real>(wide.column_high), static_cast<Real>(wide.column_low), static_cast<Real>(wide.row_high),
                static_cast<Real>(wide.row_low),     static_cast<Real>(wide.start_high), static_cast<Real>(wide.start_low)};
    }

    /// Fraction along one of the Gaussian's own axes on a pixel that lies `argument` from the centre.
    static __device__ __forceinline__ Real axis_fraction(const GaussAxis<Real>& axis, const math::TurnedAxis& along,
                                                         double argument)
    {
        if (axis.by_series) return math::fraction_around(axis.series, static_cast<Real>(argument * argument * math::kLog2E));
        return math::fraction_between(GaussAxis<Real>::edge(argument - along.half),
                                      GaussAxis<Real>::edge(argument + along.half));
    }

    const GaussAxis<Real>&x_, &y_;
    math::TurnedAxis along_x_, along_y_;
    math::TurnedPlaces<Real> x_places_, y_places_;
    math::TurnedRow<Real> x_row_, y_row_;
    int row_ = 0;
};

} // namespace cuda
} // namespace lumicrop
