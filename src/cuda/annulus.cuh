// Backgrounds on a ring around the fitted position (math/annulus.hpp), by a team each, for the kernels that come after.
//
// The box of pixels around the ring becomes values in the team's scratch, NaN where a pixel does not count; everything else looks at these.
#pragma once

#include "cuda/camera_maps.cuh"
#include "cuda/kernels.hpp"
#include "cuda/team_sum.cuh"
#include "math/annulus.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
namespace cuda {

/// Whose ring is measured, where, and what lies there. Rows and columns are those of the box, unless they say otherwise.
struct RingPlace
{
    CropWindow box;                 // its pixels that there are
    double row, column;             // of the position
    double frame_row, frame_column; // likewise
    CameraPlace camera;             // of the box
    int64_t crop_row, crop_column;  // of the crop's first pixel
    int64_t crop, frame;

    __device__ __forceinline__ bool is_known() const { return row == row && column == column; }
};

/// Frames, or the boxes that were cut out of them: `reach` pixels around the one nearest to each position. Crops: their own pixels.
__device__ __forceinline__ RingPlace ring_place(const ChannelView& view, const Place& place, const CropWindow& window)
{
    const AnnulusView& annulus = view.annulus;
    RingPlace ring{};
    ring.crop = place.crop;
    ring.frame_row = math::position_in_frame(real_at(view.columns.y_fit, place, 0), view.pixel_y_nm, view.corner_y_nm);
    ring.frame_column = math::position_in_frame(real_at(view.columns.x_fit, place, 0), view.pixel_x_nm, view.corner_x_nm);
    if (view.columns.frame.data != nullptr) ring.frame = whole_at(view.columns.frame, place);
    const double y0 = number_at(view.columns.Y0, place), x0 = number_at(view.columns.X0, place);
    if (!annulus.in_frames) {
        ring.box = window;
        ring.row = ring.frame_row - y0;
        ring.column = ring.frame_column - x0;
        ring.camera = {static_cast<int64_t>(y0), static_cast<int64_t>(x0), 0};
        return ring;
    }
    const int64_t top = math::nearest_pixel(ring.frame_row) - annulus.reach,
                  left = math::nearest_pixel(ring.frame_column) - annulus.reach;
    int64_t begin, end;
    math::clip(top, annulus.height, view.frame_height, begin, end);
    ring.box.row_begin = static_cast<int32_t>(begin);
    ring.box.row_end = static_cast<int32_t>(end);
    math::clip(left, annulus.width, view.frame_width, begin, end);
    ring.box.column_begin = static_cast<int32_t>(begin);
    ring.box.column_end = static_cast<int32_t>(end);
    const ImagesView& images = annulus.images;
    ring.box.corner = annulus.are_boxes ? images.data + place.crop * images.strides[0]
                                        : images.data + ring.frame * images.strides[0] + top * images.strides[1] +
                                              left * images.strides[2];
    ring.row = ring.frame_row - static_cast<double>(top);
    ring.column = ring.frame_column - static_cast<double>(left);
    ring.camera = {top, left, 0};
    ring.crop_row = static_cast<int64_t>(y0) - top;
    ring.crop_column = static_cast<int64_t>(x0) - left;
    return ring;
}

/// A ring's values as the statistics see them. All threads of the team see the same.
template <class Real, class Team>
struct TeamRing
{
    const Team& team;
    const Real* values;
    int32_t n; // NaN among them

    template <class Use>
    __device__ __forceinline__ void for_each(double low, double high, Use use) const
    {
        for (int32_t i = team.rank(); i < n; i += Team::kThreads) {
            const Real value = values[i];
            if (static_cast<double>(value) >= low && static_cast<double>(value) <= high) use(value);
        }
    }
    __device__ __forceinline__ int64_t count(double low, double high) const
    {
        uint32_t here = 0;
        for_each(low, high, [&](Real) { ++here; });
        return static_cast<int64_t>(team.sum(here));
    }
    __device__ __forceinline__ math::Middle<Real> middle(double low, double high, int64_t n_held) const
    {
        return select_middle<Real>(
            team, n_held, [&](auto use) { for_each(low, high, [&](Real value) { use(math::ordered_bits(value)); }); });
    }
    __device__ __forceinline__ math::PivotedSums sums(double pivot, double low, double high) const
    {
        math::PivotedSums here{0, 0};
        for_each(low, high, [&](Real value) {
            const double above = static_cast<double>(value) - pivot;
            here.sum += above;
            here.squares += above * above;
        });
        return {team.sum(here.sum), team.sum(here.squares)};
    }
};

template <class Real, class Team>
class AnnulusOfCrop
{
public:
    __device__ __forceinline__ AnnulusOfCrop(const ChannelView& view, const Team& team, const RingPlace& place,
                                             const CropWindow& window, TeamScratch scratch)
        : view_(view), annulus_(view.annulus), team_(team), place_(place),
          window_(window), radii_{annulus_.inner, annulus_.outer, annulus_.neighbour},
          maps_(view.counting.maps, place_.camera), values_(scratch.take<Real>(int64_t{annulus_.height} * annulus_.width)),
          rest_(scratch)
    {
    }

    /// Writes what the ring comes to.
    __device__ __forceinline__ void measure() const
    {
        MeasuredRing& measured = annulus_.measured[place_.crop];
        gather();
        if (annulus_.neighbours.n > 0) leave_neighbours_out();
        team_.sync();
        const TeamRing<Real, Team> ring{team_, values_, annulus_.height * annulus_.width};
        const math::RingStatistic statistic =
            view_.counting.background == Subtracted::annulus_median ? math::RingStatistic::median
            : view_.counting.background == Subtracted::annulus_mean ? math::RingStatistic::mean
                                                                    : math::RingStatistic::clipped;
        const math::RingLevel level = math::ring_level(statistic, ring);
        const double read = maps_.has_read_variance() ? mean_read_variance(level) : view_.counting.read_variance;
        if (annulus_.used != nullptr) tell_used(level);
        if (team_.rank() != 0) return;
        const double electrons = is_uneven() ? level.value : (level.value - view_.camera_offset) * view_.counting.electrons;
        const double variance = math::pixel_variance(electrons, read, view_.counting.excess);
        const math::KnownBackground known = math::ring_background(statistic, electrons, variance, level.n);
        measured = {level.value, known.value, known.variance, known.covariance, known.pixels, place_.is_known()};
    }

private:
    __device__ __forceinline__ bool is_uneven() const { return maps_.has_offset() || maps_.has_gain(); }
    template <class Use>
    __device__ __forceinline__ void for_each_pixel_of_box(Use use) const
    {
        for_each_pixel(team_, annulus_.height, annulus_.width,
                       [&](int32_t row, int32_t column) { use(row, column, values_[row * annulus_.width + column]); });
    }

    __device__ __forceinline__ void gather() const
    {
        const FarPixels<Real> pixels{annulus_.images, place_.box};
        const FarPixels<Real> own{view_.images, window_};
        PaddingBits padding{nullptr, static_cast<int32_t>(PaddingBits::words_of(view_.width))};
        if (!annulus_.in_frames)
            padding.words = find_padding(
                view_, team_, TeamCrop<Real, FarPixels<Real>>{own, window_, view_.frame_known && is_clipped(view_, window_)},
                rest_);
        for_each_pixel_of_box([&](int32_t row, int32_t column, Real& value) {
            value = static_cast<Real>(math::not_a_number());
            if (!place_.is_known() || !place_.box.holds(row, column) || padding.at(row, column)) return;
            if (!radii_.holds(row - place_.row, column - place_.column)) return;
            if (maps_.any() && maps_.masks(row, column)) return;
            const Real raw = pixels.at(row, column);
            const Real found = is_uneven() ? electrons(raw, row, column) : raw;
            if (found - found == Real(0)) value = found;
        });
    }

    __device__ __forceinline__ Real electrons(Real raw, int32_t row, int32_t column) const
    {
        const math::Parts<Real> offset = math::in_parts<Real>(view_.camera_offset);
        const bool is_own = maps_.has_offset();
        const Real gain = maps_.has_gain() ? maps_.gain(row, column) * static_cast<Real>(1 / view_.counting.multiplied)
                                           : static_cast<Real>(view_.counting.electrons);
        return math::uneven_electrons(raw, is_own ? maps_.offset(row, column) : offset.high, is_own ? Real(0) : offset.low,
                                      gain);
    }

    /// Each warp looks for them all, and each thread then at its own pixels.
    __device__ __forceinline__ void leave_neighbours_out() const
    {
        const NeighbourTable& all = annulus_.neighbours;
        const uint64_t key = math::neighbour_key(place_.frame, place_.frame_row, radii_.outer + radii_.neighbour);
        if (key == math::kNoNeighbour) return;
        const int lane = static_cast<int>(threadIdx.x) % kWarp;
        const int64_t end = math::keys_below(all.keys, all.n, key + 2);
        for (int64_t first = math::keys_below(all.keys, all.n, key - 1); first < end; first += kWarp) {
            double row = 0, column = 0;
            bool is_near = false;
            if (first + lane < end) {
                const FramePosition& other = all.positions[first + lane];
                row = other.row - place_.frame_row;
                column = other.column - place_.frame_column;
                is_near = other.crop != place_.crop && radii_.meets(row, column);
            }
            for (uint32_t left = __ballot_sync(0xFFFFFFFFu, is_near); left != 0; left &= left - 1) {
                const int source = __ffs(static_cast<int>(left)) - 1;
                hide(__shfl_sync(0xFFFFFFFFu, row, source) + place_.row,
                     __shfl_sync(0xFFFFFFFFu, column, source) + place_.column);
            }
        }
    }
    __device__ __forceinline__ void hide(double other_row, double other_column) const
    {
        for_each_pixel_of_box([&](int32_t row, int32_t column, Real& value) {
            if (radii_.hides(row - other_row, column - other_column)) value = static_cast<Real>(math::not_a_number());
        });
    }

    __device__ __forceinline__ static bool holds(const math::RingLevel& level, Real value)
    {
        return static_cast<double>(value) >= level.low && static_cast<double>(value) <= level.high;
    }

    __device__ __forceinline__ double mean_read_variance(const math::RingLevel& level) const
    {
        double sum = 0;
        for_each_pixel_of_box([&](int32_t row, int32_t column, Real value) {
            if (holds(level, value)) sum += static_cast<double>(maps_.read_variance(row, column));
        });
        return team_.sum(sum) / level.n / (view_.counting.multiplied * view_.counting.multiplied);
    }

    /// A bit for every pixel of the crop that the level was taken from.
    __device__ __forceinline__ void tell_used(const math::RingLevel& level) const
    {
        const int32_t n = view_.height * view_.width;
        uint32_t* const words = annulus_.used + place_.crop * annulus_.used_words;
        for (int32_t word = team_.rank(); word < annulus_.used_words; word += Team::kThreads) {
            uint32_t bits = 0;
            for (int32_t i = word * 32; i < n && i < word * 32 + 32; ++i) {
                const int64_t row = place_.crop_row + i / view_.width, column = place_.crop_column + i % view_.width;
                const bool in_box = row >= 0 && row < annulus_.height && column >= 0 && column < annulus_.width;
                bits |= static_cast<uint32_t>(in_box && holds(level, values_[row * annulus_.width + column])) << i % 32;
            }
            words[word] = bits;
        }
    }

    const ChannelView& view_;
    const AnnulusView& annulus_;
    const Team& team_;
    const RingPlace& place_;
    const CropWindow& window_;
    const math::Annulus radii_;
    const CropMaps<Real> maps_;
    Real* const values_;
    const TeamScratch rest_;
};

/// Scratch of a team: the box's values, and of a crop its padding.
template <class Real>
constexpr int64_t annulus_scratch(const AnnulusShape& shape)
{
    const int64_t padding =
        shape.in_frames ? 0 : 3 * scratch_bytes<uint32_t>(shape.height * PaddingBits::words_of(shape.width));
    return scratch_bytes<Real>(shape.height * shape.width) + padding;
}

template <class Real, class Team>
__device__ __forceinline__ void measure_annulus(const ChannelView& view, const Team& team, int64_t at, std::byte* scratch)
{
    const Place place = place_of(view, at);
    if (!place.used || !has_good_frame(view, place)) return;
    const CropWindow window = window_of(view, place, true);
    const RingPlace ring = ring_place(view, place, window);
    AnnulusOfCrop<Real, Team>(view, team, ring, window, TeamScratch(scratch)).measure();
}

} // namespace cuda
} // namespace lumicrop
