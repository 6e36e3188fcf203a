// A block: as many detections as a register has lanes, one crop in each.
#pragma once

#include <type_traits>

#include "cpu/lanes.hpp"
#include "job/job.hpp"
#include "math/matched_filter.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Where the lanes' detections stand in the columns. A last block that is not full repeats its last detection.
template <int kLanes>
struct Block
{
    int64_t crop[kLanes];      // within the channel
    int64_t detection[kLanes]; // in detection order
    int n;                     // lanes in use
    bool consecutive;          // each lane's detection follows the one before

    Block(const Channel& channel, int64_t begin, int64_t end)
        : n(end - begin < kLanes ? static_cast<int>(end - begin) : kLanes),
          consecutive(n == kLanes && channel.positions == nullptr)
    {
        for (int lane = 0; lane < kLanes; ++lane) {
            crop[lane] = begin + (lane < n ? lane : n - 1);
            detection[lane] = channel.positions == nullptr ? channel.first + crop[lane] : channel.positions[crop[lane]];
        }
    }
};

template <class Value, class T>
LUMICROP_INLINE Value value_of(T value)
{
    if constexpr (std::is_same_v<T, uint64_t> && std::is_same_v<Value, int64_t>)
        return value > static_cast<uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<int64_t>(value);
    else
        return static_cast<Value>(value);
}

template <class T, int kLanes, class Value>
LUMICROP_INLINE void read_elements(const Column& column, const Block<kLanes>& block, Value (&values)[kLanes])
{
    if (block.consecutive && column.stride == static_cast<int64_t>(sizeof(T))) {
        T adjacent[kLanes];
        __builtin_memcpy(adjacent, column.data + block.detection[0] * column.stride, sizeof adjacent);
        for (int lane = 0; lane < kLanes; ++lane) values[lane] = value_of<Value>(adjacent[lane]);
        return;
    }
    for (int lane = 0; lane < kLanes; ++lane)
        values[lane] = value_of<Value>(*reinterpret_cast<const T*>(column.data + block.detection[lane] * column.stride));
}

/// A column's values of the lanes; `otherwise` where it is not given.
template <int kLanes>
LUMICROP_INLINE void read_lanes(const Column& column, const Block<kLanes>& block, double otherwise, double (&values)[kLanes])
{
    if (!column) {
        for (double& value : values) value = otherwise;
    } else if (column.dtype == Dtype::f32) {
        read_elements<float>(column, block, values);
    } else {
        read_elements<double>(column, block, values);
    }
}

/// A column of any type, as float64 or int64.
template <int kLanes, class Value>
inline void read_any(const Column& column, const Block<kLanes>& block, Value (&values)[kLanes])
{
    switch (column.dtype) {
    case Dtype::u8: return read_elements<uint8_t>(column, block, values);
    case Dtype::u16: return read_elements<uint16_t>(column, block, values);
    case Dtype::i16: return read_elements<int16_t>(column, block, values);
    case Dtype::u32: return read_elements<uint32_t>(column, block, values);
    case Dtype::i32: return read_elements<int32_t>(column, block, values);
    case Dtype::i8: return read_elements<int8_t>(column, block, values);
    case Dtype::u64: return read_elements<uint64_t>(column, block, values);
    case Dtype::i64: return read_elements<int64_t>(column, block, values);
    case Dtype::f32: return read_elements<float>(column, block, values);
    case Dtype::f64: break;
    }
    read_elements<double>(column, block, values);
}

/// What a block's detections came to. Counts are raw, above the camera's offset; electrons where the channel is not plain.
template <int kLanes>
struct Outcomes
{
    alignas(64) double counts[kLanes];
    alignas(64) double background[kLanes];
    alignas(64) double psf_sum[kLanes];
    alignas(64) double denominator[kLanes];
    uint32_t flags[kLanes];
};

/// What is told beside that where more was asked for than a plain sum or filter.
template <int kLanes>
struct Details
{
    alignas(64) double photons_sigma[kLanes];
    alignas(64) double background_photons[kLanes];
    alignas(64) double background_sigma[kLanes];
    alignas(64) double chi2[kLanes];
    alignas(64) double log_likelihood_ratio[kLanes];
    alignas(64) double enclosed[kLanes];
    alignas(64) double photons_total[kLanes];
    alignas(64) double background_pixels[kLanes];
    uint32_t iterations[kLanes];
};

template <class T, int kLanes, class Value>
LUMICROP_INLINE void write_elements(const Column& column, const Block<kLanes>& block, const Value (&values)[kLanes])
{
    if (block.consecutive && column.stride == static_cast<int64_t>(sizeof(T))) {
        T adjacent[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) adjacent[lane] = static_cast<T>(values[lane]);
        __builtin_memcpy(column.data + block.detection[0] * column.stride, adjacent, sizeof adjacent);
        return;
    }
    for (int lane = 0; lane < block.n; ++lane)
        *reinterpret_cast<T*>(column.data + block.detection[lane] * column.stride) = static_cast<T>(values[lane]);
}

template <int kLanes>
LUMICROP_INLINE void write_lanes(const Column& column, const Block<kLanes>& block, const double (&values)[kLanes])
{
    if (!column) return;
    if (column.dtype == Dtype::f32)
        write_elements<float>(column, block, values);
    else
        write_elements<double>(column, block, values);
}

template <int kLanes>
LUMICROP_INLINE void write_outcomes(const Job& job, const Channel& channel, const Block<kLanes>& block,
                                    const Outcomes<kLanes>& outcomes)
{
    if (job.result.photons) {
        alignas(64) double photons[kLanes];
        const double photons_per_count = channel.plain ? math::photons_per_count(channel.gain, channel.qe) : 1 / channel.qe;
        for (int lane = 0; lane < kLanes; ++lane) photons[lane] = outcomes.counts[lane] * photons_per_count;
        write_lanes(job.result.photons, block, photons);
    }
    write_lanes(job.result.background, block, outcomes.background);
    write_lanes(job.result.psf_sum, block, outcomes.psf_sum);
    write_lanes(job.result.denominator, block, outcomes.denominator);
    if (job.result.flags) write_elements<uint32_t>(job.result.flags, block, outcomes.flags);
}

template <int kLanes>
LUMICROP_INLINE void write_details(const Job& job, const Block<kLanes>& block, const Details<kLanes>& details)
{
    write_lanes(job.result.photons_sigma, block, details.photons_sigma);
    write_lanes(job.result.background_photons, block, details.background_photons);
    write_lanes(job.result.background_sigma, block, details.background_sigma);
    write_lanes(job.result.chi2, block, details.chi2);
    write_lanes(job.result.log_likelihood_ratio, block, details.log_likelihood_ratio);
    write_lanes(job.result.enclosed, block, details.enclosed);
    write_lanes(job.result.photons_total, block, details.photons_total);
    write_lanes(job.result.background_pixels, block, details.background_pixels);
    if (job.result.iterations) write_elements<uint32_t>(job.result.iterations, block, details.iterations);
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
