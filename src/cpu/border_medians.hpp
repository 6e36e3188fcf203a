// Medians of borders whose pixels do not all count, a crop in each lane, and how many pixels lie below them.
#pragma once

#include "backend.hpp"
#include "cpu/lanes.hpp"
#include "cpu/workspace.hpp"
#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/skewed_median.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class BorderMedians
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;

    BorderMedians(int64_t height, int64_t width, Workspace& workspace)
        : n_(math::border_size(height, width)), n_sorted_(n_ + n_ % 2), values_(workspace.take<Real>(n_sorted_))
    {
    }

    /// Sorts read(0), read(1), ... of each lane. Where that is NaN it does not count: it becomes infinite, in turns above and below, so that
    /// the middle stays that of the others.
    template <class Read>
    void sort(Read read)
    {
        Real stand_in(infinity()), left_out(static_cast<Scalar>(n_sorted_ - n_));
        if (n_sorted_ > n_) { // the first stand-in makes an odd number even
            values_[n_] = stand_in;
            stand_in = Real(0) - stand_in;
        }
        for (int64_t i = 0; i < n_; ++i) {
            const Real value = read(i);
            const typename Real::Mask out = value != value;
            values_[i] = select(out, stand_in, value);
            stand_in = select(out, Real(0) - stand_in, stand_in);
            left_out = select(out, left_out + Real(1), left_out);
        }
        math::sort(values_, n_sorted_);
        left_out.store(left_out_);
        values_[math::lower_middle(n_sorted_)].store(low_);
        values_[math::upper_middle(n_sorted_)].store(high_);
    }

    /// Pixels that count.
    double count(int lane) const { return static_cast<double>(n_sorted_) - static_cast<double>(left_out_[lane]); }

    /// Of a lane in which some do.
    double median(int lane) const
    {
        const math::Middle<double> middle =
            math::middle_of_rest(math::Middle<double>{static_cast<double>(low_[lane]), static_cast<double>(high_[lane])},
                                 static_cast<int64_t>(left_out_[lane]));
        return math::median_of_middle(middle.low, middle.high);
    }

    /// Counts the pixels below the medians, and those equal to them.
    void rank()
    {
        alignas(64) Scalar medians[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) medians[lane] = static_cast<Scalar>(median(lane));
        const Real middle = Real::load(medians), lowest = Real(0) - Real(infinity());
        Real below(0), equal(0);
        for (int64_t i = 0; i < n_sorted_; ++i) {
            below = below + select((values_[i] < middle) & (values_[i] != lowest), Real(1), Real(0));
            equal = equal + select(values_[i] == middle, Real(1), Real(0));
        }
        below.store(below_);
        equal.store(equal_);
    }

    math::Ranks ranks(int lane) const
    {
        return {static_cast<double>(below_[lane]), static_cast<double>(equal_[lane]), count(lane)};
    }

private:
    static Scalar infinity() { return static_cast<Scalar>(__builtin_inf()); }

    const int64_t n_, n_sorted_;
    Real* const values_;
    alignas(64) Scalar left_out_[kLanes], low_[kLanes], high_[kLanes], below_[kLanes], equal_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
