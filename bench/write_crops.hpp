// The crops and what lumicrop makes of them, for those who have no C++.
#ifndef LUMICROP_BENCH_WRITE_CROPS_HPP
#define LUMICROP_BENCH_WRITE_CROPS_HPP

#include <cstdint>
#include <filesystem>

namespace bench {

/// `n` crops of each size: SIZE/crops.npy and a file for each fitted column; photons in SIZE/DTYPE/METHOD.npy, those of a
/// GPU, where one is usable, in METHOD.cuda.npy; the camera and the spline.
void write_crops(const std::filesystem::path& folder, int64_t n);

} // namespace bench

#endif
