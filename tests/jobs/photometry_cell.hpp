// The cells of the coverage table for SPEC 8.
#pragma once

#include "job.hpp"

#include <array>
#include <map>
#include <ostream>

namespace test {

/// Factors of a channel of photometry, each a number from 0 to below levels_of_factor.
enum class Factor { dtype, estimate, model, size, padding, source, maps, asked, output };
constexpr size_t n_factors = 9;
using PhotometryCell = std::array<int, n_factors>;

/// An estimator with a background that it may have; factor `estimate` counts through them.
struct EstimateKind
{
    lumicrop_method method;
    lumicrop_background background;
};
const std::vector<EstimateKind>& estimate_kinds();

int levels_of(Factor factor);
std::string level_name(Factor factor, int level);

/// Levels of `maps`: none, then each alone, then all.
enum class Maps { none, offset, gain, read_variance, bad_pixels, all };
/// Levels of `size`.
enum class PhotometrySize { pixel, line, square, other };
/// Levels of `asked`: all columns, some of them, one.
enum class Asking { all, some, one };

/// How often each pair of levels of two factors has been met by a channel with detections.
class PairCoverage
{
public:
    void add(const PhotometryCell& cell);
    int least() const;
    void print(std::ostream& out) const; ///< for each pair of factors the least and the mean count; then dtype by estimate
private:
    std::map<std::array<int, 4>, int> counts_; ///< factor, level, factor, level
};

} // namespace test
