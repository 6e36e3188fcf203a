// A TypedArray once more in device memory.
#pragma once

#include "typed_array.hpp"

#include <memory>

namespace test {

class DeviceMemory;

/// While it lives, the array describes the copy on the device. An output is copied with all that lies around it, so that a
/// stray write shows; of an input nothing but the elements and what lies between them, so that a stray read faults on a
/// checked device. A build without CUDA refuses to make one.
class DeviceMirror
{
public:
    enum class Role { input, output };
    /// `shift`: elements between the allocation's beginning, which is aligned to 256 bytes, and the copy.
    DeviceMirror(TypedArray& array, Role role, int64_t shift = 0);
    ~DeviceMirror();
    DeviceMirror(const DeviceMirror&) = delete;
    DeviceMirror& operator=(const DeviceMirror&) = delete;

    TypedArray& array() const { return array_; }
    bool is_output() const { return role_ == Role::output; }
    DeviceMemory& memory() const { return *memory_; }
    void upload();          ///< host to device; complete on return
    void fetch();           ///< device to host; waits for the default stream alone
    bool unchanged() const; ///< the device holds what the host does
    /// Lets the array describe other device memory that holds the same bytes, or its own again (null).
    void point_to(void* other);

private:
    TypedArray& array_;
    Role role_;
    size_t shift_;       // bytes of the device memory before the copy
    size_t begin_, end_; // the bytes of the array's memory that are copied
    std::unique_ptr<DeviceMemory> memory_;
};

} // namespace test
