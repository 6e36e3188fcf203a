// A block: as many detections as a register has lanes, one crop in each.
#pragma once

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

    Block(const Channel& channel, int64_t begin, int64_t end)
        : n(end - begin < kLanes ? static_cast<int>(end - begin) : kLanes)
    {
        for (int lane = 0; lane < kLanes; ++lane) {
            crop[lane] = begin + (lane < n ? lane : n - 1);
            detection[lane] = channel.positions == nullptr ? channel.first + crop[lane] : channel.positions[crop[lane]];
        }
    }
};

template <class T, int kLanes, class Value>
LUMICROP_INLINE void read_elements(const Column& column, const int64_t (&index)[kLanes], Value (&values)[kLanes])
{
    for (int lane = 0; lane < kLanes; ++lane)
        values[lane] = static_cast<Value>(*reinterpret_cast<const T*>(column.data + index[lane] * column.stride));
}

/// A column's values of the lanes; `otherwise` where it is not given.
template <int kLanes>
LUMICROP_INLINE void read_lanes(const Column& column, const int64_t (&index)[kLanes], double otherwise, double (&values)[kLanes])
{
    if (!column) {
        for (double& value : values) value = otherwise;
    } else if (column.dtype == Dtype::f32) {
        read_elements<float>(column, index, values);
    } else {
        read_elements<double>(column, index, values);
    }
}

/// A column of any type, as float64 or int64.
template <int kLanes, class Value>
inline void read_any(const Column& column, const int64_t (&index)[kLanes], Value (&values)[kLanes])
{
    switch (column.dtype) {
    case Dtype::u8: return read_elements<uint8_t>(column, index, values);
    case Dtype::u16: return read_elements<uint16_t>(column, index, values);
    case Dtype::i16: return read_elements<int16_t>(column, index, values);
    case Dtype::u32: return read_elements<uint32_t>(column, index, values);
    case Dtype::i32: return read_elements<int32_t>(column, index, values);
    case Dtype::i8: return read_elements<int8_t>(column, index, values);
    case Dtype::u64: return read_elements<uint64_t>(column, index, values);
    case Dtype::i64: return read_elements<int64_t>(column, index, values);
    case Dtype::f32: return read_elements<float>(column, index, values);
    case Dtype::f64: break;
    }
    read_elements<double>(column, index, values);
}

/// What a detection came to. Counts are raw, above the camera's offset.
struct Outcome
{
    double counts, background, psf_sum, denominator;
    uint32_t flags;
};

LUMICROP_INLINE void write_real(const Column& column, int64_t i, double value)
{
    if (!column) return;
    std::byte* const to = column.data + i * column.stride;
    if (column.dtype == Dtype::f32)
        *reinterpret_cast<float*>(to) = static_cast<float>(value);
    else
        *reinterpret_cast<double*>(to) = value;
}

template <int kLanes>
LUMICROP_INLINE void write_outcomes(const Job& job, const Channel& channel, const Block<kLanes>& block,
                                    const Outcome (&outcomes)[kLanes])
{
    for (int lane = 0; lane < block.n; ++lane) {
        const Outcome& outcome = outcomes[lane];
        const int64_t i = block.detection[lane];
        write_real(job.result.photons, i, math::photons_from_counts(outcome.counts, channel.gain, channel.qe));
        write_real(job.result.background, i, outcome.background);
        write_real(job.result.psf_sum, i, outcome.psf_sum);
        write_real(job.result.denominator, i, outcome.denominator);
        if (job.result.flags) *reinterpret_cast<uint32_t*>(job.result.flags.data + i * job.result.flags.stride) = outcome.flags;
    }
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
