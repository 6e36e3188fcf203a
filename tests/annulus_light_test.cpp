// How true the background around a position is where molecules stand close: simulated fields, of which all is known.
#include "jobs/field_job.hpp"
#include "jobs/flag_cases.hpp"
#include "jobs/simulated_light.hpp"

#include <cmath>
#include <iostream>

namespace {

using test::FieldSpot;
using test::Job;
using test::Out;

constexpr int64_t side = 256; // pixels of 100 nm: 655 molecules at 1 a square micrometre
constexpr double per_pixel = 0.01, sigma = 1.3, photons = 1000, background = 20;

/// Adds a molecule's light to its frame, as far as it reaches.
void shine(const FieldSpot& spot, std::vector<double>& light)
{
    const auto part = [](int64_t pixel, double centre) {
        const auto edge = [=](double at) { return std::erf((at - centre) / (sigma * std::sqrt(2.0))) / 2; };
        return edge(static_cast<double>(pixel) + 0.5) - edge(static_cast<double>(pixel) - 0.5);
    };
    const auto row = static_cast<int64_t>(spot.row), column = static_cast<int64_t>(spot.column);
    double along[19];
    for (int64_t c = 0; c < 19; ++c) along[c] = part(column + c - 9, spot.column);
    for (int64_t r = row - 9; r <= row + 9; ++r) {
        const double down = photons * part(r, spot.row);
        for (int64_t c = std::max<int64_t>(column - 9, 0); c <= std::min(column + 9, side - 1); ++c)
            if (r >= 0 && r < side)
                light[static_cast<size_t>((spot.frame * side + r) * side + c)] += down * along[c - column + 9];
    }
}

Job crowded_field(int64_t n_frames, uint64_t seed)
{
    test::Chance chance(seed, 21);
    std::vector<FieldSpot> spots;
    for (int64_t frame = 0; frame < n_frames; ++frame)
        for (int64_t k = 0; k < static_cast<int64_t>(per_pixel * side * side); ++k)
            spots.push_back({frame, chance.between(-0.5, side - 0.5), chance.between(-0.5, side - 0.5)});
    Job job = test::field_job({LUMICROP_SUM, LUMICROP_BACKGROUND_ANNULUS_MEAN}, spots, {5, 9, 5}, LUMICROP_U16, n_frames,
                              side, side, 11, seed);
    test::ChannelInput& channel = job.channels[0];
    channel.gain = channel.qe = 1;
    channel.camera_offset = 100;
    channel.read_noise = 0;
    std::vector<double> light(channel.pixels.size(), background);
    for (const FieldSpot& spot : spots) shine(spot, light);
    for (size_t i = 0; i < light.size(); ++i) channel.pixels[i] = 100 + test::poisson(chance, light[i]);
    job.asked = bit_of(Out::photons) | bit_of(Out::background_photons) | bit_of(Out::flags);
    return job;
}

class AnnulusLight : public test::FlagCases
{
};

/// Light of others is 10 photons a pixel on average, half the background. At 5 px, 3.8 sigma, hardly any is left.
TEST_P(AnnulusLight, LeavingNeighboursOutGivesTheTrueBackground)
{
    Job job = crowded_field(test::takes_less(GetParam()) ? 1 : 31, 77);
    double mean[2] = {0, 0};
    for (double radius : {5.0, 0.0}) {
        job.channels[0].neighbour_radius_px = radius;
        test::Outputs found;
        if (!run(job, found)) return;
        double sum = 0, n = 0;
        for (double value : found.columns[static_cast<size_t>(Out::background_photons)])
            if (!std::isnan(value)) {
                sum += value;
                n += 1;
            }
        mean[radius > 0 ? 0 : 1] = sum / n;
        std::cout << GetParam().name << ": neighbours within " << radius << " px left out: background " << sum / n
                  << " photons a pixel (truth: " << background << ") of " << n << " of " << job.n << " molecules\n";
        EXPECT_GT(n, 0.9 * static_cast<double>(job.n));
    }
    EXPECT_NEAR(mean[0], background, 0.01 * background);
    EXPECT_GT(std::abs(mean[1] - background), 0.05 * background);
}

LUMICROP_ON_EVERY_BACKEND(AnnulusLight);

} // namespace
