// The first pixels of a register, where reading all of it would read what is not the crop's.
#pragma once

#include <cstddef>
#include <type_traits>

#include "cpu/lanes.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// As many pixels side by side, as they are stored.
template <class Pixel, int kCount>
struct PixelsOf;
#define LUMICROP_PIXEL_VECTOR(pixel)                                                                                        \
    template <int kCount>                                                                                                   \
    struct PixelsOf<pixel, kCount>                                                                                          \
    {                                                                                                                       \
        typedef pixel Vector __attribute__((vector_size(kCount * sizeof(pixel))));                                          \
    };
LUMICROP_PIXEL_VECTOR(uint8_t)
LUMICROP_PIXEL_VECTOR(uint16_t)
LUMICROP_PIXEL_VECTOR(int16_t)
LUMICROP_PIXEL_VECTOR(uint32_t)
LUMICROP_PIXEL_VECTOR(int32_t)
LUMICROP_PIXEL_VECTOR(float)
LUMICROP_PIXEL_VECTOR(double)
#undef LUMICROP_PIXEL_VECTOR

template <class Pixel, int kCount>
LUMICROP_INLINE typename PixelsOf<Pixel, kCount>::Vector load_pixels(const std::byte* from)
{
    typename PixelsOf<Pixel, kCount>::Vector pixels;
    __builtin_memcpy(&pixels, from, sizeof pixels);
    return pixels;
}

#if defined(__AVX512F__)

template <std::size_t kBytes, std::size_t kSize>
struct MaskedLoad; // of a vector of kBytes, elements of kSize bytes
#define LUMICROP_MASKED_LOAD(bytes, size, load, mask)                                                                       \
    template <>                                                                                                             \
    struct MaskedLoad<bytes, size>                                                                                          \
    {                                                                                                                       \
        static LUMICROP_INLINE auto at(uint64_t bits, const void* from) { return load(static_cast<mask>(bits), from); }     \
    };
LUMICROP_MASKED_LOAD(16, 1, _mm_maskz_loadu_epi8, __mmask16)
LUMICROP_MASKED_LOAD(16, 2, _mm_maskz_loadu_epi16, __mmask8)
LUMICROP_MASKED_LOAD(32, 1, _mm256_maskz_loadu_epi8, __mmask32)
LUMICROP_MASKED_LOAD(32, 2, _mm256_maskz_loadu_epi16, __mmask16)
LUMICROP_MASKED_LOAD(32, 4, _mm256_maskz_loadu_epi32, __mmask8)
LUMICROP_MASKED_LOAD(64, 2, _mm512_maskz_loadu_epi16, __mmask32)
LUMICROP_MASKED_LOAD(64, 4, _mm512_maskz_loadu_epi32, __mmask16)
LUMICROP_MASKED_LOAD(64, 8, _mm512_maskz_loadu_epi64, __mmask8)
#undef LUMICROP_MASKED_LOAD

/// Loads the first `n` of kCount pixels, zeros behind them; reads nothing else.
template <class Pixel, int kCount>
class FirstPixels
{
public:
    using Vector = typename PixelsOf<Pixel, kCount>::Vector;

    FirstPixels(int64_t n, const std::byte*) : bits_(n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1) {}

    LUMICROP_INLINE Vector load(const std::byte* from) const
    {
        return (Vector)MaskedLoad<sizeof(Vector), sizeof(Pixel)>::at(bits_, from);
    }

private:
    uint64_t bits_;
};

#else

/// Loads the first `n` of kCount pixels, zeros behind them. Reads the whole register where that ends before `limit`.
template <class Pixel, int kCount>
class FirstPixels
{
public:
    using Vector = typename PixelsOf<Pixel, kCount>::Vector;

    FirstPixels(int64_t n, const std::byte* limit) : bytes_(static_cast<std::size_t>(n) * sizeof(Pixel)), limit_(limit)
    {
        __builtin_memset(&mask_, 0, sizeof mask_);
        __builtin_memset(&mask_, 0xFF, bytes_);
    }

    LUMICROP_INLINE Vector load(const std::byte* from) const
    {
#if defined(__AVX2__)
        if constexpr (sizeof(Vector) == 32 && sizeof(Pixel) == 4)
            return (Vector)_mm256_maskload_epi32(reinterpret_cast<const int*>(from), (__m256i)mask_);
        if constexpr (sizeof(Vector) == 32 && sizeof(Pixel) == 8)
            return (Vector)_mm256_maskload_epi64(reinterpret_cast<const long long*>(from), (__m256i)mask_);
#endif
        Vector pixels{};
        if (from + sizeof(Vector) <= limit_) {
            __builtin_memcpy(&pixels, from, sizeof pixels);
            return (Vector)((Bytes)pixels & (Bytes)mask_);
        }
        __builtin_memcpy(&pixels, from, bytes_);
        return pixels;
    }

private:
    using Bytes = typename PixelsOf<uint8_t, static_cast<int>(sizeof(Vector))>::Vector;
    Vector mask_;
    std::size_t bytes_;
    const std::byte* limit_;
};

#endif

/// Pixels as numbers of the lanes.
template <class Real, class Vector>
LUMICROP_INLINE Real converted(Vector pixels)
{
    if constexpr (std::is_same_v<Vector, typename Real::Vector>) {
        return Real(pixels);
    } else {
        if constexpr (sizeof(pixels[0]) < sizeof(int32_t)) // by way of int32, for which there are instructions
            return Real(
                __builtin_convertvector(__builtin_convertvector(pixels, typename Real::Bits), typename Real::Vector));
        else
            return Real(__builtin_convertvector(pixels, typename Real::Vector));
    }
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
