// What is kept of a block's crops, a crop in each lane: results, errors and flags of the lanes that are computed now (SPEC section 8).
#pragma once

#include <optional>
#include <type_traits>

#include "cpu/photometry_background.hpp"
#include "cpu/psf_images.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class PhotometryResults : protected PhotometryBackground<Real>
{
    using Background = PhotometryBackground<Real>;

public:
    static constexpr int kLanes = Real::kCount;

    const Details<kLanes>& details() const { return details_; }

protected:
    using Scalar = typename Real::Scalar;
    using Wide = WideLanes<Real>;
    static constexpr uint32_t kAllLanes = (1u << kLanes) - 1;
    using Background::background_map_;
    using Background::channel_;
    using Background::column_;
    using Background::crops_;
    using Background::cut_short_;
    using Background::gain_;
    using Background::has_uneven_pixels;
    using Background::is_fitted;
    using Background::left_out_;
    using Background::level_;
    using Background::n_pixels_;
    using Background::no_border_;
    using Background::raw_;
    using Background::row_;
    using Background::some_left_out_;
    using Background::some_masked_;
    using Background::some_padded_;
    PhotometryResults(const Channel& channel, Workspace& workspace) : Background(channel, workspace)
    {
        if (channel.uses_psf) psf_.emplace(channel, crops_, workspace);
    }

    static void widen(Real real, double (&to)[kLanes]) { Wide::widened(real).store(to); }

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
    uint32_t lanes_ = 0; // whose detections are computed now
    bool by_images_ = true;
    Details<kLanes> details_;
    alignas(64) double enclosed_[kLanes], psf_sum_[kLanes];

private:
    struct
    {
        alignas(64) double counts[kLanes], background[kLanes], background_photons[kLanes], photons_sigma[kLanes],
            background_sigma[kLanes], background_pixels[kLanes], chi2[kLanes];
    } new_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
