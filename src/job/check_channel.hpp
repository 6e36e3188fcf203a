// Checking one channel: choices, images, camera, PSF, and the columns that it needs.
#pragma once

#include "job/job.hpp"

namespace lumicrop {

/// The channel as it was checked; its number is one-based. Its place among the detections is not settled yet, nor is `n` where it is
/// -1: to be counted. Throws Refusal.
Channel checked_channel(const lumicrop_channel& given, int64_t number, const lumicrop_detections& detections,
                        const lumicrop_result& result, int64_t n_channels);

} // namespace lumicrop
