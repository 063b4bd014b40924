#include "drover/store/value.hpp"

#include <charconv>
#include <ostream>

#include "fits.hpp"

namespace drover {
namespace {

constexpr std::size_t kShown = 64;

std::string describe_real(double real) {
    char digits[40];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, real);
    std::string text(digits, error == std::errc() ? end : digits);
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    return text;
}

std::string describe_text(std::string_view text) {
    std::string shown = "\"";
    auto cut = text.substr(0, kShown);
    // Not in the middle of a character.
    while (cut.size() < text.size() && !cut.empty() && (static_cast<unsigned char>(text[cut.size()]) & 0xC0) == 0x80)
        cut.remove_suffix(1);
    const bool readable = store_detail::is_utf8(cut);
    for (const char c : cut) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            shown += '\\';
            shown += c;
        } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !readable)) {
            constexpr char kDigits[] = "0123456789abcdef";
            shown += "\\x";
            shown += kDigits[byte >> 4];
            shown += kDigits[byte & 15];
        } else {
            shown += c;
        }
    }
    shown += '"';
    if (cut.size() < text.size()) shown += "... (" + std::to_string(text.size()) + " bytes)";
    return shown;
}

}  // namespace

std::string Value::describe() const {
    if (const auto* flag = if_boolean()) return *flag ? "true" : "false";
    if (const auto* number = if_integer()) return std::to_string(*number);
    if (const auto* real = if_real()) return describe_real(*real);
    if (const auto* text = if_text()) return describe_text(*text);
    return "null";
}

std::ostream& operator<<(std::ostream& out, const Value& value) { return out << value.describe(); }

}  // namespace drover
