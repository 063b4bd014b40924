#include "store_cursor.hpp"

#include <bit>

namespace drover::memory {
namespace {

// What a cursor holds is no secret and grants nothing: its values are compared with, never trusted. So a
// checksum against mistakes is enough.

void put_number(std::string& bytes, std::uint64_t number) {
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i));
}
void put_text(std::string& bytes, std::string_view text) {
    put_number(bytes, text.size());
    bytes += text;
}
void put_value(std::string& bytes, const Value& value) {
    if (const auto* flag = value.if_boolean()) {
        bytes += 'b';
        put_number(bytes, *flag ? 1 : 0);
    } else if (const auto* number = value.if_integer()) {
        bytes += 'i';
        put_number(bytes, static_cast<std::uint64_t>(*number));
    } else if (const auto* real = value.if_real()) {
        bytes += 'r';
        put_number(bytes, std::bit_cast<std::uint64_t>(*real));
    } else if (const auto* text = value.if_text()) {
        bytes += 't';
        put_text(bytes, *text);
    } else {
        bytes += 'n';
    }
}

/// Reads what the functions above wrote; `good` turns false at the first mistake.
struct Reader {
    std::string_view bytes;
    bool good = true;

    std::string_view take(std::size_t size) {
        if (bytes.size() < size) {
            good = false;
            return {};
        }
        const auto taken = bytes.substr(0, size);
        bytes.remove_prefix(size);
        return taken;
    }
    std::uint64_t number() {
        std::uint64_t result = 0;
        const auto taken = take(8);
        for (std::size_t i = 0; i < taken.size(); ++i)
            result |= static_cast<std::uint64_t>(static_cast<unsigned char>(taken[i])) << (8 * i);
        return result;
    }
    Value value() {
        const auto kind = take(1);
        switch (kind.empty() ? 'n' : kind[0]) {
            case 'b': return number() != 0;
            case 'i': return static_cast<std::int64_t>(number());
            case 'r': return std::bit_cast<double>(number());
            case 't': return take(static_cast<std::size_t>(number()));
            default: return {};
        }
    }
};

std::uint64_t hash(std::string_view bytes) {
    std::uint64_t sum = 14695981039346656037ULL;  // FNV-1a
    for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return sum;
}

/// What makes a query another one: all but the page asked for.
std::uint64_t fingerprint(const Query& query) {
    std::string bytes;
    put_text(bytes, query.type);
    put_number(bytes, query.where.size());
    for (const auto& any : query.where) {
        put_number(bytes, any.size());
        for (const auto& condition : any) {
            put_text(bytes, condition.field);
            bytes += static_cast<char>('a' + static_cast<int>(condition.op));
            put_number(bytes, condition.values.size());
            for (const auto& value : condition.values) put_value(bytes, value);
        }
    }
    for (const auto& by : query.sort) {
        put_text(bytes, by.field);
        bytes += by.descending ? '-' : '+';
    }
    return hash(bytes);
}

std::string hex(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text += kDigits[static_cast<unsigned char>(c) >> 4];
        text += kDigits[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

std::optional<std::string> unhex(std::string_view text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit(text[i]);
        const int low = digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high << 4 | low);
    }
    return bytes;
}

}  // namespace

std::string write_cursor(const Query& query, const CursorKey& key) {
    std::string bytes;
    put_number(bytes, fingerprint(query));
    for (const auto& value : key.sorted) put_value(bytes, value);
    put_number(bytes, static_cast<std::uint64_t>(key.id));
    put_number(bytes, hash(bytes));
    return hex(bytes);
}

Result<CursorKey> read_cursor(const Query& query) {
    const Error wrong(Errc::invalid, "the cursor was not made by this query",
                      "Give Page::next of the page before, with the same query, or start from the first page.");
    const auto bytes = unhex(query.cursor);
    if (!bytes || bytes->size() < 8) return wrong;
    const auto body = std::string_view(*bytes).substr(0, bytes->size() - 8);
    if (Reader{std::string_view(*bytes).substr(body.size())}.number() != hash(body)) return wrong;
    Reader reader{body};
    if (reader.number() != fingerprint(query)) return wrong;
    CursorKey key;
    for (std::size_t i = 0; i < query.sort.size(); ++i) key.sorted.push_back(reader.value());
    key.id = static_cast<std::int64_t>(reader.number());
    if (!reader.good || !reader.bytes.empty()) return wrong;
    return key;
}

}  // namespace drover::memory
