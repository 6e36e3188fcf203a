#include "row.hpp"

#include <algorithm>

namespace bench {

namespace {

constexpr double kSettled = 0.05; // spread of samples that agree; bench/samples.py has the same
constexpr std::size_t kFewestSamples = 3;

/// A quantile between the sorted values beside it.
double quantile(const std::vector<double>& sorted, double part)
{
    const double at = part * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// The middle half of the values over their median.
double spread(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return (quantile(values, 0.75) - quantile(values, 0.25)) / quantile(values, 0.5);
}

/// What is compared between samples, and the time of the call.
struct Sample
{
    double compared;
    double seconds;
    double also_compared = 1;
};

struct Samples
{
    std::vector<double> compared, seconds, also_compared;
};

/// Takes samples until they agree; their median seconds are the time of the row.
Samples measure(benchmark::State& state, const Plan& plan, const std::function<Sample()>& sample)
{
    Samples taken;
    for (auto _ : state) {
        const auto began = std::chrono::steady_clock::now();
        const auto least = static_cast<std::size_t>(plan.least_samples);
        const auto settled = [&] {
            if (taken.seconds.size() < std::min(least, kFewestSamples)) return false;
            if (seconds_since(began) >= plan.most_seconds) return true;
            return taken.seconds.size() >= least && spread(taken.compared) <= kSettled &&
                   spread(taken.also_compared) <= kSettled;
        };
        while (!settled()) {
            const Sample one = sample();
            taken.compared.push_back(one.compared);
            taken.seconds.push_back(one.seconds);
            taken.also_compared.push_back(one.also_compared);
        }
        state.SetIterationTime(median(taken.seconds));
    }
    state.counters["samples"] = static_cast<double>(taken.seconds.size());
    state.counters["spread"] = spread(taken.compared);
    return taken;
}

} // namespace

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return quantile(values, 0.5);
}

void measure_time(benchmark::State& state, const Plan& plan, const std::function<double()>& sample)
{
    measure(state, plan, [&] {
        const double seconds = sample();
        return Sample{seconds, seconds};
    });
}

void measure_share(benchmark::State& state, const Plan& plan, const Source& source, std::size_t read_bytes,
                   const std::function<Turn()>& sample, int64_t other_crops)
{
    const int64_t pixel_bytes = source.n() * source.crop_bytes();
    const double bytes_over_read = static_cast<double>(pixel_bytes) / static_cast<double>(read_bytes);
    const double crops_over_other = static_cast<double>(source.n()) / static_cast<double>(std::max<int64_t>(1, other_crops));
    const Samples taken = measure(state, plan, [&] {
        const Turn turn = sample();
        const double share = bytes_over_read * turn.reading / turn.integrating;
        return Sample{share, turn.integrating, other_crops ? crops_over_other * turn.other / turn.integrating : 1};
    });
    state.counters["crops/s"] = rate(source.n());
    state.counters["bytes/s"] = rate(pixel_bytes);
    state.counters["share"] = median(taken.compared);
    if (!other_crops) return;
    state.counters["ratio"] = median(taken.also_compared);
    state.counters["spread of ratio"] = spread(taken.also_compared);
}

} // namespace bench
