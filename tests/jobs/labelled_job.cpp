#include "labelled_job.hpp"

#include "chance.hpp"

#include <utility>

namespace test {

namespace {

const std::vector<Column Job::*> columns = {&Job::frame,       &Job::X0,          &Job::Y0,         &Job::x_fit,
                                            &Job::y_fit,       &Job::z_fit,       &Job::os_fit,     &Job::sigma_fit,
                                            &Job::sigma_x_fit, &Job::sigma_y_fit, &Job::sigma_angle};

} // namespace

Job labelled_job(const std::vector<Job>& parts, lumicrop_dtype labels, uint64_t seed)
{
    Job job;
    job.name = std::to_string(parts.size()) + " channels, labels of " + name_of(labels) + ", seed " + std::to_string(seed) +
               "; the first: " + parts.at(0).name;
    std::vector<double> label;
    for (const Job& part : parts) {
        job.channels.push_back(part.channels.at(0));
        job.channels.back().state_n = true;
        job.n += part.n;
        label.insert(label.end(), static_cast<size_t>(part.n), static_cast<double>(job.channels.size()));
    }
    Chance chance(seed, 0x1ABE1);
    for (size_t i = label.size(); i > 1; --i)
        std::swap(label[i - 1], label[static_cast<size_t>(chance.whole(0, static_cast<int64_t>(i) - 1))]);
    job.ch = column(label, labels);
    const std::vector<Place> order = places(job);
    for (Column Job::*which : columns) {
        job.*which = parts[0].*which;
        (job.*which)->values.clear();
        for (const Place& place : order)
            (job.*which)
                ->values.push_back(
                    (parts[static_cast<size_t>(place.channel)].*which)->values[static_cast<size_t>(place.crop)]);
    }
    return job;
}

Job keep(const Job& job, const std::vector<int64_t>& chosen)
{
    Job kept = job;
    kept.n = static_cast<int64_t>(chosen.size());
    for (Column Job::*which : columns) {
        (kept.*which)->values.clear();
        for (int64_t i : chosen) (kept.*which)->values.push_back((job.*which)->values[static_cast<size_t>(i)]);
    }
    kept.ch->values.clear();
    for (ChannelInput& channel : kept.channels) channel.n = 0;
    for (int64_t i : chosen) {
        const double label = job.ch->values[static_cast<size_t>(i)];
        kept.ch->values.push_back(label);
        ++kept.channels[static_cast<size_t>(label) - 1].n;
    }
    for (ChannelInput& channel : kept.channels)
        if (channel.source == LUMICROP_GIVEN)
            channel.pixels.resize(static_cast<size_t>(channel.n * channel.height * channel.width));
    return kept;
}

} // namespace test
