// What the oracle of SPEC 8 says of every detection of a job, and the comparison with what came back.
#pragma once

#include "../oracle/photometry.hpp"
#include "job.hpp"
#include "run_job.hpp"

namespace test {

/// One detection as the oracle is asked for it.
oracle::Question question_of(const Job& job, const Place& place, int64_t detection);

/// All of them, in detection order.
std::vector<oracle::Photometry> photometry_of(const Job& job);

/// Fails the running test with the first few detections that lie outside the oracle's bounds. True: all lie within.
bool photometry_agrees(const Job& job, const std::vector<oracle::Photometry>& expected, const Outputs& outputs,
                       const std::string& who);

} // namespace test
