#include "cuda/chunk_layout.hpp"

#include <algorithm>
#include <cstring>

#include "cuda/runtime.hpp"
#include "math/annulus.hpp"
#include "math/matched_filter.hpp"
#include "math/window.hpp"

namespace lumicrop {
namespace cuda {
namespace {

/// Whether two columns are one and the same.
bool are_same(const Column& a, const Column& b)
{
    return a.data == b.data && a.stride == b.stride && a.dtype == b.dtype;
}

/// Elements that a further thread must find to be worth waking.
constexpr int64_t kThreadElements = 1 << 15;

template <class Use>
void for_each_in_parallel(int64_t n, int64_t elements, Use use)
{
#pragma omp parallel for schedule(static) if (elements > 2 * kThreadElements)
    for (int64_t i = 0; i < n; ++i) use(i);
}

template <class Word>
void gather(const Column& column, const int64_t* detections, int64_t first, int64_t begin, int64_t end, std::byte* to)
{
    for_each_in_parallel(end - begin, end - begin, [&](int64_t i) {
        const int64_t detection = detections == nullptr ? first + begin + i : detections[begin + i];
        std::memcpy(to + i * static_cast<int64_t>(sizeof(Word)), column.data + detection * column.stride, sizeof(Word));
    });
}

template <class Word>
void scatter(const Column& column, const int64_t* detections, int64_t first, int64_t begin, int64_t end,
             const std::byte* from)
{
    for_each_in_parallel(end - begin, end - begin, [&](int64_t i) {
        const int64_t detection = detections == nullptr ? first + begin + i : detections[begin + i];
        std::memcpy(column.data + detection * column.stride, from + i * static_cast<int64_t>(sizeof(Word)), sizeof(Word));
    });
}

/// Calls `use` with a word of `bytes` bytes.
template <class Use>
void with_word(int64_t bytes, Use use)
{
    switch (bytes) {
    case 1: return use(uint8_t());
    case 2: return use(uint16_t());
    case 4: return use(uint32_t());
    default: return use(uint64_t());
    }
}

/// Copies `n` pixels of `size` bytes, `stride` apart, to adjacent ones.
void copy_run(const std::byte* from, int64_t stride, int64_t n, int64_t size, std::byte* to)
{
    if (stride == size) {
        std::memcpy(to, from, static_cast<std::size_t>(n * size));
        return;
    }
    with_word(size, [&](auto word) {
        for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * size, from + i * stride, sizeof word);
    });
}

/// Copies `height` by `width` pixels of a frame, dense, with zeros beyond it.
void copy_window(const Channel& channel, int64_t frame, int64_t y0, int64_t x0, int64_t height, int64_t width, std::byte* to)
{
    const Images& images = channel.images;
    const int64_t size = size_of(images.dtype), row_bytes = width * size;
    int64_t row_begin, row_end, column_begin, column_end;
    math::clip(y0, height, channel.frame_height, row_begin, row_end);
    math::clip(x0, width, channel.frame_width, column_begin, column_end);
    const bool good_frame = frame >= 0 && frame < images.shape[0];
    const int64_t n_columns = column_end - column_begin;
    if (!good_frame || n_columns != width || row_end - row_begin != height)
        std::memset(to, 0, static_cast<std::size_t>(height * row_bytes));
    if (!good_frame || n_columns == 0) return;
    for (int64_t row = row_begin; row < row_end; ++row)
        copy_run(images.data + frame * images.strides[0] + (y0 + row) * images.strides[1] +
                     (x0 + column_begin) * images.strides[2],
                 images.strides[2], n_columns, size, to + row * row_bytes + column_begin * size);
}

/// Copies one crop, dense, with zeros where it reaches beyond the frame (gathered crops).
void copy_crop(const Detections& columns, const Channel& channel, int64_t crop, int64_t detection, std::byte* to)
{
    const Images& images = channel.images;
    const int64_t size = size_of(images.dtype), row_bytes = channel.width * size;
    if (!channel.gathered) {
        const std::byte* const from = images.data + crop * images.strides[0];
        if (images.strides[2] == size && images.strides[1] == row_bytes)
            std::memcpy(to, from, static_cast<std::size_t>(channel.height * row_bytes));
        else
            for (int64_t row = 0; row < channel.height; ++row)
                copy_run(from + row * images.strides[1], images.strides[2], channel.width, size, to + row * row_bytes);
        return;
    }
    copy_window(channel, read_whole(columns.frame, detection), read_whole(columns.Y0, detection),
                read_whole(columns.X0, detection), channel.height, channel.width, to);
}

/// Copies the box of pixels around a detection's ring, as ring_place (annulus.cuh) expects it.
void copy_box(const Detections& columns, const Channel& channel, const ChannelView& view, int64_t detection, std::byte* to)
{
    const auto first = [&](const Column& fit, double pixel_nm, double corner_nm) {
        return math::nearest_pixel(math::position_in_frame(read_real(fit, detection), pixel_nm, corner_nm)) -
               view.annulus.reach;
    };
    copy_window(channel, read_whole(columns.frame, detection), first(columns.y_fit, view.pixel_y_nm, view.corner_y_nm),
                first(columns.x_fit, view.pixel_x_nm, view.corner_x_nm), view.annulus.height, view.annulus.width, to);
}

} // namespace

ChunkLayout::ChunkLayout(const Job& job, const Channel& channel, bool needs_positions)
    : channel_(channel), images_travel_(!channel.images.on_device),
      boxes_travel_(images_travel_ && channel.gathered && is_annulus(channel.background)),
      positions_travel_(needs_positions), crops_{{}, channel.height * channel.width * size_of(channel.images.dtype), 0},
      boxes_{{}, 0, 0}, positions_{{}, sizeof(int64_t), 0}, all_(view_of(job, channel, nullptr))
{
    boxes_.entry_bytes = int64_t{all_.annulus.height} * all_.annulus.width * size_of(channel.images.dtype);
    const auto add = [](std::vector<Piece>& pieces, const Column& column) {
        const bool known =
            std::any_of(pieces.begin(), pieces.end(), [&](const Piece& piece) { return are_same(piece.column, column); });
        if (!column.on_device && !known) pieces.push_back({column, size_of(column.dtype), 0});
        return ColumnView{};
    };
    input_columns(channel, job.detections, [&](const Column& column) { return add(inputs_, column); });
    output_columns(job.result, [&](const Column& column) { return add(outputs_, column); });
}

int64_t ChunkLayout::bytes_a_crop() const
{
    int64_t bytes = (images_travel_ ? crops_.entry_bytes : 0) + (boxes_travel_ ? boxes_.entry_bytes : 0) +
                    (positions_travel_ ? positions_.entry_bytes : 0) + ring_bytes(all_, 32) / 32;
    for (const auto* pieces : {&inputs_, &outputs_})
        for (const Piece& piece : *pieces) bytes += piece.entry_bytes;
    return bytes;
}

int64_t ChunkLayout::bytes_of(int64_t n_crops) const
{
    ChunkLayout copy(*this);
    copy.set_crops(n_crops);
    return copy.bytes_;
}

void ChunkLayout::set_crops(int64_t n_crops)
{
    bytes_ = 0;
    const auto put = [&](Piece& piece) {
        piece.offset = bytes_;
        bytes_ += whole_lines(n_crops * piece.entry_bytes);
    };
    if (images_travel_) put(crops_);
    if (boxes_travel_) put(boxes_);
    if (positions_travel_) put(positions_);
    for (Piece& piece : inputs_) put(piece);
    input_bytes_ = bytes_;
    for (Piece& piece : outputs_) put(piece);
    output_bytes_ = bytes_ - input_bytes_;
    bytes_ += ring_bytes(all_, n_crops);
}

const Piece* ChunkLayout::piece_of(const Column& column) const
{
    for (const auto* pieces : {&inputs_, &outputs_})
        for (const Piece& piece : *pieces)
            if (are_same(piece.column, column)) return &piece;
    return nullptr;
}

ChannelView ChunkLayout::view(const Job& job, int64_t begin, int64_t end, std::byte* buffer, Faults* faults) const
{
    // Views count crops within the channel: what lies in the buffer begins `begin` entries earlier.
    const auto at = [&](const Piece& piece) { return buffer + piece.offset - begin * piece.entry_bytes; };
    const auto place = [&](const Column& column) {
        if (column.on_device) return as_it_lies(column);
        const Piece& piece = *piece_of(column);
        return ColumnView{at(piece), piece.entry_bytes, column.dtype, true};
    };
    ChannelView view = all_;
    view.faults = faults;
    view.begin = begin;
    view.end = end;
    view.columns = input_columns(channel_, job.detections, place);
    view.results = output_columns(job.result, place);
    if (positions_travel_) view.positions = reinterpret_cast<const int64_t*>(at(positions_));
    if (images_travel_) {
        const int64_t size = size_of(channel_.images.dtype);
        view.images.data = at(crops_);
        view.images.strides[0] = crops_.entry_bytes;
        view.images.strides[1] = channel_.width * size;
        view.images.strides[2] = size;
        view.gathered = false;
        // Checked already; but a background map of each frame is looked up by it, and so are neighbours.
        if (!job.detections.frame.on_device && !has_background_of_frames(channel_) && !seeks_neighbours(channel_))
            view.columns.frame = {};
        view.annulus.images = view.images;
    }
    if (boxes_travel_) {
        ImagesView& boxes = view.annulus.images;
        boxes.data = at(boxes_);
        boxes.strides[0] = boxes_.entry_bytes;
        boxes.strides[1] = view.annulus.width * boxes.strides[2];
        view.annulus.are_boxes = true;
    }
    place_rings(view, buffer + input_bytes_ + output_bytes_);
    return view;
}

void ChunkLayout::pack(const Detections& columns, const int64_t* detections, int64_t begin, int64_t end,
                       std::byte* inputs) const
{
    const int64_t n = end - begin;
    if (images_travel_)
        for_each_in_parallel(n, n * channel_.height * channel_.width, [&](int64_t i) {
            const int64_t crop = begin + i;
            copy_crop(columns, channel_, crop, detections == nullptr ? channel_.first + crop : detections[crop],
                      inputs + crops_.offset + i * crops_.entry_bytes);
        });
    if (boxes_travel_)
        for_each_in_parallel(n, n * all_.annulus.height * all_.annulus.width, [&](int64_t i) {
            const int64_t crop = begin + i;
            copy_box(columns, channel_, all_, detections == nullptr ? channel_.first + crop : detections[crop],
                     inputs + boxes_.offset + i * boxes_.entry_bytes);
        });
    if (positions_travel_)
        std::memcpy(inputs + positions_.offset, detections + begin, static_cast<std::size_t>(n) * sizeof(int64_t));
    for (const Piece& piece : inputs_)
        with_word(piece.entry_bytes, [&](auto word) {
            gather<decltype(word)>(piece.column, detections, channel_.first, begin, end, inputs + piece.offset);
        });
}

void ChunkLayout::unpack(const int64_t* detections, int64_t begin, int64_t end, const std::byte* results) const
{
    for (const Piece& piece : outputs_)
        with_word(piece.entry_bytes, [&](auto word) {
            scatter<decltype(word)>(piece.column, detections, channel_.first, begin, end,
                                    results + piece.offset - input_bytes_);
        });
}

} // namespace cuda
} // namespace lumicrop
