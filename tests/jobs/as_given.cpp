#include "as_given.hpp"

#include "expected.hpp"

namespace test {

Job as_given(const Job& job)
{
    Job given = job;
    ChannelInput& channel = given.channels.at(0);
    channel.padding = channel.rule();
    channel.source = LUMICROP_GIVEN;
    channel.layout = {};
    channel.pixels.clear();
    for (int64_t i = 0; i < job.n; ++i) {
        const oracle::Crop crop = crop_of(job, {0, i}, i);
        channel.pixels.insert(channel.pixels.end(), crop.raw.begin(), crop.raw.end());
    }
    if (channel.padding != LUMICROP_PADDING_GEOMETRY) channel.frame_height = channel.frame_width = 0;
    return given;
}

} // namespace test
