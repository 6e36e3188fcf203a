#define LUMICROP_TARGET avx512
#include "cpu/integrate.hpp"

namespace lumicrop {
namespace cpu {

const Kernels kAvx512Kernels = {kernel::lanes_of, kernel::workspace_bytes, kernel::integrate};

} // namespace cpu
} // namespace lumicrop
