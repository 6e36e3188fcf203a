#pragma once

#include "chance.hpp"
#include "job.hpp"

namespace test {

/// A PSF-like spline on knots of one kind an axis: uniform (in step with the pixel or not), clamped, not-a-knot, uneven.
std::shared_ptr<const SplineInput> random_spline(Chance& chance, const ChannelInput& channel);

} // namespace test
