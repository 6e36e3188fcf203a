#include "read_bandwidth.hpp"

#include "lumicrop/lumicrop.hpp"

namespace bench {

lumicrop_isa best_isa()
{
    static const lumicrop_isa isa = [] {
        lumicrop_backend_info info;
        lumicrop::check(lumicrop_backend_info_init(&info, sizeof info));
        lumicrop::check(lumicrop_backend_query(LUMICROP_BACKEND_CPU, &info));
        return info.isa;
    }();
    return isa;
}

static uint32_t read_part(const void* data, std::size_t bytes)
{
#if defined(LUMICROP_BENCH_X86_64)
    switch (best_isa()) {
    case LUMICROP_ISA_AVX512: return read_sum<LUMICROP_ISA_AVX512>(data, bytes);
    case LUMICROP_ISA_AVX2: return read_sum<LUMICROP_ISA_AVX2>(data, bytes);
    default: break;
    }
#endif
    return read_sum<LUMICROP_ISA_BASELINE>(data, bytes);
}

uint32_t read_all(const void* data, std::size_t bytes, int threads)
{
    constexpr std::size_t page = 4096;
    const std::size_t part = (bytes / static_cast<std::size_t>(threads) + page - 1) / page * page;
    uint32_t total = 0;
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : total)
    for (int thread = 0; thread < threads; ++thread) {
        const std::size_t begin = static_cast<std::size_t>(thread) * part;
        const std::size_t end = begin + part < bytes ? begin + part : bytes;
        if (begin < end) total += read_part(static_cast<const char*>(data) + begin, end - begin);
    }
    return total;
}

} // namespace bench
