#pragma once

#include "cell.hpp"
#include "chance.hpp"

namespace test {

/// A channel of `n` detections in `cell`, squares of `side` pixels where the cell is one of squares; its pixels are filled by
/// fill_pixels once the positions are known.
ChannelInput random_channel(Chance& chance, const Cell& cell, int64_t n, int64_t side);

/// How many detections a channel of this cell gets: few where crops are large.
int64_t random_count(Chance& chance, SizeClass size);

/// Background, noise, a spot a crop, now and then zeros at the border, mazes of zeros, NaN and infinities.
void fill_pixels(Chance& chance, ChannelInput& channel);

Layout random_layout(Chance& chance, int axes);

} // namespace test
