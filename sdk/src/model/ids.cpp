#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <charconv>

#include "drover/model/model.hpp"

namespace drover {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Drover's own name space for derived UUIDs; made once, at random.
constexpr boost::uuids::uuid kNameSpace{
    {0x5d, 0x1c, 0x8a, 0x34, 0x0b, 0x6e, 0x4f, 0x0a, 0x9e, 0x27, 0x41, 0xc3, 0x77, 0xd8, 0x12, 0x9b}};

}  // namespace

std::string format_id(std::string_view base_type, std::int64_t id) { return format_id(base_type, std::to_string(id)); }

std::string format_id(std::string_view base_type, std::string_view raw) {
    std::string text = "1";
    if (!base_type.empty()) text += base_type.front();
    for (const char c : base_type.substr(std::min<std::size_t>(1, base_type.size())))
        if (is_upper(c)) text += static_cast<char>(c - 'A' + 'a');
    if (raw.empty() || !is_digit(raw.front())) text += '!';
    text += raw;
    return text;
}

std::optional<std::string> parse_id(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (is_lower(text.front()) || is_upper(text.front())) return std::string(text);
    if (text.size() < 2 || text.front() != '1' || !is_lower(text[1])) return std::nullopt;
    text.remove_prefix(1);
    while (!text.empty() && is_lower(text.front())) text.remove_prefix(1);
    if (!text.empty() && text.front() == '!') text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    return std::string(text);
}

std::optional<std::int64_t> parse_row_id(std::string_view text) {
    const auto raw = parse_id(text);
    if (!raw || !is_digit(raw->front())) return std::nullopt;
    std::int64_t id = 0;
    const auto* end = raw->data() + raw->size();
    const auto read = std::from_chars(raw->data(), end, id);
    if (read.ec != std::errc() || read.ptr != end || id <= 0) return std::nullopt;
    return id;
}

std::string new_uuid() {
    thread_local boost::uuids::random_generator_mt19937 generate;
    return boost::uuids::to_string(generate());
}

std::string derived_uuid(std::string_view name) {
    boost::uuids::name_generator_sha1 generate(kNameSpace);
    return boost::uuids::to_string(generate(name.data(), name.size()));
}

}  // namespace drover
