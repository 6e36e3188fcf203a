// What the host must know of a job before it can cut crops out and put detections in order: columns that lie on the device, copied
// down, and what their labels say.
#pragma once

#include <list>
#include <vector>

#include "cuda/host_chunks.hpp"

namespace lumicrop {
namespace cuda {

class HostOrder
{
public:
    /// Copies down what is needed, and waits for it. Host labels have been checked already.
    HostOrder(const Job& given, cudaStream_t stream);
    HostOrder(const HostOrder&) = delete;
    HostOrder& operator=(const HostOrder&) = delete;

    /// The job with its detections in order; `n` of a channel counts the crops that have one.
    const Job& job() const { return job_; }

    /// Its columns, of which those that tell where crops are to be cut out lie on the host.
    const Detections& readable() const { return readable_; }

    /// NaN, the flag and a mark for the detections that no crop belongs to.
    void refuse_detections(const Lent& lent) const;

private:
    Column copied_down(const Column& column, cudaStream_t stream);
    void order_by_labels();

    Job job_;
    Detections readable_;
    std::list<std::vector<std::byte>> copies_;
    std::vector<int64_t> refused_; // detections
};

} // namespace cuda
} // namespace lumicrop
