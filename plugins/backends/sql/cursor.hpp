#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drover/result.hpp"
#include "drover/store/value.hpp"

namespace drover::sql {

/// Tells one query from another, so that a cursor is used with its own only. FNV-1a.
class Fingerprint {
public:
    void add(std::string_view text);
    void add_value(const Value& value);
    std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 14695981039346656037ULL;
};

/// Where a page ended: the sort keys of its last row, as printable text.
std::string make_cursor(std::uint64_t fingerprint, const std::vector<Value>& keys);
/// Errors: invalid, when it was not made here, was changed, or belongs to another query.
Result<std::vector<Value>> read_cursor(std::string_view cursor, std::uint64_t fingerprint);

}  // namespace drover::sql
