// Pixels in memory as a caller of lumicrop has them: a stack of crops, or a movie.
#ifndef LUMICROP_BENCH_SOURCE_HPP
#define LUMICROP_BENCH_SOURCE_HPP

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "lumicrop/lumicrop.h"
#include "simulated.hpp"

namespace bench {

enum class Content {
    clean,             ///< a stack of crops, no pixel 0
    padded,            ///< a stack, every tenth crop with two columns of zeros at its left edge
    gathered,          ///< a movie; detections frame by frame, in each in scan order, as detectors list them
    gathered_shuffled, ///< a movie; detections frame by frame, in each in any order
    labelled ///< a stack for each of kLabelledChannels channels, one after another; detections in any order, labelled
};

inline bool is_gathered(Content content)
{
    return content == Content::gathered || content == Content::gathered_shuffled;
}

inline constexpr int32_t kLabelledChannels = 3;

inline int64_t bytes_per_pixel(lumicrop_dtype dtype)
{
    return dtype == LUMICROP_F32 ? 4 : 2;
}

/// A block of memory, aligned to a cache line.
class Block
{
public:
    explicit Block(std::size_t bytes);
    void* data() const { return data_.get(); }
    std::size_t bytes() const { return bytes_; }

private:
    struct Free
    {
        void operator()(void* data) const { std::free(data); }
    };
    std::unique_ptr<void, Free> data_;
    std::size_t bytes_;
};

struct Source
{
    Content content;
    lumicrop_dtype dtype; ///< F32 or U16, both hold the same counts
    int64_t side;         ///< of a crop
    int64_t shape[3];     ///< of the images
    Block pixels;
    Columns columns;

    int64_t n() const { return columns.n(); }
    int64_t crop_bytes() const { return side * side * bytes_per_pixel(dtype); }
};

/// Simulated crops over and over until there are `n`, or until they fill `bytes`.
Source stack_of(int64_t n, int64_t side, lumicrop_dtype dtype, Content content);
Source stack_filling(std::size_t bytes, int64_t side, lumicrop_dtype dtype, Content content);

/// Frames of 2048 x 2048 pixels that fill `bytes`, with 4,000 simulated crops of side x side laid into each.
Source movie_filling(std::size_t bytes, int64_t side, Content content);

} // namespace bench

#endif
