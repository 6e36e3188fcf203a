// What a block's crops are to the estimators, a crop in each lane: which pixels count, the background, electrons above it and their variance
// (SPEC section 8). Images of registers, a register a pixel.
#pragma once

#include "cpu/annulus.hpp"
#include "cpu/camera_maps.hpp"
#include "cpu/counted_pixels.hpp"
#include "cpu/filter_block.hpp"
#include "cpu/known_backgrounds.hpp"
#include "cpu/tile.hpp"
#include "math/aperture.hpp"
#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/padding.hpp"
#include "math/photometry.hpp"
#include "math/rotation.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class PhotometryPixels
{
protected:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;
    using Wide = WideLanes<Real>;

    PhotometryPixels(const Channel& channel, Workspace& workspace)
        : channel_(channel), n_pixels_(channel.height * channel.width), crops_(channel, workspace),
          tile_(channel, workspace), raw_(workspace.take<Real>(n_pixels_ + kLanes)), light_(workspace.take<Real>(n_pixels_)),
          variance_(workspace.take<Real>(has_variances(channel) ? n_pixels_ : 1)),
          border_(workspace.take<Real>(measures_border(channel) ? math::border_size(channel.height, channel.width) + 1 : 0)),
          zeros_(workspace.take<uint32_t>(n_pixels_)), padded_(workspace.take<uint32_t>(n_pixels_)),
          masked_(workspace.take<uint32_t>(n_pixels_)), left_out_(workspace.take<uint32_t>(n_pixels_)),
          parts_(workspace.take<Real>(channel.method == Method::aperture ? n_pixels_ : 0)),
          on_annulus_(workspace.take<uint32_t>(is_annulus(channel.background) ? n_pixels_ : 0)),
          annulus_(channel, workspace), offset_map_(channel, channel.offset_map, workspace),
          gain_map_(channel, channel.gain_map, workspace), variance_map_(channel, channel.read_variance_map, workspace),
          bad_pixels_(channel, channel.bad_pixels, workspace), background_map_(channel, channel.background_map, workspace),
          excess_(math::excess_noise(channel.em_gain)), gain_(channel.gain / channel.em_gain),
          read_variance_(channel.read_noise * channel.read_noise / (channel.em_gain * channel.em_gain))
    {
    }

    /// Steps on to the block's crops.
    void begin(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next)
    {
        crops_.find(job, block, next);
        some_padded_ = some_masked_ = no_border_ = 0;
        some_left_out_ = false;
    }

    /// Turns the crops' pixels, and cuts their parts out of the maps.
    void load(const Job& job, const Block<kLanes>& block)
    {
        for (int64_t row = 0; row < channel_.height; row += tile_.strip_rows()) {
            const int64_t end = row + tile_.strip_rows() < channel_.height ? row + tile_.strip_rows() : channel_.height;
            tile_.load(crops_, row, end, reinterpret_cast<Scalar*>(raw_ + row * channel_.width));
        }
        for (CameraMap<Real>* map : {&offset_map_, &gain_map_, &variance_map_, &bad_pixels_, &background_map_})
            map->find(job, block);
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
    /// Whether pixels differ in gain or offset.
    bool has_uneven_pixels() const { return offset_map_ || gain_map_; }

    /// What is taken off each pixel, and the variance of one without the model.
    struct Level
    {
        Real high, low;  // counts; electrons
        Real background; // electrons, where pixels differ
        Real base;
    };

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
        for (int64_t i = 0; i < n_pixels_; ++i) {
            typename Real::Mask bad = Real(0) != Real(0);
            if (offset_map_) bad = bad | !math::is_usable_level(offset_map_.at(i));
            if (gain_map_) bad = bad | !math::is_usable_gain(gain_map_.at(i));
            if (variance_map_) bad = bad | !math::is_usable_variance(variance_map_.at(i));
            if (bad_pixels_) bad = bad | (bad_pixels_.at(i) != Real(0));
            if (background_map_) bad = bad | !math::is_usable_level(background_map_.at(i));
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
            const Wide electrons = Wide::load(photons) * Wide(channel_.qe);
            known_.set_given(electrons);
            (Wide(channel_.camera_offset) + electrons / Wide(gain_)).store(level_);
            return;
        }
        case Subtracted::fitted: {
            // Above the crop's first pixel, so that a large level costs no digits.
            alignas(64) double electrons[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) {
                const double first = first_pixel(lane);
                const bool usable =
                    !has_uneven_pixels() && math::is_finite(first) && !(some_left_out_ && (left_out_[0] >> lane & 1) != 0);
                level_[lane] = usable ? first : channel_.camera_offset;
                electrons[lane] = usable ? (first - channel_.camera_offset) * gain_ : 0;
            }
            known_.set_given(Wide::load(electrons));
            return;
        }
        case Subtracted::map:
            known_.set_given(Wide(0.0));
            Wide(channel_.camera_offset).store(level_);
            return;
        case Subtracted::annulus_median:
        case Subtracted::annulus_mean:
        case Subtracted::annulus_clipped: measure_annulus(job, block); return;
        default: measure_border();
        }
    }

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
            const double read =
                variance_map_ && level.n > 0 ? variances / level.n / (channel_.em_gain * channel_.em_gain) : read_variance_;
            const double value = has_uneven_pixels() ? level.value : (level.value - channel_.camera_offset) * gain_;
            const double variance = math::pixel_variance(value, read, excess_);
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
        const Real gain =
            gain_map_ ? gain_map_.at(i) * Real(static_cast<Scalar>(1 / channel_.em_gain)) : Real(static_cast<Scalar>(gain_));
        return math::uneven_electrons(raw_[i], offset_map_ ? offset_map_.at(i) : Real(offset.high),
                                      offset_map_ ? Real(0) : Real(offset.low), gain);
    }

    /// The median of the border's pixels, in counts; in electrons where pixels differ.
    void measure_border()
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
            known_.set(lane, math::median_background(value, variance_there, n_border));
        }
    }

    // -- images ------------------------------------------------------------------------------------------------------

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
        return {n_pixels_,
                channel_.method == Method::aperture ? parts_
                : psf != nullptr                    ? psf
                                                    : raw_,
                light_,
                variance_,
                has_variances(channel_) ? 1 : 0,
                some_left_out_ ? left_out_ : nullptr};
    }

    /// The part of each pixel within the aperture. Pixels that it does not touch are left out.
    void cut_out()
    {
        const math::RotationOf<double> turn = math::rotation(channel_.aperture_theta_deg);
        auto* const parts = reinterpret_cast<Scalar*>(parts_);
        if (!some_left_out_)
            for (int64_t i = 0; i < n_pixels_; ++i) left_out_[i] = 0;
        some_left_out_ = true;
        cut_short_ = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            const math::Aperture aperture{column_[lane], row_[lane],          turn.cosine,
                                          turn.sine,     channel_.aperture_x, channel_.aperture_y};
            double area = 0; // that is not padding
            for (int64_t row = 0, i = 0; row < channel_.height; ++row)
                for (int64_t column = 0; column < channel_.width; ++column, ++i) {
                    const double part = aperture.part_of_pixel(static_cast<double>(column), static_cast<double>(row));
                    parts[i * kLanes + lane] = static_cast<Scalar>(part);
                    left_out_[i] |= static_cast<uint32_t>(part == 0) << lane;
                    if (some_padded_ == 0 || (padded_[i] >> lane & 1) == 0) area += part;
                }
            cut_short_ |= static_cast<uint32_t>(aperture.is_cut_short(area) && area == area) << lane;
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
            const int64_t at = on_border ? place_on_border(i) : i;
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
    Real* const parts_; // of pixels, within the aperture
    uint32_t* const on_annulus_;
    AnnulusPixels<Real> annulus_;
    CameraMap<Real> offset_map_, gain_map_, variance_map_, bad_pixels_, background_map_;
    const double excess_, gain_, read_variance_; // F^2; electrons before multiplication a count; of reading, likewise
    uint32_t some_padded_ = 0, some_masked_ = 0, no_border_ = 0, cut_short_ = 0; // lanes
    bool some_left_out_ = false;
    KnownBackgrounds<Real> known_;                    // while it is fitted: the level that it is fitted above
    alignas(64) double level_[kLanes];                // what is subtracted from each pixel [counts]
    alignas(64) double column_[kLanes], row_[kLanes]; // of the fitted position
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
