#include "case.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <vector>

namespace bench {

static constexpr std::size_t kKeptSources = 2; // a row's own, and what it is compared with

const char* name_of_dtype(lumicrop_dtype dtype)
{
    return dtype == LUMICROP_F32 ? "f32" : "u16";
}

std::string size_of(int64_t side)
{
    return std::to_string(side) + "x" + std::to_string(side);
}

std::string what(const Case& row)
{
    return std::string(name(row.method)) + "/" + size_of(row.side) + "/" + name_of_dtype(row.dtype);
}

std::string name_of_content(Content content)
{
    switch (content) {
    case Content::clean: return "";
    case Content::padded: return "/padded:every-tenth";
    case Content::gathered: return "/gathered:scan-order";
    case Content::gathered_shuffled: return "/gathered:any-order";
    case Content::labelled: return "/labels:three-channels";
    }
    return "";
}

Case case_of(const std::string& asked)
{
    std::vector<Method> methods(std::begin(kMethods), std::end(kMethods));
    methods.insert(methods.end(), std::begin(kEstimators), std::end(kEstimators));
    for (const Method method : methods)
        for (const int64_t side : kSides)
            for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
                const Case row{method, side, dtype};
                if (what(row) == asked) return row;
            }
    throw std::runtime_error("no case is called '" + asked + "'");
}

std::shared_ptr<const Source> source_for(const Case& row, std::size_t bytes)
{
    struct Kept
    {
        std::string what;
        std::shared_ptr<const Source> source;
    };
    static std::vector<Kept> kept; // the latest last
    const std::string what =
        size_of(row.side) + name_of_dtype(row.dtype) + name_of_content(row.content) + std::to_string(bytes);
    const auto found = std::find_if(kept.begin(), kept.end(), [&](const Kept& one) { return one.what == what; });
    if (found != kept.end()) {
        std::rotate(found, found + 1, kept.end());
    } else {
        if (kept.size() == kKeptSources) kept.erase(kept.begin());
        kept.push_back({what, std::make_shared<const Source>(is_gathered(row.content)
                                                                 ? movie_filling(bytes, row.side, row.content)
                                                                 : stack_filling(bytes, row.side, row.dtype, row.content))});
    }
    return kept.back().source;
}

} // namespace bench
