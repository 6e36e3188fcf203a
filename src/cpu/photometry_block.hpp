// All that is more than a plain sum or filter, for a block of crops with a crop in each lane: estimators, cameras whose pixels differ,
// backgrounds, errors (SPEC section 8).
//
// Pixels are turned as a whole and become images of registers: what was counted, electrons above a level, PSF. The estimators pass over these.
// Crops for which that is not needed take a shorter way (separable_fit.hpp), whichever way the others of the block take.
#pragma once

#include "cpu/photometry_pixels.hpp"
#include "cpu/psf_images.hpp"
#include "cpu/separable_fit.hpp"
#include "cpu/wide_fit.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class PhotometryBlock : PhotometryPixels<Real>
{
    using Pixels = PhotometryPixels<Real>;

public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    PhotometryBlock(const Channel& channel, Workspace& workspace) : Pixels(channel, workspace)
    {
        if (!channel.uses_psf) return;
        psf_.emplace(channel, crops_, workspace);
        if (channel.model != Model::spline) separable_.emplace(channel, crops_, row_width(), workspace);
    }

    void compute(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next, Outcomes<kLanes>& outcomes)
    {
        this->begin(job, block, next);
        for (uint32_t& flags : outcomes.flags) flags = 0;
        lanes_ = 0;
        if (separable_ && is_separable(channel_, job.result, SeparableFit<Real>::kMostRegisters * kLanes))
            is_fitted() ? fit_separable<true>(job, block, outcomes) : fit_separable<false>(job, block, outcomes);
        lanes_ = ~lanes_ & kAllLanes;
        if (lanes_ != 0) compute_by_images(job, block, outcomes);
    }

    const Details<kLanes>& details() const { return details_; }

private:
    using Wide = WideLanes<Real>;
    using Pixels::background_map_;
    using Pixels::channel_;
    using Pixels::column_;
    using Pixels::counted;
    using Pixels::crops_;
    using Pixels::cut_out;
    using Pixels::cut_short_;
    using Pixels::excess_;
    using Pixels::find_background;
    using Pixels::find_light;
    using Pixels::gain_;
    using Pixels::has_uneven_pixels;
    using Pixels::has_variances;
    using Pixels::is_fitted;
    using Pixels::keeps_padded;
    using Pixels::known_;
    using Pixels::leave_out;
    using Pixels::left_out_;
    using Pixels::level_;
    using Pixels::mean_read_variance;
    using Pixels::measured_on;
    using Pixels::measures;
    using Pixels::n_pixels_;
    using Pixels::no_border_;
    using Pixels::padded_;
    using Pixels::parts_;
    using Pixels::raw_;
    using Pixels::read_variance_;
    using Pixels::row_;
    using Pixels::some_left_out_;
    using Pixels::some_masked_;
    using Pixels::some_padded_;
    using Pixels::variance_;
    using Pixels::variance_map_;
    using typename Pixels::Level;
    static constexpr uint32_t kAllLanes = (1u << kLanes) - 1;
    int64_t row_width() const { return (channel_.width + kLanes - 1) / kLanes * kLanes; } // in whole registers

    template <bool kFitted>
    void fit_separable(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        by_images_ = false;
        find_inputs(job, block);
        find_background(job, block);
        psf_->gauss().weigh_axes();
        const Level level = this->level();
        const Real excess(static_cast<Scalar>(excess_));
        const auto sums = separable_->template add_up<kFitted>(
            psf_->gauss(), {level.high, level.low, static_cast<Scalar>(gain_)}, static_cast<bool>(job.result.chi2));
        keep_psf_sum(sums.weights);
        math::Light<Real> light{sums.light.signal / sums.normal.ss, Real(0)};
        if (kFitted) light = product(math::inverse<true>(sums.normal), sums.light);
        math::Spread<Real> spread = no_spread();
        uint32_t uncertain = 0;
        if (wants_spread(job.result))
            spread = separable_->spread(excess, light, level.base, static_cast<bool>(job.result.chi2), uncertain);
        lanes_ = kAllLanes & ~(psf_->gauss().rotated() | sums.zero_on_border | uncertain);
        if (channel_.padding == Padding::geometry) lanes_ &= ~crops_.clipped();
        if (lanes_ == 0) return;
        finish_estimate<kFitted, false>(job.result, sums.normal, {light, Real(0), Real(0) == Real(0)}, spread, outcomes);
        finish(job, outcomes);
    }

    void compute_by_images(const Job& job, const Block<kLanes>& block, Outcomes<kLanes>& outcomes)
    {
        by_images_ = true;
        this->load(job, block);
        leave_out();
        find_background(job, block);
        find_light();
        if (channel_.uses_position) find_inputs(job, block);
        if (psf_) find_psf();
        if (channel_.method == Method::aperture) {
            cut_out();
            add_up<false>(job.result, outcomes);
        } else if (channel_.method == Method::sum)
            add_up<true>(job.result, outcomes);
        else
            estimate(job, outcomes);
        finish(job, outcomes);
    }

    void find_inputs(const Job& job, const Block<kLanes>& block)
    {
        const FilterInputs<Real> inputs(job, channel_, block);
        inputs.column.store(column_);
        inputs.row.store(row_);
        if (psf_) psf_->find(job, block, inputs);
    }

    static bool wants_spread(const Result& wanted)
    {
        return wanted.photons_sigma || wanted.background_sigma || wanted.chi2 || wanted.background_pixels;
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

    /// The sum of the pixels above the background; all of each, or its part within the aperture.
    template <bool kWhole>
    void add_up(const Result& wanted, Outcomes<kLanes>& outcomes)
    {
        const math::PartSums<Real> sums = math::part_sums<kWhole, Real>(counted(psf_ ? &psf_->weight(0) : nullptr));
        alignas(64) double electrons[kLanes], pixels[kLanes], squared[kLanes], variances[kLanes], measured[kLanes];
        widen(sums.electrons, electrons);
        widen(sums.pixels, pixels);
        widen(sums.squared, squared);
        widen(sums.squared_variance, variances);
        widen(measured_on([&](int64_t i) { return kWhole ? Real(1) : parts_[i]; }), measured);
        if (psf_) keep_light_added_up<kWhole>();
        for (int lane = 0; lane < kLanes; ++lane) {
            const math::KnownBackground known = known_.of(lane);
            // `variances` holds the background's part, F^2 b, already.
            set(wanted, lane, electrons[lane], known.value,
                math::certainty_of_sum({electrons[lane], pixels[lane], squared[lane], variances[lane]}, measured[lane],
                                       excess_, known));
        }
        keep(outcomes);
        for_each_of(kAllLanes, [&](int lane) {
            const double known = known_.of(lane).value;
            outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number();
            details_.log_likelihood_ratio[lane] = math::not_a_number();
            details_.iterations[lane] = 0;
            const bool nowhere = !kWhole && (column_[lane] != column_[lane] || row_[lane] != row_[lane]);
            if ((known != known && (no_border_ >> lane & 1) == 0) || nowhere)
                outcomes.flags[lane] |= LUMICROP_FLAG_PARAMETER_NAN;
            if (nowhere || known != known || (pixels[lane] == 0 && (some_masked_ >> lane & 1) != 0))
                outcomes.counts[lane] = details_.photons_sigma[lane] = math::not_a_number();
        });
    }

    /// The PSF's light on what was added up.
    template <bool kWhole>
    void keep_light_added_up()
    {
        math::BatchedSum<Real> sum;
        for (int64_t i = 0; i < n_pixels_; ++i) {
            const Real light = kWhole ? psf_->weight(i) : parts_[i] * psf_->weight(i);
            sum.add(some_left_out_ ? select(mask_of<Real>(left_out_[i]), Real(0), light) : light);
        }
        alignas(64) double fraction[kLanes];
        widen(sum.value(), fraction);
        for (int lane = 0; lane < kLanes; ++lane)
            if (enclosed_[lane] != 0) enclosed_[lane] *= fraction[lane]; // of no light at all there are no fractions
    }

    static math::Spread<Real> no_spread()
    {
        const math::Square<Real> nothing{Real(0), Real(0), Real(0)};
        return {nothing, nothing, Real(0), Real(0), Real(0)};
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
        const CountedPixels<Real> pixels = counted(psf_ ? &psf_->weight(0) : nullptr);
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
        math::Spread<Real> spread = no_spread();
        if (wants_spread(wanted)) spread = math::spread(pixels, excess, found.light);
        if (wanted.log_likelihood_ratio) widen(math::likelihood_ratio(pixels, excess, found.light), ratio_);
        if (iterates)
            finish_estimate<kFitted, true>(wanted, normal, found, spread, outcomes);
        else
            finish_estimate<kFitted, false>(wanted, normal, found, spread, outcomes);
    }

    template <bool kFitted, bool kIterates>
    void finish_estimate(const Result& wanted, const math::Square<Real>& normal, const math::Iterated<Real>& found,
                         const math::Spread<Real>& spread, Outcomes<kLanes>& outcomes)
    {
        const bool tells = wants_spread(wanted);
        const math::Weights weights = kIterates ? math::Weights::by_variance : math::Weights::alike;
        Wide measured_psf(0.0), measured_weighted(0.0), read_variance(read_variance_);
        if (!kFitted && measures(channel_)) {
            measured_psf = Wide::widened(measured_on([&](int64_t at) { return psf_->weight(at); }));
            if (kIterates)
                measured_weighted = Wide::widened(measured_on([&](int64_t at) {
                    const Real weight = psf_->weight(at);
                    return weight * reciprocal(math::pixel_variance(found.light.signal * weight,
                                                                    variance_[has_variances(channel_) ? at : 0],
                                                                    Real(static_cast<Scalar>(excess_))));
                }));
        }
        if (kFitted && variance_map_) {
            alignas(64) double mean[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) mean[lane] = mean_read_variance(lane);
            read_variance = Wide::load(mean);
        }
        const WideFit<Real> of(normal, found.light, spread, kIterates);
        uint32_t uncountable = 0, parameter_is_nan = 0;
        for (int i = 0; i < Wide::kParts; ++i) {
            const int first = i * DoubleLanes::kCount;
            const math::KnownBackgroundOf<DoubleLanes> known = known_.from(first);
            const math::Square<DoubleLanes> square = of.normal(i);
            const DoubleLanes signal = of.at[WideFit<Real>::signal].part[i],
                              background = kFitted ? known.value + of.at[WideFit<Real>::background].part[i] : known.value;
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
            set(wanted, first, signal, background, certainty);
            square.ss.store(denominator_ + first);
        }
        const uint32_t shape_is_nan = psf_->is_nan(), converged = lane_bits(found.converged);
        parameter_is_nan |= shape_is_nan;
        keep(outcomes);
        keep(psf_sum_, outcomes.psf_sum);
        keep(denominator_, outcomes.denominator);
        if (wanted.log_likelihood_ratio) keep(ratio_, details_.log_likelihood_ratio);
        if (wanted.iterations) {
            alignas(64) double steps[kLanes];
            widen(found.iterations, steps);
            for_each_of(kAllLanes, [&](int lane) {
                details_.iterations[lane] = (parameter_is_nan >> lane & 1) != 0 ? 0 : static_cast<uint32_t>(steps[lane]);
            });
        }
        raise(LUMICROP_FLAG_PARAMETER_NAN, parameter_is_nan & (~no_border_ | shape_is_nan), outcomes);
        raise(LUMICROP_FLAG_ZERO_DENOMINATOR, uncountable & ~shape_is_nan, outcomes);
        if (channel_.method == Method::mle) raise(LUMICROP_FLAG_NOT_CONVERGED, ~converged & ~parameter_is_nan, outcomes);
        for_each_of(uncountable | parameter_is_nan, [&](int lane) { forget(lane, outcomes); });
        for_each_of(shape_is_nan,
                    [&](int lane) { outcomes.psf_sum[lane] = outcomes.denominator[lane] = math::not_a_number(); });
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

    /// Results of the lanes from `first` on, of which keep() takes those that are computed now.
    template <class Value>
    void set(const Result& wanted, int first, Value electrons, Value background, const math::CertaintyOf<Value>& certainty)
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
        if (wanted.photons_sigma) store(math::error_of(certainty.variance) * per_qe, new_.photons_sigma);
        if (wanted.background_sigma) store(math::error_of(certainty.background_variance) * per_qe, new_.background_sigma);
        store(certainty.background_pixels, new_.background_pixels);
        store(certainty.chi2, new_.chi2);
    }
    void keep(Outcomes<kLanes>& outcomes)
    {
        // As exact as the median, which a gain would round.
        const bool is_level =
            (channel_.background == Subtracted::border_median || is_annulus(channel_.background)) && !has_uneven_pixels();
        if (is_level) (Wide::load(level_) - Wide(channel_.camera_offset)).store(new_.background);
        keep(new_.counts, outcomes.counts);
        keep(new_.background, outcomes.background);
        keep(new_.background_photons, details_.background_photons);
        keep(new_.photons_sigma, details_.photons_sigma);
        keep(new_.background_sigma, details_.background_sigma);
        keep(new_.background_pixels, details_.background_pixels);
        keep(new_.chi2, details_.chi2);
    }
    void keep(const double (&from)[kLanes], double (&to)[kLanes]) const
    {
        if (lanes_ == kAllLanes)
            Wide::load(from).store(to);
        else
            for_each_of(kAllLanes, [&](int lane) { to[lane] = from[lane]; });
    }

    /// Calls use(lane) for those of the lanes that are computed now.
    template <class Use>
    LUMICROP_INLINE void for_each_of(uint32_t lanes, Use use) const
    {
        for (uint32_t left = lanes & lanes_; left != 0; left &= left - 1) use(__builtin_ctz(left));
    }
    void raise(uint32_t flag, uint32_t lanes, Outcomes<kLanes>& outcomes) const
    {
        for_each_of(lanes, [&](int lane) { outcomes.flags[lane] |= flag; });
    }

    // -- what is said of all -----------------------------------------------------------------------------------------

    void finish(const Job& job, Outcomes<kLanes>& outcomes)
    {
        const Result& wanted = job.result;
        if (background_map_ && (wanted.background || wanted.background_photons)) average_background_map(outcomes);
        if (wanted.enclosed || wanted.photons_total)
            for_each_of(kAllLanes, [&](int lane) {
                details_.enclosed[lane] =
                    (psf_->is_nan() >> lane & 1) != 0 ? math::not_a_number() : enclosed_[lane] / psf_->light_of(lane);
                details_.photons_total[lane] = outcomes.counts[lane] / channel_.qe / details_.enclosed[lane];
            });
        if (!wanted.flags) return;
        const Real saturation(static_cast<Scalar>(channel_.saturation));
        uint32_t saturated = 0;
        if (channel_.saturation < __builtin_inf())
            for (int64_t i = 0; i < n_pixels_; ++i)
                saturated |= lane_bits(saturation <= raw_[i]) & ~(some_left_out_ ? left_out_[i] : 0);
        const uint32_t is_padded = channel_.method != Method::filter ? some_padded_ : 0;
        raise(LUMICROP_FLAG_TRUNCATED, channel_.method == Method::aperture ? cut_short_ : is_padded | crops_.clipped(),
              outcomes);
        raise(LUMICROP_FLAG_MASKED, some_masked_, outcomes);
        raise(LUMICROP_FLAG_SATURATED, saturated, outcomes);
        raise(LUMICROP_FLAG_NO_BORDER, no_border_, outcomes);
        uint32_t is_finite = 0, is_outside = 0;
        const DoubleLanes width(static_cast<double>(channel_.width)), height(static_cast<double>(channel_.height));
        for (int first = 0; first < kLanes; first += DoubleLanes::kCount) {
            is_finite |= lane_bits(math::is_finite(DoubleLanes::load(outcomes.counts + first))) << first;
            if (!channel_.uses_position) continue;
            is_outside |= lane_bits(math::lies_outside(DoubleLanes::load(column_ + first), DoubleLanes::load(row_ + first),
                                                       height, width))
                          << first;
        }
        for_each_of(~is_finite, [&](int lane) {
            if (has_non_finite(lane)) outcomes.flags[lane] |= LUMICROP_FLAG_DATA_NOT_FINITE;
        });
        raise(LUMICROP_FLAG_CENTRE_OUTSIDE, is_outside, outcomes);
        if (psf_) raise(LUMICROP_FLAG_OUTSIDE_DOMAIN, psf_->outside_domain(), outcomes);
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

    std::optional<PsfImages<Real>> psf_;
    std::optional<SeparableFit<Real>> separable_;
    uint32_t lanes_ = 0; // whose detections are computed now
    bool by_images_ = true;
    Details<kLanes> details_;
    struct
    {
        alignas(64) double counts[kLanes], background[kLanes], background_photons[kLanes], photons_sigma[kLanes],
            background_sigma[kLanes], background_pixels[kLanes], chi2[kLanes];
    } new_;
    alignas(64) double denominator_[kLanes], ratio_[kLanes];
    alignas(64) double enclosed_[kLanes], psf_sum_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
