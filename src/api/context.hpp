// What stands behind a context's handle.
#pragma once

#include <memory>
#include <string>

#include "backend.hpp"

struct lumicrop_context
{
    std::unique_ptr<lumicrop::Backend> backend;
    std::string reason; // why this backend
};
