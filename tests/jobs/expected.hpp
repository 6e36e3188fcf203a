// What the oracle says of every detection of a job, and the comparison with what came back.
#pragma once

#include "../oracle/aperture.hpp"
#include "../oracle/bounds.hpp"
#include "job.hpp"
#include "run_job.hpp"

namespace test {

struct Expected
{
    std::vector<oracle::Answer> answers; ///< in detection order
    std::vector<oracle::Precision> precision;
    std::vector<Place> places;
};

/// The crop of one detection, cut out of its frame where the job gathers.
oracle::Crop crop_of(const Job& job, const Place& place, int64_t detection);

oracle::Padding rule_of(const ChannelInput& channel);

/// The detection's PSF, from the columns or else the channel.
oracle::Psf psf_of(const Job& job, const ChannelInput& channel, int64_t detection);

/// The aperture of a channel of APERTURE around one detection.
oracle::Ellipse ellipse_of(const Job& job, const ChannelInput& channel, int64_t detection);

/// One rounding of each product and difference in x_fit - X0 * px (- px / 2) [nm].
double position_rounding(const Job& job, const ChannelInput& channel, int64_t detection);

/// Likewise in x_fit / px - X0 (- 1/2) [px].
double ellipse_rounding(const Job& job, const ChannelInput& channel, int64_t detection);

/// One detection by the oracle.
oracle::Answer answer_of(const Job& job, const Place& place, int64_t detection);

Expected expect(const Job& job);

/// Fails the running test with the first few detections that lie outside SPEC 7. True: all lie within.
bool agrees(const Job& job, const Expected& expected, const Outputs& outputs, const std::string& who);

} // namespace test
