// SPEC 3 and 4: what one detection must come to, and the terms from which SPEC 7 builds its tolerances.
#pragma once

#include "padding.hpp"
#include "psf.hpp"

namespace oracle {

struct Answer
{
    Real photons = 0;
    double background = 0; ///< counts above the camera offset
    Real psf_sum = 0;
    Real denominator = 0;

    uint32_t flags = 0;
    uint32_t undecided = 0; ///< bits that SPEC and the header leave open for this input

    bool filter = false;
    bool photons_open = false;  ///< the crop encloses less than 1e-6 of the PSF: NaN, or anything, is allowed
    bool far_centre = false;    ///< the centre lies more than 3 sigma outside the crop
    Real photons_per_count = 0; ///< gain / QE
    Real count_terms = 0;       ///< SPEC 7's bracket for the method, in raw counts
    Real count_magnitude = 0;   ///< the same sums over |raw| + |offset| + |b|: what rounding a pixel once can do
    Real faint_terms = 0; ///< the same again with m at its peak: what pixels in tails below the range of floats could add
    Real psf_terms = 0;   ///< sum of |m|
    Real denominator_growth = 1;  ///< sum|m| / |sum m|: how much relative error of psf_sum the denominator inherits
    Real photons_by_position = 0; ///< change of the result over one rounding of the position in float64
    Real psf_sum_by_position = 0;
    Real denominator_by_position = 0; ///< relative
};

Answer border_sum(const Crop& crop, Padding rule, const Camera& camera);

/// `position_rounding`: one rounding of the fitted position in float64 [nm]; above 0, the answer tells what it does.
Answer matched_filter(const Crop& crop, Padding rule, const Camera& camera, const Psf& psf, double os_fit,
                      bool parameter_is_nan, double position_rounding);

} // namespace oracle
