// Versioned structs: an older caller's is shorter, a newer one's longer. Both become this library's own.
#pragma once

#include <cstring>
#include <string>

#include "job/refusal.hpp"

namespace lumicrop {

/// Reads a caller's struct over `defaults`. `smallest` is the size of the struct in the first release.
template <class Struct>
Struct adopted(const void* given, const std::string& name, int64_t smallest, Struct defaults)
{
    if (given == nullptr) refuse(name + " is NULL, a pointer to a struct expected");
    int64_t size;
    std::memcpy(&size, given, sizeof size);
    if (size < smallest || size > 4096)
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
