#include "stored_case.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace test {

using Json = nlohmann::json;

namespace {

std::string from_environment(const char* variable, const std::string& otherwise)
{
    const char* value = std::getenv(variable);
    return value == nullptr || *value == '\0' ? otherwise : value;
}

/// One entry for all channels, or one each.
const Json& of_channel(const Json& value, size_t channel)
{
    return value.is_array() ? value.at(channel) : value;
}

double number(const Json& keywords, const char* key, size_t channel, double otherwise)
{
    return keywords.contains(key) ? of_channel(keywords[key], channel).get<double>() : otherwise;
}

lumicrop_model model_of(const Json& keywords, size_t channel)
{
    if (!keywords.contains("channels_fit_models")) return LUMICROP_ISOGAUSS;
    const auto name = of_channel(keywords["channels_fit_models"], channel).get<std::string>();
    return name == "gauss" ? LUMICROP_GAUSS : name == "spline" ? LUMICROP_SPLINE : LUMICROP_ISOGAUSS;
}

std::shared_ptr<const SplineInput> spline_of(const Npz& file, size_t channel)
{
    const std::string k = "_" + std::to_string(channel);
    if (!file.has("channels_psf_3d_xtangents" + k)) return nullptr;
    auto spline = std::make_shared<SplineInput>();
    spline->values = {file.at("channels_psf_3d_xtangents" + k).values, file.at("channels_psf_3d_ytangents" + k).values,
                      file.at("channels_psf_3d_ztangents" + k).values, file.at("channels_psf_3d_spline_coeffs" + k).values};
    spline->knots = spline->coefficients = LUMICROP_F32;
    return spline;
}

Column column_of(const Npz& file, const std::string& key)
{
    if (!file.has(key)) return {};
    return ColumnInput{file.at(key).values, file.at(key).dtype(), {}};
}

/// The seed's defaults, which the native interface does not have: 1 nm, 93.8 nm.
ChannelInput channel_of(const Npz& file, const Json& keywords, size_t k)
{
    const NpyArray& crops = file.at("crops_" + std::to_string(k));
    ChannelInput channel;
    channel.dtype = crops.dtype();
    channel.pixels = crops.values;
    channel.n = crops.shape[0];
    channel.height = crops.shape[1];
    channel.width = crops.shape[2];
    const bool weighted = !keywords.contains("channels_weighted_integrations") ||
                          of_channel(keywords["channels_weighted_integrations"], k).get<bool>();
    channel.method = weighted ? LUMICROP_FILTER : LUMICROP_SUM;
    channel.model = model_of(keywords, k);
    channel.pixel_y_nm = channel.pixel_x_nm = 1;
    if (keywords.contains("channels_pixels_nm")) {
        const Json& pixels = keywords["channels_pixels_nm"].at(k);
        channel.pixel_y_nm = pixels.at(0);
        channel.pixel_x_nm = pixels.at(1);
    }
    channel.gain = number(keywords, "channels_gains", k, 1);
    channel.qe = number(keywords, "channels_QE", k, 1);
    channel.psf_sigma_nm = number(keywords, "channels_psf_sigmas_nm", k, 93.8);
    channel.psf_sigma_x_nm = number(keywords, "channels_psf_xsigmas_nm", k, 93.8);
    channel.psf_sigma_y_nm = number(keywords, "channels_psf_ysigmas_nm", k, 93.8);
    channel.psf_theta_deg = number(keywords, "channels_psf_thetas_deg", k, 0);
    channel.spline = spline_of(file, k);
    return channel;
}

std::vector<double> detection_aligned(const Npz& file, const std::string& key, const Job& job, bool& present)
{
    present = file.has(key + "_0");
    std::vector<double> values;
    for (const Place& place : places(job)) {
        if (!present)
            values.push_back(std::nan(""));
        else
            values.push_back(file.at(key + "_" + std::to_string(place.channel)).values.at(static_cast<size_t>(place.crop)));
    }
    return values;
}

} // namespace

bool exists(const std::string& path)
{
    return std::filesystem::exists(path);
}

std::string data_folder()
{
    return from_environment("LUMICROP_TEST_DATA", std::string(LUMICROP_SOURCE_DIR) + "/../shared/data");
}

std::string oracle_folder()
{
    return from_environment("LUMICROP_TEST_ORACLE", data_folder() + "/../oracle");
}

std::vector<std::string> stored_case_names()
{
    std::vector<std::string> names;
    std::ifstream index(oracle_folder() + "/index.json");
    if (!index) return names;
    const Json cases = Json::parse(index);
    for (const auto& entry : cases.items()) names.push_back(entry.key());
    return names;
}

StoredCase load_case(const std::string& name)
{
    const Npz file(oracle_folder() + "/" + name + ".npz");
    const Json keywords = Json::parse(file.at("keywords_json").text);
    StoredCase stored;
    Job& job = stored.job;
    job.name = name;
    for (size_t k = 0; file.has("crops_" + std::to_string(k)); ++k) {
        job.channels.push_back(channel_of(file, keywords, k));
        job.n += job.channels.back().n;
    }
    job.ch = column_of(file, "ch");
    job.X0 = column_of(file, "X0");
    job.Y0 = column_of(file, "Y0");
    job.x_fit = column_of(file, "x_fit");
    job.y_fit = column_of(file, "y_fit");
    job.z_fit = column_of(file, "z_fit");
    job.os_fit = column_of(file, "os_fit");
    job.sigma_fit = column_of(file, "sigma_fit");
    job.sigma_x_fit = column_of(file, "sigma_x_fit");
    job.sigma_y_fit = column_of(file, "sigma_y_fit");
    job.sigma_angle = column_of(file, "sigma_angle");
    StoredOutputs& outputs = stored.outputs;
    bool present = false;
    outputs.intensity = file.at("out_intensity").values;
    outputs.background = file.at("out_background_vector").values;
    outputs.psf_sum = detection_aligned(file, "out_psf_sums", job, outputs.has_psf_sums);
    outputs.denominator = detection_aligned(file, "out_weighted_denominators", job, present);
    outputs.border_median = detection_aligned(file, "out_border_medians", job, outputs.has_border_medians);
    return stored;
}

Job as_sum(Job job)
{
    for (ChannelInput& channel : job.channels) channel.method = LUMICROP_SUM;
    return job;
}

} // namespace test
