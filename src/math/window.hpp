// The part of a crop that lies inside the camera's frame.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Part of [0, size) that lies in [0, extent) when moved by `origin`; safe for any origin.
LUMICROP_HOST_DEVICE void clip(int64_t origin, int64_t size, int64_t extent, int64_t& begin, int64_t& end)
{
    begin = origin >= 0 ? 0 : origin <= -size ? size : -origin;
    end = origin >= extent ? begin : origin > extent - size ? extent - origin : size;
    if (end < begin) end = begin;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
