#include "write_crops.hpp"

#include <fstream>

#include "case.hpp"
#include "cuda_rows.hpp"
#include "npy.hpp"
#include "spline.hpp"

namespace bench {

void write_crops(const std::filesystem::path& folder, int64_t n)
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

    lumicrop_options options = lumicrop::options();
    options.backend = LUMICROP_BACKEND_CPU;
    lumicrop::Context context(options);
    for (const int64_t side : kSides) {
        const auto size = folder / (std::to_string(side) + "x" + std::to_string(side));
        for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
            const auto shared = std::make_shared<const Source>(stack_of(n, side, dtype, Content::clean));
            const Source& source = *shared;
            for (const Method method : kMethods) {
                Job job(method, source, n);
                job.run(context);
                const auto path = size / name_of_dtype(dtype) / name(method);
                std::filesystem::create_directories(path.parent_path());
                write_npy(path.string() + ".npy", lumicrop::column(job.photons()));
                const std::vector<float> photons = photons_by_cuda(method, shared);
                if (!photons.empty()) write_npy(path.string() + ".cuda.npy", lumicrop::column(photons));
            }
            if (dtype != LUMICROP_U16) continue;
            const Columns& columns = source.columns;
            write_npy(size / "crops.npy", lumicrop::array(static_cast<uint16_t*>(source.pixels.data()), {n, side, side}));
            write_npy(size / "X0.npy", lumicrop::column(columns.X0));
            write_npy(size / "Y0.npy", lumicrop::column(columns.Y0));
            write_npy(size / "x_fit.npy", lumicrop::column(columns.x_fit));
            write_npy(size / "y_fit.npy", lumicrop::column(columns.y_fit));
            write_npy(size / "z_fit.npy", lumicrop::column(columns.z_fit));
            write_npy(size / "os_fit.npy", lumicrop::column(columns.os_fit));
            write_npy(size / "sigma_fit.npy", lumicrop::column(columns.sigma_fit));
            write_npy(size / "sigma_x_fit.npy", lumicrop::column(columns.sigma_x_fit));
            write_npy(size / "sigma_y_fit.npy", lumicrop::column(columns.sigma_y_fit));
            write_npy(size / "sigma_angle.npy", lumicrop::column(columns.sigma_angle));
        }
    }
}

} // namespace bench
