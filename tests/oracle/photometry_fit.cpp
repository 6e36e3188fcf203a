// FILTER, JOINT, OPTIMAL and MLE: estimates and their errors.
#include "asked.hpp"

#include <lumicrop/lumicrop.h>

#include <algorithm>

namespace oracle {

void Asked::fit()
{
    if (!p_moves_
             .empty()) { // S is not known before the fit: the light of the crop stands for it, which p = 1 in all encloses
        Real light = 0;
        for (const LightPixel& pixel : fit_.pixels) light += std::abs(pixel.d);
        size_t k = 0;
        for (size_t i = 0; i < n(); ++i)
            if (counts(i)) fit_.pixels[k++].slack += p_moves_[i] * light;
    }
    Matrix normal;
    Estimate estimate = least_squares(fit_, normal);
    const Real least_independence = fit_.fits_background ? 100 * step(q_.precision) : 0;
    const bool independent = fit_.independence(normal) > least_independence;
    no_denominator_ = !(psf_sum_ != 0) || !std::isfinite(psf_sum_) || !(normal.ss > 0) || !std::isfinite(normal.ss) ||
                      !(fit_.independence(normal) > Real(1e-12));
    denominator_open_ = (!independent && fit_.pixels.size() > 1) || (too_little_ && !fit_.pixels.empty() && psf_sum_ != 0);
    if (q_.method == Method::optimal) estimate = optimal(fit_);
    if (q_.method == Method::mle) {
        const Scoring steps = scoring(fit_);
        estimate = maximum_likelihood(fit_);
        out_.least_iterations = steps.is_clear || steps.converges ? steps.least : 1;
        out_.most_iterations = steps.is_clear && steps.converges ? steps.most : 10;
        if (!steps.is_clear) out_.undecided |= LUMICROP_FLAG_NOT_CONVERGED;
        if (!steps.converges) out_.flags |= LUMICROP_FLAG_NOT_CONVERGED;
        if (!steps.converges && steps.is_clear) estimate.usable = false;
        out_.holds_if_converged = !steps.is_clear;
    }
    if (q_.method == Method::optimal) out_.least_iterations = out_.most_iterations = 3;

    // An error of the known background is one of every pixel: |A^-1| sum w |a| is at most what the estimate itself carries a pixel.
    if (!fit_.fits_background && known_.bound > 0) {
        const Matrix f = q_.method == Method::filter ? normal : fisher(fit_, estimate.light);
        Real terms = 0;
        for (const LightPixel& pixel : fit_.pixels)
            terms += std::abs(pixel.p) * (q_.method == Method::filter ? 1 : 1 / fit_.variance(pixel, estimate.light));
        estimate.bound.s += known_.bound * terms / f.ss * 4;
    }
    estimate.bound = {far() * estimate.bound.s, far() * estimate.bound.b};
    set_background();
    const Real qe = q_.sensor.qe;
    const bool nothing = q_.shape_is_nan || std::isnan(known_.value) || no_denominator_;
    const bool open = !estimate.usable || known_.open || bad_pixel_ || denominator_open_ || too_little_ ||
                      !std::isfinite(estimate.bound.s);
    out_.photons = {estimate.light.s / qe, estimate.bound.s / qe, open && !bad_pixel_};
    if (bad_pixel_) out_.photons = exactly(nan_);
    if (fit_.fits_background) {
        const Real per_photon = qe * q_.sensor.em_gain / q_.sensor.scalar_gain;
        // It is kept above the first pixel, to the last bits of what lies between.
        const Real between = counts(0) ? std::abs(electrons_[0] - estimate.light.b) : 0;
        const Real rounding = std::ldexp(std::abs(estimate.light.b), -40) + epsilon() * between;
        out_.background_photons = {estimate.light.b / qe, (estimate.bound.b + rounding) / qe, open};
        out_.background = {out_.background_photons.value * per_photon, out_.background_photons.bound * per_photon,
                           open || q_.sensor.gain_differs};
    }
    out_.psf_sum = {psf_sum_, far() * step(q_.precision) * psf_terms_ + psf_moves_, false};
    // 2.5 steps, as for the filter (bounds.hpp), and what the position's rounding does to each p.
    Real moved = 0;
    size_t k = 0;
    for (size_t i = 0; i < n() && !p_moves_.empty(); ++i)
        if (counts(i)) moved += 2 * std::abs(fit_.pixels[k++].p) * p_moves_[i];
    out_.denominator = {normal.ss,
                        Real(2.5) * far() * step(q_.precision) * normal.ss * psf_terms_ / std::abs(psf_sum_) + moved, false};
    certainty(normal, estimate);
    if (too_little_) {
        out_.denominator.open = out_.psf_sum.open = true;
        out_.least_iterations = 0;
        out_.undecided |= LUMICROP_FLAG_NOT_CONVERGED;
    }
    if (open)
        for (Value* value : {&out_.photons_sigma, &out_.chi2, &out_.log_likelihood_ratio}) value->open = true;
    if (open && fit_.fits_background) out_.background_sigma.open = out_.background_pixels.open = true;
    if (!nothing || (denominator_open_ && !q_.shape_is_nan && !std::isnan(known_.value))) return;
    for (Value* value : {&out_.photons, &out_.photons_sigma, &out_.chi2, &out_.log_likelihood_ratio}) *value = exactly(nan_);
    if (fit_.fits_background)
        for (Value* value : {&out_.background, &out_.background_photons, &out_.background_sigma, &out_.background_pixels})
            *value = exactly(nan_);
    if (q_.shape_is_nan) out_.psf_sum = out_.denominator = exactly(nan_);
    if (no_denominator_) out_.denominator.open = out_.psf_sum.open = true;
    out_.least_iterations = 0; // there may be none to make
}

/// Variances, chi^2 and the ratio at x, and what rounding the sums they are made of may do.
Asked::Errors Asked::errors_at(const Light& x, const Matrix& normal, Errors* rounding) const
{
    const bool by_variance = q_.method == Method::optimal || q_.method == Method::mle;
    const Real e = step(q_.precision);
    const Matrix n = by_variance ? fisher(fit_, x) : normal;
    const Matrix m = fit_.inverse(n);
    Matrix spread;          // A^T V A
    Matrix spread_rounding; // of it, and of A^T V^-1 A
    Errors at;
    Errors off;
    Real reading = 0;
    Real all = 0;
    Real measured = 0;
    Real absolute_all = 0;
    Real squares = 0;
    Real squares_off = 0;
    for (const LightPixel& pixel : fit_.pixels) {
        const Real mu = fit_.mean(pixel, x);
        const Real v = fit_.variance(pixel, x);
        const Real rest = pixel.d - mu;
        const Real mu_terms = std::abs(x.s * pixel.p) + std::abs(x.b) + std::abs(pixel.base);
        // V = F^2 (mu + base) + v, each product and sum rounded, may cancel.
        const Real v_off = e * v + 8 * epsilon() * (excess_ * mu_terms + pixel.v) + excess_ * known_.bound;
        const Real rest_off = 4 * epsilon() * (std::abs(pixel.d) + mu_terms) + pixel.slack + known_.bound;
        spread.ss += pixel.p * pixel.p * v;
        spread.sb += pixel.p * v;
        spread.bb += v;
        const Real part = by_variance ? v_off / (v * v) : v_off;
        spread_rounding.ss += pixel.p * pixel.p * part;
        spread_rounding.sb += std::abs(pixel.p) * part;
        spread_rounding.bb += part;
        reading += pixel.v;
        const Real coefficient = by_variance ? pixel.p / v : pixel.p;
        all += coefficient;
        absolute_all += std::abs(coefficient);
        if (pixel.ring) measured += coefficient;
        squares += rest * rest / v;
        squares_off += e * rest * rest / v + 2 * std::abs(rest) * rest_off / v + rest_off * rest_off / v +
                       rest * rest * v_off / (v * v);
        // The likelihood's counts over F^4 = those of F^2 mu + v, over F^4.
        const Real f4 = excess_ * excess_;
        const Real expected = v / f4;
        const Real found = std::max((excess_ * (pixel.d + pixel.base) + pixel.v) / f4, Real(0));
        const Real logarithm = found > 0 ? std::log(expected / found) : 0;
        at.ratio += 2 * (expected - found - found * logarithm);
        off.ratio += 2 * e * (expected + found + found * std::abs(logarithm)) +
                     2 * std::abs(logarithm) * rest_off / excess_ + 2 * std::abs(1 - found / expected) * v_off / f4;
    }
    const Real count = Real(fit_.pixels.size());
    const Real parameters = fit_.fits_background ? 2 : 1;
    at.chi2 = count > parameters ? squares / (count - parameters) : nan_;
    off.chi2 = squares_off / (count - parameters);
    if (!fit_.fits_background) {
        const Real of_pixels = by_variance ? m.ss : m.ss * m.ss * spread.ss;
        const Real sum = all * m.ss;
        const Real on_ring = measured * m.ss;
        const Real background = sum * sum * known_.variance;
        const Real shared = 2 * sum * on_ring * known_.covariance;
        at.s = of_pixels + background - shared;
        const Real matrix_off =
            m.ss * (by_variance ? spread_rounding.ss * m.ss : spread_rounding.ss * m.ss) + 4 * e * of_pixels;
        const Real known_off = known_.covariance > 0 ? excess_ * known_.bound / known_.covariance / count : 0;
        const Real growth = absolute_all / std::max(std::abs(all), Real(1e-300));
        off.s = matrix_off + (8 * e * growth + known_off) * (std::abs(background) + std::abs(shared));
    } else {
        const Matrix a{std::abs(m.ss), std::abs(m.sb), std::abs(m.bb)};
        const auto carried = [&](const Matrix& change) { // |M| |change| |M|, its diagonal
            const Real ss = a.ss * change.ss + a.sb * change.sb, sb = a.ss * change.sb + a.sb * change.bb;
            const Real bs = a.sb * change.ss + a.bb * change.sb, bb = a.sb * change.sb + a.bb * change.bb;
            return Light{ss * a.ss + sb * a.sb, bs * a.sb + bb * a.bb};
        };
        const auto made = [&](const Matrix& inner) { // M inner M
            const Real ss = m.ss * inner.ss + m.sb * inner.sb, sb = m.ss * inner.sb + m.sb * inner.bb;
            const Real bs = m.sb * inner.ss + m.bb * inner.sb, bb = m.sb * inner.sb + m.bb * inner.bb;
            return Light{ss * m.ss + sb * m.sb, bs * m.sb + bb * m.bb};
        };
        const Light variance = by_variance ? Light{m.ss, m.bb} : made(spread);
        at.s = variance.s;
        at.b = variance.b;
        Light change = carried(spread_rounding);
        if (!by_variance) { // M itself: dM = M dN M, twice
            const Matrix n_off{e * n.ss, e * std::abs(n.sb), e * n.bb};
            const Light twice = carried(n_off);
            change.s += 2 * twice.s * std::sqrt(variance.s / m.ss) * std::sqrt(spread.bb / std::max(n.bb, Real(1))) * 4 +
                        2 * twice.s * variance.s / m.ss;
            change.b += 2 * twice.b * variance.b / m.bb + 2 * twice.s * variance.s / m.ss * m.bb / m.ss;
        }
        off.s = change.s + 4 * e * variance.s;
        off.b = change.b + 4 * e * variance.b;
        const Real pixel = std::max(excess_ * x.b + reading / count, excess_ * LightFit::least_mean);
        at.background_pixels = pixel / variance.b;
        off.background_pixels = at.background_pixels * (off.b / variance.b + 8 * e);
        off.background_pixels += 8 * epsilon() * excess_ * std::abs(x.b) / variance.b;
    }
    if (rounding != nullptr) *rounding = off;
    return at;
}

/// What errors move with the estimate is the difference between them here and at the ends of its bound.
void Asked::certainty(const Matrix& normal, const Estimate& estimate)
{
    const Light x = estimate.light;
    Errors off;
    const Errors here = errors_at(x, normal, &off);
    for (const Light& other : {Light{x.s + estimate.bound.s, x.b}, Light{x.s - estimate.bound.s, x.b},
                               Light{x.s, x.b + estimate.bound.b}, Light{x.s, x.b - estimate.bound.b}}) {
        const Errors there = errors_at(other, normal, nullptr);
        off.s += std::abs(there.s - here.s);
        off.b += std::abs(there.b - here.b);
        off.chi2 += std::abs(there.chi2 - here.chi2);
        off.ratio += std::abs(there.ratio - here.ratio);
        off.background_pixels += std::abs(there.background_pixels - here.background_pixels);
    }
    const Real qe = q_.sensor.qe;
    out_.photons_sigma = root_of({here.s, off.s, false}, 1 / qe);
    if (no_border_) out_.photons_sigma.open = true;
    out_.chi2 = std::isnan(here.chi2) ? exactly(nan_) : Value{here.chi2, off.chi2, false};
    out_.log_likelihood_ratio = {here.ratio, off.ratio, false};
    if (!fit_.fits_background) return;
    out_.background_sigma = root_of({here.b, off.b, false}, 1 / qe);
    out_.background_pixels = {here.background_pixels, off.background_pixels,
                              off.background_pixels > here.background_pixels / 2};
}

} // namespace oracle
