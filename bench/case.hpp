// What one row measures.
#ifndef LUMICROP_BENCH_CASE_HPP
#define LUMICROP_BENCH_CASE_HPP

#include <memory>
#include <string>

#include "job.hpp"

namespace bench {

inline constexpr int64_t kSides[] = {7, 11, 15};
inline constexpr int64_t kMainSide = 11;

struct Case
{
    Method method;
    int64_t side = kMainSide;
    lumicrop_dtype dtype = LUMICROP_F32;
    Content content = Content::clean;

    int64_t crop_bytes() const { return side * side * bytes_per_pixel(dtype); }
};

const char* name_of_dtype(lumicrop_dtype dtype);

/// "11x11".
std::string size_of(int64_t side);

/// "filter/isogauss/11x11/f32".
std::string what(const Case& row);

/// "/padded:every-tenth" and the like; "" for clean.
std::string name_of_content(Content content);

/// The inverse of what(). Throws std::runtime_error for anything else.
Case case_of(const std::string& what);

/// The source of a row, of so many bytes. The last two are kept, so rows of one source stand together.
std::shared_ptr<const Source> source_for(const Case& row, std::size_t bytes);

} // namespace bench

#endif
