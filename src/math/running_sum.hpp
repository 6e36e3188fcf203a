// Sums whose error does not grow with the number of terms.
#pragma once

#include "math/host_device.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace math {

/// Terms that may be added up plainly before the partial sum goes into a RunningSum: the error of 16 terms is at
/// most 16 * 2^-24 = 1e-6 of their absolute sum in float32, a quarter of what SPEC section 7 allows.
constexpr int64_t kPlainTerms = 16;

/// A sum and what was lost by rounding it (the two-sum of Knuth, without branches).
template <class Real>
struct RunningSum
{
    Real sum = Real(0), lost = Real(0);

    LUMICROP_HOST_DEVICE void add(Real term)
    {
        const Real total = sum + term;
        const Real back = total - sum;
        lost = lost + ((sum - (total - back)) + (term - back));
        sum = total;
    }
    /// The sum; where it overflowed or met a NaN, without the then meaningless correction.
    LUMICROP_HOST_DEVICE Real value() const
    {
        const Real corrected = sum + lost;
        return select(lost - lost == Real(0), corrected, sum);
    }
};

/// A sum that adds kPlainTerms terms plainly before the partial sum goes into a RunningSum.
template <class Real>
class BatchedSum
{
public:
    LUMICROP_HOST_DEVICE void add(Real term)
    {
        part_ = part_ + term;
        if (++n_ == kPlainTerms) flush();
    }
    LUMICROP_HOST_DEVICE Real value()
    {
        flush();
        return total_.value();
    }

private:
    LUMICROP_HOST_DEVICE void flush()
    {
        total_.add(part_);
        part_ = Real(0);
        n_ = 0;
    }

    RunningSum<Real> total_;
    Real part_ = Real(0);
    int n_ = 0;
};

} // namespace math
} // namespace LUMICROP_TARGET
} // namespace lumicrop
