// The pixels of a block's crops, a crop in each lane, and which of them count (SPEC section 8). Images of registers, a register a pixel.
#pragma once

#include "cpu/camera_maps.hpp"
#include "cpu/crops.hpp"
#include "cpu/tile.hpp"
#include "math/aperture.hpp"
#include "math/border.hpp"
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

    PhotometryPixels(const Channel& channel, Workspace& workspace)
        : channel_(channel), n_pixels_(channel.height * channel.width), crops_(channel, workspace),
          tile_(channel, workspace), raw_(workspace.take<Real>(n_pixels_ + kLanes)),
          zeros_(workspace.take<uint32_t>(n_pixels_)), padded_(workspace.take<uint32_t>(n_pixels_)),
          masked_(workspace.take<uint32_t>(n_pixels_)), left_out_(workspace.take<uint32_t>(n_pixels_)),
          parts_(workspace.take<Real>(channel.method == Method::aperture ? n_pixels_ : 0)),
          offset_map_(channel, channel.offset_map, workspace), gain_map_(channel, channel.gain_map, workspace),
          variance_map_(channel, channel.read_variance_map, workspace), bad_pixels_(channel, channel.bad_pixels, workspace),
          background_map_(channel, channel.background_map, workspace), excess_(math::excess_noise(channel.em_gain)),
          gain_(channel.gain / channel.em_gain),
          read_variance_(channel.read_noise * channel.read_noise / (channel.em_gain * channel.em_gain))
    {
    }

    /// Steps on to the block's crops.
    void begin(const Job& job, const Block<kLanes>& block, const Block<kLanes>* next)
    {
        crops_.find(job, block, next);
        some_padded_ = some_masked_ = 0;
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

    /// Whether pixels differ in gain or offset.
    bool has_uneven_pixels() const { return offset_map_ || gain_map_; }

    /// Electrons above the offset, where pixels differ.
    LUMICROP_INLINE Real uneven_light(int64_t i) const
    {
        const math::Parts<Scalar> offset = math::in_parts<Scalar>(channel_.camera_offset);
        const Real gain =
            gain_map_ ? gain_map_.at(i) * Real(static_cast<Scalar>(1 / channel_.em_gain)) : Real(static_cast<Scalar>(gain_));
        return math::uneven_electrons(raw_[i], offset_map_ ? offset_map_.at(i) : Real(offset.high),
                                      offset_map_ ? Real(0) : Real(offset.low), gain);
    }

    double first_pixel(int lane) const
    {
        return with_pixel_type<Scalar>(channel_.images.dtype, [&](auto zero) {
            decltype(zero) pixel;
            __builtin_memcpy(&pixel, crops_.template rows<decltype(zero)>(lane, 0, 1).first, sizeof pixel);
            return static_cast<double>(pixel);
        });
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
            for (int64_t i = 0; i < n_border; ++i) found = found | (raw_[place_on_border(i)] == Real(0));
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
    Real* const raw_;       // counts
    uint32_t* const zeros_; // words of a bit a lane, a word a pixel
    uint32_t* const padded_;
    uint32_t* const masked_;
    uint32_t* const left_out_;
    Real* const parts_; // of pixels, within the aperture
    CameraMap<Real> offset_map_, gain_map_, variance_map_, bad_pixels_, background_map_;
    const double excess_, gain_, read_variance_; // F^2; electrons before multiplication a count; of reading, likewise
    uint32_t some_padded_ = 0, some_masked_ = 0, cut_short_ = 0; // lanes
    bool some_left_out_ = false;
    alignas(64) double column_[kLanes], row_[kLanes]; // of the fitted position
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
