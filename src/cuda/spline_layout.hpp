// How a spline's coefficients lie in device memory.
#pragma once

#include <cstdint>

namespace lumicrop {
namespace cuda {

/// Rows begin at whole sectors of memory.
constexpr int64_t kSectorBytes = 32;

template <class Real>
constexpr int64_t coefficient_pitch(int64_t n_coefficients)
{
    constexpr int64_t kSector = kSectorBytes / static_cast<int64_t>(sizeof(Real));
    return (n_coefficients + kSector - 1) / kSector * kSector;
}

} // namespace cuda
} // namespace lumicrop
