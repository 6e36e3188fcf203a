// One thread's memory, handed out in pieces that are aligned to a register.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Hands out pieces of a buffer; with no buffer it only counts, so that sizes are stated once, where they are used.
class Workspace
{
public:
    explicit Workspace(std::byte* buffer) : buffer_(buffer) {}

    template <class T>
    T* take(int64_t count)
    {
        std::byte* const piece = buffer_ == nullptr ? nullptr : buffer_ + used_;
        used_ += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
        return reinterpret_cast<T*>(piece);
    }
    std::size_t used() const { return used_; }

private:
    std::byte* buffer_;
    std::size_t used_ = 0;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
