// The alignment of every piece of device memory.
#pragma once

#include <cstdint>

namespace lumicrop {
namespace cuda {

/// Bytes rounded up to whole lines of 256.
constexpr int64_t whole_lines(int64_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

} // namespace cuda
} // namespace lumicrop
