#include "api/error.hpp"

#include <cstring>

namespace lumicrop {
namespace {

/// A fixed buffer, so that telling of an error cannot fail itself.
thread_local char last_error[1024];

} // namespace

lumicrop_status fail(lumicrop_status status, const char* text) noexcept
{
    std::strncpy(last_error, text, sizeof last_error - 1);
    return status;
}

} // namespace lumicrop

#define LUMICROP_TEXT_OF(x) #x
#define LUMICROP_TEXT(x) LUMICROP_TEXT_OF(x)

extern "C" {

const char* lumicrop_version(void)
{
    return LUMICROP_TEXT(LUMICROP_VERSION_MAJOR) "." LUMICROP_TEXT(LUMICROP_VERSION_MINOR) "." LUMICROP_TEXT(
        LUMICROP_VERSION_PATCH);
}

const char* lumicrop_status_name(lumicrop_status status)
{
    switch (status) {
    case LUMICROP_OK: return "ok";
    case LUMICROP_INVALID_ARGUMENT: return "invalid argument";
    case LUMICROP_UNSUPPORTED: return "unsupported";
    case LUMICROP_NO_DEVICE: return "no device";
    case LUMICROP_DRIVER_TOO_OLD: return "driver too old";
    case LUMICROP_NO_KERNEL_IMAGE: return "no kernel image";
    case LUMICROP_OUT_OF_MEMORY: return "out of memory";
    case LUMICROP_CUDA_FAILURE: return "CUDA failure";
    case LUMICROP_INTERNAL: return "internal error";
    case LUMICROP_BAD_INDEX: return "bad index";
    case LUMICROP_CANCELLED: return "cancelled";
    default: return "unknown status";
    }
}

const char* lumicrop_last_error(void)
{
    return lumicrop::last_error;
}

} // extern "C"
