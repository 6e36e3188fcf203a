// The flags of a detection, and which of them are left open.
#include "asked.hpp"

#include <lumicrop/lumicrop.h>

#include <algorithm>

namespace oracle {

namespace {

/// How far a position lies beyond the outer edges of pixels; negative within.
Real beyond(Real mu, Real pixel, int64_t count)
{
    return std::max(-pixel / 2 - mu, mu - (Real(count) - Real(0.5)) * pixel);
}

} // namespace

/// TRUNCATED sets in at 1e-9 of the area; what roundings make of nothing is none.
void Asked::judge_aperture()
{
    if (!has_position()) {
        out_.undecided |= LUMICROP_FLAG_TRUNCATED | LUMICROP_FLAG_CENTRE_OUTSIDE;
        return;
    }
    if (missing_ > Real(1e-9)) out_.flags |= LUMICROP_FLAG_TRUNCATED;
    if (missing_ > Real(1e-13) && missing_ < Real(1e-7)) out_.undecided |= LUMICROP_FLAG_TRUNCATED;
    judge_centre(q_.aperture->x, q_.aperture->y);
}

/// Of a position in pixels.
void Asked::judge_centre(Real x, Real y)
{
    const Real away_x = beyond(x, 1, q_.crop.width);
    const Real away_y = beyond(y, 1, q_.crop.height);
    if (std::max(away_x, away_y) > 0) out_.flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (!(std::min(std::abs(away_x), std::abs(away_y)) >= Real(1e-9))) out_.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE;
}

void Asked::judge()
{
    uint32_t& flags = out_.flags;
    bool any_masked = false;
    bool saturated = false;
    bool saturation_open = false;
    bool any_padding = false;
    bool outside = false;
    bool outside_open = false;
    const double saturation = q_.sensor.saturation;
    for (size_t i = 0; i < n(); ++i) {
        any_masked |= masked(i);
        any_padding |= is_padding(i);
        if (takes_part(i)) {
            const bool reached = saturation < HUGE_VAL && q_.crop.raw[i] >= saturation; // infinity: none
            (touch(i) == Touch::yes ? saturated : saturation_open) |= reached;
            saturation_open |=
                saturation < HUGE_VAL &&
                std::abs(q_.crop.raw[i] - saturation) <= std::ldexp(std::abs(saturation), is_single() ? -23 : -52) &&
                q_.crop.raw[i] != saturation;
        }
        if (!image_.outside_domain.empty() && image_.outside_domain[i] != 0)
            (counts(i) || masked(i) ? outside : outside_open) = true;
    }
    if (q_.aperture)
        judge_aperture();
    else if (q_.crop.reaches_beyond_the_frame() || (any_padding && q_.method != Method::filter))
        flags |= LUMICROP_FLAG_TRUNCATED;
    if (any_padding && q_.method != Method::filter && !adds_up() && !q_.crop.reaches_beyond_the_frame())
        out_.undecided |= LUMICROP_FLAG_TRUNCATED; // the header names padding for SUM alone
    if (any_masked) flags |= LUMICROP_FLAG_MASKED;
    if (saturated) flags |= LUMICROP_FLAG_SATURATED;
    if (saturation_open) out_.undecided |= LUMICROP_FLAG_SATURATED;
    if (bad_pixel_) flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    if (maybe_bad_) out_.undecided |= LUMICROP_FLAG_DATA_NOT_FINITE;
    if (no_border_) flags |= LUMICROP_FLAG_NO_BORDER;
    if (maybe_no_border_) out_.undecided |= LUMICROP_FLAG_NO_BORDER;
    const bool background_is_nan = std::isnan(known_.value);
    const bool parameter_is_nan = (background_is_nan && !no_border_) || (!adds_up() && q_.shape_is_nan) || !has_position();
    if (parameter_is_nan) flags |= LUMICROP_FLAG_PARAMETER_NAN;
    if (q_.method == Method::sum && q_.around) judge_centre(q_.around->x, q_.around->y);
    if (!q_.psf) return;
    if (adds_up() && q_.shape_is_nan && has_position() && !(q_.around && parameter_is_nan))
        out_.undecided |= LUMICROP_FLAG_PARAMETER_NAN;
    if (q_.aperture) { // whose own position counts
        out_.undecided |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
        return;
    }
    if (q_.method == Method::sum) { // the header names these flags where the PSF counts
        out_.undecided |= LUMICROP_FLAG_OUTSIDE_DOMAIN | (q_.around ? 0 : LUMICROP_FLAG_CENTRE_OUTSIDE);
        return;
    }
    const Real away_x = beyond(q_.psf->mux, q_.psf->pixel_x, q_.crop.width);
    const Real away_y = beyond(q_.psf->muy, q_.psf->pixel_y, q_.crop.height);
    const Real edge = Real(1e-9) * (q_.psf->pixel_x + q_.psf->pixel_y); // a few roundings of the position in float64
    if (std::max(away_x, away_y) > 0) flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (std::abs(away_x) < edge || std::abs(away_y) < edge) out_.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (outside) flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    if (outside_open && !outside) out_.undecided |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    if (q_.shape_is_nan)
        out_.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE | LUMICROP_FLAG_OUTSIDE_DOMAIN | LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (no_denominator_) flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (denominator_open_) out_.undecided |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    const bool background_is_open = q_.around && known_.open;
    if (background_is_open && q_.method == Method::mle) out_.most_iterations = 10;
    if (parameter_is_nan || background_is_nan || background_is_open || bad_pixel_ || no_denominator_) {
        out_.undecided |= LUMICROP_FLAG_NOT_CONVERGED;
        out_.least_iterations = 0;
    }
}

} // namespace oracle
