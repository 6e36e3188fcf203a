#include "npy.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

namespace bench {

namespace {

struct Element
{
    const char* descr;
    int64_t bytes;
};

Element element(lumicrop_dtype dtype)
{
    switch (dtype) {
    case LUMICROP_U16: return {"<u2", 2};
    case LUMICROP_I32: return {"<i4", 4};
    case LUMICROP_F32: return {"<f4", 4};
    case LUMICROP_F64: return {"<f8", 8};
    default: throw std::invalid_argument("write_npy: dtype");
    }
}

} // namespace

void write_npy(const std::filesystem::path& path, const lumicrop_array& array)
{
    const Element type = element(array.dtype);
    std::string shape;
    int64_t count = 1;
    for (int64_t axis = 0; axis < array.ndim; ++axis) {
        shape += std::to_string(array.shape[axis]) + ",";
        count *= array.shape[axis];
    }
    std::string header = std::string("{'descr': '") + type.descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    constexpr std::size_t before = 10, aligned = 64; // magic, version and length come before the header
    header.append(aligned - 1 - (before + header.size()) % aligned, ' ');
    header += '\n';

    std::ofstream file(path, std::ios::binary);
    file << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size() & 0xff)
         << static_cast<char>(header.size() >> 8) << header;
    file.write(static_cast<const char*>(array.data), count * type.bytes);
    if (!file) throw std::runtime_error("could not write " + path.string());
}

} // namespace bench
