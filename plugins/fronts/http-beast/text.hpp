#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

/// Small pieces of HTTP's grammar (RFC 9110, section 5.6).
namespace drover::http_beast {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

namespace detail {
constexpr std::array<bool, 256> make_token_table() {
    std::array<bool, 256> table{};
    for (int c = 0; c < 256; ++c) {
        const auto letter = static_cast<char>(c);
        table[static_cast<std::size_t>(c)] = is_digit(letter) || is_alpha(letter) ||
                                             std::string_view("!#$%&'*+-.^_`|~").find(letter) != std::string_view::npos;
    }
    return table;
}
inline constexpr auto kTokenTable = make_token_table();
}  // namespace detail

constexpr bool is_token_char(char c) { return detail::kTokenTable[static_cast<unsigned char>(c)]; }

inline bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// field-vchar, space and tab; not CR, LF, NUL and the other controls.
constexpr bool is_field_char(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

inline std::string_view trim(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Calls `use` with each element of a comma list.
template <class F>
void for_each_element(std::string_view list, F use) {
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        if (const auto element = trim(list.substr(0, comma)); !element.empty()) use(element);
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
}

inline bool has_element(std::string_view list, std::string_view wanted) {
    bool found = false;
    for_each_element(list, [&](std::string_view element) { found = found || same_word(element, wanted); });
    return found;
}

}  // namespace drover::http_beast
