// One question of SPEC 8 on its way to the answer: what photometry_*.cpp work out, each its share.
#pragma once

#include "light_fit.hpp"
#include "photometry.hpp"

#include <cmath>

namespace oracle {

inline const Real nan_ = std::nan("");

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

inline Value exactly(Real value)
{
    return {value, 0, false};
}

inline Value unknown()
{
    return {nan_, 0, true};
}

/// From value and bound of a variance to those of its root.
inline Value root_of(const Value& variance, Real scale)
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
        if (q_.aperture) find_parts();
        find_pixels();
        if (q_.psf) judge_position();
        if (adds_up())
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
    bool adds_up() const { return q_.method == Method::sum || q_.method == Method::aperture; }
    bool has_position() const { return !q_.aperture || !(std::isnan(q_.aperture->x) || std::isnan(q_.aperture->y)); }
    /// Whether the aperture has a part of the pixel, as far as rounding lets anybody say so.
    enum class Touch { no, maybe, yes };
    Touch touch(size_t i) const { return q_.aperture ? touches_[i] : Touch::yes; }
    bool takes_part(size_t i) const { return counts(i) && touch(i) != Touch::no; }
    /// What of a pixel's light is looked at.
    Real share(size_t i) const
    {
        if (!adds_up()) return belongs(i) ? 1 : 0;
        return !takes_part(i) ? 0 : q_.aperture ? parts_[i] : 1;
    }
    /// Each part of a pixel is good to a step, and moves with the aperture: by no more than the length of its edge within the pixel, which two
    /// sides of a narrow ellipse make at most 2 sqrt(2).
    Real part_error() const { return q_.aperture ? step(q_.precision) + 3 * Real(q_.aperture_rounding) : 0; }
    bool is_single() const { return q_.precision == Precision::single_; }
    Real epsilon() const { return std::ldexp(Real(1), is_single() ? -24 : -53); }

    void classify() { padding_ = padding_of(q_.crop, q_.padding); }

    /// d = (raw - offset) gain / G. Where all pixels share offset and gain, the level can be taken off before anything is rounded (SPEC 4);
    /// where a map says otherwise, each of raw count, offset, gain and what they make is rounded once.
    void find_electrons()
    {
        for (size_t i = 0; i < n(); ++i) {
            const Electrons d = electrons(q_.crop.raw[i], q_.sensor.offset[i], q_.sensor.gain[i]);
            electrons_.push_back(d.value);
            slack_.push_back(d.slack);
            read_.push_back(Real(q_.sensor.read_variance[i]) / (Real(q_.sensor.em_gain) * q_.sensor.em_gain));
        }
    }
    struct Electrons
    {
        Real value, slack; ///< d, and what rounding may do to it
    };
    Electrons electrons(Real raw, Real offset, Real gain) const
    {
        const Real per_count = gain / q_.sensor.em_gain;
        const Real d = (raw - offset) * per_count;
        const Real rounded_offset = q_.sensor.offset_differs ? std::abs(offset) : 0;
        const Real rounding = has_uneven_pixels() ? epsilon() * (rounded_offset * per_count + 4 * std::abs(d)) : 0;
        return {d, rounding + std::ldexp(std::abs(raw) + std::abs(offset), is_single() ? -48 : -52) * per_count};
    }
    bool has_uneven_pixels() const { return q_.sensor.offset_differs || q_.sensor.gain_differs; }

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
        case Background::border_median:
        case Background::corrected_median: measure(); return;
        default: measure_annulus();
        }
    }

    Real base_of(size_t i) const
    {
        return q_.background == Background::map ? Real(q_.sensor.background[i]) * q_.sensor.qe : known_.value;
    }

    void measure();
    void correct(const std::vector<Real>& values, Real reading);
    void measure_annulus();
    void keep_variance(Real pixel, Real count, Real times);

    // -- PSF ---------------------------------------------------------------------------------------------------------

    void find_pixels();
    void judge_position();

    // -- estimates ---------------------------------------------------------------------------------------------------

    void find_parts();
    void add_up();
    void set_background();
    void fit();
    void certainty(const Matrix& normal, const Estimate& estimate);
    struct Errors
    {
        Real s = 0, b = 0, chi2 = 0, ratio = 0, background_pixels = 0;
    };
    Errors errors_at(const Light& x, const Matrix& normal, Errors* rounding) const;

    // -- what is said of all -----------------------------------------------------------------------------------------

    void find_fraction();
    void judge();
    void judge_aperture();
    void judge_centre(Real x, Real y);

    const Question& q_;
    std::vector<char> padding_, ring_;
    std::vector<Real> electrons_, slack_, read_, p_moves_;
    std::vector<Real> parts_; ///< of each pixel, in the aperture
    std::vector<Touch> touches_;
    Real missing_ = 0; ///< fraction of the aperture on padding or outside the crop
    PsfImage image_;
    Known known_;
    LightFit fit_;
    Photometry out_;
    Real excess_ = 1, psf_sum_ = 0, psf_terms_ = 0, psf_moves_ = 0;
    bool no_border_ = false, maybe_no_border_ = false, bad_pixel_ = false, no_denominator_ = false,
         denominator_open_ = false;
    bool far_centre_ = false;
    bool maybe_bad_ = false;     ///< a pixel that is not finite lies where rounding decides whether the aperture touches it
    bool maybe_touches_ = false; ///< a pixel that counts lies there
    bool surely_touches_ = false;
    bool too_little_ = false; ///< the crop encloses less than 1e-6 of the PSF: SPEC 7 bounds nothing, NaN is allowed
};

} // namespace oracle
