#include "kernel_jobs.hpp"

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
    return jobs;
}

} // namespace test
