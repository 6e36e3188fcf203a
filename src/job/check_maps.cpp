// Maps of a camera's pixels: do they hold what they should, and cover every crop?
#include <cmath>
#include <cstdlib>

#include "job/job.hpp"
#include "job/refusal.hpp"

namespace lumicrop {
namespace {

/// Calls `use(row, column, value)` for every pixel of a host map of numbers.
template <class Use>
void for_each_pixel(const Images& map, Use use)
{
    for (int64_t row = 0; row < map.shape[1]; ++row)
        for (int64_t column = 0; column < map.shape[2]; ++column) {
            const std::byte* const at = map.data + row * map.strides[1] + column * map.strides[2];
            use(row, column,
                map.dtype == Dtype::f32 ? static_cast<double>(*reinterpret_cast<const float*>(at))
                                        : *reinterpret_cast<const double*>(at));
        }
}

/// What a host map may hold. NaN may stand anywhere: it masks its pixel.
void check_values(const Images& map, const std::string& name, bool zero_allowed)
{
    if (map.data == nullptr || map.on_device) return;
    for_each_pixel(map, [&](int64_t row, int64_t column, double value) {
        if (std::isnan(value) || (value > 0 && std::isfinite(value)) || (zero_allowed && value == 0)) return;
        refuse(name + "[" + std::to_string(row) + ", " + std::to_string(column) + "] is " + std::to_string(value) +
               ", a finite number " + (zero_allowed ? "of 0 or more" : "above 0") + " expected, or nan to mask the pixel");
    });
}

} // namespace

void check_maps(const Job& job, const Channel& channel, int64_t number)
{
    const std::string which = "channel " + std::to_string(number) + ": ";
    check_values(channel.gain_map, which + "gain_map", false);
    check_values(channel.read_variance_map, which + "read_variance_map", true);
    const Column &X0 = job.detections.X0, &Y0 = job.detections.Y0, &frame = job.detections.frame;
    if (!has_maps(channel) || X0.on_device || Y0.on_device) return;
    Images map;
    std::string name;
    for_each_map(channel, [&](const char* one, const Images& found) {
        if (map.data == nullptr) map = found, name = one;
    });
    const bool many = channel.background_map.shape[0] > 1 && !channel.gathered && !frame.on_device;
    // Gathered crops, and those padded by geometry, may reach beyond the frame, whose size the maps have.
    if (channel.frame_known && !many) return;
    for (int64_t j = 0; j < channel.n; ++j) {
        const int64_t i = channel.positions == nullptr ? channel.first + j : channel.positions[j];
        if (!channel.frame_known) {
            const int64_t x = read_whole(X0, i), y = read_whole(Y0, i);
            if (x < 0 || y < 0 || x > map.shape[2] - channel.width || y > map.shape[1] - channel.height)
                refuse(which + name + " has " + std::to_string(map.shape[1]) + " x " + std::to_string(map.shape[2]) +
                       " pixels, which do not cover the crop of detection " + std::to_string(i) +
                       " at X0 = " + std::to_string(x) + ", Y0 = " + std::to_string(y));
        }
        if (!many) continue;
        const int64_t at = read_whole(frame, i);
        if (at < 0 || at >= channel.background_map.shape[0])
            refuse(which + "frame[" + std::to_string(i) + "] is " + std::to_string(at) +
                   ", a frame of background_map from 0 to " + std::to_string(channel.background_map.shape[0] - 1) +
                   " expected");
    }
}

} // namespace lumicrop
