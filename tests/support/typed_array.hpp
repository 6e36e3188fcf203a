// Arrays of any element type and any strides, with a pattern between the elements that a wrong stride would meet.
#pragma once

#include <lumicrop/lumicrop.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace test {

int64_t size_of(lumicrop_dtype dtype);
const char* name_of(lumicrop_dtype dtype);
bool is_float(lumicrop_dtype dtype);
bool computed_in_float32(lumicrop_dtype dtype);
/// `value` as `dtype` holds it. Integers: it must be in range; NaN and infinities become 0.
double as_held(lumicrop_dtype dtype, double value);
double read_element(lumicrop_dtype dtype, const void* element);
void write_element(lumicrop_dtype dtype, void* element, double value);
/// Smallest and largest whole number of an integer type.
double lowest(lumicrop_dtype dtype);
double highest(lumicrop_dtype dtype);

/// How an array of up to three axes lies in memory.
struct Layout
{
    std::vector<int> order;    ///< axes from outermost to innermost; empty: as they are
    std::vector<int64_t> gaps; ///< elements skipped after each step along an axis; empty: none
    unsigned reversed = 0;     ///< bit per axis: negative stride
    unsigned repeated = 0;     ///< bit per axis: stride 0 (the values along it must be equal)
};

/// Owns memory and describes it to the library.
class TypedArray
{
public:
    /// An input. `values` in C order.
    TypedArray(lumicrop_dtype dtype, std::vector<int64_t> shape, const std::vector<double>& values,
               const Layout& layout = {});
    /// An output: elements and gaps filled with a sentinel byte.
    TypedArray(lumicrop_dtype dtype, std::vector<int64_t> shape, const Layout& layout = {});
    TypedArray(const TypedArray&) = delete;
    TypedArray& operator=(const TypedArray&) = delete;

    const lumicrop_array* get() const { return &array_; }
    lumicrop_array& array() { return array_; }
    std::vector<double> values() const;                      ///< in C order
    std::vector<uint8_t> bytes() const;                      ///< of the elements, in C order
    bool untouched() const;                                  ///< every byte still holds the sentinel
    bool gaps_untouched() const;                             ///< every byte that belongs to no element does
    std::vector<uint8_t>& memory() { return memory_; }       ///< elements, gaps and margins; its size stays
    int64_t first_element() const { return first_element_; } ///< byte of `memory` where the element 0, 0, 0 begins
    int64_t begin_of_elements() const;                       ///< and where the lowest one does
    int64_t end_of_elements() const;                         ///< byte behind the highest one
    void write(int64_t flat, double value);                  ///< one element, counted in C order
    void write_bits(int64_t flat, uint64_t bits);            ///< one element's low bytes: whole numbers that no double holds
    void clear();                                            ///< an output's elements and gaps hold the sentinel again
    static constexpr uint8_t sentinel = 0xA5;

private:
    void lay_out(const Layout& layout, uint8_t filler);
    const uint8_t* element(int64_t flat) const;
    int64_t elements() const;

    lumicrop_array array_{};
    std::vector<int64_t> shape_;
    std::vector<uint8_t> memory_;
    int64_t first_element_ = 0;
    uint8_t filler_ = 0;
};

} // namespace test
