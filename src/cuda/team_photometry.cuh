// All that is more than a plain sum or filter, for one crop by a team: estimators, cameras whose pixels differ, backgrounds, errors (SPEC
// section 8).
//
// Electrons above a level, the PSF and, where maps tell it, the variance become images in the team's scratch. The estimators pass over these.
#pragma once

#include "cuda/camera_maps.cuh"
#include "cuda/photometry_outcome.cuh"
#include "cuda/team_sum.cuh"
#include "math/aperture.hpp"
#include "math/rotation.hpp"

namespace lumicrop {
namespace cuda {

/// The pixels that count, as the estimators see them (math/estimators.hpp). All threads of the team see the same sums.
template <class Real, class Team>
struct TeamPixels
{
    const Team& team;
    int32_t n;
    const Real* psf;
    const Real* light;
    const Real* variances; // null: all pixels have `variance`
    Real variance;
    const uint8_t* marks; // null: all count
    uint32_t left_out;    // marks of pixels that do not
    bool by_part;         // nor those whose `psf` is 0: outside the aperture

    template <int kSums, class Term>
    __device__ __forceinline__ void add_up(Real (&sums)[kSums], Term term) const
    {
        math::RunningSum<Real> totals[kSums];
        for (int32_t i = team.rank(); i < n;) {
            Real part[kSums];
#pragma unroll
            for (Real& one : part) one = 0;
#pragma unroll 1
            for (int k = 0; k < math::kPlainTerms && i < n; ++k, i += Team::kThreads)
                if (counts(i)) term(part, psf[i], light[i], variance_of(i));
#pragma unroll
            for (int k = 0; k < kSums; ++k) totals[k].add(part[k]);
        }
#pragma unroll
        for (int k = 0; k < kSums; ++k) sums[k] += static_cast<Real>(team.sum(static_cast<double>(totals[k].value())));
    }

    __device__ __forceinline__ bool counts(int32_t i) const
    {
        return (marks == nullptr || (marks[i] & left_out) == 0) && !(by_part && psf[i] == 0);
    }
    __device__ __forceinline__ Real variance_of(int32_t i) const
    {
        return variances == nullptr ? variance : variances[i];
    }
};

/// What a detection's columns say.
template <class Psf>
struct PhotometryParameters
{
    PsfCentre centre;
    typename Psf::Parameters shape;
    double background; // photons a pixel, of the column
    CameraPlace place;
    int64_t crop;
};

/// One crop and its images.
template <class Real, class Psf, class Pixels, class Team>
class TeamCount
{
public:
    static constexpr uint8_t kPadded = 1, kMasked = 2; // marks

    __device__ __forceinline__ TeamCount(const ChannelView& view, const SplineView& spline, const Team& team,
                                         const PhotometryParameters<Psf>& given, const TeamCrop<Real, Pixels>& crop,
                                         TeamScratch scratch)
        : view_(view), counting_(view.counting), spline_(spline), team_(team), given_(given), crop_(crop),
          maps_(view.counting.maps, given.place), n_pixels_(view.height * view.width),
          marks_(scratch.take<uint8_t>(n_pixels_)), light_(scratch.take<Real>(n_pixels_)),
          variance_(scratch.take<Real>(n_pixels_)), psf_(scratch.take<Real>(n_pixels_)), rest_(scratch)
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
    __device__ __forceinline__ bool has_variances() const { return maps_.has_read_variance() || maps_.has_background(); }
    __device__ __forceinline__ bool measures() const
    {
        return counting_.background == Subtracted::border_median || counting_.background == Subtracted::corrected_median;
    }
    __device__ __forceinline__ bool has_annulus() const { return is_annulus(counting_.background); }
    /// Whether pixels differ in gain or offset.
    __device__ __forceinline__ bool is_uneven() const { return maps_.has_offset() || maps_.has_gain(); }

    __device__ __forceinline__ int32_t index(int32_t row, int32_t column) const { return row * view_.width + column; }
    __device__ __forceinline__ uint32_t marks(int32_t i) const { return is_marked_ ? marks_[i] : 0; }
    __device__ __forceinline__ bool is_left_out(int32_t i) const { return (marks(i) & left_out_) != 0; }
    __device__ __forceinline__ bool counts(int32_t i) const { return !is_left_out(i) && !(by_part_ && psf_[i] == 0); }

    // -- which pixels count ------------------------------------------------------------------------------------------

    __device__ __forceinline__ void mark_pixels()
    {
        const PaddingBits padding{find_padding(view_, team_, crop_, rest_),
                                  static_cast<int32_t>(PaddingBits::words_of(view_.width))};
        some_padded_ = padding.words != nullptr;
        // The filter counts zeros that are padding, as it always has.
        const bool keeps_padded = counting_.method == Method::filter && view_.padding == Padding::zeros;
        left_out_ = keeps_padded ? kMasked : kMasked | kPadded;
        if (!some_padded_ && !maps_.any()) return;
        bool masked_here = false;
        for_each_pixel(team_, view_.height, view_.width, [&](int32_t row, int32_t column) {
            uint32_t mark = padding.at(row, column) ? kPadded : 0;
            // What lies outside the frame is padding, if anything.
            if ((mark == 0 || keeps_padded) && maps_.any() && maps_.masks(row, column)) mark |= kMasked;
            masked_here |= (mark & kMasked) != 0;
            marks_[index(row, column)] = static_cast<uint8_t>(mark);
        });
        some_masked_ = team_.any(masked_here);
        is_marked_ = some_padded_ || some_masked_;
        team_.sync();
    }

    // -- background --------------------------------------------------------------------------------------------------

    __device__ __forceinline__ void find_background()
    {
        if (measures()) return measure_background();
        if (has_annulus()) return adopt_annulus();
        const bool usable = !is_uneven() && !is_left_out(0);
        level_ = level_not_measured(view_, given_.background, static_cast<double>(crop_.pixels.at(0, 0)), usable);
    }

    __device__ __forceinline__ void adopt_annulus()
    {
        const MeasuredRing& ring = view_.annulus.measured[given_.crop];
        level_ = {ring.level, {ring.value, ring.variance, ring.covariance, ring.pixels}};
        no_border_ = ring.pixels == 0 && ring.has_position != 0;
    }

    /// Electrons above the offset, where pixels differ.
    __device__ __forceinline__ Real uneven_light(int32_t row, int32_t column) const
    {
        const math::Parts<Real> offset = math::in_parts<Real>(view_.camera_offset);
        const bool is_own = maps_.has_offset();
        const Real gain = maps_.has_gain() ? maps_.gain(row, column) * static_cast<Real>(1 / counting_.multiplied)
                                           : static_cast<Real>(counting_.electrons);
        return math::uneven_electrons(crop_.pixels.at(row, column), is_own ? maps_.offset(row, column) : offset.high,
                                      is_own ? Real(0) : offset.low, gain);
    }

    /// The median of the border's pixels, in counts; in electrons where pixels differ.
    __device__ __forceinline__ void measure_background()
    {
        const auto read = [&](int32_t row, int32_t column, Real& value) {
            value = is_uneven() ? uneven_light(row, column) : crop_.pixels.at(row, column);
            return marks(index(row, column)) == 0;
        };
        const TeamBorder<Real, Team, decltype(read)> border(team_, read, view_.height, view_.width);
        uint32_t here = 0;
        border([&](auto) { ++here; });
        const int64_t n = team_.sum(here);
        MeasuredMedian measured{is_uneven() ? 0 : view_.camera_offset,
                                is_uneven(),
                                !maps_.has_gain(),
                                static_cast<double>(n),
                                counting_.read_variance,
                                {}};
        no_border_ = n == 0;
        if (n > 0) {
            const math::Middle<Real> middle = select_middle<Real>(team_, n, border);
            measured.median = math::median_of_middle(static_cast<double>(middle.low), static_cast<double>(middle.high));
            if (counting_.background == Subtracted::corrected_median)
                measured.ranks = ranks_of(static_cast<Real>(measured.median), border, measured.n);
            if (maps_.has_read_variance())
                measured.read = border_read_variance(read) / measured.n / (counting_.multiplied * counting_.multiplied);
        }
        level_ = level_of_median(view_, measured);
    }

    template <class Border>
    __device__ __forceinline__ math::Ranks ranks_of(Real median, const Border& border, double n) const
    {
        uint32_t below = 0, equal = 0;
        border([&](auto key) {
            const Real value = math::from_ordered_bits<Real>(key);
            below += value < median;
            equal += value == median;
        });
        return {static_cast<double>(team_.sum(below)), static_cast<double>(team_.sum(equal)), n};
    }

    template <class Read>
    __device__ __forceinline__ double border_read_variance(const Read& read) const
    {
        double sum = 0;
        for_each_border_pixel([&](int32_t row, int32_t column) {
            Real value = 0;
            const bool reads = read(row, column, value);
            if (reads && value == value) sum += static_cast<double>(maps_.read_variance(row, column));
        });
        return team_.sum(sum);
    }

    template <class Use>
    __device__ __forceinline__ void for_each_border_pixel(Use use) const
    {
        const auto n = static_cast<int32_t>(math::border_size(view_.height, view_.width));
        for (int32_t i = team_.rank(); i < n; i += Team::kThreads) {
            const math::PixelPosition at = math::border_pixel(i, view_.height, view_.width);
            use(static_cast<int32_t>(at.row), static_cast<int32_t>(at.column));
        }
    }

    // -- images ------------------------------------------------------------------------------------------------------

    /// Electrons above the background, or what stands for it while that is fitted, and the variance of pixels without the model.
    __device__ __forceinline__ void draw_light()
    {
        const LightScale<Real> scale(view_, level_);
        const Real qe = static_cast<Real>(view_.qe), excess = static_cast<Real>(counting_.excess);
        const Real once = static_cast<Real>(1 / (counting_.multiplied * counting_.multiplied));
        base_variance_ = scale.variance;
        for_each_pixel(team_, view_.height, view_.width, [&](int32_t row, int32_t column) {
            Real light =
                is_uneven() ? uneven_light(row, column) - scale.background : scale.light(crop_.pixels.at(row, column));
            Real variance = scale.variance;
            if (maps_.has_read_variance()) variance = math::muladd(maps_.read_variance(row, column), once, variance);
            if (maps_.has_background()) {
                const Real background = maps_.background(row, column) * qe;
                light -= background;
                variance = math::muladd(background, excess, variance);
            }
            light_[index(row, column)] = light;
            if (has_variances()) variance_[index(row, column)] = variance;
        });
    }

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

    __device__ __forceinline__ TeamPixels<Real, Team> counted() const
    {
        return {team_,
                n_pixels_,
                counting_.uses_psf || by_part_ ? psf_ : light_,
                light_,
                has_variances() ? variance_ : nullptr,
                base_variance_,
                is_marked_ ? marks_ : nullptr,
                left_out_,
                by_part_};
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

    /// Sum of `part(pixel)` over the pixels that the background was measured on.
    template <class Part>
    __device__ __forceinline__ double measured_on(Part part) const
    {
        math::BatchedSum<Real> sum;
        if (has_annulus() && view_.annulus.used != nullptr) {
            const uint32_t* const used = view_.annulus.used + given_.crop * view_.annulus.used_words;
            for (int32_t i = team_.rank(); i < n_pixels_; i += Team::kThreads)
                if ((used[i / 32] >> i % 32 & 1u) != 0 && !is_left_out(i)) sum.add(part(i));
            return team_.sum(static_cast<double>(sum.value()));
        }
        if (!measures()) return 0;
        for_each_border_pixel([&](int32_t row, int32_t column) {
            const Real raw = crop_.pixels.at(row, column);
            if (marks(index(row, column)) == 0 && raw == raw) sum.add(part(index(row, column)));
        });
        return team_.sum(static_cast<double>(sum.value()));
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

    __device__ __forceinline__ double mean_read_variance() const
    {
        const double mean = mean_of_counted([&](int32_t row, int32_t column) { return maps_.read_variance(row, column); });
        return mean / (counting_.multiplied * counting_.multiplied);
    }

    template <class Value>
    __device__ __forceinline__ double mean_of_counted(Value value) const
    {
        math::BatchedSum<Real> sum;
        uint32_t n = 0;
        for_each_pixel(team_, view_.height, view_.width, [&](int32_t row, int32_t column) {
            if (!counts(index(row, column))) return;
            sum.add(value(row, column));
            ++n;
        });
        return team_.sum(static_cast<double>(sum.value())) / static_cast<double>(team_.sum(n));
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

    const ChannelView& view_;
    const Counting& counting_;
    const SplineView& spline_;
    const Team& team_;
    const PhotometryParameters<Psf>& given_;
    const TeamCrop<Real, Pixels>& crop_;
    const CropMaps<Real> maps_;
    const int32_t n_pixels_;
    uint8_t* const marks_;
    Real* const light_;    // electrons above the level
    Real* const variance_; // of a pixel without the model, where maps tell it
    Real* const psf_;
    const TeamScratch rest_; // padding first, then the PSF's
    Level level_;
    Real base_variance_ = 0;    // where no map tells it
    double psf_light_ = 0;      // in its weights
    double enclosed_light_ = 0; // of it, on what is estimated from
    uint32_t left_out_ = 0;     // marks of pixels that do not count
    bool is_marked_ = false, some_padded_ = false, some_masked_ = false, no_border_ = false;
    bool by_part_ = false, cut_short_ = false; // of an aperture
};

template <class Real, class Psf>
struct TeamPhotometry
{
    using Found = DetailedOutcome;

    using Parameters = PhotometryParameters<Psf>;

    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        Parameters given{};
        given.background = real_at(view.columns.os_fit, place, 0);
        given.place = camera_place(view, place);
        given.crop = place.crop;
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
