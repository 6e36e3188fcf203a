// A checked array: what the C struct lumicrop_array said, with its promises verified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lumicrop/lumicrop.h"

namespace lumicrop {

enum class Dtype : int32_t {
    u8 = LUMICROP_U8,
    u16 = LUMICROP_U16,
    i16 = LUMICROP_I16,
    u32 = LUMICROP_U32,
    i32 = LUMICROP_I32,
    f32 = LUMICROP_F32,
    f64 = LUMICROP_F64,
    i8 = LUMICROP_I8,
    u64 = LUMICROP_U64,
    i64 = LUMICROP_I64
};

bool is_dtype(int32_t number); // of the header's enumeration
int64_t size_of(Dtype dtype);
const char* name_of(Dtype dtype);
bool is_integer(Dtype dtype);

/// A column of one value per detection. No data: not given.
struct Column
{
    std::byte* data = nullptr;
    int64_t stride = 0; // bytes
    Dtype dtype = Dtype::f64;
    bool on_device = false;

    explicit operator bool() const { return data != nullptr; }
};

/// A stack of images, row-major axes (image, row, column), any strides.
struct Images
{
    const std::byte* data = nullptr;
    int64_t shape[3] = {0, 0, 0};
    int64_t strides[3] = {0, 0, 0}; // bytes
    Dtype dtype = Dtype::f32;
    bool on_device = false;
};

/// Checks a column's struct against `length`; `name` begins the message of a refusal. NULL gives a column without data; a column of
/// length 0 that is given has some non-null data.
enum class ColumnKind { real, whole, number, flags };
Column checked_column(const lumicrop_array* array, const std::string& name, int64_t length, ColumnKind kind);

/// Checks the struct of three-dimensional images.
Images checked_images(const lumicrop_array* array, const std::string& name);

/// Checks the struct of a map of a camera's pixels, as images of which there is one, and, with `frames`, of a stack of them. `kind`: real, or
/// flags, a byte a pixel.
enum class MapKind { real, mask };
Images checked_map(const lumicrop_array* array, const std::string& name, MapKind kind, bool frames);

/// Reads element i of a host column as float64, or as int64 (a u64 beyond int64 becomes the largest int64).
double read_real(const Column& column, int64_t i);
int64_t read_whole(const Column& column, int64_t i);

} // namespace lumicrop
