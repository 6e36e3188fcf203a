// SPEC 8: light S and background b of one crop, from its pixels d = S p + b.
#pragma once

#include "bounds.hpp"

#include <vector>

namespace oracle {

/// A pixel that counts, in electrons before multiplication.
struct LightPixel
{
    Real p = 0;        ///< its part of the PSF
    Real d = 0;        ///< above the known background
    Real base = 0;     ///< that background; 0 where it is fitted
    Real v = 0;        ///< variance of its reading
    Real slack = 0;    ///< what rounding counts, offset, gain and base may do to d
    bool ring = false; ///< the background was measured on it
};

struct Light
{
    Real s = 0, b = 0;
};

/// A symmetric matrix over (S, b); without b where that is known.
struct Matrix
{
    Real ss = 0, sb = 0, bb = 0;
};

/// The pixels of one crop and the camera's excess noise.
struct LightFit
{
    std::vector<LightPixel> pixels;
    Real excess = 1;
    bool fits_background = false;
    Precision precision = Precision::single_;

    /// The mean below which a pixel's variance is not taken [e-] (camera_noise.hpp states it), so that weights stay finite.
    static constexpr Real least_mean = Real(0.01);

    Real mean(const LightPixel& pixel, const Light& x) const { return x.s * pixel.p + x.b; } // above the known background
    Real variance(const LightPixel& pixel, const Light& x) const
    {
        return std::max(excess * (mean(pixel, x) + pixel.base) + pixel.v, excess * least_mean);
    }
    Matrix inverse(const Matrix& a) const;
    /// det / (ss bb): 1 where PSF and background are nothing alike, 0 where they cannot be told apart.
    Real independence(const Matrix& a) const;
};

/// An estimate, and how far rounding may move it.
struct Estimate
{
    Light light;
    Light bound;
    bool usable = true; ///< false: rounding may do anything
};

/// Least squares with all pixels alike: filter, joint.
Estimate least_squares(const LightFit& fit, Matrix& normal);

/// Three times least squares with the weights 1 / V of the model before (Horne 1986).
Estimate optimal(const LightFit& fit);

/// The maximum of the Poisson likelihood of d/F^2 + v/F^4, by Newton's steps, each shortened until the likelihood grows, to 1e-12 of an error.
/// Below the floor the likelihood goes on as the parabola that its slope there begins. `bound` holds what is left when iterations of the
/// library's kind end with a step of 1e-4 errors, and rounding.
Estimate maximum_likelihood(const LightFit& fit);

/// The steps of Fisher's scoring as the header describes MLE: at most ten, the last one not longer than 1e-4 errors.
struct Scoring
{
    int least = 0, most = 0; ///< iterations after which it may end, as far as rounding lets tell
    bool converges = false;
    bool is_clear = false; ///< no step came near the limit, or so near to the one before it that it may be halved or not
};
Scoring scoring(const LightFit& fit);

/// A^T W A with weights 1 / V at x.
Matrix fisher(const LightFit& fit, const Light& x);

} // namespace oracle
