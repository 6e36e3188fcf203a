// The background of a ring around the position: median, mean, or mean without what lies far from the median.
#include "asked.hpp"

#include <algorithm>

namespace oracle {

namespace {

struct RingValue
{
    Real d, slack;
    const RingPixel* pixel;
};

Real median_of(const std::vector<RingValue>& ring)
{
    std::vector<Real> values;
    for (const RingValue& value : ring) values.push_back(value.d);
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Of the mean of `of(value)`.
template <class Of>
Real mean_of(const std::vector<RingValue>& ring, Of of)
{
    Real sum = 0;
    for (const RingValue& value : ring) sum += of(value);
    return sum / Real(ring.size());
}

/// Rounding of a mean of float64 numbers that are as large as their counts, whatever the order in which they are added.
Real rounding_of_sum(const std::vector<RingValue>& ring)
{
    const Real terms = mean_of(ring, [](const RingValue& value) {
        const RingPixel& pixel = *value.pixel;
        return std::abs(value.d) + std::abs(Real(pixel.raw)) * pixel.gain + std::abs(Real(pixel.offset)) * pixel.gain;
    });
    return std::ldexp(terms * (Real(ring.size()) + 4), -52);
}

/// What is left after up to five times of clipping. True: a pixel lies so near to 3 standard deviations that rounding decides.
bool clip(std::vector<RingValue>& ring)
{
    bool open = false;
    for (int times = 0; times < 5; ++times) {
        const Real median = median_of(ring);
        const auto above = [&](const RingValue& value) { return value.d - median; };
        const Real shift = mean_of(ring, above);
        const Real squares = mean_of(ring, [&](const RingValue& value) { return above(value) * above(value); });
        const Real sigma = std::sqrt(std::max(squares - shift * shift, Real(0)));
        Real slack = 0;
        for (const RingValue& value : ring) slack = std::max(slack, value.slack);
        // Median, value and deviation each move by a slack; the deviation also by what rounds in its sums.
        const Real unsure = 5 * slack + 4 * rounding_of_sum(ring) + std::ldexp(sigma * (Real(ring.size()) + 8), -49);
        std::vector<RingValue> left;
        for (const RingValue& value : ring) {
            const Real beyond = std::abs(above(value)) - 3 * sigma;
            open |= sigma > 0 && std::abs(beyond) <= unsure;
            if (beyond <= 0) left.push_back(value);
        }
        if (left.size() == ring.size()) break;
        ring = left;
    }
    return open;
}

} // namespace

void Asked::measure_annulus()
{
    ring_.assign(n(), 0);
    std::vector<RingValue> ring;
    bool any_sure = false;
    for (const RingPixel& pixel : q_.around->pixels) {
        const Electrons d = electrons(pixel.raw, pixel.offset, pixel.gain);
        ring.push_back({d.value, d.slack, &pixel});
        (pixel.sure ? any_sure : known_.open) = true;
    }
    const bool has_place = !std::isnan(q_.around->x) && !std::isnan(q_.around->y);
    maybe_no_border_ = known_.open && !any_sure;
    if (ring.empty()) {
        no_border_ = has_place;
        known_.value = nan_;
        known_.pixels = 0;
        return;
    }
    const bool by_median = q_.background == Background::annulus_median;
    if (q_.background == Background::annulus_clipped && clip(ring)) known_.open = true;
    if (by_median) {
        known_.value = median_of(ring);
        for (const RingValue& value : ring) known_.bound = std::max(known_.bound, value.slack);
    } else {
        known_.value = mean_of(ring, [](const RingValue& value) { return value.d; });
        known_.bound = mean_of(ring, [](const RingValue& value) { return value.slack; }) + rounding_of_sum(ring);
    }
    known_.bound += std::ldexp(std::abs(known_.value), -46);
    const Real count = Real(ring.size());
    const Real per_variance = Real(q_.sensor.em_gain) * q_.sensor.em_gain;
    const Real reading = mean_of(ring, [](const RingValue& value) { return value.pixel->read_variance; }) / per_variance;
    keep_variance(std::max(excess_ * known_.value + reading, excess_ * LightFit::least_mean), count, by_median ? pi / 2 : 1);
    known_.variance_bound += std::ldexp((excess_ * std::abs(known_.value) + reading) * 4, -52);
    for (const RingValue& value : ring)
        if (value.pixel->in_crop >= 0) ring_[static_cast<size_t>(value.pixel->in_crop)] = 1;
}

} // namespace oracle
