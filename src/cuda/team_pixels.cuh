// The pixels of a team's crop that count, as the estimators see them (math/estimators.hpp).
#pragma once

#include "cuda/team.cuh"
#include "math/running_sum.hpp"

namespace lumicrop {
namespace cuda {

/// All threads of the team see the same sums.
template <class Real, class Team>
struct TeamPixels
{
    const Team& team;
    int32_t n;
    const Real* psf;
    const Real* light;
    const Real* variances; // null: all pixels have `variance`
    Real variance;
    const uint8_t* marks; // null: all count
    uint32_t left_out;    // marks of pixels that do not
    bool by_part;         // nor those whose `psf` is 0: outside the aperture

    template <int kSums, class Term>
    __device__ __forceinline__ void add_up(Real (&sums)[kSums], Term term) const
    {
        math::RunningSum<Real> totals[kSums];
        for (int32_t i = team.rank(); i < n;) {
            Real part[kSums];
#pragma unroll
            for (Real& one : part) one = 0;
#pragma unroll 1
            for (int k = 0; k < math::kPlainTerms && i < n; ++k, i += Team::kThreads)
                if (counts(i)) term(part, psf[i], light[i], variance_of(i));
#pragma unroll
            for (int k = 0; k < kSums; ++k) totals[k].add(part[k]);
        }
#pragma unroll
        for (int k = 0; k < kSums; ++k) sums[k] += static_cast<Real>(team.sum(static_cast<double>(totals[k].value())));
    }

    __device__ __forceinline__ bool counts(int32_t i) const
    {
        return (marks == nullptr || (marks[i] & left_out) == 0) && !(by_part && psf[i] == 0);
    }
    __device__ __forceinline__ Real variance_of(int32_t i) const
    {
        return variances == nullptr ? variance : variances[i];
    }
};

} // namespace cuda
} // namespace lumicrop
