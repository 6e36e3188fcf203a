// OpenMP's threads do not survive fork(), and GNU's runtime waits for them in the child.
#pragma once

namespace lumicrop {
namespace cpu {

/// Whether this process is a child that was forked after the library was loaded: it computes on one thread.
bool is_forked_child();

} // namespace cpu
} // namespace lumicrop
