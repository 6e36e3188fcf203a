#include "device_mirror.hpp"

#include "device_memory.hpp"

#include <algorithm>

namespace test {

DeviceMirror::DeviceMirror(TypedArray& array, Role role, int64_t shift)
    : array_(array), role_(role), shift_(static_cast<size_t>(shift * size_of(array.array().dtype)))
{
    begin_ = role == Role::output ? 0 : static_cast<size_t>(array.begin_of_elements());
    end_ = role == Role::output ? array.memory().size() : static_cast<size_t>(array.end_of_elements());
    memory_ = std::make_unique<DeviceMemory>(shift_ + end_ - begin_);
    array_.array().memory = LUMICROP_DEVICE;
    point_to(nullptr);
    upload();
}

DeviceMirror::~DeviceMirror() = default;

void DeviceMirror::upload()
{
    memory_->write(shift_, array_.memory().data() + begin_, end_ - begin_);
}

void DeviceMirror::fetch()
{
    const std::vector<uint8_t> held = memory_->read(shift_, end_ - begin_);
    std::copy(held.begin(), held.end(), array_.memory().begin() + static_cast<int64_t>(begin_));
}

bool DeviceMirror::unchanged() const
{
    const std::vector<uint8_t> held = memory_->read(shift_, end_ - begin_);
    return std::equal(held.begin(), held.end(), array_.memory().begin() + static_cast<int64_t>(begin_));
}

void DeviceMirror::point_to(void* other)
{
    auto* const begin = other == nullptr ? memory_->get() : static_cast<uint8_t*>(other);
    array_.array().data = begin + shift_ + static_cast<size_t>(array_.first_element()) - begin_;
}

} // namespace test
