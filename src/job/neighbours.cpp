#include "job/neighbours.hpp"

#include <algorithm>

#include "math/annulus.hpp"
#include "math/matched_filter.hpp"

namespace lumicrop {
namespace {

struct Keyed
{
    uint64_t key;
    int64_t crop;
};

} // namespace

Neighbours::Neighbours(const Job& job, const Channel& channel, const Detections& columns)
{
    if (!seeks_neighbours(channel)) return;
    const double band = channel.annulus_outer + channel.neighbour_radius;
    const double corner_x = job.pixel_corner ? 0.5 * channel.pixel_x_nm : 0,
                 corner_y = job.pixel_corner ? 0.5 * channel.pixel_y_nm : 0;
    std::vector<Keyed> order(static_cast<std::size_t>(channel.n));
    std::vector<FramePosition> by_crop(order.size());
    for (int64_t crop = 0; crop < channel.n; ++crop) {
        const int64_t i = channel.positions == nullptr ? channel.first + crop : channel.positions[crop];
        const FramePosition at{math::position_in_frame(read_real(columns.y_fit, i), channel.pixel_y_nm, corner_y),
                               math::position_in_frame(read_real(columns.x_fit, i), channel.pixel_x_nm, corner_x), crop};
        by_crop[static_cast<std::size_t>(crop)] = at;
        order[static_cast<std::size_t>(crop)] = {math::neighbour_key(read_whole(columns.frame, i), at.row, band), crop};
    }
    const auto before = [](const Keyed& a, const Keyed& b) { return a.key < b.key || (a.key == b.key && a.crop < b.crop); };
    if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);
    keys_.reserve(order.size());
    positions_.reserve(order.size());
    for (const Keyed& one : order) {
        keys_.push_back(one.key);
        positions_.push_back(by_crop[static_cast<std::size_t>(one.crop)]);
    }
}

} // namespace lumicrop
