#define LUMICROP_TARGET baseline
#include "cpu/integrate.hpp"

namespace lumicrop {
namespace cpu {

const Kernels kBaselineKernels = {kernel::lanes_of, kernel::workspace_bytes, kernel::integrate};

} // namespace cpu
} // namespace lumicrop
