#include "write_crops.hpp"

#include <algorithm>
#include <fstream>

#include "case.hpp"
#include "cpu_rows.hpp"
#include "cuda_rows.hpp"
#include "npy.hpp"
#include "read_bandwidth.hpp"
#include "spline.hpp"

namespace bench {

namespace {

using std::filesystem::path;

constexpr int64_t kFewCrops = 4000; // of what is only compared

void write_columns(const path& folder, const Columns& columns)
{
    write_npy(folder / "frame.npy", lumicrop::column(columns.frame));
    write_npy(folder / "X0.npy", lumicrop::column(columns.X0));
    write_npy(folder / "Y0.npy", lumicrop::column(columns.Y0));
    write_npy(folder / "x_fit.npy", lumicrop::column(columns.x_fit));
    write_npy(folder / "y_fit.npy", lumicrop::column(columns.y_fit));
    write_npy(folder / "z_fit.npy", lumicrop::column(columns.z_fit));
    write_npy(folder / "os_fit.npy", lumicrop::column(columns.os_fit));
    write_npy(folder / "sigma_fit.npy", lumicrop::column(columns.sigma_fit));
    write_npy(folder / "sigma_x_fit.npy", lumicrop::column(columns.sigma_x_fit));
    write_npy(folder / "sigma_y_fit.npy", lumicrop::column(columns.sigma_y_fit));
    write_npy(folder / "sigma_angle.npy", lumicrop::column(columns.sigma_angle));
}

/// The crops of a source of u16, cut out of its frames where it is a movie, and the columns that belong to them.
void write_detections(const path& folder, const Source& source)
{
    std::filesystem::create_directories(folder);
    const int64_t n = source.n(), side = source.side, width = source.shape[2];
    auto* pixels = static_cast<uint16_t*>(source.pixels.data());
    std::vector<uint16_t> cut;
    if (is_gathered(source.content)) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            const int64_t first_row = source.columns.frame[i] * source.shape[1] + source.columns.Y0[i];
            for (int64_t row = first_row; row < first_row + side; ++row) {
                const uint16_t* begin = pixels + row * width + source.columns.X0[i];
                cut.insert(cut.end(), begin, begin + side);
            }
        }
        pixels = cut.data();
    }
    write_npy(folder / "crops.npy", lumicrop::array(pixels, {n, side, side}));
    write_columns(folder, source.columns);
}

/// Photons of all of a source, for the rows of this name and any number of threads.
void write_photons(const path& folder, const Case& row, const std::shared_ptr<const Source>& source,
                   lumicrop_isa isa = LUMICROP_ISA_AUTO)
{
    lumicrop::Context context = cpu_context(0, isa);
    Job job(row.method, *source, source->n());
    job.run(context);
    const auto write = [&](const std::string& name, const std::vector<float>& photons) {
        const path file = folder / "photons" / (name + ".npy");
        std::filesystem::create_directories(file.parent_path());
        write_npy(file, lumicrop::column(photons));
    };
    write(what(row) + name_of_isa_asked(isa) + name_of_content(row.content), job.photons());
    if (isa != LUMICROP_ISA_AUTO) return;
    const std::vector<float> photons = photons_by_cuda(row.method, source);
    if (!photons.empty()) write("cuda/" + what(row) + name_of_content(row.content), photons);
}

void write_unusual(const path& folder)
{
    const auto few_of = [](lumicrop_dtype dtype, Content content) {
        if (!is_gathered(content)) return std::make_shared<const Source>(stack_of(kFewCrops, kMainSide, dtype, content));
        return std::make_shared<const Source>(movie_filling(1, kMainSide, content)); // one frame
    };
    const path size = folder / size_of(kMainSide);
    for (const Content content : {Content::padded, Content::gathered, Content::gathered_shuffled})
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            if (is_gathered(content) && dtype != LUMICROP_U16) continue;
            const auto source = few_of(dtype, content);
            if (dtype == LUMICROP_U16) write_detections(size / name_of_content(content).substr(1), *source);
            for (const Method method : {Method::sum, Method::isogauss})
                write_photons(folder, {method, kMainSide, dtype, content}, source);
        }
    const auto source = few_of(LUMICROP_F32, Content::clean);
    for (const lumicrop_isa isa : {LUMICROP_ISA_AVX2, LUMICROP_ISA_BASELINE})
        for (const Method method : kMethods)
            if (isa < best_isa()) write_photons(folder, {method, kMainSide, LUMICROP_F32}, source, isa);
}

} // namespace

void write_crops(const path& folder, int64_t n)
{
    std::filesystem::create_directories(folder);
    SplineData spline = spline_data();
    write_npy(folder / "tx.npy", lumicrop::column(spline.tx));
    write_npy(folder / "ty.npy", lumicrop::column(spline.ty));
    write_npy(folder / "tz.npy", lumicrop::column(spline.tz));
    write_npy(folder / "coefficients.npy",
              lumicrop::array(spline.coefficients.data(), {kSplineSide, kSplineSide, kSplineSide}));
    std::ofstream(folder / "camera.json") << "{\"pixel_nm\": " << kCamera.pixel_nm << ", \"gain\": " << kCamera.gain
                                          << ", \"qe\": " << kCamera.qe << ", \"offset\": " << kCamera.offset << "}\n";
    for (const int64_t side : kSides)
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            const auto source = std::make_shared<const Source>(stack_of(n, side, dtype, Content::clean));
            for (const Method method : kMethods) write_photons(folder, {method, side, dtype}, source);
            if (dtype == LUMICROP_U16) write_detections(folder / size_of(side), *source);
        }
    write_unusual(folder);
}

void write_movie(const path& folder, int64_t frames)
{
    const path movie = folder / "movie";
    std::filesystem::create_directories(movie);
    const auto bytes = static_cast<std::size_t>(frames * kCamera.side_px * kCamera.side_px * bytes_per_pixel(LUMICROP_U16));
    const Source source = movie_filling(bytes, kMainSide, Content::gathered);
    write_npy(movie / "frames.npy", lumicrop::array(static_cast<uint16_t*>(source.pixels.data()),
                                                    {source.shape[0], source.shape[1], source.shape[2]}));
    write_columns(movie, source.columns);
}

} // namespace bench
