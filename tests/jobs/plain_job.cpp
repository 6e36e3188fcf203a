#include "plain_job.hpp"

#include "as_given.hpp"
#include "chance.hpp"
#include "random_channel.hpp"
#include "random_spline.hpp"

namespace test {

Job plain_job(const Cell& cell, int64_t height, int64_t width, int64_t n, uint64_t seed, lumicrop_source source)
{
    Chance chance(seed, 0);
    Job job;
    job.name = "plain job of seed " + std::to_string(seed) + ", " + name_of(cell.dtype) + " " + std::to_string(height) +
               "x" + std::to_string(width) + ", method " + std::to_string(static_cast<int>(cell.method)) + ", padding " +
               std::to_string(cell.padding) + ", " + std::to_string(n) + " detections";
    ChannelInput channel;
    channel.dtype = cell.dtype;
    channel.source = LUMICROP_GATHERED;
    channel.method = cell.method == Photometry::sum ? LUMICROP_SUM : LUMICROP_FILTER;
    channel.model = cell.method == Photometry::gauss    ? LUMICROP_GAUSS
                    : cell.method == Photometry::spline ? LUMICROP_SPLINE
                                                        : LUMICROP_ISOGAUSS;
    channel.padding = cell.padding;
    channel.height = height;
    channel.width = width;
    channel.n = job.n = n;
    channel.n_frames = 5;
    channel.frame_height = height + 20;
    channel.frame_width = width + 24;
    channel.camera_offset = 12.5;
    channel.gain = 0.7;
    channel.qe = 0.9;
    if (cell.method == Photometry::spline) channel.spline = random_spline(chance, channel);
    fill_pixels(chance, channel);
    channel.layout = {};
    std::vector<double> frame, x0, y0, x, y, z, offset, sigma, sigma_x, sigma_y, angle;
    for (int64_t i = 0; i < n; ++i) {
        const bool at_the_edge = chance.happens(0.25);
        frame.push_back(static_cast<double>(chance.whole(0, channel.n_frames - 1)));
        x0.push_back(static_cast<double>(at_the_edge ? chance.whole(-width, channel.frame_width) : chance.whole(0, 24)));
        y0.push_back(static_cast<double>(at_the_edge ? chance.whole(-height, channel.frame_height) : chance.whole(0, 20)));
        x.push_back(100 * (x0.back() + 0.5 * static_cast<double>(width - 1) + 0.6 * chance.normal()));
        y.push_back(100 * (y0.back() + 0.5 * static_cast<double>(height - 1) + 0.6 * chance.normal()));
        z.push_back(chance.between(-500, 500));
        offset.push_back(chance.happens(0.03) ? std::nan("") : chance.between(5, 100));
        sigma.push_back(chance.between(70, 200));
        sigma_x.push_back(chance.between(70, 200));
        sigma_y.push_back(chance.between(70, 200));
        angle.push_back(chance.happens(0.3) ? 0 : chance.between(-180, 180));
    }
    job.frame = column(frame, LUMICROP_I32);
    job.X0 = column(x0, LUMICROP_I32);
    job.Y0 = column(y0, LUMICROP_I32);
    job.x_fit = column(x, LUMICROP_F64);
    job.y_fit = column(y, LUMICROP_F32);
    job.z_fit = column(z, LUMICROP_F32);
    job.os_fit = column(offset, LUMICROP_F32);
    job.sigma_fit = column(sigma, LUMICROP_F32);
    job.sigma_x_fit = column(sigma_x, LUMICROP_F64);
    job.sigma_y_fit = column(sigma_y, LUMICROP_F32);
    job.sigma_angle = column(angle, LUMICROP_F32);
    job.channels.push_back(channel);
    return source == LUMICROP_GATHERED ? job : as_given(job);
}

} // namespace test
