// Sums of pixels, each by its part, and what fraction of the PSF lies on them.
#include "asked.hpp"
#include "whole_spline.hpp"

#include <algorithm>

namespace oracle {

/// The parts, and where an ellipse that is longer or shorter by what rounding may do touches other pixels.
void Asked::find_parts()
{
    const Ellipse& ellipse = *q_.aperture;
    touches_.assign(n(), Touch::no);
    parts_.assign(n(), 0);
    if (!has_position()) return;
    const Real unsure = (is_single() ? Real(4e-6) : Real(1e-12)) * (1 + std::max(ellipse.semi_x, ellipse.semi_y)) +
                        2 * Real(q_.aperture_rounding);
    parts_ = parts_within(ellipse, q_.crop.height, q_.crop.width);
    const std::vector<Real> more = parts_within(ellipse.grown(unsure), q_.crop.height, q_.crop.width);
    const std::vector<Real> less = parts_within(ellipse.grown(-unsure), q_.crop.height, q_.crop.width);
    Real area = 0;
    for (size_t i = 0; i < n(); ++i) {
        touches_[i] = less[i] > 0 ? Touch::yes : more[i] > 0 ? Touch::maybe : Touch::no;
        if (!is_padding(i)) area += parts_[i];
    }
    missing_ = 1 - area / ellipse.area();
}

void Asked::add_up()
{
    Real sum = 0;
    Real terms = 0;
    Real whole = 0;
    Real measured = 0;
    Real squares = 0; // sum w^2 d
    Real level = 0;   // sum w^2 base
    Real reading = 0;
    Real square_terms = 0;
    size_t k = 0;
    for (size_t i = 0; i < n(); ++i) {
        if (!takes_part(i)) continue;
        const LightPixel& pixel = fit_.pixels[k++];
        const Real w = share(i);
        terms += part_error() * std::abs(pixel.d);
        if (w == 0) continue;
        sum += w * pixel.d;
        terms += w * (step(q_.precision) * std::abs(pixel.d) + pixel.slack + known_.bound);
        whole += w;
        measured += pixel.ring ? w : 0;
        squares += w * w * pixel.d;
        level += w * w * pixel.base;
        reading += w * w * pixel.v;
        square_terms += 2 * w * part_error() * (excess_ * std::abs(pixel.d + pixel.base) + pixel.v);
    }
    const Real whole_error = Real(fit_.pixels.size()) * part_error();
    // No pixel is left: where all are padding the sum of none is 0, as SPEC 3 has it; where a mask took them nothing is known.
    bool any_masked = false;
    for (size_t i = 0; i < n(); ++i) any_masked |= masked(i);
    const bool unknown_sum = (fit_.pixels.empty() && any_masked) || !has_position();
    const bool open = known_.open || maybe_bad_ || (any_masked && maybe_touches_ && !surely_touches_);
    set_background();
    out_.photons = {unknown_sum ? nan_ : sum / q_.sensor.qe, terms / q_.sensor.qe, open};
    // sum w^2 V = F^2 sum w^2 d + sum w^2 v; what noise takes below 0 is 0.
    const Real variance = std::max(excess_ * (squares + level) + reading, Real(0));
    const Real of_background = whole * whole * known_.variance;
    const Real shared = 2 * whole * measured * known_.covariance;
    const Real variance_terms =
        excess_ * (std::abs(squares) + std::abs(level)) + reading + std::abs(of_background) + std::abs(shared);
    const Real relative_known = known_.variance > 0 ? excess_ * known_.bound * known_.covariance / known_.variance : 0;
    const Real by_whole =
        2 * whole_error * (whole * std::abs(known_.variance) + (whole + measured) * std::abs(known_.covariance));
    Value value{variance + of_background - shared,
                4 * step(q_.precision) * variance_terms + excess_ * (terms + whole * known_.bound) +
                    relative_known * variance_terms + square_terms + by_whole,
                open};
    if (!(variance > value.bound) || bad_pixel_ || no_border_) value.open = true;
    const bool unknown_annulus = q_.around && std::isnan(known_.value);
    const bool unknown_error = unknown_sum || unknown_annulus;
    out_.photons_sigma = unknown_error ? exactly(nan_) : root_of(value, 1 / Real(q_.sensor.qe));
    if (fit_.pixels.empty() && !unknown_error) out_.photons_sigma = unknown();
    for (Value* none : {&out_.psf_sum, &out_.denominator, &out_.chi2, &out_.log_likelihood_ratio}) *none = exactly(nan_);
    if (std::isnan(known_.value)) out_.photons = {nan_, 0, fit_.pixels.empty() && !unknown_error};
}

void Asked::find_fraction()
{
    if (!q_.psf) {
        out_.enclosed = out_.photons_total = unknown();
        return;
    }
    Value whole;
    if (q_.psf->model == Model::spline)
        whole = light_of_spline(*q_.psf);
    else
        whole = {2 * pi * std::abs(width_of(q_.psf->sigma_x)) * std::abs(width_of(q_.psf->sigma_y)) /
                     (Real(q_.psf->pixel_x) * q_.psf->pixel_y),
                 0, false};
    const Real fraction = psf_sum_ / whole.value;
    const Real terms = (far() * step(q_.precision) + part_error()) * psf_terms_ + psf_moves_;
    const Real relative_whole = whole.bound / std::abs(whole.value);
    out_.enclosed = {fraction, (terms + std::abs(psf_sum_) * relative_whole) / std::abs(whole.value),
                     whole.open || relative_whole > Real(0.1) || too_little_};
    if (q_.shape_is_nan) out_.enclosed = exactly(nan_);
    const Real total = out_.photons.value / fraction;
    const Real relative = out_.enclosed.bound / std::abs(fraction);
    out_.photons_total = {total,
                          (out_.photons.bound + std::abs(out_.photons.value) * relative) / std::abs(fraction) * Real(1.2),
                          out_.photons.open || out_.enclosed.open || relative > Real(0.1)};
    if (q_.shape_is_nan) out_.photons_total = exactly(nan_);
    if (!std::isfinite(total)) out_.photons_total = {total, 0, out_.photons.open || out_.enclosed.open};
}

} // namespace oracle
