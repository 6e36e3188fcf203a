#include "job/array_view.hpp"

#include <cstring>

#include "job/refusal.hpp"
#include "job/struct_size.hpp"

namespace lumicrop {
namespace {

struct DtypeFacts
{
    const char* name;
    int64_t size;
    bool integer;
};

/// Facts of a dtype by its number in the header; null for a number that is none.
const DtypeFacts* facts_of(int32_t dtype)
{
    static constexpr DtypeFacts kFacts[] = {{"", 0, false},        {"uint8", 1, true},    {"uint16", 2, true},
                                            {"int16", 2, true},    {"uint32", 4, true},   {"int32", 4, true},
                                            {"float32", 4, false}, {"float64", 8, false}, {"int8", 1, true},
                                            {"uint64", 8, true},   {"int64", 8, true}};
    return dtype >= 1 && dtype < static_cast<int32_t>(sizeof kFacts / sizeof *kFacts) ? &kFacts[dtype] : nullptr;
}

const char* expected_of(ColumnKind kind)
{
    switch (kind) {
    case ColumnKind::real: return "float32 or float64";
    case ColumnKind::whole: return "an integer type";
    case ColumnKind::number: return "a number type";
    case ColumnKind::flags: return "uint32";
    }
    return "";
}

bool accepts(ColumnKind kind, Dtype dtype)
{
    switch (kind) {
    case ColumnKind::real: return dtype == Dtype::f32 || dtype == Dtype::f64;
    case ColumnKind::whole: return is_integer(dtype);
    case ColumnKind::number: return true;
    case ColumnKind::flags: return dtype == Dtype::u32;
    }
    return false;
}

/// What holds for images and columns alike.
lumicrop_array checked_array(const lumicrop_array* given, const std::string& name, int64_t ndim)
{
    const lumicrop_array array = adopted(given, name, lumicrop_array{});
    if (!is_dtype(array.dtype))
        refuse(name + ": dtype is " + std::to_string(array.dtype) +
               ", one of LUMICROP_U8 to LUMICROP_I64 (1 to 10) expected");
    if (array.memory != LUMICROP_HOST && array.memory != LUMICROP_DEVICE)
        refuse(name + ": memory is " + std::to_string(array.memory) + ", LUMICROP_HOST (1) or LUMICROP_DEVICE (2) expected");
    if (array.ndim != ndim)
        refuse(name + " has " + std::to_string(array.ndim) + " dimensions, " + std::to_string(ndim) + " expected");
    bool empty = false;
    for (int64_t axis = 0; axis < ndim; ++axis) {
        if (array.shape[axis] < 0)
            refuse(name + ": shape[" + std::to_string(axis) + "] is " + std::to_string(array.shape[axis]) +
                   ", 0 or more expected");
        empty = empty || array.shape[axis] == 0;
    }
    if (empty) return array;
    if (array.data == nullptr) refuse(name + ": data is NULL, a pointer to its elements expected");
    const int64_t size = facts_of(array.dtype)->size;
    const bool data_aligned = reinterpret_cast<uintptr_t>(array.data) % static_cast<uintptr_t>(size) == 0;
    if (!data_aligned) refuse(name + ": data is not aligned to its elements of " + std::to_string(size) + " bytes");
    for (int64_t axis = 0; axis < ndim; ++axis) {
        if (array.strides[axis] % size != 0 && array.shape[axis] > 1)
            refuse(name + ": strides[" + std::to_string(axis) + "] is " + std::to_string(array.strides[axis]) +
                   ", a multiple of the element's " + std::to_string(size) + " bytes expected");
        int64_t reach;
        if (__builtin_mul_overflow(array.strides[axis], array.shape[axis] - 1, &reach))
            refuse(name + ": strides[" + std::to_string(axis) + "] times shape[" + std::to_string(axis) +
                   "] exceeds 64 bits");
    }
    return array;
}

template <class T>
T read_as(const Column& column, int64_t i)
{
    T value;
    std::memcpy(&value, column.data + i * column.stride, sizeof value);
    return value;
}

/// Calls `use` with the element's own type.
template <class Use>
auto with_element(const Column& column, int64_t i, Use use)
{
    switch (column.dtype) {
    case Dtype::u8: return use(read_as<uint8_t>(column, i));
    case Dtype::u16: return use(read_as<uint16_t>(column, i));
    case Dtype::i16: return use(read_as<int16_t>(column, i));
    case Dtype::u32: return use(read_as<uint32_t>(column, i));
    case Dtype::i32: return use(read_as<int32_t>(column, i));
    case Dtype::f32: return use(read_as<float>(column, i));
    case Dtype::i8: return use(read_as<int8_t>(column, i));
    case Dtype::u64: return use(read_as<uint64_t>(column, i));
    case Dtype::i64: return use(read_as<int64_t>(column, i));
    case Dtype::f64: break;
    }
    return use(read_as<double>(column, i));
}

} // namespace

bool is_dtype(int32_t number)
{
    return facts_of(number) != nullptr;
}
int64_t size_of(Dtype dtype)
{
    return facts_of(static_cast<int32_t>(dtype))->size;
}
const char* name_of(Dtype dtype)
{
    return facts_of(static_cast<int32_t>(dtype))->name;
}
bool is_integer(Dtype dtype)
{
    return facts_of(static_cast<int32_t>(dtype))->integer;
}

Column checked_column(const lumicrop_array* given, const std::string& name, int64_t length, ColumnKind kind)
{
    if (given == nullptr) return {};
    const lumicrop_array array = checked_array(given, name, 1);
    if (array.shape[0] != length)
        refuse(name + " has " + std::to_string(array.shape[0]) + " values, " + std::to_string(length) +
               " detections expected");
    const Dtype dtype{array.dtype};
    if (!accepts(kind, dtype)) refuse(name + " is " + name_of(dtype) + ", " + expected_of(kind) + " expected");
    static std::byte nothing[8];
    Column column;
    column.data = length == 0 ? nothing : static_cast<std::byte*>(array.data);
    column.stride = array.strides[0];
    column.dtype = dtype;
    column.on_device = array.memory == LUMICROP_DEVICE;
    return column;
}

Images checked_images(const lumicrop_array* given, const std::string& name)
{
    const lumicrop_array array = checked_array(given, name, 3);
    const Dtype dtype{array.dtype};
    if (array.dtype > LUMICROP_F64)
        refuse(name + " is " + name_of(dtype) + ", one of uint8, uint16, int16, uint32, int32, float32, float64 expected");
    Images images;
    images.data = static_cast<const std::byte*>(array.data);
    std::memcpy(images.shape, array.shape, sizeof images.shape);
    std::memcpy(images.strides, array.strides, sizeof images.strides);
    images.dtype = dtype;
    images.on_device = array.memory == LUMICROP_DEVICE;
    return images;
}

Images checked_map(const lumicrop_array* given, const std::string& name, MapKind kind, bool frames)
{
    if (given == nullptr) return {};
    const lumicrop_array array = checked_array(given, name, frames ? 3 : 2);
    const Dtype dtype{array.dtype};
    const bool accepted = kind == MapKind::mask ? dtype == Dtype::u8 : dtype == Dtype::f32 || dtype == Dtype::f64;
    if (!accepted)
        refuse(name + " is " + name_of(dtype) + ", " + (kind == MapKind::mask ? "uint8" : "float32 or float64") +
               " expected");
    Images map;
    map.data = static_cast<const std::byte*>(array.data);
    for (int axis = 0; axis < 2; ++axis) {
        map.shape[1 + axis] = array.shape[frames ? 1 + axis : axis];
        map.strides[1 + axis] = array.strides[frames ? 1 + axis : axis];
    }
    map.shape[0] = frames ? array.shape[0] : 1;
    map.strides[0] = map.shape[0] == 1 ? 0 : array.strides[0];
    for (const int64_t extent : map.shape)
        if (extent < 1)
            refuse(name + " has " + std::to_string(map.shape[0]) + " x " + std::to_string(map.shape[1]) + " x " +
                   std::to_string(map.shape[2]) + " pixels, at least one of each expected");
    map.dtype = dtype;
    map.on_device = array.memory == LUMICROP_DEVICE;
    return map;
}

double read_real(const Column& column, int64_t i)
{
    return with_element(column, i, [](auto value) { return static_cast<double>(value); });
}

int64_t read_whole(const Column& column, int64_t i)
{
    return with_element(column, i, [](auto value) {
        if constexpr (sizeof value == 8)
            if (value > static_cast<decltype(value)>(INT64_MAX)) return INT64_MAX;
        return static_cast<int64_t>(value);
    });
}

} // namespace lumicrop
