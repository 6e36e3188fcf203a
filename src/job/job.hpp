// What was asked, checked and normalised once. A Job that exists can be computed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "job/array_view.hpp"
#include "job/neighbour_table.hpp"

namespace lumicrop {

class Spline;

enum class Method { sum, filter, joint, optimal, mle, aperture };
enum class Model { isogauss, gauss, spline };
enum class Padding { zeros, geometry, none };
enum class Subtracted { // the background
    border_median,
    corrected_median,
    column,
    map,
    fitted,
    annulus_median,
    annulus_mean,
    annulus_clipped
};

/// One channel: crops of one size from one camera.
struct Channel
{
    Images images;         // given: crops; gathered: frames
    bool gathered = false; // crops are cut out of frames
    Method method = Method::filter;
    Model model = Model::isogauss;
    Padding padding = Padding::zeros;
    int64_t n = 0;                 // detections
    int64_t first = 0;             // where they begin, in the order of channels
    int64_t height = 0, width = 0; // of a crop [px]
    bool frame_known = false;      // the frame's size is known, and X0 and Y0 are given
    int64_t frame_height = 0, frame_width = 0;
    double pixel_y_nm = 0, pixel_x_nm = 0;
    double gain = 1, qe = 1, camera_offset = 0;
    double psf_sigma_nm = 0, psf_sigma_x_nm = 0, psf_sigma_y_nm = 0, psf_theta_deg = 0;
    const Spline* spline = nullptr;
    Subtracted background = Subtracted::column;
    double em_gain = 1, read_noise = 0, saturation = 0;
    Images offset_map, gain_map, read_variance_map, bad_pixels, background_map; // no data: none
    double aperture_x = 0, aperture_y = 0, aperture_theta_deg = 0;              // semi-axes [px]
    double annulus_inner = 0, annulus_outer = 0, neighbour_radius = 0;          // [px]
    bool uses_psf = false;                                                      // the PSF's columns are read
    bool uses_position = false;                                                 // and the fitted positions
    bool plain = true; // border-median sum or matched filter, one camera for all pixels, no errors asked for
    const int64_t* positions = nullptr; // detection of each crop; null: `first` and those that follow
    NeighbourTable neighbours{};        // of its own detections, where a backend has put them in order
};

inline bool has_maps(const Channel& channel)
{
    return channel.offset_map.data != nullptr || channel.gain_map.data != nullptr ||
           channel.read_variance_map.data != nullptr || channel.bad_pixels.data != nullptr ||
           channel.background_map.data != nullptr;
}

/// Whether pixels are added up, not compared with the PSF.
constexpr bool adds_up(Method method)
{
    return method == Method::sum || method == Method::aperture;
}

constexpr bool is_annulus(Subtracted background)
{
    return background == Subtracted::annulus_median || background == Subtracted::annulus_mean ||
           background == Subtracted::annulus_clipped;
}

/// Whether an annulus leaves out pixels near other detections.
inline bool seeks_neighbours(const Channel& channel)
{
    return is_annulus(channel.background) && channel.neighbour_radius > 0;
}

/// Whether the detections' frames are looked at but for their backgrounds' maps.
inline bool names_frames(const Channel& channel)
{
    return channel.gathered || seeks_neighbours(channel);
}

/// Columns of the detections. None: its stand-in is used.
struct Detections
{
    Column ch, frame, X0, Y0, x_fit, y_fit, z_fit, os_fit, sigma_fit, sigma_x_fit, sigma_y_fit, sigma_angle;
};

/// Columns to fill. None: not wanted.
struct Result
{
    Column photons, background, psf_sum, denominator, flags;
    Column photons_sigma, background_photons, background_sigma, chi2, log_likelihood_ratio, enclosed, photons_total,
        background_pixels, iterations;
};

struct Job
{
    int64_t n = 0; // detections of all channels
    std::vector<Channel> channels;
    Detections detections;
    Result result;
    bool pixel_corner = false;      // origin of x_fit and y_fit: the first pixel's outer corner, not its centre
    std::vector<int64_t> positions; // what the channels' positions point into
};

/// Checks everything that the caller said. Throws Refusal.
///
/// check_place is asked about every array that has elements, before any is looked into; what lies on a device is not looked into.
using PlaceCheck = std::function<void(const void* data, bool on_device, const std::string& name)>;
Job checked_job(const lumicrop_channel* channels, int64_t n_channels, const lumicrop_detections* detections,
                const lumicrop_result* result, const PlaceCheck& check_place);

/// Calls `use(name, column)` for the columns that are given.
void for_each_column(const Detections& columns, const std::function<void(const char*, const Column&)>& use);
void for_each_column(const Result& columns, const std::function<void(const char*, const Column&)>& use);

/// Calls `use(name, map)` for the maps that are given.
void for_each_map(const Channel& channel, const std::function<void(const char*, const Images&)>& use);

/// The detections of each channel from their one-based labels in host memory: positions channel after channel, in
/// detection order within a channel. `counts` receives how often each label stands. Throws Refusal for a label outside.
std::vector<int64_t> positions_by_channel(const Column& labels, int64_t n, std::vector<int64_t>& counts);

/// Throws Refusal if a map does not cover one of the channel's crops, as far as the host can see where they lie.
void check_maps(const Job& job, const Channel& channel, int64_t number);

/// Throws Refusal if a frame number of the channel's detections lies outside its movie, or is one that no movie has.
void check_frames(const Job& job, const Channel& channel, int64_t number);

} // namespace lumicrop
