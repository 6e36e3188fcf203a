// What a team's crop is to the estimators (SPEC section 8): which pixels count, the background, the electrons above it and their variance, as
// images in the team's scratch.
#pragma once

#include "cuda/camera_maps.cuh"
#include "cuda/photometry_outcome.cuh"
#include "cuda/team_pixels.cuh"
#include "cuda/team_sum.cuh"

namespace lumicrop {
namespace cuda {

/// Where a crop lies, and the background that its detection's column tells.
struct LightParameters
{
    double background; // photons a pixel
    CameraPlace place;
    int64_t crop;
};

template <class Real, class Pixels, class Team>
class TeamLight
{
protected:
    static constexpr uint8_t kPadded = 1, kMasked = 2; // marks

    __device__ __forceinline__ TeamLight(const ChannelView& view, const Team& team, const LightParameters& given,
                                         const TeamCrop<Real, Pixels>& crop, TeamScratch scratch)
        : view_(view), counting_(view.counting), team_(team), crop_(crop), maps_(view.counting.maps, given.place),
          n_pixels_(view.height * view.width), given_(given), marks_(scratch.take<uint8_t>(n_pixels_)),
          light_(scratch.take<Real>(n_pixels_)), variance_(scratch.take<Real>(n_pixels_)),
          psf_(scratch.take<Real>(n_pixels_)), rest_(scratch)
    {
    }

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

    // -- electrons above it ------------------------------------------------------------------------------------------------------

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

    const ChannelView& view_;
    const Counting& counting_;
    const Team& team_;
    const TeamCrop<Real, Pixels>& crop_;
    const CropMaps<Real> maps_;
    const int32_t n_pixels_;
    uint32_t left_out_ = 0; // marks of pixels that do not count
    bool is_marked_ = false, some_padded_ = false, some_masked_ = false, no_border_ = false;
    bool by_part_ = false; // pixels that an aperture does not touch do not count, either
    Level level_;

private:
    const LightParameters& given_;
    uint8_t* const marks_;
    Real* const light_;      // electrons above the level
    Real* const variance_;   // of a pixel without the model, where maps tell it
    Real base_variance_ = 0; // where they do not

protected:
    Real* const psf_;        // or the aperture's parts
    const TeamScratch rest_; // padding first, then the PSF's
};

} // namespace cuda
} // namespace lumicrop
