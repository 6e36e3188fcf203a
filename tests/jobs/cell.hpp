// The cells of the coverage table: dtype x method x size class x padding rule.
#pragma once

#include "job.hpp"

#include <array>
#include <ostream>

namespace test {

enum class Photometry { sum, isogauss, gauss, spline };
/// One row or column; to 7; squares of 7, 9, 11, 13 and 15, for which backends have kernels of their own; the rest from 8 to 15;
/// 16 to 32; 33 to 128 pixels.
enum class SizeClass { line, small, square, medium, large, huge };

struct Cell
{
    lumicrop_dtype dtype;
    Photometry method;
    SizeClass size;
    lumicrop_padding padding; ///< ZEROS, GEOMETRY or NONE

    bool operator==(const Cell& other) const
    {
        return dtype == other.dtype && method == other.method && size == other.size && padding == other.padding;
    }
};

/// All of them are legal: 7 x 4 x 6 x 3.
std::vector<Cell> all_cells();

Cell cell_of(const ChannelInput& channel);

constexpr std::array<int64_t, 5> square_sides = {7, 9, 11, 13, 15};

/// Jobs per cell, and per side of the squares, to be printed and asserted.
class Coverage
{
public:
    void add(const Job& job); ///< counts a cell once a job
    int least() const;
    int least_of_squares() const; ///< over side, dtype and method
    void print(std::ostream& out) const;

private:
    size_t index_of(const Cell& cell) const;
    int& square(const Cell& cell, int64_t side);
    std::vector<Cell> cells_ = all_cells();
    std::vector<int> jobs_ = std::vector<int>(cells_.size(), 0);
    std::vector<int> squares_ = std::vector<int>(7 * 4 * square_sides.size(), 0); // as the cells: dtype, method, then side
};

} // namespace test
