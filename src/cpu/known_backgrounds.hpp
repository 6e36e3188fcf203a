// The backgrounds of a block's crops, one a lane, as they were measured or given.
#pragma once

#include "cpu/wide_lanes.hpp"
#include "math/photometry.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class KnownBackgrounds
{
public:
    using Wide = WideLanes<Real>;
    static constexpr int kLanes = Real::kCount;

    void set(int lane, const math::KnownBackground& background)
    {
        value_[lane] = background.value;
        variance_[lane] = background.variance;
        covariance_[lane] = background.covariance;
        pixels_[lane] = background.pixels;
    }
    void set_given(const Wide& electrons)
    {
        const math::KnownBackground like = math::given_background(0);
        electrons.store(value_);
        Wide(like.variance).store(variance_);
        Wide(like.covariance).store(covariance_);
        Wide(like.pixels).store(pixels_);
    }

    Wide value() const { return Wide::load(value_); }
    math::KnownBackground of(int lane) const { return {value_[lane], variance_[lane], covariance_[lane], pixels_[lane]}; }
    /// Of the lanes from `first` on.
    math::KnownBackgroundOf<DoubleLanes> from(int first) const
    {
        return {DoubleLanes::load(value_ + first), DoubleLanes::load(variance_ + first),
                DoubleLanes::load(covariance_ + first), DoubleLanes::load(pixels_ + first)};
    }

private:
    alignas(64) double value_[kLanes], variance_[kLanes], covariance_[kLanes], pixels_[kLanes];
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
