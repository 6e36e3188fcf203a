// Who is near whom in the same frame, found on the host.
#pragma once

#include <vector>

#include "job/job.hpp"

namespace lumicrop {

class Neighbours
{
public:
    /// None where the channel does not look for any.
    ///
    ///  columns  frame, x_fit and y_fit on the host
    Neighbours(const Job& job, const Channel& channel, const Detections& columns);

    NeighbourTable table() const { return {keys_.data(), positions_.data(), static_cast<int64_t>(keys_.size())}; }

private:
    std::vector<uint64_t> keys_;
    std::vector<FramePosition> positions_;
};

} // namespace lumicrop
