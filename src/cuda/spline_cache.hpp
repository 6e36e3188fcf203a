// Splines in device memory: copied once per context.
#pragma once

#include <list>
#include <memory>

#include "cuda/runtime.hpp"
#include "cuda/views.hpp"
#include "job/spline.hpp"

namespace lumicrop {
namespace cuda {

class SplineCache
{
public:
    /// The device's copy of a spline; null: there is none yet.
    const DeviceSpline* find(const Spline& spline);

    /// The device's copy of a spline, made and waited for at the first call. Copies of splines that are no more are freed then.
    const DeviceSpline& of(const Spline& spline, cudaStream_t own_stream);

private:
    struct Copy
    {
        std::weak_ptr<const void> life; // of the original
        DeviceMemory memory;
        DeviceSpline view;
    };
    std::list<Copy> copies_;
};

} // namespace cuda
} // namespace lumicrop
