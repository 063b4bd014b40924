#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Writing JSON straight into a text: answers hold thousands of rows, and building a tree of each costs more than
/// reading them.
namespace drover::rest {

/// `text` in quotes, escaped. Bytes that are no UTF-8 become U+FFFD.
void append_text(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t number);
void append_real(std::string& out, double number);

/// "2014-05-30T12:00:00Z", without quotes, of milliseconds since 1970. Years outside 0000 to 9999 are clamped.
std::string format_date(std::int64_t milliseconds);
/// The same back, with a fraction of a second or without; none when it is no such date.
std::optional<std::int64_t> parse_date(std::string_view text);

/// UTF-8 as RFC 3629 has it.
bool is_utf8(std::string_view text);
std::string lower(std::string_view text);

}  // namespace drover::rest
