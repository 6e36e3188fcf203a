// Statuses and texts: nothing thrown passes the C ABI.
#pragma once

#include <new>
#include <string>

#include "job/refusal.hpp"

namespace lumicrop {

/// Keeps `text` as the calling thread's last error and returns `status`.
lumicrop_status fail(lumicrop_status status, const char* text) noexcept;

/// Runs `body`; what it throws becomes a status and the thread's error text.
template <class Body>
lumicrop_status guarded(Body body) noexcept
{
    try {
        body();
        return LUMICROP_OK;
    } catch (const Refusal& refusal) {
        return fail(refusal.status, refusal.text.c_str());
    } catch (const std::bad_alloc&) {
        return fail(LUMICROP_OUT_OF_MEMORY, "host memory could not be had");
    } catch (const std::exception& error) {
        return fail(LUMICROP_INTERNAL, error.what());
    } catch (...) {
        return fail(LUMICROP_INTERNAL, "unknown internal error");
    }
}

} // namespace lumicrop
