// All that is more than a plain sum or filter, for a block of crops with a crop in each lane: estimators, cameras whose pixels differ,
// backgrounds, errors (SPEC section 8).
//
// Pixels are turned as a whole and become images of registers: what was counted, electrons above a level, PSF. The estimators pass over these.
// Crops for which that is not needed take a shorter way (separable_fit.hpp), whichever way the others of the block take.
#pragma once

#include "cpu/camera_maps.hpp"
#include "cpu/psf_images.hpp"
#include "cpu/separable_fit.hpp"
#include "cpu/tile.hpp"
#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/padding.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// The pixels that count, as the estimators see them (math/estimators.hpp).
template <class Real>
struct CountedPixels
{
    int64_t n;
    const Real* psf;
    const Real* light;
    const Real* variance; // `variance_step` apart: 0 where all pixels share it
    int64_t variance_step;
    const uint32_t* left_out; // a bit a lane; null: all count

    /// Sixteen terms at a time are added up plainly, so that errors do not grow with the number of pixels.
    template <int kSums, class Term>
    LUMICROP_INLINE void add_up(Real (&sums)[kSums], Term term) const
    {
        if (left_out != nullptr)
            add_up_batches<kSums>(sums, [&](Real(&part)[kSums], int64_t i) { add_if_counted<kSums>(part, i, term); });
        else
            add_up_batches<kSums>(
                sums, [&](Real(&part)[kSums], int64_t i) { term(part, psf[i], light[i], variance[i * variance_step]); });
    }

private:
    template <int kSums, class Add>
    LUMICROP_INLINE void add_up_batches(Real (&sums)[kSums], Add add) const
    {
        math::RunningSum<Real> totals[kSums];
        const bool few = n <= math::kPlainTerms * math::kPlainTerms;
        for (int64_t first = 0; first < n; first += math::kPlainTerms) {
            const int64_t end = first + math::kPlainTerms < n ? first + math::kPlainTerms : n;
            Real part[kSums];
            for (Real& one : part) one = Real(0);
            for (int64_t i = first; i < end; ++i) add(part, i);
            for (int k = 0; k < kSums; ++k) {
                if (few)
                    totals[k].sum = totals[k].sum + part[k];
                else
                    totals[k].add(part[k]);
            }
        }
        for (int k = 0; k < kSums; ++k) sums[k] = sums[k] + totals[k].value();
    }
    template <int kSums, class Term>
    LUMICROP_INLINE void add_if_counted(Real (&part)[kSums], int64_t i, Term term) const
    {
        Real with[kSums];
        for (int k = 0; k < kSums; ++k) with[k] = part[k];
        term(with, psf[i], light[i], variance[i * variance_step]);
        const typename Real::Mask not_counted = mask_of<Real>(left_out[i]);
        for (int k = 0; k < kSums; ++k) part[k] = select(not_counted, part[k], with[k]);
    }
};

template <class Real>
class PhotometryBlock
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    PhotometryBlock(const Channel& channel, Workspace& workspace)
        : channel_(channel), n_pixels_(channel.height * channel.width), crops_(channel, workspace),
          tile_(channel, workspace), raw_(workspace.take<Real>(n_pixels_ + kLanes)), light_(workspace.take<Real>(n_pixels_)),
          variance_(workspace.take<Real>(has_variances(channel) ? n_pixels_ : 1)),
          border_(workspace.take<Real>(measures(channel) ? math::border_size(channel.height, channel.width) + 1 : 0)),
          zeros_(workspace.take<uint32_t>(n_pixels_)), padded_(workspace.take<uint32_t>(n_pixels_)),
          masked_(workspace.take<uint32_t>(n_pixels_)), left_out_(workspace.take<uint32_t>(n_pixels_)),
          offset_map_(channel, channel.offset_map, workspace), gain_map_(channel, channel.gain_map, workspace),
          variance_map_(channel, channel.read_variance_map, workspace), bad_pixels_(channel, channel.bad_pixels, workspace),
          background_map_(channel, channel.background_map, workspace), excess_(math::excess_noise(channel.em_gain)),
          gain_(channel.gain / channel.em_gain),
          read_variance_(channel.read_noise * channel.read_noise / (channel.em_gain * channel.em_gain))
    {
        if (!channel.uses_psf) return;
        psf_.emplace(channel, crops_, workspace);
        if (channel.model != Model::spline) separable_.emplace(channel, crops_, row_width(), workspace);
    }

    void compute(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next, Outcomes<kLanes>& outcomes)
    {
        crops_.find(job, block, next);
        for (uint32_t& flags : outcomes.flags) flags = 0;
        some_padded_ = some_masked_ = no_border_ = 0;
        some_left_out_ = false;
        lanes_ = 0;
        if (separable_ && is_separable(channel_, job.result, SeparableFit<Real>::kMostRegisters * kLanes))
            is_fitted() ? fit_separable<true>(job, block, outcomes) : fit_separable<false>(job, block, outcomes);
        lanes_ = ~lanes_ & kAllLanes;
        if (lanes_ != 0) compute_by_images(job, block, outcomes);
    }

    const Details<kLanes>& details() const { return details_; }

private:
    static bool has_variances(const Channel& channel)
    {
        return channel.read_variance_map.data != nullptr || channel.background_map.data != nullptr;
    }
    static bool measures(const Channel& channel)
    {
        return channel.background == Subtracted::border_median || channel.background == Subtracted::corrected_median;
    }
    bool is_fitted() const { return channel_.background == Subtracted::fitted; }
    bool has_uneven_pixels() const { return offset_map_ || gain_map_; }

    using Wide = WideLanes<Real>;
    static constexpr uint32_t kAllLanes = (1u << kLanes) - 1;
    bool takes(int lane) const { return (lanes_ >> lane & 1) != 0; }
    int64_t row_width() const { return (channel_.width + kLanes - 1) / kLanes * kLanes; } // in whole registers

    /// What is taken off each pixel, and the variance of one without the model.
    struct Level
    {
        Real high, low;  // counts; electrons
        Real background; // electrons, where pixels differ
        Real base;
    };

    template <bool kFitted>
    void fit_separable(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        by_images_ = false;
        find_inputs(job, block);
        find_background(job, block);
        psf_->gauss().weigh_axes();
        const Level level = this->level();
        const Real excess(static_cast<Scalar>(excess_));
        const auto sums =
            separable_->template add_up<kFitted>(psf_->gauss(), {level.high, level.low, static_cast<Scalar>(gain_)});
        keep_psf_sum(sums.weights);
        math::Light<Real> light{sums.light.signal / sums.normal.ss, Real(0)};
        if (kFitted) light = product(math::inverse<true>(sums.normal), sums.light);
        math::Spread<Real> spread{};
        uint32_t too_dark = 0;
        if (wants_spread(job.result))
            spread = separable_->spread(excess, light, level.base, static_cast<bool>(job.result.chi2), too_dark);
        lanes_ = kAllLanes & ~(psf_->gauss().rotated() | sums.zero_on_border | too_dark);
        if (channel_.padding == Padding::geometry) lanes_ &= ~crops_.clipped();
        if (lanes_ == 0) return;
        const double nothing[kLanes] = {};
        finish_estimate<kFitted>(wants_spread(job.result), sums.normal, {light, Real(0), Real(0) == Real(0)}, spread, false,
                                 nothing, outcomes);
        finish(job, block, outcomes);
    }

    void compute_by_images(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        by_images_ = true;
        for (int64_t row = 0; row < channel_.height; row += tile_.strip_rows()) {
            const int64_t end = row + tile_.strip_rows() < channel_.height ? row + tile_.strip_rows() : channel_.height;
            tile_.load(crops_, row, end, reinterpret_cast<Scalar*>(raw_ + row * channel_.width));
        }
        for (CameraMap<Real>* map : {&offset_map_, &gain_map_, &variance_map_, &bad_pixels_, &background_map_})
            map->find(job, block);
        leave_out();
        find_background(job, block);
        find_light();
        if (psf_) {
            find_inputs(job, block);
            find_psf();
        }
        if (channel_.method == Method::sum)
            add_up(outcomes);
        else
            estimate(job, outcomes);
        finish(job, block, outcomes);
    }

    void find_inputs(const Job& job, const Block<kLanes>& block)
    {
        const FilterInputs<Real> inputs(job, channel_, block);
        inputs.column.store(column_);
        inputs.row.store(row_);
        psf_->find(job, block, inputs);
    }

    static bool wants_spread(const Result& wanted)
    {
        return wanted.photons_sigma || wanted.background_sigma || wanted.chi2 || wanted.background_pixels;
    }

    // -- which pixels count ------------------------------------------------------------------------------------------

    void leave_out()
    {
        find_padded();
        find_masked();
        // The filter counts zeros that are padding, as it always has.
        const bool keeps_padded = this->keeps_padded();
        some_left_out_ = (some_padded_ != 0 && !keeps_padded) || some_masked_ != 0;
        if (!some_left_out_) return;
        for (int64_t i = 0; i < n_pixels_; ++i)
            left_out_[i] = (some_masked_ != 0 ? masked_[i] : 0) | (some_padded_ != 0 && !keeps_padded ? padded_[i] : 0);
    }

    bool keeps_padded() const { return channel_.method == Method::filter && channel_.padding == Padding::zeros; }

    void find_padded()
    {
        some_padded_ = 0;
        if (channel_.padding == Padding::geometry) {
            some_padded_ = crops_.clipped();
            if (some_padded_ == 0) return;
            for (int64_t row = 0; row < channel_.height; ++row)
                for (int64_t column = 0; column < channel_.width; ++column) {
                    uint32_t bits = 0;
                    for (int lane = 0; lane < kLanes; ++lane)
                        bits |= static_cast<uint32_t>(!crops_.window(lane).holds(row, column)) << lane;
                    padded_[row * channel_.width + column] = bits;
                }
        } else if (channel_.padding == Padding::zeros) {
            const int64_t n_border = math::border_size(channel_.height, channel_.width);
            typename Real::Mask found = Real(0) != Real(0);
            for (int64_t i = 0; i < n_border; ++i) found = found | (border_pixel(i) == Real(0));
            some_padded_ = lane_bits(found);
            if (some_padded_ == 0) return;
            for (int64_t i = 0; i < n_pixels_; ++i) zeros_[i] = lane_bits(raw_[i] == Real(0));
            math::grow_padding(zeros_, padded_, channel_.height, channel_.width);
        }
    }

    /// Bad pixels, and those that a map says nothing usable of.
    void find_masked()
    {
        some_masked_ = 0;
        if (!has_maps(channel_)) return;
        const Real most(static_cast<Scalar>(sizeof(Scalar) == 4 ? 3.4e38 : 1.7e308));
        for (int64_t i = 0; i < n_pixels_; ++i) {
            typename Real::Mask bad = Real(0) != Real(0);
            if (offset_map_) bad = bad | !(absolute(offset_map_.at(i)) <= most);
            if (gain_map_) bad = bad | !((gain_map_.at(i) > Real(0)) & (gain_map_.at(i) <= most));
            if (variance_map_) bad = bad | !((Real(0) <= variance_map_.at(i)) & (variance_map_.at(i) <= most));
            if (bad_pixels_) bad = bad | (bad_pixels_.at(i) != Real(0));
            if (background_map_) bad = bad | !(absolute(background_map_.at(i)) <= most);
            // What lies outside the frame is padding, if anything.
            masked_[i] = lane_bits(bad) & ~(some_padded_ != 0 && !keeps_padded() ? padded_[i] : 0);
            some_masked_ |= masked_[i];
        }
    }

    int64_t place_on_border(int64_t i) const
    {
        const math::PixelPosition at = math::border_pixel(i, channel_.height, channel_.width);
        return at.row * channel_.width + at.column;
    }
    const Real& border_pixel(int64_t i) const { return raw_[place_on_border(i)]; }

    // -- background --------------------------------------------------------------------------------------------------

    void find_background(const Job& job, const Block<kLanes>& block)
    {
        no_border_ = 0;
        switch (channel_.background) {
        case Subtracted::column: {
            alignas(64) double photons[kLanes];
            read_lanes(job.detections.os_fit, block, 0.0, photons);
            for (int lane = 0; lane < kLanes; ++lane) {
                known_[lane] = math::given_background(photons[lane] * channel_.qe);
                level_[lane] = channel_.camera_offset + known_[lane].value / gain_;
            }
            return;
        }
        case Subtracted::fitted:
            // Above the crop's first pixel, so that a large level costs no digits.
            for (int lane = 0; lane < kLanes; ++lane) {
                const double first = first_pixel(lane);
                const bool usable =
                    !has_uneven_pixels() && math::is_finite(first) && !(some_left_out_ && (left_out_[0] >> lane & 1) != 0);
                level_[lane] = usable ? first : channel_.camera_offset;
                known_[lane] = math::given_background(usable ? (first - channel_.camera_offset) * gain_ : 0);
            }
            return;
        case Subtracted::map:
            for (int lane = 0; lane < kLanes; ++lane) {
                known_[lane] = math::given_background(0);
                level_[lane] = channel_.camera_offset;
            }
            return;
        default: measure_background();
        }
    }

    double first_pixel(int lane) const
    {
        return with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            decltype(zero) pixel;
            __builtin_memcpy(&pixel, crops_.template rows<decltype(zero)>(lane, 0, 1).first, sizeof pixel);
            return static_cast<double>(pixel);
        });
    }

    /// Electrons above the offset, where pixels differ.
    LUMICROP_INLINE Real uneven_light(int64_t i) const
    {
        const math::Parts<Scalar> offset = math::in_parts<Scalar>(channel_.camera_offset);
        const Real counts = offset_map_ ? raw_[i] - offset_map_.at(i) : (raw_[i] - Real(offset.high)) - Real(offset.low);
        const Real gain =
            gain_map_ ? gain_map_.at(i) * Real(static_cast<Scalar>(1 / channel_.em_gain)) : Real(static_cast<Scalar>(gain_));
        return counts * gain;
    }

    /// The median of the border's pixels, in counts; in electrons where pixels differ.
    void measure_background()
    {
        const int64_t n = math::border_size(channel_.height, channel_.width), n_sorted = n + n % 2;
        Real stand_in(static_cast<Scalar>(__builtin_inf())), n_left_out(static_cast<Scalar>(n_sorted - n));
        Real variances(0);
        if (n_sorted > n) { // the first stand-in makes an odd number even
            border_[n] = stand_in;
            stand_in = Real(0) - stand_in;
        }
        for (int64_t i = 0; i < n; ++i) {
            const int64_t at = place_on_border(i);
            const Real value = has_uneven_pixels() ? uneven_light(at) : raw_[at];
            const uint32_t bits = (some_padded_ != 0 ? padded_[at] : 0) | (some_masked_ != 0 ? masked_[at] : 0);
            const typename Real::Mask out = mask_of<Real>(bits) | (value != value);
            border_[i] = select(out, stand_in, value);
            stand_in = select(out, Real(0) - stand_in, stand_in);
            n_left_out = select(out, n_left_out + Real(1), n_left_out);
            if (variance_map_) variances = variances + select(out, Real(0), variance_map_.at(at));
        }
        const Real infinite(static_cast<Scalar>(__builtin_inf()));
        // The network is for registers in memory; its values are counted again below, so it sorts a copy's place: the border itself.
        math::sort(border_, n_sorted);
        alignas(64) Scalar low[kLanes], high[kLanes], out[kLanes], variance[kLanes];
        border_[math::lower_middle(n_sorted)].store(low);
        border_[math::upper_middle(n_sorted)].store(high);
        n_left_out.store(out);
        variances.store(variance);
        alignas(64) double median[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
            const auto left = static_cast<int64_t>(out[lane]);
            const math::Middle<double> middle = math::middle_of_rest(
                math::Middle<double>{static_cast<double>(low[lane]), static_cast<double>(high[lane])}, left);
            median[lane] = left == n_sorted ? (has_uneven_pixels() ? 0.0 : channel_.camera_offset)
                                            : math::median_of_middle(middle.low, middle.high);
            if (left == n_sorted) no_border_ |= 1u << lane;
        }
        alignas(64) Scalar below[kLanes], equal[kLanes];
        if (channel_.background == Subtracted::corrected_median) {
            alignas(64) Scalar narrow[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) narrow[lane] = static_cast<Scalar>(median[lane]);
            const Real middle = Real::load(narrow);
            Real n_below(0), n_equal(0);
            for (int64_t i = 0; i < n_sorted; ++i) {
                n_below = n_below + select((border_[i] < middle) & (border_[i] != Real(0) - infinite), Real(1), Real(0));
                n_equal = n_equal + select(border_[i] == middle, Real(1), Real(0));
            }
            n_below.store(below);
            n_equal.store(equal);
        }
        for (int lane = 0; lane < kLanes; ++lane) {
            const double n_border = static_cast<double>(n_sorted) - static_cast<double>(out[lane]);
            const double step = gain_map_ ? 0 : gain_; // electrons a count
            const double read = variance_map_ && n_border > 0
                                    ? static_cast<double>(variance[lane]) / n_border / (channel_.em_gain * channel_.em_gain)
                                    : read_variance_;
            double value = has_uneven_pixels() ? median[lane] : (median[lane] - channel_.camera_offset) * gain_;
            level_[lane] = median[lane];
            if (channel_.background == Subtracted::corrected_median && (no_border_ >> lane & 1) == 0) {
                const math::Ranks ranks{static_cast<double>(below[lane]), static_cast<double>(equal[lane]), n_border};
                const double within = has_uneven_pixels() ? 0 : math::median_within_count(ranks) * step;
                const double mean = math::mean_of_skewed(value + within, n_border, excess_, read + step * step / 12);
                if (!has_uneven_pixels()) level_[lane] += (mean - value) / gain_;
                value = mean;
            }
            const double variance_there = math::pixel_variance(value, read, excess_);
            known_[lane] = math::median_background(value, variance_there, n_border);
        }
    }

    // -- images ------------------------------------------------------------------------------------------------------

    Level level() const
    {
        alignas(64) double background[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) background[lane] = known_[lane].value;
        const Wide level = Wide::load(level_), known = Wide::load(background);
        const Real high = level.rounded();
        return {high, ((level - Wide::widened(high)) * Wide(gain_)).rounded(), known.rounded(),
                (Wide(excess_) * known + Wide(variance_map_ ? 0.0 : read_variance_)).rounded()};
    }

    /// Electrons above the background, or what stands for it while that is fitted, and the variance of pixels without the model.
    void find_light()
    {
        const auto [high, low, background, base] = level();
        const Real gain(static_cast<Scalar>(gain_)), qe(static_cast<Scalar>(channel_.qe));
        const Real per_variance(static_cast<Scalar>(1 / (channel_.em_gain * channel_.em_gain)));
        const Real excess(static_cast<Scalar>(excess_));
        if (has_uneven_pixels())
            for (int64_t i = 0; i < n_pixels_; ++i) light_[i] = uneven_light(i) - background;
        else
            for (int64_t i = 0; i < n_pixels_; ++i) light_[i] = muladd(raw_[i] - high, gain, Real(0) - low);
        variance_[0] = base;
        if (background_map_)
            for (int64_t i = 0; i < n_pixels_; ++i) light_[i] = light_[i] - background_map_.at(i) * qe;
        if (!has_variances(channel_)) return;
        for (int64_t i = 0; i < n_pixels_; ++i) {
            variance_[i] = base;
            if (variance_map_) variance_[i] = muladd(variance_map_.at(i), per_variance, variance_[i]);
            if (background_map_) variance_[i] = muladd(background_map_.at(i) * qe, excess, variance_[i]);
        }
    }

    CountedPixels<Real> counted() const
    {
        return {n_pixels_,
                psf_ ? &psf_->weight(0) : raw_, // not looked at without a PSF
                light_,
                variance_,
                has_variances(channel_) ? 1 : 0,
                some_left_out_ ? left_out_ : nullptr};
    }

    /// The PSF on every pixel, normalised over those that are not padding: masked ones hold light, too.
    void find_psf()
    {
        psf_->draw();
        const bool some_padded = some_padded_ != 0 && !keeps_padded();
        math::BatchedSum<Real> sum;
        for (int64_t i = 0; i < n_pixels_; ++i) {
            const Real weight = psf_->weight(i);
            sum.add(some_padded ? select(mask_of<Real>(padded_[i]), Real(0), weight) : weight);
        }
        const Real total = sum.value(), scale = Real(1) / total;
        for (int64_t i = 0; i < n_pixels_; ++i) psf_->set(i, psf_->weight(i) * scale);
        keep_psf_sum(total);
    }
    void keep_psf_sum(Real total)
    {
        const Wide wide = Wide::widened(total);
        wide.store(enclosed_);
        (wide * psf_->amplitude()).store(psf_sum_);
    }

    // -- estimators --------------------------------------------------------------------------------------------------

    static void widen(Real real, double (&to)[kLanes]) { WideLanes<Real>::widened(real).store(to); }

    /// The sum of all pixels above the background.
    void add_up(Outcomes<kLanes>& outcomes)
    {
        Real sums[3] = {Real(0), Real(0), Real(0)};
        counted().add_up(sums, [](Real(&s)[3], Real, Real d, Real v) {
            s[0] = s[0] + d;
            s[1] = s[1] + Real(1);
            s[2] = s[2] + v;
        });
        alignas(64) double electrons[kLanes], pixels[kLanes], variances[kLanes], measured[kLanes];
        widen(sums[0], electrons);
        widen(sums[1], pixels);
        widen(sums[2], variances);
        widen(measured_on(true), measured);
        for (int lane = 0; lane < kLanes; ++lane) {
            if (!takes(lane)) continue;
            // `variances` holds the background's part, F^2 b, already.
            const math::KnownBackground& known = known_[lane];
            const math::Certainty certainty =
                math::certainty_of_sum(electrons[lane], variances[lane], pixels[lane], measured[lane], excess_, known);
            set(outcomes, lane, electrons[lane], known.value, certainty);
            keep(outcomes, lane);
            outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number();
            details_.log_likelihood_ratio[lane] = math::not_a_number();
            details_.iterations[lane] = 0;
            if (known.value != known.value) outcomes.flags[lane] |= LUMICROP_FLAG_PARAMETER_NAN;
            if (pixels[lane] == 0 && (some_masked_ >> lane & 1) != 0)
                outcomes.counts[lane] = details_.photons_sigma[lane] = math::not_a_number();
        }
    }

    /// Pixels of the border that count, or the PSF's part of them, where the background was measured there.
    Real measured_on(bool pixels, const math::Light<Real>* by_variance = nullptr) const
    {
        Real sum(0);
        if (!measures(channel_)) return sum;
        const int64_t n = math::border_size(channel_.height, channel_.width);
        for (int64_t i = 0; i < n; ++i) {
            const int64_t at = place_on_border(i);
            Real one = pixels ? Real(1) : psf_->weight(at);
            if (by_variance)
                one = one * reciprocal(math::pixel_variance(by_variance->signal * psf_->weight(at),
                                                            variance_[has_variances(channel_) ? at : 0],
                                                            Real(static_cast<Scalar>(excess_))));
            if (some_left_out_) one = select(mask_of<Real>(left_out_[at]), Real(0), one);
            if (channel_.method == Method::filter && some_padded_ != 0)
                one = select(mask_of<Real>(padded_[at]), Real(0), one);
            sum = sum + select(raw_[at] == raw_[at], one, Real(0));
        }
        return sum;
    }

    void estimate(const Job& job, Outcomes<kLanes>& outcomes)
    {
        if (is_fitted())
            estimate<true>(job, outcomes);
        else
            estimate<false>(job, outcomes);
    }

    template <bool kFitted>
    void estimate(const Job& job, Outcomes<kLanes>& outcomes)
    {
        const CountedPixels<Real> pixels = counted();
        const Real excess(static_cast<Scalar>(excess_));
        const bool iterates = channel_.method == Method::optimal || channel_.method == Method::mle;
        math::Square<Real> normal;
        math::Iterated<Real> found{math::least_squares<kFitted>(pixels, normal), Real(0), Real(0) == Real(0)};
        if (iterates)
            found =
                math::reweighted<kFitted>(pixels, excess, found.light,
                                          channel_.method == Method::mle ? math::kMostIterations : math::kOptimalIterations,
                                          channel_.method == Method::mle);
        const Result& wanted = job.result;
        math::Spread<Real> spread{};
        if (wants_spread(wanted)) spread = math::spread(pixels, excess, found.light);
        alignas(64) double ratio[kLanes] = {};
        if (wanted.log_likelihood_ratio) widen(math::likelihood_ratio(pixels, excess, found.light), ratio);
        finish_estimate<kFitted>(wants_spread(wanted), normal, found, spread, iterates, ratio, outcomes);
    }

    template <bool kFitted>
    void finish_estimate(bool tells, const math::Square<Real>& normal, const math::Iterated<Real>& found,
                         const math::Spread<Real>& spread, bool iterates, const double (&ratio)[kLanes],
                         Outcomes<kLanes>& outcomes)
    {
        const math::Weights weights = iterates ? math::Weights::by_variance : math::Weights::alike;
        Wide measured_psf(0.0), measured_weighted(0.0), read_variance(read_variance_);
        if (!kFitted && measures(channel_)) {
            measured_psf = Wide::widened(measured_on(false));
            if (iterates) measured_weighted = Wide::widened(measured_on(false, &found.light));
        }
        if (kFitted && variance_map_) {
            alignas(64) double mean[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) mean[lane] = mean_read_variance(lane);
            read_variance = Wide::load(mean);
        }
        const WideFit of(normal, found.light, spread);
        alignas(64) double steps[kLanes];
        widen(found.iterations, steps);
        uint32_t uncountable = 0, parameter_is_nan = 0;
        for (int i = 0; i < Wide::kParts; ++i) {
            const int first = i * DoubleLanes::kCount;
            const math::KnownBackgroundOf<DoubleLanes> known = background_of(first);
            const math::Square<DoubleLanes> square = of.normal(i);
            const DoubleLanes signal = of.at[WideFit::signal].part[i],
                              background = kFitted ? known.value + of.at[WideFit::background].part[i] : known.value;
            math::CertaintyOf<DoubleLanes> certainty{};
            if (tells && kFitted)
                certainty =
                    math::certainty_of_fit(weights, square, of.spread(i),
                                           math::pixel_variance(background, read_variance.part[i], DoubleLanes(excess_)));
            else if (tells)
                certainty = math::certainty(weights, square.ss, of.spread(i),
                                            {measured_psf.part[i], measured_weighted.part[i]}, known);
            const auto countable = math::is_countable(DoubleLanes::load(psf_sum_ + first), square.ss);
            uncountable |= lane_bits(!(kFitted ? countable & math::is_solvable<Scalar>(square) : countable)) << first;
            parameter_is_nan |= lane_bits(known.value != known.value) << first;
            set(outcomes, first, signal, background, certainty);
            square.ss.store(denominator_ + first);
        }
        const uint32_t shape_is_nan = psf_->is_nan(), converged = lane_bits(found.converged);
        parameter_is_nan |= shape_is_nan;
        for (int lane = 0; lane < kLanes; ++lane) {
            if (!takes(lane)) continue;
            keep(outcomes, lane);
            outcomes.psf_sum[lane] = psf_sum_[lane];
            outcomes.denominator[lane] = denominator_[lane];
            details_.log_likelihood_ratio[lane] = ratio[lane];
            const uint32_t bit = 1u << lane;
            details_.iterations[lane] = (parameter_is_nan & bit) != 0 ? 0 : static_cast<uint32_t>(steps[lane]);
            uint32_t& flags = outcomes.flags[lane];
            if (parameter_is_nan & bit) flags |= LUMICROP_FLAG_PARAMETER_NAN;
            if (uncountable & ~shape_is_nan & bit) flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
            if (channel_.method == Method::mle && (~converged & ~parameter_is_nan & bit) != 0)
                flags |= LUMICROP_FLAG_NOT_CONVERGED;
            if ((uncountable | parameter_is_nan) & bit) forget(lane, outcomes);
            if (shape_is_nan & bit) outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number();
        }
    }

    /// Sums over the pixels, in float64.
    struct WideFit
    {
        enum Sum { ss, sb, bb, signal, background, vss, vsb, vbb, wss, wsb, wbb, light, pixels, squares, kSums };
        Wide at[kSums];

        WideFit(const math::Square<Real>& normal, const math::Light<Real>& found, const math::Spread<Real>& spread)
        {
            const Real all[kSums] = {normal.ss,
                                     normal.sb,
                                     normal.bb,
                                     found.signal,
                                     found.background,
                                     spread.unweighted.ss,
                                     spread.unweighted.sb,
                                     spread.unweighted.bb,
                                     spread.weighted.ss,
                                     spread.weighted.sb,
                                     spread.weighted.bb,
                                     spread.light,
                                     spread.pixels,
                                     spread.squares};
            for (int k = 0; k < kSums; ++k) at[k] = Wide::widened(all[k]);
        }
        math::Square<DoubleLanes> normal(int i) const { return {at[ss].part[i], at[sb].part[i], at[bb].part[i]}; }
        math::Spread<DoubleLanes> spread(int i) const
        {
            return {{at[vss].part[i], at[vsb].part[i], at[vbb].part[i]},
                    {at[wss].part[i], at[wsb].part[i], at[wbb].part[i]},
                    at[light].part[i],
                    at[pixels].part[i],
                    at[squares].part[i]};
        }
    };

    math::KnownBackgroundOf<DoubleLanes> background_of(int first) const
    {
        alignas(64) double value[DoubleLanes::kCount], variance[DoubleLanes::kCount], covariance[DoubleLanes::kCount],
            pixels[DoubleLanes::kCount];
        for (int k = 0; k < DoubleLanes::kCount; ++k) {
            const math::KnownBackground& known = known_[first + k];
            value[k] = known.value;
            variance[k] = known.variance;
            covariance[k] = known.covariance;
            pixels[k] = known.pixels;
        }
        return {DoubleLanes::load(value), DoubleLanes::load(variance), DoubleLanes::load(covariance),
                DoubleLanes::load(pixels)};
    }

    /// NaN where the PSF counts nothing.
    void forget(int lane, Outcomes<kLanes>& outcomes)
    {
        for (double* const value : {outcomes.counts, details_.photons_sigma, details_.chi2, details_.log_likelihood_ratio})
            value[lane] = math::not_a_number();
        if (!is_fitted()) return;
        for (double* const value :
             {outcomes.background, details_.background_photons, details_.background_sigma, details_.background_pixels})
            value[lane] = math::not_a_number();
    }

    double mean_read_variance(int lane) const
    {
        double sum = 0, n = 0;
        for (int64_t i = 0; i < n_pixels_; ++i) {
            if (some_left_out_ && (left_out_[i] >> lane & 1) != 0) continue;
            sum += static_cast<double>(reinterpret_cast<const Scalar*>(&variance_map_.at(i))[lane]);
            n += 1;
        }
        return sum / n / (channel_.em_gain * channel_.em_gain);
    }

    /// Results of the lanes from `first` on, of which keep() takes those that are computed now.
    template <class Value>
    void set(Outcomes<kLanes>&, int first, Value electrons, Value background, const math::CertaintyOf<Value>& certainty)
    {
        const Value per_qe(1 / channel_.qe);
        const auto store = [&](Value value, double* to) {
            if constexpr (std::is_same_v<Value, double>)
                to[first] = value;
            else
                value.store(to + first);
        };
        store(math::without_origin(electrons), new_.counts);
        store(background * Value(1 / gain_), new_.background);
        store(background * per_qe, new_.background_photons);
        store(math::error_of(certainty.variance) * per_qe, new_.photons_sigma);
        store(math::error_of(certainty.background_variance) * per_qe, new_.background_sigma);
        store(certainty.background_pixels, new_.background_pixels);
        store(certainty.chi2, new_.chi2);
    }
    void keep(Outcomes<kLanes>& outcomes, int lane)
    {
        outcomes.counts[lane] = new_.counts[lane];
        outcomes.background[lane] = channel_.background == Subtracted::border_median && !has_uneven_pixels()
                                        ? level_[lane] - channel_.camera_offset
                                        : new_.background[lane];
        details_.background_photons[lane] = new_.background_photons[lane];
        details_.photons_sigma[lane] = new_.photons_sigma[lane];
        details_.background_sigma[lane] = new_.background_sigma[lane];
        details_.background_pixels[lane] = new_.background_pixels[lane];
        details_.chi2[lane] = new_.chi2[lane];
    }

    // -- what is said of all -----------------------------------------------------------------------------------------

    void finish(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        const Result& wanted = job.result;
        if (background_map_ && (wanted.background || wanted.background_photons)) average_background_map(outcomes);
        if (wanted.enclosed || wanted.photons_total)
            for (int lane = 0; lane < kLanes; ++lane) {
                if (!takes(lane)) continue;
                details_.enclosed[lane] =
                    (psf_->is_nan() >> lane & 1) != 0 ? math::not_a_number() : enclosed_[lane] / psf_->light_of(lane);
                details_.photons_total[lane] = outcomes.counts[lane] / channel_.qe / details_.enclosed[lane];
            }
        if (!wanted.flags) return;
        const Real saturation(static_cast<Scalar>(channel_.saturation));
        uint32_t saturated = 0;
        if (channel_.saturation < __builtin_inf())
            for (int64_t i = 0; i < n_pixels_; ++i)
                saturated |= lane_bits(saturation <= raw_[i]) & ~(some_left_out_ ? left_out_[i] : 0);
        for (int lane = 0; lane < block.n; ++lane) {
            if (!takes(lane)) continue;
            uint32_t& flags = outcomes.flags[lane];
            const bool is_padded = channel_.method != Method::filter && (some_padded_ >> lane & 1) != 0;
            if (is_padded || crops_.is_clipped(lane)) flags |= LUMICROP_FLAG_TRUNCATED;
            if ((some_masked_ >> lane & 1) != 0) flags |= LUMICROP_FLAG_MASKED;
            if ((saturated >> lane & 1) != 0) flags |= LUMICROP_FLAG_SATURATED;
            if ((no_border_ >> lane & 1) != 0) flags |= LUMICROP_FLAG_NO_BORDER;
            if (!math::is_finite(outcomes.counts[lane]) && has_non_finite(lane)) flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
            if (!psf_) continue;
            if (math::lies_outside(column_[lane], row_[lane], static_cast<double>(channel_.height),
                                   static_cast<double>(channel_.width)))
                flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
            if ((psf_->outside_domain() >> lane & 1) != 0) flags |= LUMICROP_FLAG_OUTSIDE_DOMAIN;
        }
    }

    void average_background_map(Outcomes<kLanes>& outcomes)
    {
        Real sums[2] = {Real(0), Real(0)};
        for (int64_t i = 0; i < n_pixels_; ++i) {
            const typename Real::Mask out = mask_of<Real>(some_left_out_ ? left_out_[i] : 0);
            sums[0] = sums[0] + select(out, Real(0), background_map_.at(i));
            sums[1] = sums[1] + select(out, Real(0), Real(1));
        }
        alignas(64) double sum[kLanes], n[kLanes];
        widen(sums[0], sum);
        widen(sums[1], n);
        for (int lane = 0; lane < kLanes; ++lane) {
            details_.background_photons[lane] = sum[lane] / n[lane];
            outcomes.background[lane] = sum[lane] / n[lane] * channel_.qe / gain_;
        }
    }

    /// Whether a pixel that counts is NaN or infinite.
    bool has_non_finite(int lane) const
    {
        if (!by_images_) return crops_.template has_non_finite<Scalar>(lane);
        const auto* const raw = reinterpret_cast<const Scalar*>(raw_) + lane;
        for (int64_t i = 0; i < n_pixels_; ++i) {
            if (some_left_out_ && (left_out_[i] >> lane & 1) != 0) continue;
            if (!(raw[i * kLanes] - raw[i * kLanes] == Scalar(0))) return true;
        }
        return false;
    }

    const Channel& channel_;
    const int64_t n_pixels_;
    Crops<kLanes> crops_;
    Tile<Real> tile_;
    Real* const raw_;      // counts
    Real* const light_;    // electrons above the level
    Real* const variance_; // of a pixel without the model, one for all where no map says otherwise
    Real* const border_;
    uint32_t* const zeros_; // words of a bit a lane, a word a pixel
    uint32_t* const padded_;
    uint32_t* const masked_;
    uint32_t* const left_out_;
    CameraMap<Real> offset_map_, gain_map_, variance_map_, bad_pixels_, background_map_;
    std::optional<PsfImages<Real>> psf_;
    std::optional<SeparableFit<Real>> separable_;
    uint32_t lanes_ = 0; // whose detections are computed now
    bool by_images_ = true;
    const double excess_, gain_, read_variance_; // F^2; electrons before multiplication a count; of reading, likewise
    uint32_t some_padded_ = 0, some_masked_ = 0, no_border_ = 0; // lanes
    bool some_left_out_ = false;
    math::KnownBackground known_[kLanes]; // while it is fitted: the level that it is fitted above
    alignas(64) double level_[kLanes];    // what is subtracted from each pixel [counts]
    Details<kLanes> details_;
    struct
    {
        alignas(64) double counts[kLanes], background[kLanes], background_photons[kLanes], photons_sigma[kLanes],
            background_sigma[kLanes], background_pixels[kLanes], chi2[kLanes];
    } new_;
    alignas(64) double denominator_[kLanes];
    alignas(64) double column_[kLanes], row_[kLanes], enclosed_[kLanes], psf_sum_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
