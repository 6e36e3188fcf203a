// Detections whose inputs say which flags they must have.
#pragma once

#include "../support/every_backend.hpp"
#include "run_job.hpp"

namespace test {

/// A flag that shall stand exactly where its condition holds.
class FlagCases : public EveryBackend
{
protected:
    int64_t detections() const { return takes_less(GetParam()) ? 60 : 250; }

    /// Whether the job ran.
    bool run(const Job& job, Outputs& outputs) const
    {
        const Context context = make_context(GetParam(), 1);
        LaidOut call(job);
        lumicrop_status status = call.integrate(context.get());
        if (status == LUMICROP_OK) status = lumicrop_synchronize(context.get());
        EXPECT_EQ(status, LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        outputs = call.outputs();
        outputs.status = status;
        return status == LUMICROP_OK;
    }

    enum Says { no, yes, open };
    /// The bit of every detection against what was said of it; `raised` and `lowered` count the cases.
    void expect_flag(const Job& job, uint32_t bit, const std::vector<Says>& says)
    {
        Outputs outputs;
        if (!run(job, outputs)) return;
        int wrong = 0;
        for (size_t i = 0; i < says.size(); ++i) {
            if (says[i] == open) continue;
            ++(says[i] == yes ? raised_ : lowered_);
            const bool found = (outputs.flags[i] & bit) != 0;
            if (found != (says[i] == yes) && ++wrong <= 3)
                ADD_FAILURE() << GetParam().name << ", " << job.name << ": detection " << i << " has the flags 0x"
                              << std::hex << outputs.flags[i] << (found ? ", without " : ", not ") << "0x" << bit << std::dec
                              << (found ? " expected" : " though its condition holds") << ", photons "
                              << (outputs.photons.empty() ? 0 : outputs.photons[i]);
        }
        EXPECT_EQ(wrong, 0) << GetParam().name << ", " << job.name;
    }
    /// Both answers were asked for often enough.
    void expect_enough(int each)
    {
        const int least = takes_less(GetParam()) ? each / 5 : each;
        EXPECT_GE(raised_, least);
        EXPECT_GE(lowered_, least);
    }

    int raised_ = 0, lowered_ = 0;
};

inline double& pixel_of(Job& job, int64_t detection, int64_t pixel)
{
    ChannelInput& channel = job.channels[0];
    return channel.pixels[static_cast<size_t>(detection * channel.height * channel.width + pixel)];
}

/// Calls use(frame row, frame column) for the pixels of a detection's crop.
template <class Use>
void for_each_pixel(const Job& job, size_t i, Use use)
{
    const ChannelInput& channel = job.channels[0];
    for (int64_t r = 0; r < channel.height; ++r)
        for (int64_t c = 0; c < channel.width; ++c)
            use(static_cast<int64_t>(job.Y0->values[i]) + r, static_cast<int64_t>(job.X0->values[i]) + c);
}

inline bool is_inside(const ChannelInput& channel, int64_t row, int64_t column)
{
    return row >= 0 && column >= 0 && row < channel.frame_height && column < channel.frame_width;
}

} // namespace test
