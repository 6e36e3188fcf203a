// Border-median sum of one crop by a team (SPEC section 3).
#pragma once

#include "cuda/filter_inputs.cuh"
#include "cuda/team.cuh"
#include "math/border.hpp"
#include "math/border_median.hpp"
#include "math/ordered_bits.hpp"
#include "math/padding.hpp"

namespace lumicrop {
namespace cuda {

/// A crop's padding, a bit a pixel, rows of whole words.
struct PaddingBits
{
    const uint32_t* words; // null: no pixel
    int32_t words_a_row;

    static constexpr int64_t words_of(int64_t width) { return (width + 31) / 32; }
    __device__ __forceinline__ bool at(int32_t row, int32_t column) const
    {
        return words != nullptr && (words[row * words_a_row + column / 32] >> (column % 32) & 1u) != 0;
    }
};

/// Grows zeros that connect to the border until nothing changes, a word of 32 pixels at a time; `padding` and `grown` take turns.
template <class Team>
__device__ __forceinline__ const uint32_t* grow(const Team& team, const uint32_t* zero, uint32_t* padding, uint32_t* grown,
                                                int32_t height, int32_t words)
{
    const int32_t n = height * words;
    for (;;) {
        bool changed = false;
        for (int32_t i = team.rank(); i < n; i += Team::kThreads) {
            const int32_t row = i / words, word = i % words;
            uint32_t beside = padding[i];
            if (row > 0) beside |= padding[i - words];
            if (row + 1 < height) beside |= padding[i + words];
            if (word > 0) beside |= padding[i - 1] >> 31;
            if (word + 1 < words) beside |= padding[i + 1] << 31;
            grown[i] = math::filled_runs(zero[i], zero[i] & beside);
            changed |= grown[i] != padding[i];
        }
        const bool any = team.any(changed);
        team.sync();
        if (!any) return grown;
        uint32_t* const turn = padding;
        padding = grown;
        grown = turn;
    }
}

/// The crop's padding by the channel's rule, in `scratch`; null where there is none.
template <class Real, class Pixels, class Team>
__device__ __forceinline__ const uint32_t* find_padding(const ChannelView& view, const Team& team,
                                                        const TeamCrop<Real, Pixels>& crop, TeamScratch scratch)
{
    const int32_t height = view.height, width = view.width;
    const auto words = static_cast<int32_t>(PaddingBits::words_of(width));
    const int32_t n = height * words;
    if (view.padding == Padding::none || (view.padding == Padding::geometry && !crop.clipped)) return nullptr;
    uint32_t* const padding = scratch.take<uint32_t>(n);
    if (view.padding == Padding::geometry) {
        for (int32_t i = team.rank(); i < n; i += Team::kThreads) {
            uint32_t bits = 0;
            for (int32_t bit = 0; bit < 32 && i % words * 32 + bit < width; ++bit)
                bits |= static_cast<uint32_t>(!crop.window.holds(i / words, i % words * 32 + bit)) << bit;
            padding[i] = bits;
        }
        team.sync();
        return padding;
    }
    uint32_t* const grown = scratch.take<uint32_t>(n);
    uint32_t* const zero = scratch.take<uint32_t>(n);
    bool any_at_border = false;
    for (int32_t i = team.rank(); i < n; i += Team::kThreads) {
        const int32_t row = i / words, first = i % words * 32;
        uint32_t zeros = 0, at_border = 0;
        for (int32_t bit = 0; bit < 32 && first + bit < width; ++bit) {
            const bool is_zero = crop.pixels.at(row, first + bit) == Real(0);
            zeros |= static_cast<uint32_t>(is_zero) << bit;
            at_border |= static_cast<uint32_t>(is_zero && math::on_border(row, first + bit, height, width)) << bit;
        }
        zero[i] = zeros;
        padding[i] = at_border;
        any_at_border |= at_border != 0;
    }
    if (!team.any(any_at_border)) return nullptr;
    team.sync();
    return grow(team, zero, padding, grown, height, words);
}

/// The two middle ones of the `n` values whose keys `for_each_key` shows to its threads, by deciding bit after bit how many lie below.
/// All threads of the team see the same.
template <class Scalar, class Team, class ForEachKey>
__device__ __forceinline__ math::Middle<Scalar> select_middle(const Team& team, int64_t n, ForEachKey for_each_key)
{
    using Key = typename math::OrderedBits<Scalar>::Type;
    const int64_t lower = math::lower_middle(n), upper = math::upper_middle(n);
    Key least = ~Key(0), largest = 0;
    for_each_key([&](Key key) {
        least = key < least ? key : least;
        largest = key > largest ? key : largest;
    });
    least = team.reduce(least, Smaller());
    largest = team.reduce(largest, Larger());
    // What all values have in common needs no decision.
    const Key differing = least ^ largest;
    int bit = differing == 0 ? -1 : math::OrderedBits<Scalar>::kBits - math::leading_zeros(differing) - 1;
    Key key = bit < 0 ? least : least & ~((Key(2) << bit) - 1);
    for (; bit >= 0; --bit) {
        const Key candidate = key | Key(1) << bit;
        uint32_t below = 0;
        for_each_key([&](Key one) { below += one < candidate; });
        if (static_cast<int64_t>(team.sum(below)) <= lower) key = candidate;
    }
    Key next = key;
    if (upper != lower) {
        uint32_t up_to = 0;
        Key above = ~Key(0);
        for_each_key([&](Key one) {
            up_to += one <= key;
            if (one > key && one < above) above = one;
        });
        if (static_cast<int64_t>(team.sum(up_to)) <= upper) next = team.reduce(above, Smaller());
    }
    return {math::from_ordered_bits<Scalar>(key), math::from_ordered_bits<Scalar>(next)};
}

/// The border's pixels that count, as a team's threads hold them: the first few in registers, the others read again.
/// `Read(row, column, value)` reads a pixel and tells whether it counts; NaN never does.
template <class Real, class Team, class Read>
class TeamBorder
{
public:
    using Key = typename math::OrderedBits<Real>::Type;

    __device__ __forceinline__ TeamBorder(const Team& team, const Read& read, int32_t height, int32_t width)
        : team_(team), read_(read), height_(height), width_(width),
          n_(static_cast<int32_t>(math::border_size(height, width)))
    {
#pragma unroll
        for (int k = 0; k < kHeld; ++k) {
            const int32_t i = team.rank() + k * Team::kThreads;
            uint32_t counts = 0;
            held_[k] = i < n_ ? key(i, counts) : 0;
            counts_ |= counts << k;
        }
    }

    template <class Use>
    __device__ __forceinline__ void operator()(Use use) const
    {
#pragma unroll
        for (int k = 0; k < kHeld; ++k)
            if (counts_ >> k & 1u) use(held_[k]);
        for (int32_t i = team_.rank() + kHeld * Team::kThreads; i < n_; i += Team::kThreads) {
            uint32_t counts = 0;
            const Key one = key(i, counts);
            if (counts != 0) use(one);
        }
    }

private:
    static constexpr int kHeld = 4;

    __device__ __forceinline__ Key key(int32_t i, uint32_t& counts) const
    {
        const math::PixelPosition at = math::border_pixel(i, height_, width_);
        Real value = 0;
        const bool reads = read_(static_cast<int32_t>(at.row), static_cast<int32_t>(at.column), value);
        counts = reads && value == value;
        return math::ordered_bits(value);
    }

    const Team& team_;
    const Read& read_;
    const int32_t height_, width_, n_;
    Key held_[kHeld];
    uint32_t counts_ = 0;
};

template <class Real>
struct TeamSum
{
    using Found = Outcome;

    /// What the detection's columns say.
    struct Parameters
    {
    };
    static __device__ Parameters parameters(const ChannelView&, const Place&) { return {}; }

    /// Scratch of a crop that a team computes.
    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView&)
    {
        return 3 * scratch_bytes<uint32_t>(height * PaddingBits::words_of(width));
    }

    template <class Pixels, class Team>
    static __device__ __forceinline__ Outcome compute(const ChannelView& view, const SplineView&, const Team& team,
                                                      const Parameters&, const TeamCrop<Real, Pixels>& crop,
                                                      TeamScratch scratch)
    {
        const PaddingBits padding{find_padding(view, team, crop, scratch),
                                  static_cast<int32_t>(PaddingBits::words_of(view.width))};
        const auto read = [&](int32_t row, int32_t column, Real& value) {
            value = crop.pixels.at(row, column);
            return !padding.at(row, column);
        };
        const TeamBorder<Real, Team, decltype(read)> border(team, read, view.height, view.width);
        uint32_t here = 0;
        border([&](auto) { ++here; });
        const int64_t n_border = team.sum(here);
        double median = view.camera_offset; // a background of 0 counts above the offset
        if (n_border > 0) {
            const math::Middle<Real> middle = select_middle<Real>(team, n_border, border);
            median = math::median_of_middle(static_cast<double>(middle.low), static_cast<double>(middle.high));
        }
        // Subtracting the raw median takes the camera's offset with it.
        const math::Parts<Real> background = math::in_parts<Real>(median);
        math::BatchedSum<Real> total;
        uint32_t padded_here = 0;
        bool non_finite_here = false;
        for_each_pixel(team, view.height, view.width, [&](int32_t row, int32_t column) {
            if (padding.at(row, column)) {
                ++padded_here;
                return;
            }
            const Real value = crop.pixels.at(row, column);
            non_finite_here |= !(value - value == Real(0));
            total.add(value - background.high);
        });
        const int64_t n_padded = team.sum(padded_here);
        const double sum = team.sum(static_cast<double>(total.value()));
        const int64_t n_pixels = static_cast<int64_t>(view.height) * view.width - n_padded;

        Outcome outcome;
        outcome.counts = sum - static_cast<double>(n_pixels) * static_cast<double>(background.low);
        outcome.background = median - view.camera_offset;
        outcome.psf_sum = outcome.denominator = math::not_a_number();
        outcome.flags = n_padded > 0 || crop.clipped ? LUMICROP_FLAG_TRUNCATED : 0;
        if (n_border == 0) outcome.flags |= LUMICROP_FLAG_NO_BORDER;
        if (!math::is_finite(outcome.counts) && team.any(non_finite_here)) outcome.flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
        return outcome;
    }
};

} // namespace cuda
} // namespace lumicrop
