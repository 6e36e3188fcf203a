// Backgrounds on a ring around the fitted position (math/annulus.hpp), one lane's crop after the other: rings differ in their pixels.
#pragma once

#include <algorithm>

#include "cpu/camera_maps.hpp"
#include "math/annulus.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

constexpr math::RingStatistic statistic_of(Subtracted background)
{
    return background == Subtracted::annulus_median ? math::RingStatistic::median
           : background == Subtracted::annulus_mean ? math::RingStatistic::mean
                                                    : math::RingStatistic::clipped;
}

/// A type of this instruction set's own, so that no algorithm of the standard library that is compiled for one can be linked into another.
struct IsLess
{
    template <class Scalar>
    bool operator()(Scalar a, Scalar b) const
    {
        return a < b;
    }
};

/// A ring's values.
template <class Scalar>
struct RingValues
{
    const Scalar* values;
    Scalar* scratch; // as many
    int64_t n;

    int64_t count(double low, double high) const
    {
        int64_t found = 0;
        for (int64_t i = 0; i < n; ++i) found += holds(values[i], low, high);
        return found;
    }
    math::Middle<Scalar> middle(double low, double high, int64_t n_held) const
    {
        Scalar* const end = std::copy_if(values, values + n, scratch, [&](Scalar value) { return holds(value, low, high); });
        Scalar* const upper = scratch + math::upper_middle(n_held);
        std::nth_element(scratch, upper, end, IsLess());
        return {n_held % 2 == 0 ? *std::max_element(scratch, upper, IsLess()) : *upper, *upper};
    }
    math::PivotedSums sums(double pivot, double low, double high) const
    {
        math::PivotedSums sums{0, 0};
        for (int64_t i = 0; i < n; ++i) {
            if (!holds(values[i], low, high)) continue;
            const double above = static_cast<double>(values[i]) - pivot;
            sums.sum += above;
            sums.squares += above * above;
        }
        return sums;
    }
    static bool holds(Scalar value, double low, double high)
    {
        return static_cast<double>(value) >= low && static_cast<double>(value) <= high;
    }
};

/// The pixels of one lane's ring at a time. Rows and columns are those of the images that they lie in: frames, or crops.
template <class Real>
class AnnulusPixels
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    AnnulusPixels(const Channel& channel, Workspace& workspace)
        : channel_(channel), annulus_{channel.annulus_inner, channel.annulus_outer, channel.neighbour_radius},
          statistic_(statistic_of(channel.background)), most_(most_pixels(channel, annulus_)),
          places_(workspace.take<Place>(most_)), values_(workspace.take<Scalar>(most_)),
          scratch_(workspace.take<Scalar>(most_))
    {
    }

    /// Steps on to the block's detections.
    void find(const Job& job, const Block<kLanes>& block)
    {
        const Detections& columns = job.detections;
        read_any(columns.X0, block, first_column_);
        read_any(columns.Y0, block, first_row_);
        alignas(64) double x[kLanes], y[kLanes];
        read_lanes(columns.x_fit, block, 0.0, x);
        read_lanes(columns.y_fit, block, 0.0, y);
        if (columns.frame) read_any(columns.frame, block, frame_);
        for (int lane = 0; lane < kLanes; ++lane) {
            column_[lane] = math::position_in_frame(x[lane], channel_.pixel_x_nm, corner(job, channel_.pixel_x_nm));
            row_[lane] = math::position_in_frame(y[lane], channel_.pixel_y_nm, corner(job, channel_.pixel_y_nm));
            crop_[lane] = block.crop[lane];
        }
    }

    /// What a lane's ring comes to. `read(row, column, value)` reads a pixel, and tells whether it counts.
    template <class Read>
    math::RingLevel measure(int lane, Read read)
    {
        gather(lane);
        if (channel_.neighbours.n > 0) leave_neighbours_out(lane);
        int64_t n = 0;
        for (int64_t i = 0; i < n_; ++i) {
            const Place at = places_[i];
            Scalar value = 0;
            if (!read(at.row, at.column, value) || !(value - value == Scalar(0))) continue;
            places_[n] = at;
            values_[n++] = value;
        }
        n_ = n;
        return math::ring_level(statistic_, RingValues<Scalar>{values_, scratch_, n});
    }

    /// Calls `use(row, column)` for the pixels that the level was taken from.
    template <class Use>
    void for_each_pixel(const math::RingLevel& level, Use use) const
    {
        for (int64_t i = 0; i < n_; ++i)
            if (RingValues<Scalar>::holds(values_[i], level.low, level.high)) use(places_[i].row, places_[i].column);
    }

    bool has_position(int lane) const { return row_[lane] == row_[lane] && column_[lane] == column_[lane]; }
    int64_t image(int lane) const { return channel_.gathered ? frame_[lane] : crop_[lane]; }
    /// Where the images lie in the frame.
    double image_row(int lane) const { return channel_.gathered ? 0.0 : first_row_[lane]; }
    double image_column(int lane) const { return channel_.gathered ? 0.0 : first_column_[lane]; }
    /// Where the lane's crop lies among the images' pixels.
    int64_t crop_row(int lane) const { return channel_.gathered ? static_cast<int64_t>(first_row_[lane]) : 0; }
    int64_t crop_column(int lane) const { return channel_.gathered ? static_cast<int64_t>(first_column_[lane]) : 0; }

private:
    struct Place
    {
        int32_t row, column;
    };

    static int64_t most_pixels(const Channel& channel, const math::Annulus& annulus)
    {
        if (!is_annulus(channel.background)) return 0;
        const int64_t side = 2 * annulus.reach() + 1;
        return std::min(side, image_height(channel)) * std::min(side, image_width(channel));
    }
    static int64_t image_height(const Channel& channel) { return channel.gathered ? channel.frame_height : channel.height; }
    static int64_t image_width(const Channel& channel) { return channel.gathered ? channel.frame_width : channel.width; }
    static double corner(const Job& job, double pixel_nm) { return job.pixel_corner ? 0.5 * pixel_nm : 0; }

    /// The ring's pixels, as far as there is an image.
    void gather(int lane)
    {
        n_ = 0;
        const double row = row_[lane] - image_row(lane), column = column_[lane] - image_column(lane);
        if (row != row || column != column) return;
        int64_t row_begin, row_end, column_begin, column_end;
        const int64_t reach = annulus_.reach(), side = 2 * reach + 1;
        const int64_t top = math::nearest_pixel(row) - reach, left = math::nearest_pixel(column) - reach;
        math::clip(top, side, image_height(channel_), row_begin, row_end);
        math::clip(left, side, image_width(channel_), column_begin, column_end);
        for (int64_t r = top + row_begin; r < top + row_end; ++r)
            for (int64_t c = left + column_begin; c < left + column_end; ++c)
                if (annulus_.holds(static_cast<double>(r) - row, static_cast<double>(c) - column))
                    places_[n_++] = {static_cast<int32_t>(r), static_cast<int32_t>(c)};
    }

    void leave_neighbours_out(int lane)
    {
        const NeighbourTable& all = channel_.neighbours;
        const uint64_t key = math::neighbour_key(frame_[lane], row_[lane], annulus_.outer + annulus_.neighbour);
        if (key == math::kNoNeighbour) return;
        const int64_t end = math::keys_below(all.keys, all.n, key + 2);
        for (int64_t k = math::keys_below(all.keys, all.n, key - 1); k < end; ++k) {
            const FramePosition& other = all.positions[k];
            if (other.crop == crop_[lane] || !annulus_.meets(other.row - row_[lane], other.column - column_[lane])) continue;
            const double row = other.row - image_row(lane), column = other.column - image_column(lane);
            const Place* const left = std::remove_if(
                places_, places_ + n_, [&](const Place& at) { return annulus_.hides(at.row - row, at.column - column); });
            n_ = left - places_;
        }
    }

    const Channel& channel_;
    const math::Annulus annulus_;
    const math::RingStatistic statistic_;
    const int64_t most_;
    Place* const places_;
    Scalar* const values_;
    Scalar* const scratch_;
    int64_t n_ = 0;
    alignas(64) double first_row_[kLanes], first_column_[kLanes], row_[kLanes], column_[kLanes];
    alignas(64) int64_t frame_[kLanes] = {}, crop_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
