#include "stored_movie.hpp"

#include "npz.hpp"
#include "stored_case.hpp"

#include <stdexcept>

namespace test {

namespace {

struct Frames
{
    std::vector<double> pixels;
    int64_t n, height, width;
};

Frames raw_frames(const std::string& path, int64_t height, int64_t width, bool big_endian)
{
    const std::vector<uint8_t> bytes = read_file(path);
    Frames frames{{}, static_cast<int64_t>(bytes.size()) / (2 * height * width), height, width};
    for (size_t k = 0; k + 1 < bytes.size(); k += 2)
        frames.pixels.push_back(big_endian ? bytes[k] * 256 + bytes[k + 1] : bytes[k + 1] * 256 + bytes[k]);
    return frames;
}

std::string movie_file(const std::string& name)
{
    if (name == "picasso") return data_folder() + "/picasso/testdata.raw";
    if (name == "storm_analysis") return data_folder() + "/storm-analysis/test.dax";
    return "";
}

Frames frames_of(const std::string& name, const Npz& file)
{
    if (name == "picasso") return raw_frames(movie_file(name), 32, 32, false);
    if (name == "storm_analysis") return raw_frames(movie_file(name), 256, 256, true);
    const NpyArray& movie = file.at("movie");
    return {movie.values, movie.shape[0], movie.shape[1], movie.shape[2]};
}

Column column_of(const Npz& file, const std::string& key)
{
    if (!file.has(key)) return {};
    return ColumnInput{file.at(key).values, file.at(key).dtype(), {}};
}

} // namespace

std::vector<std::string> stored_movie_names()
{
    return {"picasso", "storm_analysis", "edges_9", "edges_8"};
}

std::string missing_file(const std::string& name)
{
    const std::string table = oracle_folder() + "/movies/" + name + ".npz";
    if (!exists(table)) return table;
    const std::string movie = movie_file(name);
    return movie.empty() || exists(movie) ? "" : movie;
}

StoredMovie load_movie(const std::string& name)
{
    const Npz file(oracle_folder() + "/movies/" + name + ".npz");
    const Frames frames = frames_of(name, file);
    StoredMovie stored;
    Job& job = stored.filter;
    job.name = name;
    ChannelInput channel;
    channel.source = LUMICROP_GATHERED;
    channel.model = file.has("sigma_x_fit") ? LUMICROP_GAUSS : LUMICROP_ISOGAUSS;
    channel.padding = LUMICROP_PADDING_NONE;
    channel.dtype = LUMICROP_U16;
    channel.pixels = frames.pixels;
    channel.n_frames = frames.n;
    channel.frame_height = frames.height;
    channel.frame_width = frames.width;
    channel.n = job.n = file.at("frame").shape[0];
    channel.height = channel.width = static_cast<int64_t>(file.at("size").values[0]);
    channel.pixel_y_nm = channel.pixel_x_nm = file.at("pixel_nm").values[0];
    channel.gain = file.at("gain").values[0];
    channel.camera_offset = file.at("camera_offset").values[0];
    job.channels.push_back(channel);
    job.frame = column_of(file, "frame");
    job.X0 = column_of(file, "X0");
    job.Y0 = column_of(file, "Y0");
    job.x_fit = column(file.at("x_fit").values, LUMICROP_F32); // the seed turned its columns to float32 before it subtracted
    job.y_fit = column(file.at("y_fit").values, LUMICROP_F32);
    job.os_fit = column_of(file, "os_fit");
    job.sigma_fit = column_of(file, "sigma_fit");
    job.sigma_x_fit = column_of(file, "sigma_x_fit");
    job.sigma_y_fit = column_of(file, "sigma_y_fit");
    stored.sum = job;
    stored.sum.channels[0].method = LUMICROP_SUM;
    stored.sum.channels[0].padding = LUMICROP_PADDING_GEOMETRY;
    stored.filter_float64 = job;
    stored.filter_float64.x_fit = column_of(file, "x_fit");
    stored.filter_float64.y_fit = column_of(file, "y_fit");
    stored.out_sum = file.at("out_sum").values;
    stored.out_border_median = file.at("out_sum_border_median").values;
    stored.out_filter = file.at("out_filter").values;
    return stored;
}

} // namespace test
