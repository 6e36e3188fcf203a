// What is known of the background: the border's median, corrected or not, and what the columns say of it.
#include "asked.hpp"

#include <algorithm>

namespace oracle {

/// Median of the ring's pixels that are neither padding, masked nor NaN.
void Asked::measure()
{
    ring_.assign(n(), 0);
    std::vector<Real> values;
    Real reading = 0;
    Real rounding = 0;
    for (int64_t row = 0; row < q_.crop.height; ++row)
        for (int64_t column = 0; column < q_.crop.width; ++column) {
            if (row != 0 && column != 0 && row != q_.crop.height - 1 && column != q_.crop.width - 1) continue;
            const auto i = static_cast<size_t>(row * q_.crop.width + column);
            if (is_padding(i) || q_.sensor.bad[i] != 0 || std::isnan(q_.crop.raw[i])) continue;
            ring_[i] = 1;
            values.push_back(electrons_[i]);
            reading += read_[i];
            rounding = std::max(rounding, slack_[i]);
        }
    if (values.empty()) {
        no_border_ = true;
        known_.pixels = 0;
        known_.open = q_.background == Background::corrected_median;
        return;
    }
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    known_.value = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    known_.bound = rounding + std::ldexp(std::abs(known_.value), -46); // an order statistic moves by no more than its values
    const Real count = Real(values.size());
    reading /= count;
    if (q_.background == Background::corrected_median) correct(values, reading);
    const Real pixel = std::max(excess_ * known_.value + reading, excess_ * LightFit::least_mean);
    keep_variance(pixel, count, pi / 2);
}

/// Of a background measured on `count` pixels of that variance, by the mean or by what varies `times` as much.
void Asked::keep_variance(Real pixel, Real count, Real times)
{
    known_.variance = times * pixel / count;
    known_.variance_bound = times * (excess_ * known_.bound + step(q_.precision) * pixel) / count;
    known_.covariance = pixel / count;
    known_.pixels = count / times;
}

/// skewed_median.hpp: the median of grouped counts, and from there to the mean by the third cumulant, third / (6 variance) above it, less what
/// the median of n pixels is nearer. A whole count is all that rounds to it: its own variance is 1/12.
void Asked::correct(const std::vector<Real>& values, Real reading)
{
    const bool grouped = !q_.sensor.offset_differs && !q_.sensor.gain_differs;
    const Real count = Real(values.size());
    const Real a_count = q_.sensor.gain_differs ? 0 : Real(q_.sensor.scalar_gain) / q_.sensor.em_gain;
    Real median = known_.value;
    if (grouped) {
        Real below = 0;
        Real equal = 0;
        for (Real value : values) {
            const Real difference = value - known_.value;
            if (std::abs(difference) <= std::abs(known_.value) * std::ldexp(Real(1), -58))
                equal += 1;
            else if (difference < 0)
                below += 1;
        }
        if (equal > 0) median += ((count / 2 - below) / equal - Real(0.5)) * a_count;
    }
    const Real variance = reading + a_count * a_count / 12;
    const Real third = excess_ > 1 ? 6 : 1;
    Real mean = std::max(median, Real(0));
    for (int i = 0; i < 4; ++i) {
        const Real counted = std::max(mean, Real(0));
        const Real spread = excess_ * counted + variance;
        mean = median + (spread > 0 ? third * counted / spread * (Real(1) / 6 - Real(0.26) / count) : 0);
    }
    // Where nothing is counted the correction sets in with any steepness.
    known_.open = std::abs(median) <= 100 * known_.bound + Real(1e-9);
    // The slope of the shift by the median is at most third / (6 F^2), four times over; by the reading, whose mean is rounded as sums are,
    // third mean / (6 V^2), likewise.
    const Real spread = excess_ * std::max(mean, Real(0)) + variance;
    const Real by_reading = spread > 0 ? third * std::max(mean, Real(0)) / (spread * spread) : 0;
    known_.bound = 10 * known_.bound + by_reading * step(q_.precision) * reading;
    known_.value = mean;
}

/// The column `background` is in counts above the offset, of which there are several where a map tells the gain.
void Asked::set_background()
{
    const Real per_photon = Real(q_.sensor.qe) * q_.sensor.em_gain / q_.sensor.scalar_gain;
    Value& photons = out_.background_photons;
    if (q_.background == Background::map) {
        Real sum = 0;
        Real terms = 0;
        for (const LightPixel& pixel : fit_.pixels) {
            sum += pixel.base / q_.sensor.qe;
            terms += std::abs(pixel.base) / q_.sensor.qe;
        }
        const Real count = Real(fit_.pixels.size());
        photons = {sum / count, step(q_.precision) * terms / count, maybe_touches_};
    } else {
        photons = {known_.value / q_.sensor.qe, known_.bound / q_.sensor.qe, known_.open};
    }
    out_.background = {photons.value * per_photon, photons.bound * per_photon, photons.open || q_.sensor.gain_differs};
    out_.background_sigma = root_of({known_.variance, known_.variance_bound, known_.open}, 1 / Real(q_.sensor.qe));
    if (known_.pixels == 0) out_.background_sigma = q_.around ? Value{nan_, 0, known_.open} : unknown();
    out_.background_pixels = {known_.pixels, std::ldexp(known_.pixels, -40), known_.open && q_.around};
    if (known_.pixels == INFINITY) out_.background_pixels = exactly(INFINITY);
}

} // namespace oracle
