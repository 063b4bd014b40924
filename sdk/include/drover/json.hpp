#pragma once

#include <boost/json/value.hpp>

#include <string_view>

#include "drover/result.hpp"

namespace [[gnu::visibility("default")]] drover {

/// Reads one JSON document (RFC 8259), at most `deepest` levels deep.
///
/// Unlike what Boost.JSON 1.81 reads by itself, a real is the one nearest to its text: written and read again
/// it stays the same. One that no double holds is refused, not made infinite.
/// Errors: invalid, saying what is wrong and at which byte.
Result<boost::json::value> parse_json(std::string_view text, std::size_t deepest = 32);

}  // namespace drover
