// From a channel to its kernel: the one place where precision, method and model are told apart.
#pragma once

#include "cpu/gauss_block.hpp"
#include "cpu/kernels.hpp"
#include "cpu/photometry_block.hpp"
#include "cpu/spline_block.hpp"
#include "cpu/sum_block.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// Results that underflow become 0 while this lives: numbers below the normal range cost hundreds of cycles each. Pixels are
/// still read as they are, and what is written to the caller's columns is rounded outside.
class FlushToZero
{
public:
#if defined(__SSE2__)
    FlushToZero() : before_(_mm_getcsr())
    {
        _mm_setcsr(before_ | _MM_FLUSH_ZERO_ON);
    }
    ~FlushToZero()
    {
        _mm_setcsr(before_);
    }

private:
    unsigned before_;
#else
    FlushToZero() {}
#endif
};

template <class Computer>
constexpr bool kTellsDetails = false;
template <class Real>
constexpr bool kTellsDetails<PhotometryBlock<Real>> = true;

/// Calls `use` with a null pointer to the block computer's type for the channel.
template <class Use>
LUMICROP_INLINE auto with_computer(const Channel& channel, Use use)
{
    const auto for_filter = [&](auto real) {
        using Real = decltype(real);
        if (!channel.plain) return use(static_cast<PhotometryBlock<Real>*>(nullptr));
        if (channel.model == Model::spline) return use(static_cast<SplineBlock<Real>*>(nullptr));
        return use(static_cast<GaussBlock<Real>*>(nullptr));
    };
    const bool sum = channel.plain && channel.method == Method::sum;
    switch (channel.images.dtype) {
    case Dtype::u8: return sum ? use(static_cast<SumBlock<uint8_t>*>(nullptr)) : for_filter(FloatLanes());
    case Dtype::u16: return sum ? use(static_cast<SumBlock<uint16_t>*>(nullptr)) : for_filter(FloatLanes());
    case Dtype::i16: return sum ? use(static_cast<SumBlock<int16_t>*>(nullptr)) : for_filter(FloatLanes());
    case Dtype::u32: return sum ? use(static_cast<SumBlock<uint32_t>*>(nullptr)) : for_filter(DoubleLanes());
    case Dtype::i32: return sum ? use(static_cast<SumBlock<int32_t>*>(nullptr)) : for_filter(DoubleLanes());
    case Dtype::f64: return sum ? use(static_cast<SumBlock<double>*>(nullptr)) : for_filter(DoubleLanes());
    default: return sum ? use(static_cast<SumBlock<float>*>(nullptr)) : for_filter(FloatLanes());
    }
}

inline int64_t lanes_of(const Channel& channel)
{
    return with_computer(channel,
                         [](auto* computer) -> int64_t { return std::remove_pointer_t<decltype(computer)>::kLanes; });
}

inline std::size_t workspace_bytes(const Channel& channel)
{
    return with_computer(channel, [&](auto* computer) {
        Workspace workspace(nullptr);
        const std::remove_pointer_t<decltype(computer)> counted(channel, workspace);
        return workspace.used();
    });
}

inline void integrate(const Job& job, const Channel& channel, int64_t begin, int64_t end, std::byte* memory)
{
    with_computer(channel, [&](auto* computer) {
        using Computer = std::remove_pointer_t<decltype(computer)>;
        constexpr int kLanes = Computer::kLanes;
        Workspace workspace(memory);
        Computer compute(channel, workspace);
        Block<kLanes> block(channel, begin, end);
        for (int64_t first = begin; first < end; first += kLanes) {
            const bool is_last = end - first <= kLanes;
            const Block<kLanes> next = is_last ? block : Block<kLanes>(channel, first + kLanes, end);
            Outcomes<kLanes> outcomes;
            {
                const FlushToZero flush;
                compute.compute(job, block, is_last ? nullptr : &next, outcomes);
            }
            write_outcomes(job, channel, block, outcomes);
            if constexpr (kTellsDetails<Computer>) write_details(job, block, compute.details());
            block = next;
        }
    });
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
