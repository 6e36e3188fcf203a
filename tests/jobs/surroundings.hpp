// The pixels that an annulus is measured on, found one by one.
#pragma once

#include "../oracle/photometry.hpp"
#include "job.hpp"

namespace test {

/// Those around one detection of a channel with an annulus.
oracle::Surroundings surroundings_of(const Job& job, const Place& place, int64_t detection);

} // namespace test
