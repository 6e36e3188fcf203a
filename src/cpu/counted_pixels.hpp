// The pixels of a block's crops that count, a crop in each lane, for the estimators to pass over.
#pragma once

#include "cpu/lanes.hpp"
#include "math/running_sum.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

/// The pixels that count, as the estimators see them (math/estimators.hpp).
template <class Real>
struct CountedPixels
{
    int64_t n;
    const Real* psf;
    const Real* light;
    const Real* variance; // `variance_step` apart: 0 where all pixels share it
    int64_t variance_step;
    const uint32_t* left_out; // a bit a lane; null: all count

    /// Sixteen terms at a time are added up plainly, so that errors do not grow with the number of pixels.
    template <int kSums, class Term>
    LUMICROP_INLINE void add_up(Real (&sums)[kSums], Term term) const
    {
        if (left_out != nullptr)
            add_up_batches<kSums>(sums, [&](Real(&part)[kSums], int64_t i) { add_if_counted<kSums>(part, i, term); });
        else
            add_up_batches<kSums>(
                sums, [&](Real(&part)[kSums], int64_t i) { term(part, psf[i], light[i], variance[i * variance_step]); });
    }

private:
    template <int kSums, class Add>
    LUMICROP_INLINE void add_up_batches(Real (&sums)[kSums], Add add) const
    {
        math::RunningSum<Real> totals[kSums];
        const bool few = n <= math::kPlainTerms * math::kPlainTerms;
        for (int64_t first = 0; first < n; first += math::kPlainTerms) {
            const int64_t end = first + math::kPlainTerms < n ? first + math::kPlainTerms : n;
            Real part[kSums];
            for (Real& one : part) one = Real(0);
            for (int64_t i = first; i < end; ++i) add(part, i);
            for (int k = 0; k < kSums; ++k) {
                if (few)
                    totals[k].sum = totals[k].sum + part[k];
                else
                    totals[k].add(part[k]);
            }
        }
        for (int k = 0; k < kSums; ++k) sums[k] = sums[k] + totals[k].value();
    }
    template <int kSums, class Term>
    LUMICROP_INLINE void add_if_counted(Real (&part)[kSums], int64_t i, Term term) const
    {
        Real with[kSums];
        for (int k = 0; k < kSums; ++k) with[k] = part[k];
        term(with, psf[i], light[i], variance[i * variance_step]);
        const typename Real::Mask not_counted = mask_of<Real>(left_out[i]);
        for (int k = 0; k < kSums; ++k) part[k] = select(not_counted, part[k], with[k]);
    }
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
