// The door between the OpenMP loop and the kernels, which are compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "job/job.hpp"

namespace lumicrop {
namespace cpu {

struct Kernels
{
    /// Detections that are computed side by side.
    int64_t (*lanes)(const Channel& channel);

    /// Bytes that one thread needs to compute detections of the channel.
    std::size_t (*workspace_bytes)(const Channel& channel);

    /// Computes detections `begin` to `end` of the channel (counted within it); `begin` is a multiple of `lanes`.
    /// workspace: aligned to 64 bytes.
    void (*integrate)(const Job& job, const Channel& channel, int64_t begin, int64_t end, std::byte* workspace);
};

extern const Kernels kBaselineKernels;
#if defined(LUMICROP_X86_64)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

} // namespace cpu
} // namespace lumicrop
