#include "api/context.hpp"
#include "api/error.hpp"

using namespace lumicrop;

extern "C" {

lumicrop_status lumicrop_integrate(lumicrop_context* context, const lumicrop_channel* channels, int64_t n_channels,
                                   const lumicrop_detections* detections, const lumicrop_result* result)
{
    return guarded([&] {
        if (context == nullptr) refuse("context is NULL, a context expected");
        Backend& backend = *context->backend;
        backend.integrate(checked_job(channels, n_channels, detections, result, backend.reads_device_memory()));
    });
}

lumicrop_status lumicrop_workspace_bytes(lumicrop_context* context, const lumicrop_channel* channels, int64_t n_channels,
                                         const lumicrop_detections* detections, const lumicrop_result* result,
                                         int64_t* bytes)
{
    return guarded([&] {
        if (context == nullptr) refuse("context is NULL, a context expected");
        if (bytes == nullptr) refuse("bytes is NULL, a place for the number expected");
        Backend& backend = *context->backend;
        *bytes =
            backend.workspace_bytes(checked_job(channels, n_channels, detections, result, backend.reads_device_memory()));
    });
}

} // extern "C"
