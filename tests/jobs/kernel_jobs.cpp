#include "kernel_jobs.hpp"

#include "photometry_job.hpp"

namespace test {

std::vector<Job> kernel_jobs(int64_t n, uint64_t seed, lumicrop_source source)
{
    struct Shape
    {
        int64_t height, width;
    };
    constexpr lumicrop_dtype dtypes[] = {LUMICROP_U16, LUMICROP_F32, LUMICROP_F64};
    constexpr lumicrop_padding paddings[] = {LUMICROP_PADDING_ZEROS, LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_NONE};
    std::vector<Job> jobs;
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (Shape shape : {Shape{9, 9}, Shape{8, 13}, Shape{20, 18}, Shape{37, 33}}) {
            const size_t k = jobs.size();
            const lumicrop_dtype dtype = shape.height == 9 ? dtypes[k / 4 % 2] : dtypes[(k + k / 4) % 3];
            jobs.push_back(
                plain_job(kind(dtype, method, paddings[(k + seed) % 3]), shape.height, shape.width, n, seed + k, source));
        }
    const auto add = [&](lumicrop_method method, lumicrop_background background, lumicrop_model model, lumicrop_dtype dtype,
                         Shape shape, Maps maps) {
        const uint64_t k = seed + jobs.size();
        jobs.push_back(photometry_plain_job({method, background}, model, dtype, shape.height, shape.width, n, k, source,
                                            paddings[k % 3], maps));
    };
    add(LUMICROP_OPTIMAL, LUMICROP_BACKGROUND_FITTED, LUMICROP_ISOGAUSS, LUMICROP_U16, {9, 9}, Maps::none);
    add(LUMICROP_MLE, LUMICROP_BACKGROUND_MAP, LUMICROP_SPLINE, LUMICROP_F32, {8, 13}, Maps::all);
    add(LUMICROP_SUM, LUMICROP_BACKGROUND_ANNULUS_MEDIAN, LUMICROP_GAUSS, LUMICROP_F64, {9, 9}, Maps::none);
    add(LUMICROP_FILTER, LUMICROP_BACKGROUND_ANNULUS_CLIPPED, LUMICROP_ISOGAUSS, LUMICROP_U16, {37, 33}, Maps::gain);
    return jobs;
}

} // namespace test
