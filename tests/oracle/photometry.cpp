#include "photometry.hpp"

#include "light_fit.hpp"
#include "padding.hpp"
#include "whole_spline.hpp"

#include <lumicrop/lumicrop.h>

#include <algorithm>

namespace oracle {

namespace {

const Real nan_ = std::nan("");

/// What is known of the background before the fit, in electrons a pixel.
struct Known
{
    Real value = 0;
    Real bound = 0;
    Real variance = 0; ///< of the value
    Real variance_bound = 0;
    Real covariance = 0; ///< of the value with each pixel that it was measured on
    Real pixels = INFINITY;
    bool open = false; ///< not even the bound holds
};

Value exactly(Real value)
{
    return {value, 0, false};
}

Value unknown()
{
    return {nan_, 0, true};
}

/// From value and bound of a variance to those of its root.
Value root_of(const Value& variance, Real scale)
{
    if (variance.open || !(variance.value >= 0)) return unknown();
    if (variance.value == 0 && variance.bound == 0) return exactly(0);
    if (variance.bound > variance.value / 2) return unknown();
    const Real root = std::sqrt(variance.value);
    return {root * scale, variance.bound / (2 * root) * Real(1.2) * scale,
            false}; // 1.2: of half the variance the root is less straight
}

class Asked
{
public:
    explicit Asked(const Question& question) : q_(question) { classify(); }

    Photometry answer()
    {
        excess_ = q_.sensor.em_gain > 1 ? 2 : 1;
        find_electrons();
        find_background();
        find_pixels();
        if (q_.psf) judge_position();
        if (q_.method == Method::sum)
            add_up();
        else
            fit();
        find_fraction();
        judge();
        return out_;
    }

private:
    size_t n() const { return q_.crop.raw.size(); }
    bool is_padding(size_t i) const { return padding_[i] != 0; }
    /// FILTER counts padding by zeros (lumicrop.h, lumicrop_padding).
    bool keeps_padding() const { return q_.method == Method::filter && q_.padding == Padding::zeros; }
    bool belongs(size_t i) const { return !is_padding(i) || keeps_padding(); } ///< to the crop that PSF and pixels make up
    bool masked(size_t i) const { return belongs(i) && q_.sensor.bad[i] != 0; }
    /// SPEC 7: ten times the bound where the centre lies more than 3 sigma outside the crop.
    Real far() const { return far_centre_ ? 10 : 1; }
    bool counts(size_t i) const { return belongs(i) && q_.sensor.bad[i] == 0; }
    bool is_single() const { return q_.precision == Precision::single_; }
    Real epsilon() const { return std::ldexp(Real(1), is_single() ? -24 : -53); }

    void classify() { padding_ = padding_of(q_.crop, q_.padding); }

    Real gain(size_t i) const { return Real(q_.sensor.gain[i]) / q_.sensor.em_gain; }

    /// d = (raw - offset) gain / G. Where all pixels share offset and gain, the level can be taken off before anything is rounded (SPEC 4);
    /// where a map says otherwise, each of raw count, offset, gain and what they make is rounded once.
    void find_electrons()
    {
        const bool by_maps = q_.sensor.offset_differs || q_.sensor.gain_differs;
        for (size_t i = 0; i < n(); ++i) {
            const Real d = (Real(q_.crop.raw[i]) - q_.sensor.offset[i]) * gain(i);
            electrons_.push_back(d);
            const Real raw = std::abs(Real(q_.crop.raw[i])) + std::abs(Real(q_.sensor.offset[i]));
            const Real rounding =
                by_maps ? epsilon() * ((q_.sensor.offset_differs ? std::abs(Real(q_.sensor.offset[i])) : 0) * gain(i) +
                                       4 * std::abs(d))
                        : 0;
            slack_.push_back(rounding + std::ldexp(raw, is_single() ? -48 : -52) * gain(i));
            read_.push_back(Real(q_.sensor.read_variance[i]) / (Real(q_.sensor.em_gain) * q_.sensor.em_gain));
        }
    }

    // -- background --------------------------------------------------------------------------------------------------

    void find_background()
    {
        switch (q_.background) {
        case Background::fitted: return;
        case Background::column:
            known_.value = Real(q_.os_fit) * q_.sensor.qe;
            known_.bound = std::ldexp(std::abs(known_.value), -46);
            return;
        case Background::map: return;
        default: measure();
        }
    }

    Real base_of(size_t i) const
    {
        return q_.background == Background::map ? Real(q_.sensor.background[i]) * q_.sensor.qe : known_.value;
    }

    /// Median of the ring's pixels that are neither padding, masked nor NaN.
    void measure()
    {
        ring_.assign(n(), 0);
        std::vector<Real> values;
        Real reading = 0;
        Real rounding = 0;
        for (int64_t row = 0; row < q_.crop.height; ++row)
            for (int64_t column = 0; column < q_.crop.width; ++column) {
                if (row != 0 && column != 0 && row != q_.crop.height - 1 && column != q_.crop.width - 1) continue;
                const auto i = static_cast<size_t>(row * q_.crop.width + column);
                if (is_padding(i) || q_.sensor.bad[i] != 0 || std::isnan(q_.crop.raw[i])) continue;
                ring_[i] = 1;
                values.push_back(electrons_[i]);
                reading += read_[i];
                rounding = std::max(rounding, slack_[i]);
            }
        if (values.empty()) {
            no_border_ = true;
            known_.pixels = 0;
            known_.open = q_.background == Background::corrected_median;
            return;
        }
        std::sort(values.begin(), values.end());
        const size_t middle = values.size() / 2;
        known_.value = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
        known_.bound =
            rounding + std::ldexp(std::abs(known_.value), -46); // an order statistic moves by no more than its values
        const Real count = Real(values.size());
        reading /= count;
        if (q_.background == Background::corrected_median) correct(values, reading);
        const Real pixel = std::max(excess_ * known_.value + reading, excess_ * LightFit::least_mean);
        known_.variance = pi / 2 * pixel / count;
        known_.variance_bound = pi / 2 * (excess_ * known_.bound + step(q_.precision) * pixel) / count;
        known_.covariance = pixel / count;
        known_.pixels = count * 2 / pi;
    }

    /// skewed_median.hpp: the median of grouped counts, and from there to the mean by the third cumulant, third / (6 variance) above it, less what
    /// the median of n pixels is nearer. A whole count is all that rounds to it: its own variance is 1/12.
    void correct(const std::vector<Real>& values, Real reading)
    {
        const bool grouped = !q_.sensor.offset_differs && !q_.sensor.gain_differs;
        const Real count = Real(values.size());
        const Real a_count = q_.sensor.gain_differs ? 0 : Real(q_.sensor.scalar_gain) / q_.sensor.em_gain;
        Real median = known_.value;
        if (grouped) {
            Real below = 0;
            Real equal = 0;
            for (Real value : values) {
                const Real difference = value - known_.value;
                if (std::abs(difference) <= std::abs(known_.value) * std::ldexp(Real(1), -58))
                    equal += 1;
                else if (difference < 0)
                    below += 1;
            }
            if (equal > 0) median += ((count / 2 - below) / equal - Real(0.5)) * a_count;
        }
        const Real variance = reading + a_count * a_count / 12;
        const Real third = excess_ > 1 ? 6 : 1;
        Real mean = std::max(median, Real(0));
        for (int i = 0; i < 4; ++i) {
            const Real counted = std::max(mean, Real(0));
            const Real spread = excess_ * counted + variance;
            mean = median + (spread > 0 ? third * counted / spread * (Real(1) / 6 - Real(0.26) / count) : 0);
        }
        // Where nothing is counted the correction sets in with any steepness.
        known_.open = std::abs(median) <= 100 * known_.bound + Real(1e-9);
        // The slope of the shift by the median is at most third / (6 F^2), four times over; by the reading, whose mean is rounded as sums are,
        // third mean / (6 V^2), likewise.
        const Real spread = excess_ * std::max(mean, Real(0)) + variance;
        const Real by_reading = spread > 0 ? third * std::max(mean, Real(0)) / (spread * spread) : 0;
        known_.bound = 10 * known_.bound + by_reading * step(q_.precision) * reading;
        known_.value = mean;
    }

    // -- PSF ---------------------------------------------------------------------------------------------------------

    /// The PSF is normalised over all pixels that are not padding: a masked one holds light, too.
    void find_pixels()
    {
        fit_.excess = excess_;
        fit_.fits_background = q_.background == Background::fitted;
        fit_.precision = q_.precision;
        if (q_.psf) image_ = psf_image(*q_.psf, q_.crop.height, q_.crop.width);
        for (size_t i = 0; q_.psf && i < n(); ++i) {
            if (!belongs(i)) continue;
            psf_sum_ += image_.m[i];
            psf_terms_ += std::abs(image_.m[i]);
        }
        if (q_.psf && q_.psf->model != Model::spline) {
            const auto outside = [](double mu, double pixel, int64_t count) {
                return std::max(-Real(pixel) / 2 - mu, mu - (Real(count) - Real(0.5)) * pixel);
            };
            const Real sigma_x = std::abs(width_of(q_.psf->sigma_x));
            const Real sigma_y = std::abs(width_of(q_.psf->sigma_y));
            far_centre_ = std::max(outside(q_.psf->mux, q_.psf->pixel_x, q_.crop.width),
                                   outside(q_.psf->muy, q_.psf->pixel_y, q_.crop.height)) > 3 * std::min(sigma_x, sigma_y);
            too_little_ = psf_sum_ * q_.psf->pixel_x * q_.psf->pixel_y < Real(1e-6) * 2 * pi * sigma_x * sigma_y;
        }
        for (size_t i = 0; i < n(); ++i) {
            if (!counts(i)) continue;
            LightPixel pixel;
            pixel.p = q_.psf ? image_.m[i] / psf_sum_ : 0;
            pixel.base = base_of(i);
            pixel.d = electrons_[i] - pixel.base;
            pixel.v = read_[i];
            pixel.slack = slack_[i];
            // A level of its own for each pixel is rounded with it.
            if (q_.background == Background::map || q_.sensor.offset_differs || q_.sensor.gain_differs)
                pixel.slack += epsilon() * 3 * (std::abs(pixel.base) + std::abs(pixel.d));
            // A fitted background is not known before; what stands for it is the first pixel. Where that does not count, d is rounded as it is.
            if (q_.background == Background::fitted && !counts(0)) pixel.slack += epsilon() * 3 * std::abs(pixel.d);
            pixel.ring = !ring_.empty() && ring_[i] != 0;
            fit_.pixels.push_back(pixel);
            bad_pixel_ |= !std::isfinite(q_.crop.raw[i]);
        }
    }

    /// One rounding of the position in float64 moves every p: what that does to d = S p + b is slack of each pixel, S times the change.
    void judge_position()
    {
        if (!(q_.position_rounding > 0) || q_.shape_is_nan || psf_sum_ == 0) return;
        const double turn = q_.psf->model == Model::gauss && q_.psf->theta_deg != 0 ? std::ldexp(180 / double(pi), -51) : 0;
        p_moves_.assign(n(), 0);
        for (int way = 0; way < (turn > 0 ? 3 : 2); ++way) {
            Psf moved = *q_.psf;
            (way == 0 ? moved.mux : way == 1 ? moved.muy : moved.theta_deg) += way == 2 ? turn : q_.position_rounding;
            const PsfImage image = psf_image(moved, q_.crop.height, q_.crop.width);
            if (image.outside_domain != image_.outside_domain) continue; // exactly on the domain's end: no slack there
            Real sum = 0;
            for (size_t i = 0; i < n(); ++i)
                if (belongs(i)) sum += image.m[i];
            psf_moves_ += std::abs(sum - psf_sum_);
            for (size_t i = 0; i < n(); ++i) p_moves_[i] += std::abs(image.m[i] / sum - image_.m[i] / psf_sum_);
        }
    }

    // -- estimates ---------------------------------------------------------------------------------------------------

    void add_up()
    {
        Real sum = 0;
        Real terms = 0;
        Real reading = 0;
        Real level = 0;
        Real measured = 0;
        for (const LightPixel& pixel : fit_.pixels) {
            sum += pixel.d;
            terms += step(q_.precision) * std::abs(pixel.d) + pixel.slack + known_.bound;
            reading += pixel.v;
            level += pixel.base;
            measured += pixel.ring ? 1 : 0;
        }
        const Real count = Real(fit_.pixels.size());
        // No pixel is left: where all are padding the sum of none is 0, as SPEC 3 has it; where a mask took them nothing is known.
        bool any_masked = false;
        for (size_t i = 0; i < n(); ++i) any_masked |= masked(i);
        const bool unknown_sum = fit_.pixels.empty() && any_masked;
        set_background();
        out_.photons = {unknown_sum ? nan_ : sum / q_.sensor.qe, terms / q_.sensor.qe, known_.open};
        // sum V = F^2 sum d + sum v; what noise takes below 0 is 0.
        const Real variance = std::max(excess_ * (sum + level) + reading, Real(0));
        const Real with_background = variance + count * count * known_.variance - 2 * count * measured * known_.covariance;
        const Real variance_terms = excess_ * (std::abs(sum) + std::abs(level)) + reading +
                                    count * count * std::abs(known_.variance) +
                                    2 * count * measured * std::abs(known_.covariance);
        const Real relative_known = known_.variance > 0 ? excess_ * known_.bound * known_.covariance / known_.variance : 0;
        Value value{with_background,
                    4 * step(q_.precision) * variance_terms + excess_ * (terms + count * known_.bound) +
                        relative_known * variance_terms,
                    known_.open};
        if (!(variance > value.bound) || bad_pixel_ || no_border_) value.open = true;
        out_.photons_sigma = unknown_sum ? exactly(nan_) : root_of(value, 1 / Real(q_.sensor.qe));
        if (fit_.pixels.empty() && !unknown_sum) out_.photons_sigma = unknown();
        for (Value* none : {&out_.psf_sum, &out_.denominator, &out_.chi2, &out_.log_likelihood_ratio}) *none = exactly(nan_);
        if (std::isnan(known_.value)) out_.photons = {nan_, 0, fit_.pixels.empty()};
    }

    /// The column `background` is in counts above the offset, of which there are several where a map tells the gain.
    void set_background()
    {
        const Real per_photon = Real(q_.sensor.qe) * q_.sensor.em_gain / q_.sensor.scalar_gain;
        Value& photons = out_.background_photons;
        if (q_.background == Background::map) {
            Real sum = 0;
            Real terms = 0;
            for (const LightPixel& pixel : fit_.pixels) {
                sum += pixel.base / q_.sensor.qe;
                terms += std::abs(pixel.base) / q_.sensor.qe;
            }
            const Real count = Real(fit_.pixels.size());
            photons = {sum / count, step(q_.precision) * terms / count, false};
        } else {
            photons = {known_.value / q_.sensor.qe, known_.bound / q_.sensor.qe, known_.open};
        }
        out_.background = {photons.value * per_photon, photons.bound * per_photon, photons.open || q_.sensor.gain_differs};
        out_.background_sigma = root_of({known_.variance, known_.variance_bound, known_.open}, 1 / Real(q_.sensor.qe));
        if (no_border_) out_.background_sigma = unknown();
        out_.background_pixels = {known_.pixels, std::ldexp(known_.pixels, -40), false};
        if (known_.pixels == INFINITY) out_.background_pixels = exactly(INFINITY);
    }

    void fit();
    void certainty(const Matrix& normal, const Estimate& estimate);
    struct Errors
    {
        Real s = 0, b = 0, chi2 = 0, ratio = 0, background_pixels = 0;
    };
    Errors errors_at(const Light& x, const Matrix& normal, Errors* rounding) const;

    // -- what is said of all -----------------------------------------------------------------------------------------

    void find_fraction()
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
        const Real terms = far() * step(q_.precision) * psf_terms_ + psf_moves_;
        const Real relative_whole = whole.bound / std::abs(whole.value);
        out_.enclosed = {fraction, (terms + std::abs(psf_sum_) * relative_whole) / std::abs(whole.value),
                         whole.open || relative_whole > Real(0.1) || too_little_};
        if (q_.shape_is_nan) out_.enclosed = exactly(nan_);
        const Real total = out_.photons.value / fraction;
        const Real relative = out_.enclosed.bound / std::abs(fraction);
        out_.photons_total = {
            total, (out_.photons.bound + std::abs(out_.photons.value) * relative) / std::abs(fraction) * Real(1.2),
            out_.photons.open || out_.enclosed.open || relative > Real(0.1)};
        if (q_.shape_is_nan) out_.photons_total = exactly(nan_);
        if (!std::isfinite(total)) out_.photons_total = {total, 0, out_.photons.open || out_.enclosed.open};
    }

    void judge();

    const Question& q_;
    std::vector<char> padding_, ring_;
    std::vector<Real> electrons_, slack_, read_, p_moves_;
    PsfImage image_;
    Known known_;
    LightFit fit_;
    Photometry out_;
    Real excess_ = 1, psf_sum_ = 0, psf_terms_ = 0, psf_moves_ = 0;
    bool no_border_ = false, bad_pixel_ = false, no_denominator_ = false, denominator_open_ = false;
    bool far_centre_ = false;
    bool too_little_ = false; ///< the crop encloses less than 1e-6 of the PSF: SPEC 7 bounds nothing, NaN is allowed
};

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
        const Real rounding = std::ldexp(std::abs(estimate.light.b), -40);
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
        if (counts(i)) {
            saturated |= saturation < HUGE_VAL && q_.crop.raw[i] >= saturation; // infinity: none
            saturation_open |=
                saturation < HUGE_VAL &&
                std::abs(q_.crop.raw[i] - saturation) <= std::ldexp(std::abs(saturation), is_single() ? -23 : -52) &&
                q_.crop.raw[i] != saturation;
        }
        if (!image_.outside_domain.empty() && image_.outside_domain[i] != 0)
            (counts(i) || masked(i) ? outside : outside_open) = true;
    }
    if (q_.crop.reaches_beyond_the_frame() || (any_padding && q_.method != Method::filter)) flags |= LUMICROP_FLAG_TRUNCATED;
    if (any_padding && q_.method != Method::filter && q_.method != Method::sum && !q_.crop.reaches_beyond_the_frame())
        out_.undecided |= LUMICROP_FLAG_TRUNCATED; // the header names padding for SUM alone
    if (any_masked) flags |= LUMICROP_FLAG_MASKED;
    if (saturated) flags |= LUMICROP_FLAG_SATURATED;
    if (saturation_open) out_.undecided |= LUMICROP_FLAG_SATURATED;
    if (bad_pixel_) flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    if (no_border_) flags |= LUMICROP_FLAG_NO_BORDER;
    const bool parameter_is_nan = std::isnan(known_.value) || (q_.method != Method::sum && q_.shape_is_nan);
    if (parameter_is_nan) flags |= LUMICROP_FLAG_PARAMETER_NAN;
    if (!q_.psf) return;
    if (q_.method == Method::sum && q_.shape_is_nan) out_.undecided |= LUMICROP_FLAG_PARAMETER_NAN;
    const auto beyond = [](double mu, double pixel, int64_t count) {
        return std::max(-Real(pixel) / 2 - mu, mu - (Real(count) - Real(0.5)) * pixel);
    };
    const Real away_x = beyond(q_.psf->mux, q_.psf->pixel_x, q_.crop.width);
    const Real away_y = beyond(q_.psf->muy, q_.psf->pixel_y, q_.crop.height);
    const Real edge = Real(1e-9) * (q_.psf->pixel_x + q_.psf->pixel_y); // a few roundings of the position in float64
    if (std::max(away_x, away_y) > 0) flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (std::abs(away_x) < edge || std::abs(away_y) < edge) out_.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (outside) flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    if (outside_open && !outside) out_.undecided |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    if (q_.shape_is_nan)
        out_.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE | LUMICROP_FLAG_OUTSIDE_DOMAIN | LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (q_.method == Method::sum) { // the header names these flags where the PSF counts
        out_.undecided |= LUMICROP_FLAG_CENTRE_OUTSIDE | LUMICROP_FLAG_OUTSIDE_DOMAIN;
        return;
    }
    if (no_denominator_) flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (denominator_open_) out_.undecided |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (parameter_is_nan || bad_pixel_ || no_denominator_) {
        out_.undecided |= LUMICROP_FLAG_NOT_CONVERGED;
        out_.least_iterations = 0;
    }
}

} // namespace

Photometry photometry(const Question& question)
{
    return Asked(question).answer();
}

} // namespace oracle
