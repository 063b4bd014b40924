#include <algorithm>
#include <charconv>

#include "rest_api.hpp"

namespace drover::rest {

std::string Caller::format(std::string_view type, std::int64_t id) const {
    return plain_ids ? std::to_string(id) : format_id(type, id);
}

std::optional<std::int64_t> Caller::parse(std::string_view id) const {
    if (!plain_ids) return parse_row_id(id);
    std::int64_t number = 0;
    const auto read = std::from_chars(id.data(), id.data() + id.size(), number);
    if (read.ec == std::errc() && read.ptr == id.data() + id.size() && number > 0) return number;
    return parse_row_id(id);
}

}  // namespace drover::rest
