// One crop as the oracle sees it: every raw count as a float64, which holds all seven pixel types exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

using std::size_t;

namespace oracle {

/// Wider than anything the library computes in, so that the reference's own rounding never matters.
using Real = long double;

enum class Padding { zeros, geometry, none };

struct Crop
{
    int64_t height = 0;
    int64_t width = 0;
    std::vector<double> raw;   ///< [height * width] counts as the camera gave them
    std::vector<char> outside; ///< [height * width] 1: beyond the frame; empty: the frame is unknown

    int64_t pixels() const { return height * width; }
    bool is_outside(int64_t pixel) const { return !outside.empty() && outside[static_cast<size_t>(pixel)] != 0; }
    bool reaches_beyond_the_frame() const
    {
        for (char pixel : outside)
            if (pixel != 0) return true;
        return false;
    }
};

struct Camera
{
    double offset = 0;
    double gain = 1;
    double qe = 1;
};

} // namespace oracle
