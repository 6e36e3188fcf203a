#include "random_channel.hpp"

#include "random_spline.hpp"

#include <algorithm>

namespace test {

namespace {

void choose_size(Chance& chance, SizeClass size, int64_t square, ChannelInput& channel)
{
    const auto side = [&](int64_t low, int64_t high) {
        channel.height = chance.whole(low, high);
        channel.width = chance.happens(0.5) ? channel.height : chance.whole(2, high);
        if (chance.happens(0.3)) std::swap(channel.height, channel.width);
    };
    switch (size) {
    case SizeClass::line:
        channel.height = 1;
        channel.width = chance.happens(0.2) ? 1 : chance.whole(1, chance.happens(0.1) ? 128 : 24);
        if (chance.happens(0.5)) std::swap(channel.height, channel.width);
        break;
    case SizeClass::small: side(2, 7); break;
    case SizeClass::square: channel.height = channel.width = square; break;
    case SizeClass::medium: side(8, 15); break;
    case SizeClass::large: side(16, 32); break;
    case SizeClass::huge: side(33, chance.happens(0.15) ? 128 : 64); break;
    }
    const bool has_a_class_of_its_own = std::count(square_sides.begin(), square_sides.end(), channel.height) == 1;
    if (size != SizeClass::square && channel.height == channel.width && has_a_class_of_its_own) --channel.width;
}

void choose_plain_camera(Chance& chance, ChannelInput& channel)
{
    channel.camera_offset = chance.one_of({0.0, 0.0, 100.5, 30000.3});
    if (channel.dtype == LUMICROP_U8 && channel.camera_offset > 255) channel.camera_offset = 12.5;
    channel.gain = chance.happens(0.3) ? 1 : chance.between(0.02, 40);
    channel.qe = chance.happens(0.3) ? 1 : chance.between(0.2, 1);
    const double pixel = chance.one_of({65.0, 97.5, 100.0, 130.0, 160.25});
    channel.pixel_x_nm = pixel;
    channel.pixel_y_nm = chance.happens(0.6) ? pixel : chance.between(50, 200);
}

} // namespace

Layout random_layout(Chance& chance, int axes)
{
    Layout layout;
    if (chance.happens(0.5)) return layout;
    for (int axis = 0; axis < axes; ++axis) layout.order.push_back(axis);
    for (int axis = axes - 1; axis > 0; --axis)
        if (chance.happens(0.4))
            std::swap(layout.order[static_cast<size_t>(axis)], layout.order[static_cast<size_t>(chance.whole(0, axis))]);
    for (int axis = 0; axis < axes; ++axis) layout.gaps.push_back(chance.happens(0.6) ? 0 : chance.whole(1, 3));
    layout.reversed = chance.happens(0.4) ? static_cast<unsigned>(chance.whole(0, (1 << axes) - 1)) : 0;
    return layout;
}

int64_t random_count(Chance& chance, SizeClass size)
{
    if (chance.happens(0.02)) return 0;
    switch (size) {
    case SizeClass::line:
    case SizeClass::small:
        if (chance.happens(0.01)) return chance.whole(800, 1800);
        return chance.happens(0.2) ? chance.whole(40, 130) : chance.whole(1, 36);
    case SizeClass::square: return chance.happens(0.3) ? chance.whole(33, 200) : chance.whole(1, 32);
    case SizeClass::medium: return chance.happens(0.2) ? chance.whole(30, 70) : chance.whole(1, 20);
    case SizeClass::large: return chance.happens(0.1) ? chance.whole(17, 24) : chance.whole(1, 5);
    case SizeClass::huge: break;
    }
    return chance.whole(1, 2);
}

ChannelInput random_channel(Chance& chance, const Cell& cell, int64_t n, int64_t side)
{
    ChannelInput channel;
    channel.dtype = cell.dtype;
    channel.n = n;
    choose_size(chance, cell.size, side, channel);
    choose_plain_camera(chance, channel);
    channel.method = cell.method == Photometry::sum ? LUMICROP_SUM : LUMICROP_FILTER;
    channel.model = cell.method == Photometry::gauss    ? LUMICROP_GAUSS
                    : cell.method == Photometry::spline ? LUMICROP_SPLINE
                                                        : LUMICROP_ISOGAUSS;
    channel.source = chance.happens(0.5) ? LUMICROP_GIVEN : LUMICROP_GATHERED;
    channel.padding = cell.padding;
    if (channel.source == LUMICROP_GATHERED || cell.padding == LUMICROP_PADDING_GEOMETRY) {
        channel.n_frames = chance.whole(1, 3);
        const int64_t room = chance.happens(0.2) ? -2 : chance.whole(0, 20); // now and then a frame smaller than the crop
        channel.frame_height = std::max<int64_t>(1, channel.height + room);
        channel.frame_width = std::max<int64_t>(1, channel.width + room + chance.whole(0, 5));
    }
    const bool by_default =
        cell.padding == (channel.source == LUMICROP_GIVEN ? LUMICROP_PADDING_ZEROS : LUMICROP_PADDING_GEOMETRY);
    if (by_default && chance.happens(0.5)) channel.padding = LUMICROP_PADDING_DEFAULT;
    if (channel.is_filter(LUMICROP_ISOGAUSS)) channel.psf_sigma_nm = chance.between(60, 200);
    if (channel.is_filter(LUMICROP_GAUSS)) {
        channel.psf_sigma_x_nm = chance.between(60, 200);
        channel.psf_sigma_y_nm = chance.between(60, 200);
        if (chance.happens(0.7)) channel.psf_theta_deg = chance.one_of({30.0, 45.0, 90.0, -123.4, 0.0});
    }
    if (channel.is_filter(LUMICROP_SPLINE)) channel.spline = random_spline(chance, channel);
    if (channel.method == LUMICROP_SUM && chance.happens(0.3)) channel.pixel_x_nm = channel.pixel_y_nm = std::nan("");
    return channel;
}

namespace {

struct Patch
{
    double* pixels;
    int64_t height, width;
    double& at(int64_t row, int64_t column) const { return pixels[row * width + column]; }
};

void add_light(Chance& chance, const ChannelInput& channel, const Patch& patch)
{
    const bool is_u8 = channel.dtype == LUMICROP_U8;
    const double background = is_u8 ? 20 : chance.one_of({0.0, 10.0, 200.0, 3000.0});
    const double peak = is_u8 ? 150 : chance.one_of({0.0, 30.0, 300.0, 5000.0});
    const double y = 0.5 * static_cast<double>(patch.height - 1) + chance.between(-1, 1);
    const double x = 0.5 * static_cast<double>(patch.width - 1) + chance.between(-1, 1);
    for (int64_t row = 0; row < patch.height; ++row)
        for (int64_t column = 0; column < patch.width; ++column) {
            const double dy = static_cast<double>(row) - y;
            const double dx = static_cast<double>(column) - x;
            const double light = background + peak * std::exp(-0.3 * (dy * dy + dx * dx));
            patch.at(row, column) = channel.camera_offset + light + std::sqrt(light + 1) * chance.normal();
        }
}

void add_zeros(Chance& chance, const Patch& patch)
{
    if (chance.happens(0.6)) { // whole rows or columns, as a crop cut at the frame's edge
        const int64_t rows = chance.happens(0.5) ? chance.whole(0, patch.height) : 0;
        const int64_t columns = chance.happens(0.5) ? chance.whole(0, patch.width) : 0;
        for (int64_t row = 0; row < patch.height; ++row)
            for (int64_t column = 0; column < patch.width; ++column)
                if (row < rows || column >= patch.width - columns) patch.at(row, column) = 0;
    } else { // a maze
        const double density = chance.between(0.2, 0.7);
        for (int64_t i = 0; i < patch.height * patch.width; ++i)
            if (chance.happens(density)) patch.pixels[i] = 0;
    }
}

void spoil(Chance& chance, const Patch& patch)
{
    const double infinity = std::numeric_limits<double>::infinity();
    const int64_t spoilt = chance.happens(0.2) ? chance.whole(1, patch.height * patch.width) : 1;
    for (int64_t k = 0; k < spoilt; ++k)
        patch.pixels[chance.whole(0, patch.height * patch.width - 1)] =
            chance.one_of({std::nan(""), std::nan(""), infinity, -infinity});
}

void hold(const ChannelInput& channel, const Patch& patch)
{
    for (int64_t i = 0; i < patch.height * patch.width; ++i) {
        double& pixel = patch.pixels[i];
        if (!is_float(channel.dtype))
            pixel = std::min(std::max(std::floor(pixel), lowest(channel.dtype)), highest(channel.dtype));
        pixel = as_held(channel.dtype, pixel);
    }
}

} // namespace

void fill_pixels(Chance& chance, ChannelInput& channel)
{
    const bool given = channel.source == LUMICROP_GIVEN;
    const int64_t patches = given ? channel.n : channel.n_frames;
    const int64_t height = given ? channel.height : channel.frame_height;
    const int64_t width = given ? channel.width : channel.frame_width;
    channel.pixels.assign(static_cast<size_t>(patches * height * width), 0);
    const bool alike = patches > 0 && chance.happens(0.03); // one image seen many times, by a stride of 0
    for (int64_t k = 0; k < patches; ++k) {
        const Patch patch{channel.pixels.data() + k * height * width, height, width};
        if (alike && k > 0) {
            std::copy_n(channel.pixels.data(), height * width, patch.pixels);
            continue;
        }
        add_light(chance, channel, patch);
        if (chance.happens(0.03)) // signed types: dark counts below 0; unsigned: the top of the range
            for (int64_t i = 0; i < height * width; ++i)
                patch.pixels[i] = is_float(channel.dtype)
                                      ? -patch.pixels[i] * 1e3
                                      : (chance.happens(0.5) ? lowest(channel.dtype) : highest(channel.dtype));
        if (chance.happens(channel.rule() == LUMICROP_PADDING_ZEROS ? 0.35 : 0.1)) add_zeros(chance, patch);
        if (is_float(channel.dtype) && chance.happens(given ? 0.04 : 0.2)) spoil(chance, patch);
        hold(channel, patch);
    }
    channel.layout = random_layout(chance, 3);
    if (alike) {
        channel.layout.repeated = 1;
        channel.layout.reversed &= ~1U;
    }
}

} // namespace test
