#include "parameters.hpp"

#include "drover/json.hpp"
#include "errors.hpp"
#include "json_text.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

Result<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            decoded += ' ';
        } else if (text[i] != '%') {
            decoded += text[i];
        } else {
            const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return refusal(400, "Bad Request", {}, "a % is followed by two hexadecimal digits");
            decoded += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    if (!is_utf8(decoded)) return refusal(400, "Bad Request", {}, "the URL or form holds text that is not UTF-8");
    return decoded;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~' || c == '!';
        if (plain) {
            encoded += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += kDigits[byte >> 4];
        encoded += kDigits[byte & 15];
    }
    return encoded;
}

Result<void> add_urlencoded(std::string_view text, Parameters& into) {
    std::size_t count = 0;
    for (const auto& [name, values] : into) count += values.size();
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const auto pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty()) continue;
        if (++count > kMostParameters)
            return invalid_field("MaxLimitExceeded", {},
                                 "more than " + std::to_string(kMostParameters) + " parameters in one request");
        const auto equals = std::min(pair.find('='), pair.size());
        auto name = percent_decoded(pair.substr(0, equals), true);
        if (!name) return name.error();
        if (name->size() > kLongestParameterName)
            return invalid_field(
                "MaxLengthExceeded", {},
                "the name of a parameter is longer than " + std::to_string(kLongestParameterName) + " bytes");
        auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!value) return value.error();
        into[std::move(*name)].push_back(std::move(*value));
    }
    return ok;
}

Result<json::object> parse_body(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object{};
    auto parsed = parse_json(text, kDeepestBody);
    if (!parsed) return refusal(400, "InvalidBodyContent", {}, parsed.error().message());
    if (parsed->is_object()) return std::move(parsed->as_object());
    json::object whole;
    if (parsed->is_array())
        for (auto& one : parsed->as_array())
            if (one.is_object())
                for (auto& [key, value] : one.as_object()) whole[key] = std::move(value);
    return whole;
}

json::object merged(const Parameters& parameters, json::object body) {
    if (parameters.empty()) return body;
    json::object whole;
    for (const auto& [name, values] : parameters) {
        auto& into = whole[name];
        if (values.size() == 1) {
            into = values.front();
        } else if (!values.empty()) {
            auto& list = into.emplace_array();
            for (const auto& value : values) list.emplace_back(value);
        }
    }
    for (auto& [key, value] : body) whole[key] = std::move(value);
    return whole;
}

const std::string* first(const Parameters& parameters, const std::string& name) {
    const auto found = parameters.find(name);
    return found == parameters.end() || found->second.empty() ? nullptr : &found->second.front();
}

}  // namespace drover::rest
