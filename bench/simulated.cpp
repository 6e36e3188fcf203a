#include "simulated.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace bench {

namespace {

constexpr int64_t kBlock = 256; // crops that share one stream of random numbers
constexpr uint64_t kSeed = 20240607;
constexpr double kMaxCount = 65535;

/// Raw counts of a pixel on which `photons` are expected; at least 1, so that no pixel passes for padding.
uint16_t count(double photons, std::mt19937_64& random)
{
    std::poisson_distribution<int> electrons(photons * kCamera.qe);
    std::normal_distribution<double> read(0, kCamera.read_noise);
    return static_cast<uint16_t>(
        std::clamp(std::round(kCamera.offset + (electrons(random) + read(random)) / kCamera.gain), 1.0, kMaxCount));
}

/// Part of a molecule's light that falls on pixel `i` of a row, its centre at `centre` [px].
double enclosed(int64_t i, double centre, double sigma)
{
    const double scale = std::sqrt(0.5) / sigma;
    const double distance = static_cast<double>(i) - centre;
    return 0.5 * (std::erf((distance + 0.5) * scale) - std::erf((distance - 0.5) * scale));
}

} // namespace

void Columns::append(const Columns& other, int64_t from)
{
    const auto i = static_cast<std::size_t>(from);
    frame.push_back(other.frame[i]);
    X0.push_back(other.X0[i]);
    Y0.push_back(other.Y0[i]);
    x_fit.push_back(other.x_fit[i]);
    y_fit.push_back(other.y_fit[i]);
    z_fit.push_back(other.z_fit[i]);
    os_fit.push_back(other.os_fit[i]);
    sigma_fit.push_back(other.sigma_fit[i]);
    sigma_x_fit.push_back(other.sigma_x_fit[i]);
    sigma_y_fit.push_back(other.sigma_y_fit[i]);
    sigma_angle.push_back(other.sigma_angle[i]);
}

void Columns::reserve(int64_t n)
{
    const auto size = static_cast<std::size_t>(n);
    for (auto* column : {&frame, &X0, &Y0}) column->reserve(size);
    for (auto* column : {&x_fit, &y_fit, &z_fit, &os_fit, &sigma_fit, &sigma_x_fit, &sigma_y_fit, &sigma_angle})
        column->reserve(size);
}

Simulated simulate(int64_t side, int64_t n)
{
    Simulated made{side, std::vector<uint16_t>(static_cast<std::size_t>(n * side * side)), {}};
    Columns& columns = made.columns;
    const auto size = static_cast<std::size_t>(n);
    for (auto* column : {&columns.frame, &columns.X0, &columns.Y0}) column->resize(size);
    for (auto* column : {&columns.x_fit, &columns.y_fit, &columns.z_fit, &columns.os_fit, &columns.sigma_fit,
                         &columns.sigma_x_fit, &columns.sigma_y_fit, &columns.sigma_angle})
        column->resize(size);

    const int64_t blocks = (n + kBlock - 1) / kBlock;
#pragma omp parallel for schedule(dynamic)
    for (int64_t block = 0; block < blocks; ++block) {
        std::mt19937_64 random(kSeed + static_cast<uint64_t>(side * 1000003 + block));
        std::uniform_real_distribution<double> uniform(0, 1);
        std::normal_distribution<double> normal(0, 1);
        std::uniform_int_distribution<int32_t> first_pixel(0, static_cast<int32_t>(kCamera.side_px - side));
        std::vector<double> across(static_cast<std::size_t>(side));

        for (int64_t crop = block * kBlock; crop < std::min(n, (block + 1) * kBlock); ++crop) {
            const auto i = static_cast<std::size_t>(crop);
            const double x = static_cast<double>(side - 1) / 2 + uniform(random) - 0.5;
            const double y = static_cast<double>(side - 1) / 2 + uniform(random) - 0.5;
            const double photons = std::clamp(1500 * std::exp(0.6 * normal(random)), 500.0, 10000.0);
            const double background = 4 + 8 * uniform(random);
            const double sigma_nm = std::clamp(130 + 8 * normal(random), 100.0, 160.0);
            const double sigma = sigma_nm / kCamera.pixel_nm;

            columns.X0[i] = first_pixel(random);
            columns.Y0[i] = first_pixel(random);
            columns.x_fit[i] = static_cast<float>((columns.X0[i] + x) * kCamera.pixel_nm);
            columns.y_fit[i] = static_cast<float>((columns.Y0[i] + y) * kCamera.pixel_nm);
            columns.z_fit[i] = static_cast<float>(1000 * uniform(random) - 500);
            columns.os_fit[i] = static_cast<float>(background);
            columns.sigma_fit[i] = static_cast<float>(sigma_nm);
            columns.sigma_x_fit[i] = static_cast<float>(sigma_nm * (1 + 0.2 * uniform(random)));
            columns.sigma_y_fit[i] = static_cast<float>(sigma_nm * (1 - 0.2 * uniform(random)));
            columns.sigma_angle[i] = static_cast<float>(180 * uniform(random));

            for (int64_t column = 0; column < side; ++column)
                across[static_cast<std::size_t>(column)] = enclosed(column, x, sigma);
            uint16_t* pixel = made.pixels.data() + crop * side * side;
            for (int64_t row = 0; row < side; ++row) {
                const double down = photons * enclosed(row, y, sigma);
                for (const double part : across) *pixel++ = count(background + down * part, random);
            }
        }
    }
    return made;
}

std::vector<uint16_t> simulate_background(int64_t n)
{
    std::vector<uint16_t> pixels(static_cast<std::size_t>(n));
    std::mt19937_64 random(kSeed);
    for (uint16_t& pixel : pixels) pixel = count(8, random);
    return pixels;
}

} // namespace bench
