#include "api/context.hpp"
#include "api/error.hpp"

namespace lumicrop {
namespace {

Job job_for(const Backend& backend, const lumicrop_channel* channels, int64_t n_channels,
            const lumicrop_detections* detections, const lumicrop_result* result)
{
    return checked_job(channels, n_channels, detections, result,
                       [&backend](const void* data, bool on_device, const std::string& name) {
                           backend.check_place(data, on_device, name);
                       });
}

} // namespace
} // namespace lumicrop

using namespace lumicrop;

extern "C" {

lumicrop_status lumicrop_integrate(lumicrop_context* context, const lumicrop_channel* channels, int64_t n_channels,
                                   const lumicrop_detections* detections, const lumicrop_result* result)
{
    return guarded([&] {
        if (context == nullptr) refuse("context is NULL, a context expected");
        Backend& backend = *context->backend;
        backend.integrate(job_for(backend, channels, n_channels, detections, result));
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
        *bytes = backend.workspace_bytes(job_for(backend, channels, n_channels, detections, result));
    });
}

} // extern "C"
