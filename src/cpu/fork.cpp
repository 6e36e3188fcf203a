#include "cpu/fork.hpp"

#include <atomic>
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace lumicrop {
namespace cpu {
namespace {

std::atomic<bool> forked{false};

#if !defined(_WIN32)
[[maybe_unused]] const int kRegistered =
    pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });
#endif

} // namespace

bool is_forked_child()
{
    return forked.load(std::memory_order_relaxed);
}

} // namespace cpu
} // namespace lumicrop
