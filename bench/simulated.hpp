// Crops of single molecules as a camera would show them: the same on every machine and for any number of threads.
#ifndef LUMICROP_BENCH_SIMULATED_HPP
#define LUMICROP_BENCH_SIMULATED_HPP

#include <cstdint>
#include <vector>

namespace bench {

/// An sCMOS camera of 2048 x 2048 pixels.
struct Camera
{
    int64_t side_px = 2048;
    double pixel_nm = 100;
    double gain = 0.45; ///< [e-/ADU]
    double qe = 0.9;
    double offset = 100;     ///< [ADU]
    double read_noise = 1.5; ///< [e-]
};
inline constexpr Camera kCamera{};

/// What a fit would tell of each detection, as float32 like most tables.
struct Columns
{
    std::vector<int32_t> ch; ///< one-based; empty where there is one channel
    std::vector<int32_t> frame, X0, Y0;
    std::vector<float> x_fit, y_fit, z_fit, os_fit, sigma_fit, sigma_x_fit, sigma_y_fit, sigma_angle;

    int64_t n() const { return static_cast<int64_t>(X0.size()); }
    /// Row `from` of `other` becomes the last row of these.
    void append(const Columns& other, int64_t from);
    void reserve(int64_t n);
};

/// Simulated crops of side x side pixels: raw counts, none of them 0, and the fits that belong to them.
struct Simulated
{
    int64_t side;
    std::vector<uint16_t> pixels; ///< [n][side][side]
    Columns columns;

    const uint16_t* crop(int64_t i) const { return pixels.data() + i * side * side; }
};

/// `n` crops: 500 to 10,000 photons (log-normal about 1,500) over 4 to 12 photons of background a pixel, sub-pixel
/// positions, sigma of 130 +- 8 nm, z within 500 nm of focus, Poisson and read noise.
Simulated simulate(int64_t side, int64_t n);

/// Pixels without a molecule: Poisson background and read noise.
std::vector<uint16_t> simulate_background(int64_t n);

} // namespace bench

#endif
