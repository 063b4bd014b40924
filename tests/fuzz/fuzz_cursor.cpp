// Cursors of the stores: they come back from clients, who may have changed them.
#include <cmath>
#include <cstring>

#include "fuzz.hpp"
#include "memory/store_cursor.hpp"
#include "sql/cursor.hpp"

namespace {

using namespace drover;
using fuzz::expect;

constexpr std::uint64_t kFingerprint = 0x1234567890abcdefULL;

bool same(const Value& a, const Value& b) {
    if (a.if_real() && b.if_real()) return std::memcmp(a.if_real(), b.if_real(), sizeof(double)) == 0;
    return a == b;
}

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        text += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
        text += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

/// Some values, as the input says.
std::vector<Value> values_of(std::string_view bytes) {
    std::vector<Value> values;
    while (!bytes.empty() && values.size() < 6) {
        const char kind = bytes.front();
        bytes.remove_prefix(1);
        char number[8] = {};
        const auto used = std::min(bytes.size(), sizeof number);
        std::memcpy(number, bytes.data(), used);
        std::int64_t integer = 0;
        double real = 0;
        std::memcpy(&integer, number, sizeof integer);
        std::memcpy(&real, number, sizeof real);
        switch (static_cast<unsigned char>(kind) % 5) {
            case 0: values.emplace_back(); continue;
            case 1: values.emplace_back(integer % 2 == 0); break;
            case 2: values.emplace_back(integer); break;
            case 3:
                if (std::isnan(real)) real = 0;  // no field holds one
                values.emplace_back(real);
                break;
            default: values.emplace_back(fuzz::take_until(bytes, '\n')); continue;
        }
        bytes.remove_prefix(used);
    }
    return values;
}

void fuzz_sql(std::string_view bytes) {
    (void)sql::read_cursor(bytes, kFingerprint);

    // Whoever knows how can make a checksum that fits: what is behind it must be harmless, too.
    sql::Fingerprint sum;
    sum.add(std::to_string(kFingerprint));
    sum.add(bytes);
    (void)sql::read_cursor(std::to_string(sum.value()) + "-" + hex(bytes), kFingerprint);

    const auto values = values_of(bytes);
    const auto cursor = sql::make_cursor(kFingerprint, values);
    const auto read = sql::read_cursor(cursor, kFingerprint);
    expect(read.has_value() && read->size() == values.size(), "a cursor can be read", cursor);
    for (std::size_t i = 0; i < values.size(); ++i)
        expect(same((*read)[i], values[i]), "a cursor holds what was put into it", cursor);
    expect(!sql::read_cursor(cursor, kFingerprint + 1), "a cursor is of one query", cursor);
}

/// FNV-1a, as its 8 bytes.
std::string checksum(std::string_view bytes) {
    std::uint64_t sum = 14695981039346656037ULL;
    for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    std::string text;
    for (int i = 0; i < 8; ++i) text += static_cast<char>(sum >> (8 * i));
    return text;
}

std::string unhex(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    return bytes;
}

void fuzz_memory(std::string_view bytes) {
    Query query{.type = "host"};
    query.cursor = std::string(bytes);
    (void)memory::read_cursor(query);

    memory::CursorKey key{values_of(bytes), 7};
    for (std::size_t i = 0; i < key.sorted.size(); ++i) query.sort.push_back({"field", i % 2 == 0});
    query.cursor = memory::write_cursor(query, key);
    const auto read = memory::read_cursor(query);
    expect(read.has_value() && read->id == 7 && read->sorted.size() == key.sorted.size(), "a cursor can be read",
           query.cursor);
    for (std::size_t i = 0; i < key.sorted.size(); ++i)
        expect(same(read->sorted[i], key.sorted[i]), "a cursor holds what was put into it", query.cursor);

    // The begin of a good one, then the input, then a checksum that fits.
    auto forged = unhex(query.cursor).substr(0, 8) + std::string(bytes);
    forged += checksum(forged);
    query.cursor = hex(forged);
    (void)memory::read_cursor(query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz_sql(fuzz::text_of(data, size));
    fuzz_memory(fuzz::text_of(data, size));
    return 0;
}
