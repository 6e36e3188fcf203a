#include <cstring>

#include "read_bandwidth.hpp"

namespace bench {

#if defined(__AVX512F__)
constexpr std::size_t kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t kVectorBytes = 32;
#else
constexpr std::size_t kVectorBytes = 16;
#endif

template <>
uint32_t read_sum<READ_SUM_ISA>(const void* data, std::size_t bytes)
{
    // may_alias: the words are read out of pixels of any type.
    typedef uint32_t Vector __attribute__((vector_size(kVectorBytes), may_alias));
    constexpr std::size_t accumulators = 8;
    const auto* vectors = static_cast<const Vector*>(data);
    const std::size_t groups = bytes / (accumulators * kVectorBytes);

    Vector s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{};
    for (std::size_t group = 0; group < groups; ++group, vectors += accumulators) {
        s0 += vectors[0];
        s1 += vectors[1];
        s2 += vectors[2];
        s3 += vectors[3];
        s4 += vectors[4];
        s5 += vectors[5];
        s6 += vectors[6];
        s7 += vectors[7];
    }
    const Vector sum = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
    uint32_t words[kVectorBytes / sizeof(uint32_t)];
    std::memcpy(words, &sum, sizeof words);
    uint32_t total = 0;
    for (const uint32_t word : words) total += word;
    return total;
}

} // namespace bench
