#include "source.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>
#include <random>

namespace bench {

namespace {

constexpr int64_t kDistinctCrops = 32768;
constexpr int64_t kDetectionsPerFrame = 4000;
constexpr int64_t kPaddedEvery = 10;
constexpr int64_t kPaddedColumns = 2;

/// At least the first `n` of the distinct crops.
const Simulated& simulated(int64_t side, int64_t n)
{
    static Simulated kept{0, {}, {}};
    n = std::min(n, kDistinctCrops);
    if (kept.side != side || kept.columns.n() < n) kept = simulate(side, n);
    return kept;
}

/// The channels' labels in any order, as many of each; a multiple of 32, so that every channel's stack begins as aligned as the first.
std::vector<int32_t> labels(int64_t n)
{
    const int64_t each = n / kLabelledChannels / 32 * 32;
    std::vector<int32_t> made(static_cast<std::size_t>(n), kLabelledChannels);
    for (int32_t label = 1; label < kLabelledChannels; ++label) std::fill_n(made.begin() + (label - 1) * each, each, label);
    std::shuffle(made.begin(), made.end(), std::mt19937(kLabelledChannels));
    return made;
}

/// Columns in detection order, of crops that stand channel by channel.
Columns mixed(const Columns& by_channel, const std::vector<int32_t>& labels)
{
    int64_t next[kLabelledChannels] = {};
    for (int32_t channel = 1; channel < kLabelledChannels; ++channel)
        next[channel] = next[channel - 1] + std::count(labels.begin(), labels.end(), channel);
    Columns made;
    made.reserve(by_channel.n());
    for (const int32_t label : labels) made.append(by_channel, next[label - 1]++);
    made.ch = labels;
    return made;
}

template <class Pixel>
void fill_stack(Pixel* pixels, int64_t n, const Simulated& from, Content content)
{
    const int64_t area = from.side * from.side;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        Pixel* crop = pixels + i * area;
        std::copy_n(from.crop(i % kDistinctCrops), area, crop);
        if (content == Content::padded && i % kPaddedEvery == 0)
            for (int64_t row = 0; row < from.side; ++row) std::fill_n(crop + row * from.side, kPaddedColumns, Pixel(0));
    }
}

} // namespace

Block::Block(std::size_t bytes)
    : data_(std::aligned_alloc(64, std::max<std::size_t>(1, (bytes + 63) / 64) * 64)), bytes_(bytes)
{
    if (!data_) throw std::bad_alloc();
}

Source stack_of(int64_t n, int64_t side, lumicrop_dtype dtype, Content content)
{
    const Simulated& from = simulated(side, n);
    Source made{
        content, dtype, side, {n, side, side}, Block(static_cast<std::size_t>(n * side * side * bytes_per_pixel(dtype))),
        {}};
    if (dtype == LUMICROP_F32)
        fill_stack(static_cast<float*>(made.pixels.data()), n, from, content);
    else
        fill_stack(static_cast<uint16_t*>(made.pixels.data()), n, from, content);
    made.columns.reserve(n);
    for (int64_t i = 0; i < n; ++i) made.columns.append(from.columns, i % kDistinctCrops);
    if (content == Content::labelled) made.columns = mixed(made.columns, labels(n));
    return made;
}

Source stack_filling(std::size_t bytes, int64_t side, lumicrop_dtype dtype, Content content)
{
    return stack_of(static_cast<int64_t>(bytes) / (side * side * bytes_per_pixel(dtype)), side, dtype, content);
}

Source movie_filling(std::size_t bytes, int64_t side, Content content)
{
    const Simulated& from = simulated(side, kDistinctCrops);
    const int64_t width = kCamera.side_px;
    const int64_t frame_pixels = width * width;
    const int64_t frames = std::max<int64_t>(1, static_cast<int64_t>(bytes) / (frame_pixels * 2));
    Source made{
        content, LUMICROP_U16, side, {frames, width, width}, Block(static_cast<std::size_t>(frames * frame_pixels * 2)), {}};
    auto* movie = static_cast<uint16_t*>(made.pixels.data());
    const std::vector<uint16_t> background = simulate_background(frame_pixels);
    Columns& columns = made.columns;
    columns.reserve(frames * kDetectionsPerFrame);

    std::vector<int64_t> order(kDetectionsPerFrame);
    for (int64_t frame = 0; frame < frames; ++frame) {
        uint16_t* pixels = movie + frame * frame_pixels;
        std::memcpy(pixels, background.data(), background.size() * sizeof(uint16_t));
        // Their places were drawn at random, so a run of them is a frame in any order.
        std::iota(order.begin(), order.end(), frame * kDetectionsPerFrame);
        for (int64_t& i : order) i %= kDistinctCrops;
        const auto place = [&](int64_t i) {
            const auto at = static_cast<std::size_t>(i);
            return int64_t{from.columns.Y0[at]} * width + from.columns.X0[at];
        };
        if (content == Content::gathered)
            std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return place(a) < place(b); });
        for (const int64_t i : order) {
            for (int64_t row = 0; row < side; ++row)
                std::copy_n(from.crop(i) + row * side, side, pixels + place(i) + row * width);
            columns.append(from.columns, i);
            columns.frame.back() = static_cast<int32_t>(frame);
        }
    }
    return made;
}

} // namespace bench
