// The background of a block's crops, a crop in each lane, the electrons above it, and their variance (SPEC section 8).
#pragma once

#include <optional>

#include "cpu/annulus.hpp"
#include "cpu/border_medians.hpp"
#include "cpu/counted_pixels.hpp"
#include "cpu/filter_block.hpp"
#include "cpu/known_backgrounds.hpp"
#include "cpu/photometry_pixels.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class PhotometryBackground : protected PhotometryPixels<Real>
{
    using Pixels = PhotometryPixels<Real>;

protected:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;
    using Wide = WideLanes<Real>;
    using Pixels::background_map_;
    using Pixels::channel_;
    using Pixels::excess_;
    using Pixels::gain_;
    using Pixels::has_uneven_pixels;
    using Pixels::left_out_;
    using Pixels::n_pixels_;
    using Pixels::padded_;
    using Pixels::parts_;
    using Pixels::raw_;
    using Pixels::read_variance_;
    using Pixels::some_left_out_;
    using Pixels::some_masked_;
    using Pixels::some_padded_;
    using Pixels::uneven_light;
    using Pixels::variance_map_;

    PhotometryBackground(const Channel& channel, Workspace& workspace)
        : Pixels(channel, workspace), light_(workspace.take<Real>(n_pixels_)),
          variance_(workspace.take<Real>(has_variances(channel) ? n_pixels_ : 1)),
          on_annulus_(workspace.take<uint32_t>(is_annulus(channel.background) ? n_pixels_ : 0)), annulus_(channel, workspace)
    {
        if (measures_border(channel)) border_.emplace(channel.height, channel.width, workspace);
    }

    static bool has_variances(const Channel& channel)
    {
        return channel.read_variance_map.data != nullptr || channel.background_map.data != nullptr;
    }
    static bool measures_border(const Channel& channel)
    {
        return channel.background == Subtracted::border_median || channel.background == Subtracted::corrected_median;
    }
    static bool measures(const Channel& channel) { return measures_border(channel) || is_annulus(channel.background); }
    bool is_fitted() const { return channel_.background == Subtracted::fitted; }

    // -- background --------------------------------------------------------------------------------------------------

    void find_background(const Job& job, const Block<kLanes>& block)
    {
        no_border_ = 0;
        switch (channel_.background) {
        case Subtracted::column: {
            alignas(64) double photons[kLanes];
            read_lanes(job.detections.os_fit, block, 0.0, photons);
            const Wide electrons = Wide::load(photons) * Wide(channel_.qe);
            known_.set_given(electrons);
            (Wide(channel_.camera_offset) + electrons / Wide(gain_)).store(level_);
            return;
        }
        case Subtracted::fitted: start_at_first_pixel(); return;
        case Subtracted::map:
            known_.set_given(Wide(0.0));
            Wide(channel_.camera_offset).store(level_);
            return;
        case Subtracted::annulus_median:
        case Subtracted::annulus_mean:
        case Subtracted::annulus_clipped: measure_annulus(job, block); return;
        case Subtracted::border_median:
        case Subtracted::corrected_median: measure_border();
        }
    }

    /// Sum of `part(pixel)` over the pixels that count of those that the background was measured on.
    template <class Part>
    Real measured_on(Part part) const
    {
        Real sum(0);
        if (!measures(channel_)) return sum;
        const bool on_border = measures_border(channel_);
        const int64_t n = on_border ? math::border_size(channel_.height, channel_.width) : n_pixels_;
        for (int64_t i = 0; i < n; ++i) {
            const int64_t at = on_border ? this->place_on_border(i) : i;
            if (!on_border && on_annulus_[at] == 0) continue;
            Real one = part(at);
            if (some_left_out_) one = select(mask_of<Real>(left_out_[at]), Real(0), one);
            if (on_border && channel_.method == Method::filter && some_padded_ != 0)
                one = select(mask_of<Real>(padded_[at]), Real(0), one);
            if (!on_border) one = select(mask_of<Real>(on_annulus_[at]), one, Real(0));
            sum = sum + select(raw_[at] == raw_[at], one, Real(0));
        }
        return sum;
    }

    // -- electrons above it ------------------------------------------------------------------------------------------

    /// What is taken off each pixel, and the variance of one without the model.
    struct Level
    {
        Real high, low;  // counts; electrons
        Real background; // electrons, where pixels differ
        Real base;
    };

    Level level() const
    {
        const Wide level = Wide::load(level_), known = known_.value();
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

    /// Without a PSF nothing looks at it.
    CountedPixels<Real> counted(const Real* psf) const
    {
        const Real* const model = channel_.method == Method::aperture ? parts_ : psf != nullptr ? psf : raw_;
        return {n_pixels_, model, light_, variance_, has_variances(channel_) ? 1 : 0, some_left_out_ ? left_out_ : nullptr};
    }

    Real* const light_;                // electrons above the level
    Real* const variance_;             // of a pixel without the model, one for all where no map says otherwise
    uint32_t no_border_ = 0;           // lanes without a pixel to measure the background on
    KnownBackgrounds<Real> known_;     // while it is fitted: the level that it is fitted above
    alignas(64) double level_[kLanes]; // what is subtracted from each pixel [counts]

private:
    /// What is fitted is fitted above the crop's first pixel, so that a large level costs no digits.
    void start_at_first_pixel()
    {
        alignas(64) double electrons[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
            const double first = this->first_pixel(lane);
            const bool usable =
                !has_uneven_pixels() && math::is_finite(first) && !(some_left_out_ && (left_out_[0] >> lane & 1) != 0);
            level_[lane] = usable ? first : channel_.camera_offset;
            electrons[lane] = usable ? (first - channel_.camera_offset) * gain_ : 0;
        }
        known_.set_given(Wide::load(electrons));
    }

    /// Electrons above the offset, of a level in counts or, where pixels differ, in electrons.
    double electrons_of(double level) const
    {
        return has_uneven_pixels() ? level : (level - channel_.camera_offset) * gain_;
    }

    /// Of reading: the mean of so many pixels of the map, or every pixel's.
    double read_variance_of(double sum, double n) const
    {
        return variance_map_ && n > 0 ? sum / n / (channel_.em_gain * channel_.em_gain) : read_variance_;
    }

    // -- of a ring ---------------------------------------------------------------------------------------------------

    /// What the pixels around each position come to, in counts; in electrons where pixels differ.
    void measure_annulus(const Job& job, const Block<kLanes>& block)
    {
        annulus_.find(job, block);
        for (int64_t i = 0; i < n_pixels_; ++i) on_annulus_[i] = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            const math::RingLevel level = annulus_.measure(
                lane, [&](int64_t row, int64_t column, Scalar& value) { return read(lane, row, column, value); });
            double variances = 0;
            annulus_.for_each_pixel(level, [&](int64_t row, int64_t column) {
                if (variance_map_) variances += static_cast<double>(in_camera(variance_map_, lane, row, column));
                const int64_t r = row - annulus_.crop_row(lane), c = column - annulus_.crop_column(lane);
                if (r >= 0 && r < channel_.height && c >= 0 && c < channel_.width)
                    on_annulus_[r * channel_.width + c] |= 1u << lane;
            });
            const double value = electrons_of(level.value);
            const double variance = math::pixel_variance(value, read_variance_of(variances, level.n), excess_);
            level_[lane] = level.value;
            known_.set(lane, math::ring_background(statistic_of(channel_.background), value, variance, level.n));
            if (level.n == 0 && annulus_.has_position(lane)) no_border_ |= 1u << lane;
        }
    }

    /// A pixel of the images, whether in a crop or not; in electrons where pixels differ. False where it does not count.
    bool read(int lane, int64_t row, int64_t column, Scalar& value) const
    {
        if (!channel_.gathered && some_padded_ != 0 && (padded_[row * channel_.width + column] >> lane & 1) != 0)
            return false;
        const Images& images = channel_.images;
        const std::byte* const at =
            images.data + annulus_.image(lane) * images.strides[0] + row * images.strides[1] + column * images.strides[2];
        with_pixel_type<Scalar>(
            images.dtype, [&](auto zero) { value = static_cast<Scalar>(*reinterpret_cast<const decltype(zero)*>(at)); });
        if (!has_maps(channel_)) return true;
        const auto here = [&](const CameraMap<Real>& map) { return in_camera(map, lane, row, column); };
        if (offset_map_ && !math::is_usable_level(here(offset_map_))) return false;
        if (gain_map_ && !math::is_usable_gain(here(gain_map_))) return false;
        if (variance_map_ && !math::is_usable_variance(here(variance_map_))) return false;
        if (bad_pixels_ && here(bad_pixels_) != Scalar(0)) return false;
        if (!has_uneven_pixels()) return true;
        const math::Parts<Scalar> offset = math::in_parts<Scalar>(channel_.camera_offset);
        const Scalar gain =
            gain_map_ ? here(gain_map_) * static_cast<Scalar>(1 / channel_.em_gain) : static_cast<Scalar>(gain_);
        value = math::uneven_electrons(value, offset_map_ ? here(offset_map_) : offset.high,
                                       offset_map_ ? Scalar(0) : offset.low, gain);
        return true;
    }
    Scalar in_camera(const CameraMap<Real>& map, int lane, int64_t row, int64_t column) const
    {
        return map.in_frame(row + static_cast<int64_t>(annulus_.image_row(lane)),
                            column + static_cast<int64_t>(annulus_.image_column(lane)));
    }

    // -- of the border -----------------------------------------------------------------------------------------------

    /// The median of the border's pixels, in counts; in electrons where pixels differ.
    void measure_border()
    {
        const Real nan(static_cast<Scalar>(math::not_a_number()));
        Real variances(0);
        border_->sort([&](int64_t i) {
            const int64_t at = this->place_on_border(i);
            const uint32_t out = (some_padded_ != 0 ? padded_[at] : 0) | (some_masked_ != 0 ? masked_[at] : 0);
            const Real value = select(mask_of<Real>(out), nan, has_uneven_pixels() ? uneven_light(at) : raw_[at]);
            if (variance_map_) variances = variances + select(value != value, Real(0), variance_map_.at(at));
            return value;
        });
        const bool is_corrected = channel_.background == Subtracted::corrected_median;
        if (is_corrected) border_->rank();
        alignas(64) Scalar read_variances[kLanes];
        variances.store(read_variances);
        for (int lane = 0; lane < kLanes; ++lane) {
            const double n = border_->count(lane);
            const double read = read_variance_of(static_cast<double>(read_variances[lane]), n);
            if (n == 0) no_border_ |= 1u << lane;
            level_[lane] = n > 0 ? border_->median(lane) : has_uneven_pixels() ? 0.0 : channel_.camera_offset;
            double value = electrons_of(level_[lane]);
            if (is_corrected && n > 0) {
                const double step = gain_map_ ? 0 : gain_; // electrons a count
                const double within = has_uneven_pixels() ? 0 : math::median_within_count(border_->ranks(lane)) * step;
                const double mean = math::mean_of_skewed(value + within, n, excess_, read + step * step / 12);
                if (!has_uneven_pixels()) level_[lane] += (mean - value) / gain_;
                value = mean;
            }
            known_.set(lane, math::median_background(value, math::pixel_variance(value, read, excess_), n));
        }
    }

    using Pixels::bad_pixels_;
    using Pixels::gain_map_;
    using Pixels::masked_;
    using Pixels::offset_map_;

    std::optional<BorderMedians<Real>> border_;
    uint32_t* const on_annulus_; // words of a bit a lane, a word a pixel
    AnnulusPixels<Real> annulus_;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
