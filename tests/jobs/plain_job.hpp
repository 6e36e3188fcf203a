// Small ordinary jobs for tests of a single property.
#pragma once

#include "cell.hpp"

namespace test {

/// One channel of `n` crops cut from a movie (some across its edges), positions near the crop's middle, every column given.
/// Ring zeros, rotated angles and, for float pixels, a NaN now and then.
Job plain_job(const Cell& cell, int64_t height, int64_t width, int64_t n, uint64_t seed,
              lumicrop_source source = LUMICROP_GATHERED);

/// A cell of this kind for jobs whose size class is stated by height and width.
inline Cell kind(lumicrop_dtype dtype, Photometry method, lumicrop_padding padding)
{
    return {dtype, method, SizeClass::small, padding};
}

} // namespace test
