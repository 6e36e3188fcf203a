#include "npz.hpp"

#include "../support/typed_array.hpp"

#include <zlib.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace test {

std::vector<uint8_t> read_file(const std::string& path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

namespace {

using Bytes = std::vector<uint8_t>;

uint32_t little_endian(const Bytes& bytes, size_t at, int count)
{
    uint32_t value = 0;
    for (int k = 0; k < count; ++k) value |= static_cast<uint32_t>(bytes.at(at + static_cast<size_t>(k))) << (8 * k);
    return value;
}

Bytes inflate_raw(const uint8_t* data, size_t packed, size_t unpacked)
{
    Bytes out(unpacked + 1);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::runtime_error("inflateInit2");
    stream.next_in = const_cast<Bytef*>(data);
    stream.avail_in = static_cast<uInt>(packed);
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (status != Z_STREAM_END || stream.total_out != unpacked) throw std::runtime_error("damaged zip member");
    out.resize(unpacked);
    return out;
}

/// The value of `key` in a header such as {'descr': '<f4', 'fortran_order': False, 'shape': (64, 11, 11), }.
std::string header_value(const std::string& header, const std::string& key)
{
    const size_t colon = header.find("'" + key + "':");
    if (colon == std::string::npos) throw std::runtime_error("npy header without " + key);
    const size_t begin = header.find_first_not_of(' ', colon + key.size() + 3);
    const char close = header[begin] == '(' ? ')' : header[begin] == '\'' ? '\'' : ',';
    return header.substr(begin, header.find(close, begin + 1) - begin + 1);
}

NpyArray parse(const Bytes& bytes)
{
    if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY\x01", 7) != 0)
        throw std::runtime_error("no npy version 1");
    const size_t header_size = little_endian(bytes, 8, 2);
    const std::string header(reinterpret_cast<const char*>(bytes.data()) + 10, header_size);
    NpyArray array;
    const std::string quoted = header_value(header, "descr");
    array.descr = quoted.substr(1, quoted.size() - 2);
    if (header_value(header, "fortran_order").rfind("False", 0) != 0) throw std::runtime_error("npy in Fortran order");
    const std::string shape = header_value(header, "shape");
    int64_t elements = 1;
    for (size_t at = shape.find_first_of("0123456789"); at != std::string::npos;
         at = shape.find_first_of("0123456789", at)) {
        size_t used = 0;
        array.shape.push_back(std::stoll(shape.substr(at), &used));
        elements *= array.shape.back();
        at += used;
    }
    const size_t data = 10 + header_size;
    if (array.descr[1] == 'U') {
        for (int64_t k = 0; k < std::stoll(array.descr.substr(2)); ++k)
            if (const uint32_t letter = little_endian(bytes, data + 4 * static_cast<size_t>(k), 4))
                array.text += static_cast<char>(letter);
        return array;
    }
    const lumicrop_dtype dtype = array.dtype();
    if (bytes.size() < data + static_cast<size_t>(elements * size_of(dtype))) throw std::runtime_error("npy too short");
    for (int64_t k = 0; k < elements; ++k)
        array.values.push_back(read_element(dtype, bytes.data() + data + k * size_of(dtype)));
    return array;
}

} // namespace

lumicrop_dtype NpyArray::dtype() const
{
    static const std::map<std::string, lumicrop_dtype> types = {
        {"|u1", LUMICROP_U8},  {"|b1", LUMICROP_U8},  {"|i1", LUMICROP_I8},  {"<u2", LUMICROP_U16},
        {"<i2", LUMICROP_I16}, {"<u4", LUMICROP_U32}, {"<i4", LUMICROP_I32}, {"<u8", LUMICROP_U64},
        {"<i8", LUMICROP_I64}, {"<f4", LUMICROP_F32}, {"<f8", LUMICROP_F64}};
    const auto found = types.find(descr);
    if (found == types.end()) throw std::runtime_error("npy of type " + descr);
    return found->second;
}

Npz::Npz(const std::string& path) : path_(path)
{
    const Bytes zip = read_file(path);
    size_t end = zip.size() < 22 ? 0 : zip.size() - 22;
    while (end > 0 && little_endian(zip, end, 4) != 0x06054b50) --end;
    if (end == 0) throw std::runtime_error(path + " is no zip");
    const uint32_t members = little_endian(zip, end + 10, 2);
    size_t entry = little_endian(zip, end + 16, 4); // the central directory has sizes where local headers may not
    for (uint32_t k = 0; k < members; ++k) {
        const uint32_t method = little_endian(zip, entry + 10, 2);
        const size_t packed = little_endian(zip, entry + 20, 4);
        const size_t unpacked = little_endian(zip, entry + 24, 4);
        const size_t name_size = little_endian(zip, entry + 28, 2);
        const size_t local = little_endian(zip, entry + 42, 4);
        std::string name(reinterpret_cast<const char*>(zip.data()) + entry + 46, name_size);
        const size_t data = local + 30 + little_endian(zip, local + 26, 2) + little_endian(zip, local + 28, 2);
        const uint8_t* begin = zip.data() + data;
        arrays_[name.substr(0, name.size() - 4)] =
            parse(method == 0 ? Bytes(begin, begin + unpacked) : inflate_raw(begin, packed, unpacked));
        entry += 46 + name_size + little_endian(zip, entry + 30, 2) + little_endian(zip, entry + 32, 2);
    }
}

const NpyArray& Npz::at(const std::string& key) const
{
    const auto found = arrays_.find(key);
    if (found == arrays_.end()) throw std::runtime_error(path_ + " has no " + key);
    return found->second;
}

} // namespace test
