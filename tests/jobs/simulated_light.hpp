// Light as cameras count it: Poisson numbers of electrons, an EM register, read-out, whole counts.
#pragma once

#include "chance.hpp"
#include "job.hpp"

namespace test {

/// A Poisson number; above 40 the rounded normal one of its mean and variance serves.
inline double poisson(Chance& chance, double mean)
{
    if (!(mean > 0)) return 0;
    if (mean > 40) return std::max(0.0, std::round(mean + std::sqrt(mean) * chance.normal()));
    double product = chance.unit();
    double count = 0;
    for (const double limit = std::exp(-mean); product > limit; product *= chance.unit()) ++count;
    return count;
}

/// Electrons behind a register that multiplies each by an exponential number of mean 1, referred to its input.
inline double multiplied(Chance& chance, double electrons, double em_gain)
{
    if (em_gain <= 1) return electrons;
    if (electrons > 40) return electrons + std::sqrt(electrons) * chance.normal();
    double sum = 0;
    for (int i = 0; i < static_cast<int>(electrons); ++i) sum -= std::log(1 - chance.unit());
    return sum;
}

/// Raw counts of a pixel whose mean is `electrons`.
inline double counted(Chance& chance, const ChannelInput& channel, double electrons, double offset, double gain,
                      double read_noise)
{
    const double light = multiplied(chance, poisson(chance, electrons), channel.em_gain);
    double raw = offset + (light * channel.em_gain + read_noise * chance.normal()) / gain;
    if (!is_float(channel.dtype)) raw = std::min(std::max(std::round(raw), lowest(channel.dtype)), highest(channel.dtype));
    return as_held(channel.dtype, raw);
}

} // namespace test
