#include "random_job.hpp"

#include "chance.hpp"
#include "random_channel.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace test {

namespace {

int64_t random_channel_count(uint64_t seed, uint64_t number)
{
    Chance chance(seed, number);
    return chance.happens(0.3) ? 1 : chance.whole(2, 5);
}

/// One round of the sequence: every cell once, the cells of squares twice.
std::vector<Cell> cells_of_a_round()
{
    std::vector<Cell> cells = all_cells();
    for (const Cell& cell : all_cells())
        if (cell.size == SizeClass::square) cells.push_back(cell);
    return cells;
}

struct Slot
{
    Cell cell;
    int64_t side; ///< of a square: each side comes with each dtype and method once or twice a round
    uint64_t round;
};

/// The slot-th channel of the sequence: a round in a random order, then another in another.
Slot slot_of(uint64_t seed, uint64_t slot)
{
    const std::vector<Cell> cells = cells_of_a_round();
    std::vector<size_t> order(cells.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const uint64_t round = slot / cells.size();
    Chance chance(seed ^ 0xCE115, round);
    for (size_t i = cells.size(); --i > 0;)
        std::swap(order[i], order[static_cast<size_t>(chance.whole(0, static_cast<int64_t>(i)))]);
    const size_t chosen = order[slot % cells.size()];
    const bool again = chosen >= all_cells().size();
    const size_t visit = static_cast<size_t>(cells[chosen].padding - 1) + (again ? 3 : 0); // of six in a round
    return {cells[chosen], square_sides[(visit + round) % square_sides.size()], round};
}

/// One job's columns, filled detection by detection.
class Columns
{
public:
    Columns(Chance& chance, Job& job, const std::vector<Place>& order) : chance_(chance), job_(job), order_(order) {}

    void origins()
    {
        const bool wanted = any([](const ChannelInput& c) { return c.needs_origins(); });
        const bool whole = any([](const ChannelInput& c) { return c.needs_whole_origins(); });
        if (!wanted && chance_.happens(0.7)) return;
        const auto origin = [&](int64_t crop, int64_t frame) {
            if (frame > 0) // inside, across an edge, and far off
                return static_cast<double>(chance_.happens(0.02) ? chance_.whole(-100, 100)
                                                                 : chance_.whole(-crop - 1, frame + 1));
            return static_cast<double>(chance_.happens(0.2) ? chance_.whole(-2000, 2000) : chance_.whole(0, 100));
        };
        std::vector<double> x;
        std::vector<double> y;
        for (const Place& place : order_) {
            const ChannelInput& channel = channel_of(place);
            x.push_back(origin(channel.width, channel.needs_whole_origins() ? channel.frame_width : 0));
            y.push_back(origin(channel.height, channel.needs_whole_origins() ? channel.frame_height : 0));
        }
        job_.X0 = whole_numbers(x, !whole);
        job_.Y0 = whole_numbers(y, !whole);
    }

    void frames()
    {
        if (!any([](const ChannelInput& c) { return c.source == LUMICROP_GATHERED; })) return;
        std::vector<double> frame;
        for (const Place& place : order_) {
            const ChannelInput& channel = channel_of(place);
            const bool gathered = channel.source == LUMICROP_GATHERED;
            frame.push_back(static_cast<double>(gathered ? chance_.whole(0, channel.n_frames - 1) : chance_.whole(0, 99)));
        }
        job_.frame = whole_numbers(frame, false);
    }

    void positions()
    {
        if (!any([](const ChannelInput& c) { return c.method == LUMICROP_FILTER; })) return;
        const bool round = chance_.happens(0.1); // exactly on pixel centres and edges, where domain tests are decided
        std::vector<double> x;
        std::vector<double> y;
        for (size_t i = 0; i < order_.size(); ++i) {
            const ChannelInput& channel = channel_of(order_[i]);
            x.push_back(position(channel.width, channel.pixel_x_nm, job_.X0->values[i], round));
            y.push_back(position(channel.height, channel.pixel_y_nm, job_.Y0->values[i], round));
        }
        job_.x_fit = fitted(x);
        job_.y_fit = fitted(y);
        job_.os_fit = fitted(each([&](const ChannelInput& c) {
            return chance_.one_of({0.0, 10.0, 200.0, 3000.0}) * c.gain / c.qe * chance_.between(0.8, 1.2);
        }));
    }

    void widths()
    {
        const auto sigma = [&](const ChannelInput& c) {
            const double pixel = std::isnan(c.pixel_x_nm) ? 100 : c.pixel_x_nm;
            if (chance_.happens(0.03)) return chance_.one_of({0.0, 1e-13, -1e-5, 1e-3, 0.5, 5.0});
            if (chance_.happens(0.03)) return chance_.one_of({1e3, 1e4, 1e5, 1e6, 1e9});
            return pixel * chance_.between(0.6, 2.5) * (chance_.happens(0.05) ? -1 : 1);
        };
        if (any([](const ChannelInput& c) { return c.is_filter(LUMICROP_ISOGAUSS) || c.is_filter(LUMICROP_GAUSS); }) &&
            chance_.happens(0.6))
            job_.sigma_fit = fitted(each(sigma));
        if (any([](const ChannelInput& c) { return c.is_filter(LUMICROP_GAUSS); })) {
            if (chance_.happens(0.6)) job_.sigma_x_fit = fitted(each(sigma));
            if (chance_.happens(0.6)) job_.sigma_y_fit = fitted(each(sigma));
            if (chance_.happens(0.5))
                job_.sigma_angle = fitted(each([&](const ChannelInput&) {
                    return chance_.happens(0.1) ? chance_.one_of({0.0, 90.0, 180.0, -45.0, 720.0})
                                                : chance_.between(-400, 400);
                }));
        }
        if (any([](const ChannelInput& c) { return c.is_filter(LUMICROP_SPLINE); }) && chance_.happens(0.8))
            job_.z_fit = fitted(each([&](const ChannelInput&) {
                return chance_.happens(0.1) ? chance_.between(-900, 900) : chance_.between(-550, 550);
            }));
    }

    /// What no channel uses may be anything.
    void garble_unused()
    {
        for (size_t i = 0; i < order_.size(); ++i) {
            if (channel_of(order_[i]).method != LUMICROP_SUM || chance_.happens(0.5)) continue;
            for (Column* column : {&job_.x_fit, &job_.y_fit, &job_.z_fit, &job_.os_fit, &job_.sigma_fit, &job_.sigma_x_fit,
                                   &job_.sigma_y_fit, &job_.sigma_angle})
                if (*column)
                    (*column)->values[i] =
                        chance_.one_of({std::nan(""), std::numeric_limits<double>::infinity(), 0.0, -3e30});
        }
    }

private:
    template <class Predicate>
    bool any(Predicate predicate) const
    {
        return std::any_of(job_.channels.begin(), job_.channels.end(), predicate);
    }
    template <class Function>
    std::vector<double> each(Function function)
    {
        std::vector<double> values;
        for (const Place& place : order_) values.push_back(function(channel_of(place)));
        return values;
    }
    const ChannelInput& channel_of(const Place& place) const { return job_.channels[static_cast<size_t>(place.channel)]; }

    double position(int64_t pixels, double pixel, double origin, bool round)
    {
        if (std::isnan(pixel)) pixel = 100;
        const double middle = 0.5 * static_cast<double>(pixels - 1);
        double within = middle + chance_.normal() * 0.6;
        if (chance_.happens(0.08))
            within = middle + chance_.between(-1, 1) * (static_cast<double>(pixels) + 8); // far centres
        if (round) within = 0.5 * std::round(2 * within);
        if (job_.origin == LUMICROP_PIXEL_CORNER) within += 0.5;
        return (origin + within) * pixel;
    }

    Column fitted(std::vector<double> values)
    {
        for (double& value : values)
            if (chance_.happens(0.004))
                value = chance_.one_of({std::nan(""), std::nan(""), std::numeric_limits<double>::infinity()});
        Column made = column(std::move(values), chance_.one_of({LUMICROP_F32, LUMICROP_F64}));
        made->layout = random_layout(chance_, 1);
        return made;
    }

    Column whole_numbers(const std::vector<double>& values, bool floats_too)
    {
        std::vector<lumicrop_dtype> fitting;
        for (lumicrop_dtype dtype : {LUMICROP_U8, LUMICROP_I8, LUMICROP_U16, LUMICROP_I16, LUMICROP_U32, LUMICROP_I32,
                                     LUMICROP_U64, LUMICROP_I64, LUMICROP_F32, LUMICROP_F64})
            if ((floats_too || !is_float(dtype)) && std::all_of(values.begin(), values.end(), [&](double v) {
                    return v >= lowest(dtype) && v <= highest(dtype);
                }))
                fitting.push_back(dtype);
        Column made =
            column(values, fitting[static_cast<size_t>(chance_.whole(0, static_cast<int64_t>(fitting.size()) - 1))]);
        made->layout = random_layout(chance_, 1);
        return made;
    }

    Chance& chance_;
    Job& job_;
    const std::vector<Place>& order_;
};

Column random_labels(Chance& chance, const Job& job)
{
    std::vector<double> labels;
    for (size_t k = 0; k < job.channels.size(); ++k)
        labels.insert(labels.end(), static_cast<size_t>(job.channels[k].n), static_cast<double>(k + 1));
    for (size_t i = labels.size(); i > 1; --i)
        std::swap(labels[i - 1], labels[static_cast<size_t>(chance.whole(0, static_cast<int64_t>(i) - 1))]);
    Column made = column(labels, chance.one_of({LUMICROP_U8, LUMICROP_I8, LUMICROP_U16, LUMICROP_I16, LUMICROP_U32,
                                                LUMICROP_I32, LUMICROP_U64, LUMICROP_I64}));
    made->layout = random_layout(chance, 1);
    return made;
}

} // namespace

uint64_t channels_before(uint64_t seed, uint64_t jobs)
{
    uint64_t channels = 0;
    for (uint64_t number = 0; number < jobs; ++number) channels += static_cast<uint64_t>(random_channel_count(seed, number));
    return channels;
}

uint64_t channels_of_a_round()
{
    return cells_of_a_round().size();
}

Job random_job(uint64_t seed, uint64_t number)
{
    Job job;
    job.name = "random job " + std::to_string(number) + " of seed " + std::to_string(seed) +
               " (repeat it alone: LUMICROP_TEST_SEED=" + std::to_string(seed) +
               " LUMICROP_TEST_JOB=" + std::to_string(number) + ")";
    Chance chance(seed ^ 0x10B, number);
    const uint64_t first_slot = channels_before(seed, number);
    const int64_t n_channels = random_channel_count(seed, number);
    for (int64_t k = 0; k < n_channels; ++k) {
        const Slot slot = slot_of(seed, first_slot + static_cast<uint64_t>(k));
        const Cell& cell = slot.cell;
        const bool big = number % 500 == 7 && k == 0 && cell.size <= SizeClass::medium; // a few jobs of thousands of crops
        int64_t n = big ? chance.whole(3000, 4500) : random_count(chance, cell.size);
        if (slot.round == 0) n = std::max<int64_t>(n, 1); // the first round meets every cell
        job.channels.push_back(random_channel(chance, cell, n, slot.side));
        job.n += job.channels.back().n;
    }
    job.origin = chance.happens(0.25) ? LUMICROP_PIXEL_CORNER : LUMICROP_FIRST_PIXEL;
    if (chance.happens(0.5)) job.ch = random_labels(chance, job);
    for (ChannelInput& channel : job.channels)
        channel.state_n =
            channel.source == LUMICROP_GATHERED ? (!job.ch && n_channels > 1) || chance.happens(0.5) : chance.happens(0.3);
    const std::vector<Place> order = places(job);
    Columns columns(chance, job, order);
    columns.origins();
    columns.frames();
    columns.positions();
    columns.widths();
    columns.garble_unused();
    for (Column* column : {&job.x_fit, &job.y_fit, &job.z_fit, &job.os_fit, &job.sigma_fit, &job.sigma_x_fit,
                           &job.sigma_y_fit, &job.sigma_angle})
        if (*column)
            for (double& value : (*column)->values) value = as_held((*column)->dtype, value);
    for (ChannelInput& channel : job.channels) fill_pixels(chance, channel);
    job.output = chance.one_of({LUMICROP_F32, LUMICROP_F64});
    job.output_layout = random_layout(chance, 1);
    return job;
}

} // namespace test
