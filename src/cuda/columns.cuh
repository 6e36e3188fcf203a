// Columns on the device: where a crop's detection stands, its values, and its results.
#pragma once

#include <type_traits>

#include "cuda/views.hpp"
#include "math/matched_filter.hpp"

namespace lumicrop {
namespace cuda {

/// A crop of the channel and its detection.
struct Place
{
    int64_t crop, detection;
    bool used; // there is such a detection
};

__device__ __forceinline__ Place place_of(const ChannelView& view, int64_t crop)
{
    Place place{crop, view.first + crop, crop < view.end};
    if (view.positions == nullptr || !place.used) return place;
    if (view.bounds != nullptr) {
        const int64_t at = view.bounds[0] + crop;
        place.used = at < view.bounds[1];
        if (place.used) place.detection = view.positions[at];
    } else {
        place.detection = view.positions[crop];
    }
    return place;
}

template <class T>
__device__ __forceinline__ T element(const ColumnView& column, const Place& place)
{
    const int64_t i = column.in_crop_order ? place.crop : place.detection;
    return *reinterpret_cast<const T*>(column.data + i * column.stride);
}

/// A column of float32 or float64; `otherwise` where it is not given.
__device__ __forceinline__ double real_at(const ColumnView& column, const Place& place, double otherwise)
{
    if (column.data == nullptr || !place.used) return otherwise;
    return column.dtype == Dtype::f32 ? static_cast<double>(element<float>(column, place)) : element<double>(column, place);
}

/// A column of any integer type; what exceeds int64 becomes its largest number.
__device__ __forceinline__ int64_t whole_at(const ColumnView& column, const Place& place)
{
    switch (column.dtype) {
    case Dtype::u8: return element<uint8_t>(column, place);
    case Dtype::i8: return element<int8_t>(column, place);
    case Dtype::u16: return element<uint16_t>(column, place);
    case Dtype::i16: return element<int16_t>(column, place);
    case Dtype::u32: return element<uint32_t>(column, place);
    case Dtype::i32: return element<int32_t>(column, place);
    case Dtype::i64: return element<int64_t>(column, place);
    default: break;
    }
    const auto value = element<uint64_t>(column, place);
    return value > static_cast<uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(value);
}

/// A column of any type.
__device__ __forceinline__ double number_at(const ColumnView& column, const Place& place)
{
    if (!place.used) return 0;
    if (column.dtype == Dtype::f32 || column.dtype == Dtype::f64) return real_at(column, place, 0);
    if (column.dtype == Dtype::u64) return static_cast<double>(element<uint64_t>(column, place));
    return static_cast<double>(whole_at(column, place));
}

/// Reads the columns of one detection, whatever they are.
class ColumnReader
{
public:
    __device__ explicit ColumnReader(const Place& place) : place_(place) {}

    __device__ __forceinline__ double real(const ColumnView& column, double otherwise) const
    {
        return real_at(column, place_, otherwise);
    }
    __device__ __forceinline__ double number(const ColumnView& column) const { return number_at(column, place_); }

private:
    const Place& place_;
};

/// Reads dense columns of four bytes a number; there is such a detection.
class WordReader
{
public:
    __device__ WordReader(const Place& place, bool in_crop_order)
        : offset_((in_crop_order ? place.crop : place.detection) * static_cast<int64_t>(sizeof(uint32_t)))
    {
    }
    __device__ __forceinline__ double real(const ColumnView& column, double otherwise) const
    {
        return column.data == nullptr ? otherwise : static_cast<double>(at<float>(column));
    }
    __device__ __forceinline__ double number(const ColumnView& column) const
    {
        return column.dtype == Dtype::f32 ? static_cast<double>(at<float>(column)) : at<int32_t>(column);
    }

private:
    template <class T>
    __device__ __forceinline__ T at(const ColumnView& column) const
    {
        return *reinterpret_cast<const T*>(column.data + offset_);
    }

    int64_t offset_;
};

/// Calls `use` with what reads this detection's columns fastest.
template <class Use>
__device__ __forceinline__ void with_reader(const ChannelView& view, const Place& place, Use use)
{
    if (view.words && place.used)
        use(WordReader(place, view.words_in_crop_order));
    else
        use(ColumnReader(place));
}

/// What a detection came to. Counts are raw, above the camera's offset.
struct Outcome
{
    double counts, background, psf_sum, denominator;
    uint32_t flags;
};

/// The same with all that is told of channels that are not plain.
struct DetailedOutcome
{
    double electrons, background, psf_sum, denominator;
    double photons_sigma, background_photons, background_sigma, chi2, log_likelihood_ratio, enclosed, photons_total,
        background_pixels;
    uint32_t flags, iterations;
};

__device__ __forceinline__ void write_real(const ColumnView& column, const Place& place, double value)
{
    if (column.data == nullptr) return;
    std::byte* const at = column.data + (column.in_crop_order ? place.crop : place.detection) * column.stride;
    if (column.dtype == Dtype::f32)
        *reinterpret_cast<float*>(at) = static_cast<float>(value);
    else
        *reinterpret_cast<double*>(at) = value;
}

__device__ __forceinline__ void write_word(const ColumnView& column, const Place& place, uint32_t word)
{
    if (column.data == nullptr) return;
    const int64_t i = column.in_crop_order ? place.crop : place.detection;
    *reinterpret_cast<uint32_t*>(column.data + i * column.stride) = word;
}

__device__ __forceinline__ void write_outcome(const ChannelView& view, const Place& place, const Outcome& outcome)
{
    if (!place.used) return;
    write_real(view.results.photons, place, outcome.counts * math::photons_per_count(view.gain, view.qe));
    write_real(view.results.background, place, outcome.background);
    write_real(view.results.psf_sum, place, outcome.psf_sum);
    write_real(view.results.denominator, place, outcome.denominator);
    write_word(view.results.flags, place, outcome.flags);
}
__device__ __forceinline__ void write_outcome(const ChannelView& view, const Place& place, const DetailedOutcome& outcome)
{
    if (!place.used) return;
    const OutputColumns& results = view.results;
    write_real(results.photons, place, outcome.electrons * (1 / view.qe));
    write_real(results.background, place, outcome.background);
    write_real(results.psf_sum, place, outcome.psf_sum);
    write_real(results.denominator, place, outcome.denominator);
    write_word(results.flags, place, outcome.flags);
    write_real(results.photons_sigma, place, outcome.photons_sigma);
    write_real(results.background_photons, place, outcome.background_photons);
    write_real(results.background_sigma, place, outcome.background_sigma);
    write_real(results.chi2, place, outcome.chi2);
    write_real(results.log_likelihood_ratio, place, outcome.log_likelihood_ratio);
    write_real(results.enclosed, place, outcome.enclosed);
    write_real(results.photons_total, place, outcome.photons_total);
    write_real(results.background_pixels, place, outcome.background_pixels);
    write_word(results.iterations, place, outcome.iterations);
}

/// All results NaN, the flag, and a mark for the context.
__device__ __forceinline__ void write_bad_index(const OutputColumns& results, const Place& place, Faults* faults)
{
    for (const ColumnView* column : {&results.photons, &results.background, &results.psf_sum, &results.denominator})
        write_real(*column, place, math::not_a_number());
    write_word(results.flags, place, LUMICROP_FLAG_BAD_INDEX);
    atomicAdd(&faults->n_bad, 1ull);
    atomicMin(&faults->first_bad, static_cast<unsigned long long>(place.detection));
}
__device__ __forceinline__ void write_bad_index_in_detail(const OutputColumns& results, const Place& place, Faults* faults)
{
    write_bad_index(results, place, faults);
    for (const ColumnView* column :
         {&results.photons_sigma, &results.background_photons, &results.background_sigma, &results.chi2,
          &results.log_likelihood_ratio, &results.enclosed, &results.photons_total, &results.background_pixels})
        write_real(*column, place, math::not_a_number());
    write_word(results.iterations, place, 0);
}

/// The same as fits what a kernel finds.
template <class Found>
__device__ __forceinline__ void write_bad_index_as(const OutputColumns& results, const Place& place, Faults* faults)
{
    if constexpr (std::is_same_v<Found, DetailedOutcome>)
        write_bad_index_in_detail(results, place, faults);
    else
        write_bad_index(results, place, faults);
}

} // namespace cuda
} // namespace lumicrop
