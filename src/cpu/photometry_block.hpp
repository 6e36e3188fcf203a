// All that is more than a plain sum or filter, for a block of crops with a crop in each lane: estimators, cameras whose pixels differ,
// backgrounds, errors (SPEC section 8).
//
// Pixels are turned as a whole and become images of registers: what was counted, electrons above a level, PSF. The estimators pass over these.
// Crops for which that is not needed take a shorter way (separable_fit.hpp), whichever way the others of the block take.
#pragma once

#include "cpu/photometry_results.hpp"
#include "cpu/separable_fit.hpp"
#include "cpu/wide_fit.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class PhotometryBlock : PhotometryResults<Real>
{
    using Results = PhotometryResults<Real>;

public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    PhotometryBlock(const Channel& channel, Workspace& workspace) : Results(channel, workspace)
    {
        if (channel.uses_psf && channel.model != Model::spline) separable_.emplace(channel, crops_, row_width(), workspace);
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

    using Results::details;

private:
    using Wide = typename Results::Wide;
    using Level = typename Results::Level;
    using Results::by_images_;
    using Results::channel_;
    using Results::column_;
    using Results::counted;
    using Results::crops_;
    using Results::cut_out;
    using Results::details_;
    using Results::enclosed_;
    using Results::excess_;
    using Results::find_background;
    using Results::find_light;
    using Results::finish;
    using Results::for_each_of;
    using Results::forget;
    using Results::gain_;
    using Results::has_variances;
    using Results::is_fitted;
    using Results::kAllLanes;
    using Results::keep;
    using Results::keeps_padded;
    using Results::known_;
    using Results::lanes_;
    using Results::leave_out;
    using Results::left_out_;
    using Results::mean_read_variance;
    using Results::measured_on;
    using Results::measures;
    using Results::n_pixels_;
    using Results::no_border_;
    using Results::padded_;
    using Results::parts_;
    using Results::psf_;
    using Results::psf_sum_;
    using Results::raise;
    using Results::read_variance_;
    using Results::row_;
    using Results::set;
    using Results::some_left_out_;
    using Results::some_masked_;
    using Results::some_padded_;
    using Results::variance_;
    using Results::variance_map_;
    using Results::widen;
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

    std::optional<SeparableFit<Real>> separable_;
    alignas(64) double denominator_[kLanes], ratio_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
