// Floating-point numbers as unsigned integers of the same order, for selection by bits.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

template <class Scalar>
struct OrderedBits;
template <>
struct OrderedBits<float>
{
    using Type = uint32_t;
    static constexpr int kBits = 32;
};
template <>
struct OrderedBits<double>
{
    using Type = uint64_t;
    static constexpr int kBits = 64;
};

/// Zeros before the highest one; bits is not 0.
LUMICROP_HOST_DEVICE int leading_zeros(uint32_t bits)
{
#if defined(__CUDA_ARCH__)
    return __clz(static_cast<int>(bits));
#else
    return __builtin_clz(bits);
#endif
}
LUMICROP_HOST_DEVICE int leading_zeros(uint64_t bits)
{
#if defined(__CUDA_ARCH__)
    return __clzll(static_cast<long long>(bits));
#else
    return __builtin_clzll(bits);
#endif
}

/// a < b as numbers exactly where ordered_bits(a) < ordered_bits(b), but that -0 comes before +0. NaN is not allowed.
template <class Scalar>
LUMICROP_HOST_DEVICE typename OrderedBits<Scalar>::Type ordered_bits(Scalar x)
{
    using Bits = typename OrderedBits<Scalar>::Type;
    constexpr Bits kTop = Bits(1) << (OrderedBits<Scalar>::kBits - 1);
    Bits bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & kTop) != 0 ? static_cast<Bits>(~bits) : static_cast<Bits>(bits | kTop);
}

template <class Scalar>
LUMICROP_HOST_DEVICE Scalar from_ordered_bits(typename OrderedBits<Scalar>::Type ordered)
{
    using Bits = typename OrderedBits<Scalar>::Type;
    constexpr Bits kTop = Bits(1) << (OrderedBits<Scalar>::kBits - 1);
    const Bits bits = (ordered & kTop) != 0 ? static_cast<Bits>(ordered & ~kTop) : static_cast<Bits>(~ordered);
    Scalar x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
