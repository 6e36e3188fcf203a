#pragma once

#include "job.hpp"

namespace test {

/// The same detections with the crops cut beforehand, zeros outside the frame; the padding rule stays.
Job as_given(const Job& job);

} // namespace test
