#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drover::cli {

/// One character of UTF-8 text.
struct Character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = true;  ///< false: one byte that belongs to no character; it is `code`
};
Character next_character(std::string_view text);

/// True for what steers a terminal or turns text around instead of being shown: control characters (C0, DEL,
/// C1), marks of direction, invisible spaces, separators of lines.
bool steers_terminal(char32_t code);

/// `text` as a terminal may see it: what would steer the terminal is written \n, \x1b or \u009b, bytes that are
/// no UTF-8 are written \xff. Everything that came from elsewhere goes through this before it is printed.
std::string printable(std::string_view text);
/// The same, but lines stay lines.
std::string printable_lines(std::string_view text);

/// Columns that `text` takes on a terminal: two for East Asian wide characters and emoji, none for marks that
/// combine with the character before.
std::size_t display_width(std::string_view text);

/// The longest begin of `text` that takes at most `width` columns, with an ellipsis when something was cut.
std::string cut_to_width(std::string_view text, std::size_t width);

std::string lower(std::string_view text);

}  // namespace drover::cli
