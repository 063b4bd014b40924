#include "sql/cursor.hpp"

#include <charconv>

#include "sql/cells.hpp"

namespace drover::sql {
namespace {

// What is in a cursor is no secret and grants nothing: its values are compared with, never trusted. So
// a checksum against mistakes is enough, and hexadecimal keeps it fit for a URL.

std::string hex(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char byte : bytes) {
        text += kDigits[static_cast<unsigned char>(byte) >> 4];
        text += kDigits[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

bool unhex(std::string_view text, std::string& bytes) {
    if (text.size() % 2 != 0) return false;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned byte = 0;
        const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
        if (error != std::errc() || end != text.data() + i + 2) return false;
        bytes += static_cast<char>(byte);
    }
    return true;
}

std::uint64_t checksum(std::uint64_t fingerprint, std::string_view payload) {
    Fingerprint sum;
    sum.add(std::to_string(fingerprint));
    sum.add(payload);
    return sum.value();
}

}  // namespace

void Fingerprint::add(std::string_view text) {
    const auto mix = [&](unsigned char byte) { hash_ = (hash_ ^ byte) * 1099511628211ULL; };
    for (const char c : text) mix(static_cast<unsigned char>(c));
    for (std::size_t size = text.size(), i = 0; i < sizeof size; ++i, size >>= 8) mix(size & 0xFF);
}

void Fingerprint::add_value(const Value& value) { add(pack_value(value)); }

std::string make_cursor(std::uint64_t fingerprint, const std::vector<Value>& keys) {
    std::string payload;
    for (const auto& key : keys) {
        const auto packed = pack_value(key);
        payload += std::to_string(packed.size()) + ":" + packed;
    }
    return std::to_string(checksum(fingerprint, payload)) + "-" + hex(payload);
}

Result<std::vector<Value>> read_cursor(std::string_view cursor, std::uint64_t fingerprint) {
    const Error wrong(Errc::invalid, "the cursor was not made by this query",
                      "Give Page::next of the page before, with the same query; or start from the first page.");
    const auto dash = cursor.find('-');
    std::string payload;
    if (dash == std::string_view::npos || !unhex(cursor.substr(dash + 1), payload)) return wrong;
    if (cursor.substr(0, dash) != std::to_string(checksum(fingerprint, payload))) return wrong;
    std::vector<Value> keys;
    for (std::string_view rest = payload; !rest.empty();) {
        std::size_t size = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
        const auto digits = static_cast<std::size_t>(end - rest.data());
        if (error != std::errc() || digits >= rest.size() || rest.size() - digits - 1 < size) return wrong;
        keys.push_back(unpack_value(rest.substr(digits + 1, size)));
        rest.remove_prefix(digits + 1 + size);
    }
    return keys;
}

}  // namespace drover::sql
