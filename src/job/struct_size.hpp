// Versioned structs: an older caller's is shorter, a newer one's longer. Both become this library's own.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>

#include "job/refusal.hpp"

namespace lumicrop {

/// The smallest struct that is accepted: what a caller must at least have to be understood.
template <class Struct>
inline constexpr int64_t kSmallestSize = sizeof(Struct);
template <>
inline constexpr int64_t kSmallestSize<lumicrop_options> = offsetof(lumicrop_options, device);
template <>
inline constexpr int64_t kSmallestSize<lumicrop_backend_info> = offsetof(lumicrop_backend_info, reason);
template <>
inline constexpr int64_t kSmallestSize<lumicrop_context_info> = offsetof(lumicrop_context_info, reason);
template <>
inline constexpr int64_t kSmallestSize<lumicrop_channel> = offsetof(lumicrop_channel, spline);
template <>
inline constexpr int64_t kSmallestSize<lumicrop_detections> = offsetof(lumicrop_detections, sigma_angle);
template <>
inline constexpr int64_t kSmallestSize<lumicrop_result> = offsetof(lumicrop_result, flags);

/// The largest that is believed to be a struct at all.
constexpr int64_t kLargestSize = 4096;

/// Reads a caller's struct over `defaults`.
template <class Struct>
Struct adopted(const void* given, const std::string& name, Struct defaults)
{
    if (given == nullptr) refuse(name + " is NULL, a pointer to a struct expected");
    int64_t size;
    std::memcpy(&size, given, sizeof size);
    if (size < kSmallestSize<Struct> || size > kLargestSize)
        refuse(name + ": struct_size is " + std::to_string(size) + ", " + std::to_string(sizeof(Struct)) +
               " expected: fill the struct with its lumicrop_*_init first");
    const auto* bytes = static_cast<const unsigned char*>(given);
    for (int64_t i = static_cast<int64_t>(sizeof(Struct)); i < size; ++i)
        if (bytes[i] != 0)
            refuse(name + ": byte " + std::to_string(i) + " of " + std::to_string(size) +
                       " is set, a field that this library (version " + lumicrop_version() + ") does not know",
                   LUMICROP_UNSUPPORTED);
    std::memcpy(
        &defaults, given,
        static_cast<std::size_t>(size < static_cast<int64_t>(sizeof(Struct)) ? size : static_cast<int64_t>(sizeof(Struct))));
    return defaults;
}

} // namespace lumicrop
