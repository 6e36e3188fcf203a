#include "case.hpp"

#include <stdexcept>

namespace bench {

const char* name_of_dtype(lumicrop_dtype dtype)
{
    return dtype == LUMICROP_F32 ? "f32" : "u16";
}

std::string what(const Case& row)
{
    const std::string side = std::to_string(row.side);
    return std::string(name(row.method)) + "/" + side + "x" + side + "/" + name_of_dtype(row.dtype);
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
    for (const Method method : kMethods)
        for (const int64_t side : kSides)
            for (const lumicrop_dtype dtype : {LUMICROP_F32, LUMICROP_U16}) {
                const Case row{method, side, dtype};
                if (what(row) == asked) return row;
            }
    throw std::runtime_error("no case is called '" + asked + "'");
}

std::shared_ptr<const Source> source_for(const Case& row, std::size_t bytes)
{
    static std::shared_ptr<const Source> kept;
    if (!kept || kept->side != row.side || kept->dtype != row.dtype || kept->content != row.content) {
        kept.reset();
        kept = std::make_shared<const Source>(is_gathered(row.content)
                                                  ? movie_filling(bytes, row.side, row.content)
                                                  : stack_filling(bytes, row.side, row.dtype, row.content));
    }
    return kept;
}

} // namespace bench
