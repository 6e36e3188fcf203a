#include "field_job.hpp"

#include "expected.hpp"

#include <cmath>

namespace test {

Job field_job(const EstimateKind& kind, const std::vector<FieldSpot>& spots, const FieldRing& ring, lumicrop_dtype dtype,
              int64_t n_frames, int64_t height, int64_t width, int64_t crop, uint64_t seed)
{
    Chance chance(seed, 0xF1E1D);
    Job job;
    job.name = "field of seed " + std::to_string(seed) + ", " + name_of(dtype) + ", method " + std::to_string(kind.method) +
               ", background " + std::to_string(kind.background);
    ChannelInput channel;
    channel.source = LUMICROP_GATHERED;
    channel.method = kind.method;
    channel.background = kind.background;
    channel.dtype = dtype;
    channel.n = static_cast<int64_t>(spots.size());
    channel.height = channel.width = crop;
    channel.n_frames = n_frames;
    channel.frame_height = channel.map_height = height;
    channel.frame_width = channel.map_width = width;
    channel.gain = 2;
    channel.qe = 0.8;
    channel.camera_offset = 60;
    channel.read_noise = 3;
    channel.psf_sigma_nm = 130;
    channel.aperture_x_px = 1.7;
    channel.annulus_inner_px = ring.inner;
    channel.annulus_outer_px = ring.outer;
    channel.neighbour_radius_px = ring.neighbour;
    for (int64_t i = 0; i < n_frames * height * width; ++i)
        channel.pixels.push_back(
            as_held(dtype, is_float(dtype) ? chance.between(100, 150) : std::floor(chance.between(100, 151))));
    job.n = channel.n;
    job.channels.push_back(channel);
    std::vector<double> frame, X0, Y0, x, y;
    for (const FieldSpot& spot : spots) {
        frame.push_back(static_cast<double>(spot.frame));
        X0.push_back(std::isnan(spot.column) ? 0 : std::round(spot.column) - static_cast<double>(crop / 2));
        Y0.push_back(std::isnan(spot.row) ? 0 : std::round(spot.row) - static_cast<double>(crop / 2));
        x.push_back(spot.column * 100);
        y.push_back(spot.row * 100);
    }
    job.frame = column(frame, LUMICROP_I64);
    job.X0 = column(X0, LUMICROP_I32);
    job.Y0 = column(Y0, LUMICROP_I32);
    job.x_fit = column(x);
    job.y_fit = column(y);
    job.asked = all_outs;
    return job;
}

std::vector<FieldSpot> random_spots(Chance& chance, int64_t n, int64_t n_frames, int64_t height, int64_t width)
{
    std::vector<FieldSpot> spots;
    for (int64_t i = 0; i < n; ++i)
        spots.push_back({chance.whole(0, n_frames - 1), chance.between(-3, static_cast<double>(height) + 2),
                         chance.between(-3, static_cast<double>(width) + 2)});
    return spots;
}

Job as_given_crops(const Job& job, lumicrop_padding padding)
{
    Job given = job;
    ChannelInput& channel = given.channels.at(0);
    channel.source = LUMICROP_GIVEN;
    channel.padding = padding;
    channel.pixels.clear();
    for (int64_t i = 0; i < job.n; ++i) {
        const oracle::Crop crop = crop_of(job, {0, i}, i);
        channel.pixels.insert(channel.pixels.end(), crop.raw.begin(), crop.raw.end());
    }
    return given;
}

} // namespace test
