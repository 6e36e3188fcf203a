// Stands in for device_mirror.cpp and emulated_gpu.cpp in a build without CUDA.
#include "device_mirror.hpp"
#include "every_backend.hpp"

#include <stdexcept>

namespace test {

class DeviceMemory
{
};

DeviceMirror::DeviceMirror(TypedArray& array, Role role, int64_t shift)
    : array_(array), role_(role), shift_(static_cast<size_t>(shift)), begin_(0), end_(0)
{
    throw std::logic_error("an array on the device in a build without CUDA");
}
DeviceMirror::~DeviceMirror() = default;
void DeviceMirror::upload() {}
void DeviceMirror::fetch() {}
bool DeviceMirror::unchanged() const
{
    return begin_ == end_;
}
void DeviceMirror::point_to(void*) {}

bool gpu_is_emulated()
{
    return false;
}

} // namespace test
