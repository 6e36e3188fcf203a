// What the border's pixels are sorted as, many crops side by side: float32 or float64 as they are, whole numbers of up to 16 bits as
// int16, which a register holds twice as many of.
#pragma once

#include "cpu/transpose.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// int16 lanes, which can be sorted and no more.
struct ShortLanes
{
    using Scalar = int16_t;
    static constexpr int kCount = kRegisterBytes / 2;
    typedef int16_t Vector __attribute__((vector_size(kRegisterBytes)));

    Vector v;

    ShortLanes() = default;
    LUMICROP_INLINE explicit ShortLanes(Vector vector) : v(vector) {}
    LUMICROP_INLINE void store(int16_t* to) const { __builtin_memcpy(to, &v, sizeof v); }
};

#if defined(__AVX512F__)
LUMICROP_INLINE ShortLanes smaller(ShortLanes a, ShortLanes b)
{
    return ShortLanes((ShortLanes::Vector)_mm512_min_epi16((__m512i)a.v, (__m512i)b.v));
}
LUMICROP_INLINE ShortLanes larger(ShortLanes a, ShortLanes b)
{
    return ShortLanes((ShortLanes::Vector)_mm512_max_epi16((__m512i)a.v, (__m512i)b.v));
}
#elif defined(__AVX2__)
LUMICROP_INLINE ShortLanes smaller(ShortLanes a, ShortLanes b)
{
    return ShortLanes((ShortLanes::Vector)_mm256_min_epi16((__m256i)a.v, (__m256i)b.v));
}
LUMICROP_INLINE ShortLanes larger(ShortLanes a, ShortLanes b)
{
    return ShortLanes((ShortLanes::Vector)_mm256_max_epi16((__m256i)a.v, (__m256i)b.v));
}
#elif defined(__SSE2__)
LUMICROP_INLINE ShortLanes smaller(ShortLanes a, ShortLanes b)
{
    return ShortLanes((ShortLanes::Vector)_mm_min_epi16((__m128i)a.v, (__m128i)b.v));
}
LUMICROP_INLINE ShortLanes larger(ShortLanes a, ShortLanes b)
{
    return ShortLanes((ShortLanes::Vector)_mm_max_epi16((__m128i)a.v, (__m128i)b.v));
}
#else
LUMICROP_INLINE ShortLanes smaller(ShortLanes a, ShortLanes b)
{
    return ShortLanes(a.v < b.v ? a.v : b.v);
}
LUMICROP_INLINE ShortLanes larger(ShortLanes a, ShortLanes b)
{
    return ShortLanes(a.v > b.v ? a.v : b.v);
}
#endif

// A kind of key: its lanes, the pixels as they are laid side by side before they are turned (`Stored`), the ends of their order, and the
// way back.

struct FloatKeys
{
    using Lanes = FloatLanes;
    using Stored = float;
    static float least() { return -__builtin_inff(); }
    static float most() { return __builtin_inff(); }
    static double pixel(float key) { return static_cast<double>(key); }
};
struct DoubleKeys
{
    using Lanes = DoubleLanes;
    using Stored = double;
    static double least() { return -__builtin_inf(); }
    static double most() { return __builtin_inf(); }
    static double pixel(double key) { return key; }
};
struct UnsignedKeys
{
    using Lanes = ShortLanes;
    using Stored = uint16_t;
    static constexpr int16_t kFlip = INT16_MIN; // turns the unsigned order into the signed one
    static uint16_t least() { return 0; }
    static uint16_t most() { return UINT16_MAX; }
    static double pixel(int16_t key) { return static_cast<uint16_t>(key ^ kFlip); }
};
struct SignedKeys
{
    using Lanes = ShortLanes;
    using Stored = int16_t;
    static constexpr int16_t kFlip = 0;
    static int16_t least() { return INT16_MIN; }
    static int16_t most() { return INT16_MAX; }
    static double pixel(int16_t key) { return key; }
};

template <class Pixel>
struct KeysOf;
template <>
struct KeysOf<uint8_t>
{
    using Keys = UnsignedKeys;
};
template <>
struct KeysOf<uint16_t>
{
    using Keys = UnsignedKeys;
};
template <>
struct KeysOf<int16_t>
{
    using Keys = SignedKeys;
};
template <>
struct KeysOf<float>
{
    using Keys = FloatKeys;
};
template <>
struct KeysOf<uint32_t>
{
    using Keys = DoubleKeys;
};
template <>
struct KeysOf<int32_t>
{
    using Keys = DoubleKeys;
};
template <>
struct KeysOf<double>
{
    using Keys = DoubleKeys;
};

/// Turns as many of each crop's stored pixels as a register holds: to[i] gets pixel i of all crops, crop c at lane_of(c).
template <class Keys>
struct Turn
{
    using Lanes = typename Keys::Lanes;
    static constexpr int kPixels = Lanes::kCount;
    static constexpr int lane_of(int crop) { return crop; }

    static LUMICROP_INLINE void turn(const typename Keys::Stored* from, int64_t pitch, Lanes (&to)[kPixels])
    {
        for (int crop = 0; crop < Lanes::kCount; ++crop) to[crop] = Lanes::load(from + crop * pitch);
        transpose(to);
    }
};

/// Two shorts are turned as one 32-bit word, half of the crops after the other; then the halves are put together.
template <class Keys>
struct ShortTurn
{
    static constexpr int kWords = FloatLanes::kCount;
    static constexpr int kPixels = 2 * kWords;
    static constexpr int lane_of(int crop) { return crop < kWords ? 2 * crop : 2 * (crop - kWords) + 1; }

    static LUMICROP_INLINE void turn(const typename Keys::Stored* from, int64_t pitch, ShortLanes (&to)[kPixels])
    {
        using Words = FloatLanes::Unsigned;
        FloatLanes first[kWords], second[kWords];
        for (int crop = 0; crop < kWords; ++crop) {
            first[crop] = FloatLanes::load(reinterpret_cast<const float*>(from + crop * pitch));
            second[crop] = FloatLanes::load(reinterpret_cast<const float*>(from + (crop + kWords) * pitch));
        }
        transpose(first);
        transpose(second);
        for (int i = 0; i < kWords; ++i) {
            const auto a = (Words)first[i].v, b = (Words)second[i].v;
            const Words low = (a & 0xFFFFu) | b << 16, high = a >> 16 | (b & 0xFFFF0000u);
            to[2 * i] = ShortLanes((ShortLanes::Vector)low ^ Keys::kFlip);
            to[2 * i + 1] = ShortLanes((ShortLanes::Vector)high ^ Keys::kFlip);
        }
    }
};
template <>
struct Turn<UnsignedKeys> : ShortTurn<UnsignedKeys>
{
};
template <>
struct Turn<SignedKeys> : ShortTurn<SignedKeys>
{
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
