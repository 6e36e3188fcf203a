#include "typed_array.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace test {

namespace {

template <class Function>
auto with_type(lumicrop_dtype dtype, Function function)
{
    switch (dtype) {
    case LUMICROP_U8: return function(uint8_t{});
    case LUMICROP_I8: return function(int8_t{});
    case LUMICROP_U16: return function(uint16_t{});
    case LUMICROP_I16: return function(int16_t{});
    case LUMICROP_U32: return function(uint32_t{});
    case LUMICROP_I32: return function(int32_t{});
    case LUMICROP_U64: return function(uint64_t{});
    case LUMICROP_I64: return function(int64_t{});
    case LUMICROP_F32: return function(float{});
    default: return function(double{});
    }
}

} // namespace

int64_t size_of(lumicrop_dtype dtype)
{
    return with_type(dtype, [](auto zero) { return static_cast<int64_t>(sizeof zero); });
}

const char* name_of(lumicrop_dtype dtype)
{
    static const char* const names[] = {"?", "u8", "u16", "i16", "u32", "i32", "f32", "f64", "i8", "u64", "i64"};
    return dtype >= 1 && dtype <= 10 ? names[dtype] : names[0];
}

bool is_float(lumicrop_dtype dtype)
{
    return dtype == LUMICROP_F32 || dtype == LUMICROP_F64;
}

bool computed_in_float32(lumicrop_dtype dtype)
{
    return dtype == LUMICROP_U8 || dtype == LUMICROP_U16 || dtype == LUMICROP_I16 || dtype == LUMICROP_F32;
}

double lowest(lumicrop_dtype dtype)
{
    return with_type(dtype, [](auto zero) { return static_cast<double>(std::numeric_limits<decltype(zero)>::lowest()); });
}

double highest(lumicrop_dtype dtype)
{
    return with_type(dtype, [](auto zero) { return static_cast<double>(std::numeric_limits<decltype(zero)>::max()); });
}

void write_element(lumicrop_dtype dtype, void* element, double value)
{
    with_type(dtype, [&](auto zero) {
        using Type = decltype(zero);
        Type held = zero;
        if constexpr (std::is_floating_point_v<Type>)
            held = static_cast<Type>(value);
        else if (std::isfinite(value)) // saturates, as a camera does
            held = value <= static_cast<double>(std::numeric_limits<Type>::lowest()) ? std::numeric_limits<Type>::lowest()
                   : value >= static_cast<double>(std::numeric_limits<Type>::max())  ? std::numeric_limits<Type>::max()
                                                                                     : static_cast<Type>(value);
        std::memcpy(element, &held, sizeof held);
        return 0;
    });
}

double read_element(lumicrop_dtype dtype, const void* element)
{
    return with_type(dtype, [&](auto held) {
        std::memcpy(&held, element, sizeof held);
        return static_cast<double>(held);
    });
}

double as_held(lumicrop_dtype dtype, double value)
{
    uint64_t element = 0;
    write_element(dtype, &element, value);
    return read_element(dtype, &element);
}

TypedArray::TypedArray(lumicrop_dtype dtype, std::vector<int64_t> shape, const std::vector<double>& values,
                       const Layout& layout)
    : shape_(std::move(shape))
{
    array_.dtype = dtype;
    lay_out(layout, 0xFF); // NaN to a float, the largest or -1 to an integer
    for (int64_t i = 0; i < elements(); ++i) write(i, values[static_cast<size_t>(i)]);
}

TypedArray::TypedArray(lumicrop_dtype dtype, std::vector<int64_t> shape, const Layout& layout) : shape_(std::move(shape))
{
    array_.dtype = dtype;
    lay_out(layout, sentinel);
}

void TypedArray::lay_out(const Layout& layout, uint8_t filler)
{
    filler_ = filler;
    const auto axes = shape_.size();
    const int64_t size = size_of(array_.dtype);
    std::vector<int64_t> strides(axes, 0);
    int64_t step = size;
    int64_t backwards = 0;
    for (size_t k = axes; k-- > 0;) {
        const auto axis = layout.order.empty() ? k : static_cast<size_t>(layout.order[k]);
        if ((layout.repeated >> axis & 1U) != 0) continue;
        step += (layout.gaps.empty() ? 0 : layout.gaps[axis]) * size;
        strides[axis] = step;
        if ((layout.reversed >> axis & 1U) != 0) {
            backwards += step * std::max<int64_t>(shape_[axis] - 1, 0);
            strides[axis] = -step;
        }
        step *= std::max<int64_t>(shape_[axis], 1);
    }
    constexpr int64_t margin = 16; // bytes around the array that nobody may write; the array stays aligned
    memory_.assign(static_cast<size_t>(step + 2 * margin), filler);
    first_element_ = margin + backwards;
    const lumicrop_dtype dtype = array_.dtype;
    EXPECT_EQ(lumicrop_array_init(&array_, sizeof array_, memory_.data() + first_element_, dtype, static_cast<int64_t>(axes),
                                  shape_.data()),
              LUMICROP_OK);
    for (size_t axis = 0; axis < axes; ++axis) array_.strides[axis] = strides[axis];
}

int64_t TypedArray::begin_of_elements() const
{
    int64_t begin = first_element_;
    for (size_t axis = 0; axis < shape_.size(); ++axis)
        begin += std::min<int64_t>(array_.strides[axis], 0) * std::max<int64_t>(shape_[axis] - 1, 0);
    return begin;
}

int64_t TypedArray::end_of_elements() const
{
    if (elements() == 0) return begin_of_elements();
    int64_t end = first_element_ + size_of(array_.dtype);
    for (size_t axis = 0; axis < shape_.size(); ++axis)
        end += std::max<int64_t>(array_.strides[axis], 0) * (shape_[axis] - 1);
    return end;
}

int64_t TypedArray::elements() const
{
    int64_t count = 1;
    for (int64_t extent : shape_) count *= extent;
    return count;
}

const uint8_t* TypedArray::element(int64_t flat) const
{
    int64_t offset = 0;
    for (size_t axis = shape_.size(); axis-- > 0;) {
        offset += flat % shape_[axis] * array_.strides[axis];
        flat /= shape_[axis];
    }
    return memory_.data() + first_element_ + offset;
}

void TypedArray::write(int64_t flat, double value)
{
    write_element(array_.dtype, memory_.data() + (element(flat) - memory_.data()), value);
}

std::vector<double> TypedArray::values() const
{
    std::vector<double> all;
    for (int64_t i = 0; i < elements(); ++i) all.push_back(read_element(array_.dtype, element(i)));
    return all;
}

std::vector<uint8_t> TypedArray::bytes() const
{
    std::vector<uint8_t> all;
    for (int64_t i = 0; i < elements(); ++i) all.insert(all.end(), element(i), element(i) + size_of(array_.dtype));
    return all;
}

void TypedArray::write_bits(int64_t flat, uint64_t bits)
{
    std::memcpy(memory_.data() + (element(flat) - memory_.data()), &bits, static_cast<size_t>(size_of(array_.dtype)));
}

void TypedArray::clear()
{
    std::fill(memory_.begin(), memory_.end(), filler_);
}

bool TypedArray::untouched() const
{
    for (uint8_t byte : memory_)
        if (byte != filler_) return false;
    return true;
}

bool TypedArray::gaps_untouched() const
{
    std::vector<uint8_t> rest = memory_;
    for (int64_t i = 0; i < elements(); ++i)
        std::memset(rest.data() + (element(i) - memory_.data()), filler_, static_cast<size_t>(size_of(array_.dtype)));
    for (uint8_t byte : rest)
        if (byte != filler_) return false;
    return true;
}

} // namespace test
