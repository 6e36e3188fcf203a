// From a channel to its kernel: the one place where precision, method and model are told apart.
#pragma once

#include "cpu/gauss_block.hpp"
#include "cpu/kernels.hpp"
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

/// Calls `use` with the block computer's type for the channel.
template <class Real, class Use>
LUMICROP_INLINE auto with_block_type(const Channel& channel, Use use)
{
    if (channel.method == Method::sum) return use(static_cast<SumBlock<Real>*>(nullptr));
    if (channel.model == Model::spline) return use(static_cast<SplineBlock<Real>*>(nullptr));
    return use(static_cast<GaussBlock<Real>*>(nullptr));
}

template <class Use>
LUMICROP_INLINE auto with_computer(const Channel& channel, Use use)
{
    switch (channel.images.dtype) {
    case Dtype::u32:
    case Dtype::i32:
    case Dtype::f64: return with_block_type<DoubleLanes>(channel, use);
    default: return with_block_type<FloatLanes>(channel, use);
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
        for (int64_t first = begin; first < end; first += kLanes) {
            const Block<kLanes> block(channel, first, end);
            Outcomes<kLanes> outcomes;
            {
                const FlushToZero flush;
                compute.compute(job, block, outcomes);
            }
            write_outcomes(job, channel, block, outcomes);
        }
    });
}

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
