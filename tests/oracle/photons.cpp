#include "photons.hpp"

#include "border_median.hpp"

#include <lumicrop/lumicrop.h>

namespace oracle {

namespace {

struct Projection
{
    Real counts = 0, psf_sum = 0, squares = 0, absolute = 0, signal = 0, absolute_signal = 0, magnitude = 0, peak = 0,
         light = 0;
    bool bad_pixel = false, outside_domain = false, outside_domain_if_all_counted = false;
};

bool left_out(const Crop& crop, Padding rule, int64_t pixel)
{
    return rule == Padding::geometry && crop.is_outside(pixel);
}

Projection project(const Crop& crop, Padding rule, const Camera& camera, const PsfImage& image, double b)
{
    Projection sums;
    for (int64_t i = 0; i < crop.pixels(); ++i) {
        const auto pixel = static_cast<size_t>(i);
        const bool beyond_domain = !image.outside_domain.empty() && image.outside_domain[pixel] != 0;
        sums.outside_domain_if_all_counted |= beyond_domain;
        if (left_out(crop, rule, i)) continue;
        sums.outside_domain |= beyond_domain;
        const Real m = image.m[pixel];
        const Real above = Real(crop.raw[pixel]) - camera.offset - b;
        sums.bad_pixel |= !std::isfinite(crop.raw[pixel]);
        sums.psf_sum += m;
        sums.squares += m * m;
        sums.absolute += std::abs(m);
        sums.signal += m * above;
        sums.absolute_signal += std::abs(m) * std::abs(above);
        sums.peak = std::max(sums.peak, std::abs(m));
        sums.light += std::abs(above);
        sums.magnitude += std::abs(m) * (std::abs(Real(crop.raw[pixel])) + std::abs(camera.offset) + std::abs(b));
    }
    sums.counts = sums.signal * sums.psf_sum / sums.squares; // sum p (crop - b) / sum p^2 with p = m / sum m
    return sums;
}

Real distance_outside(double mu, double pixel, int64_t n)
{
    return std::max({Real(0), -Real(pixel) / 2 - mu, mu - (Real(n) - Real(0.5)) * pixel});
}

/// The crop's edge at less than a few roundings from the position: inside and outside are both right.
bool on_the_edge(double mu, double pixel, int64_t n, double rounding)
{
    const Real slack = 4 * Real(rounding) + Real(1e-12) * pixel;
    return std::abs(mu + Real(pixel) / 2) <= slack || std::abs(mu - (Real(n) - Real(0.5)) * pixel) <= slack;
}

Real enclosed_fraction(const Psf& psf, const Projection& sums)
{
    if (psf.model == Model::spline) {
        Real largest = 0;
        for (double c : psf.spline->coefficients) largest = std::max(largest, std::abs(Real(c)));
        return sums.absolute / largest; // no PSF is narrower than a fraction of a pixel here: its sum is of this order
    }
    const Real whole = 2 * pi * std::abs(width_of(psf.sigma_x)) * std::abs(width_of(psf.sigma_y));
    return sums.psf_sum * psf.pixel_x * psf.pixel_y / whole;
}

void judge_position(Answer& answer, const Crop& crop, Padding rule, const Camera& camera, const Psf& psf, double b,
                    double rounding, const Projection& at_the_position)
{
    // A turn moves by the rounding of its sine and cosine too: two opposite edges of pixels then move apart, which no shift does.
    const double turn = psf.model == Model::gauss && psf.theta_deg != 0 ? std::ldexp(180 / double(pi), -51) : 0;
    for (int way = 0; way < (turn > 0 ? 3 : 2); ++way) {
        Psf moved = psf;
        (way == 0 ? moved.mux : way == 1 ? moved.muy : moved.theta_deg) += way == 2 ? turn : rounding;
        const Projection sums = project(crop, rule, camera, psf_image(moved, crop.height, crop.width), b);
        if (sums.outside_domain != at_the_position.outside_domain) continue; // exactly on the domain's end: no slack there
        answer.photons_by_position += std::abs(sums.counts - at_the_position.counts) * answer.photons_per_count;
        answer.psf_sum_by_position += std::abs(sums.psf_sum - at_the_position.psf_sum);
        const Real moved_denominator = sums.squares / (sums.psf_sum * sums.psf_sum);
        answer.denominator_by_position += std::abs(moved_denominator - answer.denominator) / answer.denominator;
    }
}

} // namespace

Answer border_sum(const Crop& crop, Padding rule, const Camera& camera)
{
    Answer answer;
    const std::vector<char> padding = padding_of(crop, rule);
    const BorderMedian border = border_median(crop, padding);
    answer.background = border.any ? border.raw - camera.offset : 0;
    answer.photons_per_count = Real(camera.gain) / camera.qe;
    Real counts = 0;
    bool any_padding = false;
    bool bad_pixel = false;
    for (size_t pixel = 0; pixel < crop.raw.size(); ++pixel) {
        any_padding |= padding[pixel] != 0;
        if (padding[pixel] != 0) continue;
        const Real raw = crop.raw[pixel];
        const Real above = border.any ? raw - border.raw : raw - camera.offset;
        bad_pixel |= !std::isfinite(raw);
        counts += above;
        answer.count_terms += std::abs(above);
        answer.count_magnitude += std::abs(raw) + std::abs(camera.offset) + std::abs(Real(answer.background));
    }
    answer.photons = counts * answer.photons_per_count;
    answer.psf_sum = answer.denominator = std::nan("");
    if (any_padding || crop.reaches_beyond_the_frame()) answer.flags |= LUMICROP_FLAG_TRUNCATED;
    if (bad_pixel) answer.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    if (!border.any) answer.flags |= LUMICROP_FLAG_NO_BORDER;
    return answer;
}

Answer matched_filter(const Crop& crop, Padding rule, const Camera& camera, const Psf& psf, double os_fit,
                      bool parameter_is_nan, double position_rounding)
{
    Answer answer;
    answer.filter = true;
    answer.background = os_fit * camera.qe / camera.gain;
    answer.photons_per_count = Real(camera.gain) / camera.qe;
    const PsfImage image = psf_image(psf, crop.height, crop.width);
    const Projection sums = project(crop, rule, camera, image, answer.background);
    answer.psf_sum = sums.psf_sum;
    answer.denominator = sums.squares / (sums.psf_sum * sums.psf_sum);
    const bool no_denominator =
        !(sums.psf_sum != 0) || !(sums.squares != 0) || !std::isfinite(sums.psf_sum) || !std::isfinite(answer.denominator);
    answer.photons = no_denominator || parameter_is_nan ? Real(std::nan("")) : sums.counts * answer.photons_per_count;

    const Real fraction = enclosed_fraction(psf, sums);
    answer.photons_open = !parameter_is_nan && !(fraction >= Real(1e-6));
    const Real away =
        std::max(distance_outside(psf.mux, psf.pixel_x, crop.width), distance_outside(psf.muy, psf.pixel_y, crop.height));
    const Real narrow = std::min(std::abs(width_of(psf.sigma_x)), std::abs(width_of(psf.sigma_y)));
    answer.far_centre = psf.model != Model::spline && away > 3 * narrow;
    answer.count_terms =
        (std::abs(sums.signal) * sums.absolute + std::abs(sums.psf_sum) * sums.absolute_signal) / sums.squares;
    answer.count_magnitude = sums.magnitude * std::abs(sums.psf_sum) / sums.squares;
    answer.faint_terms = sums.peak * sums.light * std::abs(sums.psf_sum) / sums.squares;
    answer.psf_terms = sums.absolute;
    answer.denominator_growth = sums.absolute / std::abs(sums.psf_sum);

    if (crop.reaches_beyond_the_frame()) answer.flags |= LUMICROP_FLAG_TRUNCATED;
    if (sums.bad_pixel) answer.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    if (parameter_is_nan) {
        answer.flags |= LUMICROP_FLAG_PARAMETER_NAN;
        answer.undecided |= LUMICROP_FLAG_ZERO_DENOMINATOR | LUMICROP_FLAG_CENTRE_OUTSIDE | LUMICROP_FLAG_OUTSIDE_DOMAIN;
    }
    if (away > 0) answer.flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (on_the_edge(psf.mux, psf.pixel_x, crop.width, position_rounding) ||
        on_the_edge(psf.muy, psf.pixel_y, crop.height, position_rounding))
        answer.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (sums.outside_domain) answer.flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    if (sums.outside_domain != sums.outside_domain_if_all_counted) answer.undecided |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    if (no_denominator) answer.flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (answer.photons_open) answer.undecided |= LUMICROP_FLAG_ZERO_DENOMINATOR;

    if (position_rounding > 0 && !answer.photons_open && !parameter_is_nan && !no_denominator)
        judge_position(answer, crop, rule, camera, psf, answer.background, position_rounding, sums);
    return answer;
}

} // namespace oracle
