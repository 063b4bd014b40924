#include "cli/json_text.hpp"

#include <boost/json.hpp>

#include <charconv>

#include "cli/text.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

void append_unit(std::string& out, unsigned unit) {
    constexpr char kHex[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(unit >> shift) & 0xf];
}

void append_code(std::string& out, char32_t code) {
    if (code < 0x10000) return append_unit(out, code);
    append_unit(out, 0xd800 + ((code - 0x10000) >> 10));
    append_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

/// With `indent` below zero everything stays in one line.
void append(std::string& out, const json::value& value, int indent) {
    const auto line = [&](int depth) {
        if (indent < 0) return;
        out += '\n';
        out.append(static_cast<std::size_t>(depth) * 2, ' ');
    };
    const int inner = indent < 0 ? indent : indent + 1;
    if (const auto* object = value.if_object()) {
        if (object->empty()) {
            out += "{}";
            return;
        }
        out += '{';
        bool first = true;
        for (const auto& [key, member] : *object) {
            if (!first) out += ',';
            first = false;
            line(inner);
            out += quoted(key);
            out += indent < 0 ? ":" : ": ";
            append(out, member, inner);
        }
        line(indent);
        out += '}';
    } else if (const auto* array = value.if_array()) {
        if (array->empty()) {
            out += "[]";
            return;
        }
        out += '[';
        bool first = true;
        for (const auto& item : *array) {
            if (!first) out += ',';
            first = false;
            line(inner);
            append(out, item, inner);
        }
        line(indent);
        out += ']';
    } else if (const auto* text = value.if_string()) {
        out += quoted(*text);
    } else if (const auto* flag = value.if_bool()) {
        out += *flag ? "true" : "false";
    } else if (value.is_null()) {
        out += "null";
    } else {
        out += number_text(value);
    }
}

}  // namespace

std::string number_text(const json::value& number) {
    if (const auto* whole = number.if_int64()) return std::to_string(*whole);
    if (const auto* whole = number.if_uint64()) return std::to_string(*whole);
    char buffer[64];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, number.as_double());
    std::string text(buffer, written.ptr);
    // YAML 1.1 takes 1e+30 for a text, and 3 would come back as an integer.
    if (text.find('.') == std::string::npos) {
        const auto exponent = text.find('e');
        text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
    }
    return text;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const auto character = next_character(text);
        switch (character.code) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (!character.valid) out += "\xef\xbf\xbd";  // neither format can hold such a byte
                else if (steers_terminal(character.code)) append_code(out, character.code);
                else out.append(text.substr(0, character.bytes));
        }
        text.remove_prefix(character.bytes);
    }
    return out + '"';
}

std::string pretty_json(const json::value& value) {
    std::string out;
    append(out, value, 0);
    return out + '\n';
}

std::string compact_json(const json::value& value) {
    std::string out;
    append(out, value, -1);
    return out;
}

}  // namespace drover::cli
