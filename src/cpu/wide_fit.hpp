// What a fit's sums over the pixels came to, in float64: of it errors are made.
#pragma once

#include "cpu/wide_lanes.hpp"
#include "math/estimators.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
struct WideFit
{
    using Wide = WideLanes<Real>;
    enum Sum { ss, sb, bb, signal, background, vss, vsb, vbb, wss, wsb, wbb, light, pixels, squares, kSums };
    Wide at[kSums];

    /// `by_variance`: of the spread's squares, only the weighted ones are looked at; else only the others.
    WideFit(const math::Square<Real>& normal, const math::Light<Real>& found, const math::Spread<Real>& spread,
            bool by_variance)
    {
        widen(ss, normal);
        at[signal] = Wide::widened(found.signal);
        at[background] = Wide::widened(found.background);
        for (int k = vss; k <= wbb; ++k) at[k] = Wide(0.0);
        by_variance ? widen(wss, spread.weighted) : widen(vss, spread.unweighted);
        at[light] = Wide::widened(spread.light);
        at[pixels] = Wide::widened(spread.pixels);
        at[squares] = Wide::widened(spread.squares);
    }
    void widen(int first, const math::Square<Real>& square)
    {
        at[first] = Wide::widened(square.ss);
        at[first + 1] = Wide::widened(square.sb);
        at[first + 2] = Wide::widened(square.bb);
    }
    math::Square<DoubleLanes> normal(int i) const { return {at[ss].part[i], at[sb].part[i], at[bb].part[i]}; }
    math::Spread<DoubleLanes> spread(int i) const
    {
        return {{at[vss].part[i], at[vsb].part[i], at[vbb].part[i]},
                {at[wss].part[i], at[wsb].part[i], at[wbb].part[i]},
                at[light].part[i],
                at[pixels].part[i],
                at[squares].part[i]};
    }
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
