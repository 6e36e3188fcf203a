#include "job.hpp"

namespace test {

const char* name_of(Out out)
{
    static const char* const names[n_outs] = {
        "photons",       "background",         "psf_sum",           "denominator", "flags",
        "photons_sigma", "background_photons", "background_sigma",  "chi2",        "log_likelihood_ratio",
        "enclosed",      "photons_total",      "background_pixels", "iterations"};
    return names[static_cast<size_t>(out)];
}

std::vector<Place> places(const Job& job)
{
    std::vector<Place> all;
    std::vector<int64_t> taken(job.channels.size(), 0);
    if (job.ch) {
        for (double label : job.ch->values) {
            const auto channel = static_cast<size_t>(label) - 1;
            all.push_back({static_cast<int64_t>(channel), taken[channel]++});
        }
        return all;
    }
    for (size_t channel = 0; channel < job.channels.size(); ++channel)
        for (int64_t crop = 0; crop < job.channels[channel].n; ++crop) all.push_back({static_cast<int64_t>(channel), crop});
    return all;
}

namespace {

void choose(Column& column, const std::vector<int64_t>& chosen)
{
    if (!column) return;
    std::vector<double> kept;
    for (int64_t i : chosen) kept.push_back(column->values[static_cast<size_t>(i)]);
    column->values = kept;
}

} // namespace

Job only(const Job& job, const std::vector<int64_t>& chosen)
{
    Job part = job;
    ChannelInput& channel = part.channels.at(0);
    part.n = channel.n = static_cast<int64_t>(chosen.size());
    if (channel.source == LUMICROP_GIVEN) {
        const int64_t crop = channel.height * channel.width;
        channel.pixels.clear();
        for (int64_t i : chosen) {
            const auto first = job.channels[0].pixels.begin() + i * crop;
            channel.pixels.insert(channel.pixels.end(), first, first + crop);
        }
    }
    for (Column* column : {&part.ch, &part.frame, &part.X0, &part.Y0, &part.x_fit, &part.y_fit, &part.z_fit, &part.os_fit,
                           &part.sigma_fit, &part.sigma_x_fit, &part.sigma_y_fit, &part.sigma_angle})
        choose(*column, chosen);
    return part;
}

} // namespace test
