#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace drover::cli {

/// A number as JSON and YAML 1.1 both read it, the shortest that reads back the same.
std::string number_text(const boost::json::value& number);

/// A string in double quotes, with escapes that JSON and YAML share; what would steer a terminal is escaped too.
std::string quoted(std::string_view text);

/// A document over several lines, members in the order in which the API said them.
std::string pretty_json(const boost::json::value& value);
/// A document in one line.
std::string compact_json(const boost::json::value& value);

}  // namespace drover::cli
