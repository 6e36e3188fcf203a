// The shared movies with the seed's results on crops cut from them.
#pragma once

#include "../jobs/job.hpp"

namespace test {

struct StoredMovie
{
    Job filter;         ///< gathered, with the padding rule under which the seed's filter result holds (NONE: zeros count)
    Job filter_float64; ///< positions to the full digits of the table; the seed's results are of float32 ones
    Job sum;            ///< gathered, under GEOMETRY
    std::vector<double> out_sum, out_border_median, out_filter;
};

/// picasso, storm_analysis, edges_9, edges_8.
std::vector<std::string> stored_movie_names();

/// Empty where its files are there, else the one that is missing.
std::string missing_file(const std::string& name);

StoredMovie load_movie(const std::string& name);

} // namespace test
