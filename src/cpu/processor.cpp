#include <omp.h>

#include "backend.hpp"

namespace lumicrop {
namespace cpu {

bool has_isa(lumicrop_isa isa)
{
    switch (isa) {
    case LUMICROP_ISA_BASELINE: return true;
#if defined(LUMICROP_X86_64)
    case LUMICROP_ISA_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case LUMICROP_ISA_AVX512:
        return has_isa(LUMICROP_ISA_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    default: return false;
    }
}

lumicrop_isa best_isa()
{
    for (const lumicrop_isa isa : {LUMICROP_ISA_AVX512, LUMICROP_ISA_AVX2})
        if (has_isa(isa)) return isa;
    return LUMICROP_ISA_BASELINE;
}

int64_t automatic_threads()
{
    return omp_get_max_threads();
}

} // namespace cpu
} // namespace lumicrop
