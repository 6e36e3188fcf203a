// All that is more than a plain sum or filter, for one crop by a team: estimators, cameras whose pixels differ, backgrounds, errors (SPEC
// section 8).
//
// Electrons above a level, the PSF and, where maps tell it, the variance become images in the team's scratch. The estimators pass over these.
#pragma once

#include "cuda/photometry_outcome.cuh"
#include "cuda/team_light.cuh"
#include "math/aperture.hpp"
#include "math/rotation.hpp"

namespace lumicrop {
namespace cuda {

/// What a detection's columns say.
template <class Psf>
struct PhotometryParameters
{
    LightParameters light;
    PsfCentre centre;
    typename Psf::Parameters shape;
};

/// Counts the photons of one crop.
template <class Real, class Psf, class Pixels, class Team>
class TeamCount : TeamLight<Real, Pixels, Team>
{
    using Light = TeamLight<Real, Pixels, Team>;

public:
    __device__ __forceinline__ TeamCount(const ChannelView& view, const SplineView& spline, const Team& team,
                                         const PhotometryParameters<Psf>& given, const TeamCrop<Real, Pixels>& crop,
                                         TeamScratch scratch)
        : Light(view, team, given.light, crop, scratch), spline_(spline), given_(given)
    {
    }

    __device__ __forceinline__ DetailedOutcome compute()
    {
        mark_pixels();
        find_background();
        draw_light();
        Psf psf(view_, given_.centre, given_.shape);
        if (counting_.uses_psf) draw_psf(psf);
        if (counting_.method == Method::aperture) cut_out();
        team_.sync();
        if (counting_.method == Method::sum && counting_.uses_psf) enclosed_light_ = light_added_up();
        DetailedOutcome outcome = counting_.method == Method::sum        ? added_up<true>()
                                  : counting_.method == Method::aperture ? added_up<false>()
                                                                         : estimated(psf);
        // As exact as the level, which a gain would round.
        if ((counting_.background == Subtracted::border_median || has_annulus()) && !is_uneven())
            outcome.background = level_.counts - view_.camera_offset;
        finish(psf, outcome);
        return outcome;
    }

private:
    using Light::by_part_;
    using Light::counted;
    using Light::counting_;
    using Light::counts;
    using Light::crop_;
    using Light::draw_light;
    using Light::find_background;
    using Light::has_annulus;
    using Light::index;
    using Light::is_left_out;
    using Light::is_uneven;
    using Light::kPadded;
    using Light::left_out_;
    using Light::level_;
    using Light::maps_;
    using Light::mark_pixels;
    using Light::marks;
    using Light::mean_of_counted;
    using Light::mean_read_variance;
    using Light::measured_on;
    using Light::n_pixels_;
    using Light::no_border_;
    using Light::psf_;
    using Light::rest_;
    using Light::some_masked_;
    using Light::some_padded_;
    using Light::team_;
    using Light::view_;

    /// The PSF on every pixel, normalised over those that are not padding: masked ones hold light, too.
    __device__ __forceinline__ void draw_psf(Psf& psf)
    {
        team_.sync(); // the scratch has been used for padding
        psf.draw(spline_, team_, counted_window(view_, crop_.window), rest_, psf_);
        team_.sync();
        math::BatchedSum<Real> sum;
        for (int32_t i = team_.rank(); i < n_pixels_; i += Team::kThreads)
            if ((marks(i) & left_out_ & kPadded) == 0) sum.add(psf_[i]);
        enclosed_light_ = psf_light_ = team_.sum(static_cast<double>(sum.value()));
        const Real scale = Real(1) / static_cast<Real>(psf_light_);
        for (int32_t i = team_.rank(); i < n_pixels_; i += Team::kThreads) psf_[i] *= scale;
    }

    // -- estimators --------------------------------------------------------------------------------------------------

    /// The part of each pixel within the aperture takes the PSF's place, and pixels that the aperture does not touch do not count.
    __device__ __forceinline__ void cut_out()
    {
        team_.sync(); // the scratch has been used for padding
        const math::Rotation turn = math::rotation(counting_.aperture_theta_deg);
        const math::Aperture aperture{given_.centre.column(view_), given_.centre.row(view_), turn.cosine, turn.sine,
                                      counting_.aperture_x,        counting_.aperture_y};
        double area = 0; // that is not padding
        math::BatchedSum<Real> light;
        for_each_pixel(team_, view_.height, view_.width, [&](int32_t row, int32_t column) {
            const double part = aperture.part_of_pixel(column, row);
            const int32_t i = index(row, column);
            if ((marks(i) & kPadded) == 0) area += part;
            if (counting_.uses_psf && part != 0 && !is_left_out(i)) light.add(static_cast<Real>(part) * psf_[i]);
            psf_[i] = static_cast<Real>(part);
        });
        area = team_.sum(area);
        cut_short_ = aperture.is_cut_short(area) && area == area;
        enclosed_light_ = enclosed(light);
        by_part_ = true;
    }

    /// The PSF's light on the pixels that count.
    __device__ __forceinline__ double light_added_up() const
    {
        math::BatchedSum<Real> light;
        for (int32_t i = team_.rank(); i < n_pixels_; i += Team::kThreads)
            if (counts(i)) light.add(psf_[i]);
        return enclosed(light);
    }

    /// A sum of the normalised PSF in its weights. Of no light at all there are no fractions.
    __device__ __forceinline__ double enclosed(math::BatchedSum<Real> light) const
    {
        const double fraction = team_.sum(static_cast<double>(light.value()));
        return psf_light_ == 0 ? 0 : psf_light_ * fraction;
    }

    /// The sum of the pixels above the background; all of each, or its part within the aperture.
    template <bool kWhole>
    __device__ __forceinline__ DetailedOutcome added_up() const
    {
        const math::PartSums<Real> sums = math::part_sums<kWhole, Real>(counted());
        // The variances hold the background's part, F^2 b, already.
        const double measured = measured_on([&](int32_t i) { return kWhole ? Real(1) : psf_[i]; });
        DetailedOutcome outcome =
            outcome_of(view_, static_cast<double>(sums.electrons), level_.known.value,
                       math::certainty_of_sum({sums.electrons, sums.pixels, sums.squared, sums.squared_variance}, measured,
                                              counting_.excess, level_.known));
        const bool nowhere = !kWhole && given_.centre.is_nan();
        const bool no_level = level_.known.value != level_.known.value;
        if ((no_level && !no_border_) || nowhere) outcome.flags |= LUMICROP_FLAG_PARAMETER_NAN;
        if (nowhere || no_level || (sums.pixels == 0 && some_masked_))
            outcome.electrons = outcome.photons_sigma = math::not_a_number();
        return outcome;
    }

    __device__ __forceinline__ DetailedOutcome estimated(const Psf& psf) const
    {
        const TeamPixels<Real, Team> pixels = counted();
        Estimate<Real> estimate = estimate_light<Real>(view_, pixels);
        estimate.measured.signal = measured_on([&](int32_t i) { return psf_[i]; });
        if (iterates(counting_.method))
            estimate.measured.background = measured_on([&](int32_t i) {
                const Real variance = math::pixel_variance(estimate.found.light.signal * psf_[i], pixels.variance_of(i),
                                                           static_cast<Real>(counting_.excess));
                return psf_[i] * math::reciprocal(variance);
            });
        estimate.psf_sum = psf_light_ * psf.amplitude();
        const bool is_fitted = counting_.background == Subtracted::fitted;
        estimate.read_variance = is_fitted && maps_.has_read_variance() ? mean_read_variance() : counting_.read_variance;
        estimate.shape_is_nan = given_.centre.is_nan() || given_.shape.is_nan();
        estimate.level_is_missing = no_border_ && has_annulus();
        return outcome_of(view_, estimate, level_.known);
    }

    // -- what is said of all -----------------------------------------------------------------------------------------

    __device__ __forceinline__ void finish(const Psf& psf, DetailedOutcome& outcome)
    {
        const OutputColumns& wanted = view_.results;
        const bool shape_is_nan = given_.centre.is_nan() || given_.shape.is_nan();
        if (maps_.has_background() && (is_wanted(wanted.background) || is_wanted(wanted.background_photons))) {
            outcome.background_photons =
                mean_of_counted([&](int32_t row, int32_t column) { return maps_.background(row, column); });
            outcome.background = outcome.background_photons * view_.qe / counting_.electrons;
        }
        if (counting_.uses_psf && wants_enclosed(wanted))
            tell_enclosed(view_, enclosed_light_, psf.light(spline_, team_, rest_), shape_is_nan, outcome);
        if (!is_wanted(wanted.flags)) return;
        bool saturated_here = false, non_finite_here = false;
        const Real saturation = static_cast<Real>(counting_.saturation);
        for_each_pixel(team_, view_.height, view_.width, [&](int32_t row, int32_t column) {
            if (!counts(index(row, column))) return;
            const Real raw = crop_.pixels.at(row, column);
            saturated_here |= saturation <= raw;
            non_finite_here |= !(raw - raw == Real(0));
        });
        const bool truncated = counting_.method == Method::aperture
                                   ? cut_short_
                                   : (some_padded_ && counting_.method != Method::filter) || crop_.clipped;
        if (truncated) outcome.flags |= LUMICROP_FLAG_TRUNCATED;
        if (some_masked_) outcome.flags |= LUMICROP_FLAG_MASKED;
        if (counting_.saturation < __builtin_inf() && team_.any(saturated_here)) outcome.flags |= LUMICROP_FLAG_SATURATED;
        if (no_border_) outcome.flags |= LUMICROP_FLAG_NO_BORDER;
        if (!math::is_finite(outcome.electrons) && team_.any(non_finite_here))
            outcome.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
        if (!counting_.uses_position) return;
        if (lies_outside(view_, given_.centre)) outcome.flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
        if (counting_.uses_psf && psf.outside_domain() && !shape_is_nan) outcome.flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
    }

    const SplineView& spline_;
    const PhotometryParameters<Psf>& given_;
    double psf_light_ = 0;      // in its weights
    double enclosed_light_ = 0; // of it, on what is estimated from
    bool cut_short_ = false;    // by the crop, of an aperture
};

template <class Real, class Psf>
struct TeamPhotometry
{
    using Found = DetailedOutcome;

    using Parameters = PhotometryParameters<Psf>;

    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        Parameters given{};
        given.light.background = real_at(view.columns.os_fit, place, 0);
        given.light.place = camera_place(view, place);
        given.light.crop = place.crop;
        if (view.counting.uses_position) given.centre = psf_centre(view, ColumnReader(place));
        if (!view.counting.uses_psf) return given;
        given.shape = Psf::parameters(view, place);
        return given;
    }

    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView& spline)
    {
        const int64_t of_padding = 3 * scratch_bytes<uint32_t>(height * PaddingBits::words_of(width));
        const int64_t of_psf = Psf::scratch(height, width, spline);
        return scratch_bytes<uint8_t>(height * width) + 3 * scratch_bytes<Real>(height * width) +
               (of_padding > of_psf ? of_padding : of_psf);
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ DetailedOutcome compute(const ChannelView& view, const SplineView& spline,
                                                              const Team& team, const Parameters& given,
                                                              const TeamCrop<Real, Pixels>& crop, TeamScratch scratch)
    {
        return TeamCount<Real, Psf, Pixels, Team>(view, spline, team, given, crop, scratch).compute();
    }
};

} // namespace cuda
} // namespace lumicrop
