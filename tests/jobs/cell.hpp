// The cells of the coverage table: dtype x method x size class x padding rule.
#pragma once

#include "job.hpp"

#include <array>
#include <ostream>

namespace test {

enum class Photometry { sum, isogauss, gauss, spline };
enum class SizeClass { line, small, medium, large, huge }; ///< one row or column; to 7; 8 to 15; 16 to 32; 33 to 128 pixels

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

/// All of them are legal: 7 x 4 x 5 x 3.
std::vector<Cell> all_cells();

Cell cell_of(const ChannelInput& channel);

/// Jobs per cell, to be printed and asserted.
class Coverage
{
public:
    void add(const Job& job); ///< counts a cell once a job
    int least() const;
    void print(std::ostream& out) const;

private:
    size_t index_of(const Cell& cell) const;
    std::vector<Cell> cells_ = all_cells();
    std::vector<int> jobs_ = std::vector<int>(cells_.size(), 0);
};

} // namespace test
