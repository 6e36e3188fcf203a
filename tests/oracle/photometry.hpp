// SPEC 8: photons with their errors by every estimator, pixel by pixel in long double, and how far a result may lie from them.
#pragma once

#include "aperture.hpp"
#include "bounds.hpp"
#include "psf.hpp"

#include <optional>

namespace oracle {

enum class Method { sum, filter, joint, optimal, mle, aperture };
enum class Background {
    border_median,
    corrected_median,
    column,
    map,
    fitted,
    annulus_median,
    annulus_mean,
    annulus_clipped
};

/// The camera as the crop's pixels see it. Beyond a map there is nothing: NaN, which masks.
struct Sensor
{
    std::vector<double> offset;        ///< [counts]
    std::vector<double> gain;          ///< [e-/ADU], before the EM gain divides it
    std::vector<double> read_variance; ///< [e-^2], after multiplication
    std::vector<double> background;    ///< MAP: [photon/px]; else empty
    std::vector<char> bad;             ///< masked by bad_pixels, or by a map that says nothing of the pixel
    bool offset_differs = false;       ///< from pixel to pixel: by maps
    bool gain_differs = false;
    double em_gain = 1;
    double qe = 1;
    double saturation = 0;
    double scalar_gain = 1; ///< NaN where a map tells it
};

/// A pixel that an annulus holds and nothing hides.
struct RingPixel
{
    double raw = 0, offset = 0, gain = 1, read_variance = 0; ///< as of the crop's pixels
    int64_t in_crop = -1;                                    ///< which pixel of the crop; -1: none
    bool sure = true; ///< false: that it is held, or not hidden, hangs on the last digits
};

/// What an annulus is measured on.
struct Surroundings
{
    std::vector<RingPixel> pixels;
    double x = 0, y = 0; ///< of the position, from the centre of the crop's first pixel [px]
};

/// One detection as it is asked for.
struct Question
{
    Method method = Method::joint;
    Background background = Background::fitted;
    Padding padding = Padding::none;
    Crop crop;
    Sensor sensor;
    std::optional<Psf> psf; ///< SUM, APERTURE: where the fraction enclosed is asked for
    std::optional<Ellipse> aperture;
    std::optional<Surroundings> around; ///< ANNULUS_*
    double aperture_rounding = 0;       ///< how far one rounding of the position may move the aperture [px]
    double os_fit = 0;                  ///< COLUMN
    bool shape_is_nan = false;
    Precision precision = Precision::single_;
    double position_rounding = 0; ///< above 0: how far one rounding may move the PSF [nm]; results may move with it
};

/// A value, how far a result may lie from it before it is stored, and whether nothing can be said of it.
struct Value
{
    Real value = 0;
    Real bound = 0;
    bool open = false;
};

struct Photometry
{
    Value photons, background, psf_sum, denominator, photons_sigma, background_photons, background_sigma, chi2,
        log_likelihood_ratio, enclosed, photons_total, background_pixels;
    uint32_t flags = 0;
    uint32_t undecided = 0;
    bool holds_if_converged = false; ///< the estimate and what comes of it, where NOT_CONVERGED is left open
    uint32_t least_iterations = 0, most_iterations = 0;
};

Photometry photometry(const Question& question);

} // namespace oracle
