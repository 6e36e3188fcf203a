#pragma once

#include "cell.hpp"

namespace test {

/// One job of all `parts` (plain jobs of one channel each): their detections mixed by chance, told apart by a column `ch` of type
/// `labels`. Channels state their number of detections.
Job labelled_job(const std::vector<Job>& parts, lumicrop_dtype labels, uint64_t seed);

/// Labels, frames and columns of the detections `chosen` alone, in that order; channels keep their stacks, and state how many
/// detections of theirs are left. Crop j of a stack is the j-th that is left of its channel.
Job keep(const Job& job, const std::vector<int64_t>& chosen);

} // namespace test
