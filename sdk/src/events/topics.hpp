#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::events {

/// The topics on which events that match `pattern` may come: one, or all families when the first word has a
/// wildcard.
std::vector<std::string> topics_of_pattern(std::string_view pattern);

/// One of the dozen that stay subscribed once they are.
bool is_family(std::string_view topic);

/// The name in an event's JSON as `to_json` writes it, without reading the rest; none when it is written
/// otherwise. So events that nobody here waits for cost no parsing.
std::optional<std::string_view> peek_name(std::string_view payload);

}  // namespace drover::events
