#define LUMICROP_TARGET avx2
#include "cpu/integrate.hpp"

namespace lumicrop {
namespace cpu {

const Kernels kAvx2Kernels = {kernel::lanes_of, kernel::workspace_bytes, kernel::integrate};

} // namespace cpu
} // namespace lumicrop
