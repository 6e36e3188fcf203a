// What is thrown inside the library when a call is refused; src/api turns it into a status and a text.
#pragma once

#include <string>
#include <utility>

#include "lumicrop/lumicrop.h"

namespace lumicrop {

struct Refusal
{
    lumicrop_status status;
    std::string text;
};

[[noreturn]] inline void refuse(std::string text, lumicrop_status status = LUMICROP_INVALID_ARGUMENT)
{
    throw Refusal{status, std::move(text)};
}

} // namespace lumicrop
