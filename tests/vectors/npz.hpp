// Reads what numpy.savez wrote: .npy arrays in a zip, stored or deflated.
#pragma once

#include <lumicrop/lumicrop.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace test {

struct NpyArray
{
    std::string descr; ///< numpy's own: "<f4", "|u1", "<U249" ...
    std::vector<int64_t> shape;
    std::vector<double> values; ///< C order; empty for text
    std::string text;           ///< of a "<U" array, ASCII

    lumicrop_dtype dtype() const; ///< of a numeric array; booleans are U8
};

class Npz
{
public:
    /// Throws std::runtime_error with the file's name.
    explicit Npz(const std::string& path);
    bool has(const std::string& key) const { return arrays_.count(key) != 0; }
    const NpyArray& at(const std::string& key) const;

private:
    std::string path_;
    std::map<std::string, NpyArray> arrays_;
};

/// The whole file; throws std::runtime_error with its name.
std::vector<uint8_t> read_file(const std::string& path);

} // namespace test
