#include "cli/yaml.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/json_text.hpp"
#include "cli/text.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit(char c) { return c >= '0' && c <= '9'; }

/// Readers must take a key in one line up to here; a longer one needs the explicit form.
constexpr std::size_t kLongestPlainKey = 1000;

/// Careful rather than pretty: begins with a letter, is no word with a meaning, holds nothing that could end it.
bool needs_no_quotes(std::string_view text) {
    static constexpr std::array<std::string_view, 10> kWords{"null", "true", "false", "yes", "no",
                                                             "on",   "off",  "y",     "n",   "nan"};
    if (text.empty() || (!letter(text.front()) && text.front() != '/' && text.front() != '_')) return false;
    if (std::find(kWords.begin(), kWords.end(), lower(text)) != kWords.end()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool last = i + 1 == text.size();
        if (letter(c) || digit(c) || std::string_view("_-./@=+()?&%~;!").find(c) != std::string_view::npos) continue;
        if (c == ' ' && !last && text[i + 1] != '#') continue;
        if (c == ':' && !last && text[i + 1] != ' ') continue;
        return false;
    }
    return true;
}

std::string scalar(const json::value& value) {
    if (const auto* text = value.if_string()) return needs_no_quotes(*text) ? std::string(*text) : quoted(*text);
    return compact_json(value);
}

bool is_block(const json::value& value) {
    return (value.is_object() && !value.as_object().empty()) || (value.is_array() && !value.as_array().empty());
}

void append_block(std::string& out, const json::value& value, std::size_t indent, bool first_line_begun);

/// What stands behind "key:" or "-".
void append_member(std::string& out, const json::value& value, std::size_t indent) {
    if (!is_block(value)) {
        out += ' ' + scalar(value) + '\n';
        return;
    }
    out += '\n';
    append_block(out, value, indent, false);
}

void append_block(std::string& out, const json::value& value, std::size_t indent, bool first_line_begun) {
    const auto begin_line = [&] {
        if (!first_line_begun) out.append(indent, ' ');
        first_line_begun = false;
    };
    if (const auto* object = value.if_object()) {
        for (const auto& [key, member] : *object) {
            begin_line();
            const auto name = scalar(json::value(json::string_view(key)));
            if (name.size() > kLongestPlainKey) {
                out += "? " + name + '\n';
                out.append(indent, ' ');
                out += ':';
            } else {
                out += name + ':';
            }
            append_member(out, member, indent + 2);
        }
        return;
    }
    for (const auto& item : value.as_array()) {
        begin_line();
        out += '-';
        if (is_block(item) && item.is_object()) {
            out += ' ';
            append_block(out, item, indent + 2, true);
        } else {
            append_member(out, item, indent + 2);
        }
    }
}

}  // namespace

std::string to_yaml(const json::value& value) {
    if (!is_block(value)) return scalar(value) + '\n';
    std::string out;
    append_block(out, value, 0, false);
    return out;
}

}  // namespace drover::cli
