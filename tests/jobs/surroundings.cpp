#include "surroundings.hpp"

#include "../oracle/padding.hpp"
#include "expected.hpp"

#include <algorithm>
#include <cmath>

namespace test {

namespace {

using oracle::Real;

/// A fitted position in the frame [px].
struct Spot
{
    Real row, column;
    bool exists() const { return !std::isnan(row) && !std::isnan(column); }
};

Spot spot_of(const Job& job, const ChannelInput& channel, int64_t i)
{
    const Real corner = job.origin == LUMICROP_PIXEL_CORNER ? 0.5 : 0;
    return {Real(number_at(job.y_fit, i)) / channel.pixel_y_nm - corner,
            Real(number_at(job.x_fit, i)) / channel.pixel_x_nm - corner};
}

enum class Holds { no, maybe, yes };

/// Whether a distance reaches a radius, as far as the rounding of positions lets anybody say so.
Holds reaches(Real distance, Real radius)
{
    if (radius == 0) return Holds::yes;
    if (std::abs(distance - radius) < Real(1e-9)) return Holds::maybe;
    return distance > radius ? Holds::yes : Holds::no;
}

Holds both(Holds a, Holds b)
{
    return a == Holds::no || b == Holds::no ? Holds::no : a == Holds::yes && b == Holds::yes ? Holds::yes : Holds::maybe;
}

Holds negation(Holds a)
{
    return a == Holds::no ? Holds::yes : a == Holds::yes ? Holds::no : Holds::maybe;
}

class Ring
{
public:
    Ring(const Job& job, const Place& place, int64_t i)
        : job_(job), place_(place), channel_(job.channels[static_cast<size_t>(place.channel)]),
          gathered_(channel_.source == LUMICROP_GATHERED), spot_(spot_of(job, channel_, i)), i_(i),
          inner_(channel_.annulus_inner_px.value()), outer_(channel_.annulus_outer_px.value()),
          neighbour_(channel_.neighbour_radius_px.value_or(std::nan("")))
    {
        if (std::isnan(neighbour_)) neighbour_ = channel_.annulus_inner_px.value();
        if (!gathered_) padding_ = oracle::padding_of(crop_of(job, place, i), rule_of(channel_));
        find_neighbours();
    }

    oracle::Surroundings surroundings() const
    {
        oracle::Surroundings around;
        around.x = static_cast<double>(spot_.column - number_at(job_.X0, i_));
        around.y = static_cast<double>(spot_.row - number_at(job_.Y0, i_));
        if (!spot_.exists()) return around;
        const int64_t height = gathered_ ? channel_.frame_height : channel_.height;
        const int64_t width = gathered_ ? channel_.frame_width : channel_.width;
        const Real y_image = spot_.row - top(), x_image = spot_.column - left();
        for (int64_t row = first(y_image); row < end(y_image, height); ++row)
            for (int64_t column = first(x_image); column < end(x_image, width); ++column) {
                const Real y = row - y_image, x = column - x_image;
                const Holds belongs = held(y, x);
                oracle::RingPixel pixel;
                if (belongs == Holds::no || !read(row, column, pixel)) continue;
                pixel.sure = belongs == Holds::yes;
                around.pixels.push_back(pixel);
            }
        return around;
    }

private:
    /// Where the image of frames or crops lies in the frame.
    Real top() const { return gathered_ ? 0 : number_at(job_.Y0, i_); }
    Real left() const { return gathered_ ? 0 : number_at(job_.X0, i_); }

    /// Rows or columns that the ring may reach.
    int64_t first(Real centre) const { return std::max<int64_t>(0, std::llround(centre - outer_) - 1); }
    int64_t end(Real centre, int64_t extent) const { return std::min<int64_t>(extent, std::llround(centre + outer_) + 2); }

    void find_neighbours()
    {
        if (neighbour_ == 0 || !spot_.exists()) return;
        const std::vector<Place> order = places(job_);
        for (int64_t k = 0; k < job_.n; ++k) {
            const bool other = k != i_ && order[static_cast<size_t>(k)].channel == place_.channel;
            if (!other || number_at(job_.frame, k) != number_at(job_.frame, i_)) continue;
            const Spot spot = spot_of(job_, channel_, k);
            const Spot away{spot.row - spot_.row, spot.column - spot_.column};
            if (spot.exists() && std::hypot(away.row, away.column) < outer_ + neighbour_ + 1) neighbours_.push_back(away);
        }
    }

    /// Of a pixel so far from the position.
    Holds held(Real y, Real x) const
    {
        const Real distance = std::hypot(y, x);
        Holds holds = both(reaches(distance, inner_), negation(reaches(distance, outer_)));
        for (const Spot& away : neighbours_)
            if (holds != Holds::no) holds = both(holds, reaches(std::hypot(y - away.row, x - away.column), neighbour_));
        return holds;
    }

    /// A pixel of the frame or the crop, by the camera's maps. False where it does not count.
    bool read(int64_t row, int64_t column, oracle::RingPixel& pixel) const
    {
        const int64_t frame_row = gathered_ ? row : row + static_cast<int64_t>(top());
        const int64_t frame_column = gathered_ ? column : column + static_cast<int64_t>(left());
        const int64_t crop_row = gathered_ ? row - static_cast<int64_t>(number_at(job_.Y0, i_)) : row;
        const int64_t crop_column = gathered_ ? column - static_cast<int64_t>(number_at(job_.X0, i_)) : column;
        const bool in_crop = crop_row >= 0 && crop_column >= 0 && crop_row < channel_.height && crop_column < channel_.width;
        if (in_crop) pixel.in_crop = crop_row * channel_.width + crop_column;
        if (!gathered_ && padding_[static_cast<size_t>(pixel.in_crop)] != 0) return false;
        const int64_t height = gathered_ ? channel_.frame_height : channel_.height;
        const int64_t width = gathered_ ? channel_.frame_width : channel_.width;
        const int64_t image = gathered_ ? static_cast<int64_t>(number_at(job_.frame, i_)) : place_.crop;
        pixel.raw = channel_.pixels[static_cast<size_t>((image * height + row) * width + column)];
        pixel.offset = channel_.camera_offset;
        pixel.gain = channel_.gain;
        pixel.read_variance = channel_.read_noise * channel_.read_noise;
        bool counts = std::isfinite(pixel.raw);
        const auto adopt = [&](const Map& map, double& to) {
            if (!map) return;
            const bool on_map =
                frame_row >= 0 && frame_column >= 0 && frame_row < channel_.map_height && frame_column < channel_.map_width;
            const auto flat = static_cast<size_t>(frame_row * channel_.map_width + frame_column);
            to = on_map ? map->values[flat] : std::nan("");
            counts &= !std::isnan(to);
        };
        double bad = 0;
        adopt(channel_.offset_map, pixel.offset);
        adopt(channel_.gain_map, pixel.gain);
        adopt(channel_.read_variance_map, pixel.read_variance);
        adopt(channel_.bad_pixels, bad);
        return counts && bad == 0;
    }

    const Job& job_;
    const Place& place_;
    const ChannelInput& channel_;
    const bool gathered_;
    const Spot spot_;
    const int64_t i_;
    const Real inner_, outer_;
    Real neighbour_;
    std::vector<char> padding_;
    std::vector<Spot> neighbours_; ///< from the position
};

} // namespace

oracle::Surroundings surroundings_of(const Job& job, const Place& place, int64_t detection)
{
    return Ring(job, place, detection).surroundings();
}

} // namespace test
