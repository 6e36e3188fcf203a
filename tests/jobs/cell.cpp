#include "cell.hpp"

#include <algorithm>
#include <iomanip>
#include <set>

namespace test {

std::vector<Cell> all_cells()
{
    std::vector<Cell> cells;
    for (lumicrop_dtype dtype :
         {LUMICROP_U8, LUMICROP_U16, LUMICROP_I16, LUMICROP_U32, LUMICROP_I32, LUMICROP_F32, LUMICROP_F64})
        for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
            for (SizeClass size : {SizeClass::line, SizeClass::small, SizeClass::square, SizeClass::medium, SizeClass::large,
                                   SizeClass::huge})
                for (lumicrop_padding padding : {LUMICROP_PADDING_ZEROS, LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_NONE})
                    cells.push_back({dtype, method, size, padding});
    return cells;
}

namespace {

SizeClass size_class(int64_t height, int64_t width)
{
    if (height == 1 || width == 1) return SizeClass::line;
    const int64_t larger = std::max(height, width);
    if (height == width && std::count(square_sides.begin(), square_sides.end(), height) == 1) return SizeClass::square;
    if (larger <= 7) return SizeClass::small;
    if (larger <= 15) return SizeClass::medium;
    return larger <= 32 ? SizeClass::large : SizeClass::huge;
}

Photometry photometry(const ChannelInput& channel)
{
    if (channel.method == LUMICROP_SUM) return Photometry::sum;
    if (channel.model == LUMICROP_ISOGAUSS) return Photometry::isogauss;
    return channel.model == LUMICROP_GAUSS ? Photometry::gauss : Photometry::spline;
}

} // namespace

Cell cell_of(const ChannelInput& channel)
{
    return {channel.dtype, photometry(channel), size_class(channel.height, channel.width), channel.rule()};
}

size_t Coverage::index_of(const Cell& cell) const
{
    return static_cast<size_t>(std::find(cells_.begin(), cells_.end(), cell) - cells_.begin());
}

void Coverage::add(const Job& job)
{
    std::set<size_t> touched;
    for (const ChannelInput& channel : job.channels) {
        if (channel.n == 0) continue;
        const Cell cell = cell_of(channel);
        touched.insert(index_of(cell));
        if (cell.size == SizeClass::square) ++square(cell, channel.height);
    }
    for (size_t cell : touched) ++jobs_[cell];
}

int& Coverage::square(const Cell& cell, int64_t side)
{
    const size_t row = index_of(cell) / (cells_.size() / (7 * 4));
    const auto column = std::find(square_sides.begin(), square_sides.end(), side) - square_sides.begin();
    return squares_[row * square_sides.size() + static_cast<size_t>(column)];
}

int Coverage::least_of_squares() const
{
    return *std::min_element(squares_.begin(), squares_.end());
}

int Coverage::least() const
{
    return *std::min_element(jobs_.begin(), jobs_.end());
}

void Coverage::print(std::ostream& out) const
{
    const char* const methods[] = {"sum", "isogauss", "gauss", "spline"};
    const char* const sizes[] = {"line", "2-7", "squares", "8-15", "16-32", "33-128"};
    out << "Jobs per cell; in each size class: padding zeros / geometry / none\n" << std::left << std::setw(16) << "";
    for (const char* size : sizes) out << std::setw(13) << size;
    out << '\n';
    for (size_t cell = 0; cell < cells_.size(); cell += 3) {
        const Cell& c = cells_[cell];
        if (c.size == SizeClass::line)
            out << std::setw(16) << std::string(name_of(c.dtype)) + " " + methods[static_cast<int>(c.method)];
        out << std::setw(13)
            << std::to_string(jobs_[cell]) + "/" + std::to_string(jobs_[cell + 1]) + "/" + std::to_string(jobs_[cell + 2]);
        if (c.size == SizeClass::huge) out << '\n';
    }
    out << "Jobs with squares of" << '\n' << std::setw(16) << "";
    for (int64_t side : square_sides) out << std::setw(6) << side;
    out << '\n';
    for (size_t row = 0; row < 7 * 4; ++row) {
        const Cell& c = cells_[row * cells_.size() / (7 * 4)];
        out << std::setw(16) << std::string(name_of(c.dtype)) + " " + methods[static_cast<int>(c.method)];
        for (size_t side = 0; side < square_sides.size(); ++side)
            out << std::setw(6) << squares_[row * square_sides.size() + side];
        out << '\n';
    }
    out << std::flush;
}

} // namespace test
