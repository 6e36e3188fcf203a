// One call of lumicrop_integrate as plain values: what the oracle reads and what the runner lays out in memory.
#pragma once

#include "../oracle/psf.hpp"
#include "../support/typed_array.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace test {

/// A spline and the types in which it is handed over.
struct SplineInput
{
    oracle::Spline values;
    lumicrop_dtype knots = LUMICROP_F64;
    lumicrop_dtype coefficients = LUMICROP_F64;
    std::string kind;
};

/// A map of a camera's pixels, as its type holds them: (map_height, map_width) values, or as many for each of `frames`.
struct MapInput
{
    std::vector<double> values;
    lumicrop_dtype dtype = LUMICROP_F32;
    Layout layout;
    int64_t frames = 0; ///< 0: two axes
};
using Map = std::optional<MapInput>;

/// Fields as in lumicrop_channel. `pixels` are (n, height, width) crops or (n_frames, frame_height, frame_width) frames.
struct ChannelInput
{
    lumicrop_source source = LUMICROP_GIVEN;
    lumicrop_method method = LUMICROP_FILTER;
    lumicrop_model model = LUMICROP_ISOGAUSS;
    lumicrop_padding padding = LUMICROP_PADDING_DEFAULT;
    lumicrop_dtype dtype = LUMICROP_F32;
    std::vector<double> pixels;
    Layout layout;
    int64_t n = 0; ///< detections
    int64_t height = 0;
    int64_t width = 0;
    int64_t n_frames = 0;
    int64_t frame_height = 0; ///< GIVEN: 0 where unknown
    int64_t frame_width = 0;
    bool state_n = false; ///< pass n as n_detections
    double pixel_y_nm = 100;
    double pixel_x_nm = 100;
    double gain = 1;
    double qe = 1;
    double camera_offset = 0;
    std::optional<double> psf_sigma_nm, psf_sigma_x_nm, psf_sigma_y_nm, psf_theta_deg;
    std::optional<double> aperture_x_px, aperture_y_px, aperture_theta_deg;
    std::optional<double> annulus_inner_px, annulus_outer_px, neighbour_radius_px;
    std::shared_ptr<const SplineInput> spline;
    lumicrop_background background = LUMICROP_BACKGROUND_DEFAULT;
    double em_gain = 1;
    double read_noise = 0;
    double saturation = std::numeric_limits<double>::infinity();
    int64_t map_height = 0; ///< of all maps
    int64_t map_width = 0;
    Map offset_map, gain_map, read_variance_map, bad_pixels, background_map;

    lumicrop_padding rule() const
    {
        if (padding != LUMICROP_PADDING_DEFAULT) return padding;
        return source == LUMICROP_GIVEN ? LUMICROP_PADDING_ZEROS : LUMICROP_PADDING_GEOMETRY;
    }
    bool needs_whole_origins() const { return source == LUMICROP_GATHERED || rule() == LUMICROP_PADDING_GEOMETRY; }
    bool needs_origins() const
    {
        return needs_whole_origins() || method == LUMICROP_FILTER || method == LUMICROP_APERTURE || has_annulus();
    }
    bool has_annulus() const
    {
        return background == LUMICROP_BACKGROUND_ANNULUS_MEDIAN || background == LUMICROP_BACKGROUND_ANNULUS_MEAN ||
               background == LUMICROP_BACKGROUND_ANNULUS_CLIPPED;
    }
    bool has_maps() const { return offset_map || gain_map || read_variance_map || bad_pixels || background_map; }
    lumicrop_background subtracted() const
    {
        if (background != LUMICROP_BACKGROUND_DEFAULT) return background;
        return adds_up()                   ? LUMICROP_BACKGROUND_BORDER_MEDIAN
               : method == LUMICROP_FILTER ? LUMICROP_BACKGROUND_COLUMN
                                           : LUMICROP_BACKGROUND_FITTED;
    }
    bool adds_up() const { return method == LUMICROP_SUM || method == LUMICROP_APERTURE; }
    bool is_filter(lumicrop_model of) const { return method == LUMICROP_FILTER && model == of; }
};

/// A detection-aligned column, with values as its type holds them.
struct ColumnInput
{
    std::vector<double> values;
    lumicrop_dtype dtype = LUMICROP_F64;
    Layout layout;
};
using Column = std::optional<ColumnInput>;
inline double number_at(const Column& column, int64_t detection)
{
    return column->values[static_cast<size_t>(detection)];
}

/// The columns of lumicrop_result, in its order.
enum class Out {
    photons,
    background,
    psf_sum,
    denominator,
    flags,
    photons_sigma,
    background_photons,
    background_sigma,
    chi2,
    log_likelihood_ratio,
    enclosed,
    photons_total,
    background_pixels,
    iterations
};
constexpr size_t n_outs = 14;
constexpr unsigned bit_of(Out out)
{
    return 1U << static_cast<unsigned>(out);
}
constexpr unsigned first_five_outs = 0x1F; ///< photons to flags
constexpr unsigned all_outs = 0x3FFF;
const char* name_of(Out out);

struct Job
{
    std::string name;
    std::vector<ChannelInput> channels;
    int64_t n = 0;
    lumicrop_origin origin = LUMICROP_FIRST_PIXEL;
    Column ch, frame, X0, Y0, x_fit, y_fit, z_fit, os_fit, sigma_fit, sigma_x_fit, sigma_y_fit, sigma_angle;
    lumicrop_dtype output = LUMICROP_F64; ///< of the columns of numbers
    unsigned asked = first_five_outs;     ///< bit_of the columns that are wanted
    Layout output_layout;
};

/// Channel (from 0) and place in that channel's stack of each detection.
struct Place
{
    int64_t channel;
    int64_t crop;
};
std::vector<Place> places(const Job& job);

/// `job` with its channel's detections `chosen` alone, in that order. One channel, GIVEN or GATHERED.
Job only(const Job& job, const std::vector<int64_t>& chosen);

inline Column column(std::vector<double> values, lumicrop_dtype dtype = LUMICROP_F64)
{
    for (double& value : values) value = as_held(dtype, value);
    return ColumnInput{std::move(values), dtype, {}};
}

} // namespace test
