// The crops and what lumicrop makes of them, for those who have no C++.
#ifndef LUMICROP_BENCH_WRITE_CROPS_HPP
#define LUMICROP_BENCH_WRITE_CROPS_HPP

#include <cstdint>
#include <filesystem>

namespace bench {

/// `n` crops of each size: SIZE/crops.npy and a file for each fitted column; some of the unusual ones in folders of their own,
/// SIZE/padded:every-tenth and the like; what lumicrop makes of them in photons/ROW.npy, ROW being the name of a row without its
/// number of threads (cuda/ROW where a GPU is usable); the camera and the spline.
void write_crops(const std::filesystem::path& folder, int64_t n);

/// Frames of the movie that the gathered rows use, movie/frames.npy, and the columns of its detections, in scan order.
void write_movie(const std::filesystem::path& folder, int64_t frames);

} // namespace bench

#endif
