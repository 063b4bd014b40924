#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "drover/store/resource_type.hpp"

namespace drover::memory {

enum class CellKind : unsigned char { null, boolean, integer, real, text };

/// One field's content without owning it: text lies in a packed row or in a caller's value.
struct Cell {
    CellKind kind = CellKind::null;
    std::int64_t number = 0;  // boolean, integer; the bits of a real
    std::string_view text{};

    static Cell of(const Value& value);
    static Cell of(std::int64_t number) { return {CellKind::integer, number}; }
    bool is_null() const { return kind == CellKind::null; }
    double real() const { return std::bit_cast<double>(number); }
    Value value() const;
};

/// Negative, zero or positive, in the order of Value: null first, text byte by byte.
int compare(const Cell& a, const Cell& b);

/// Never disagrees with `compare`: a smaller prefix means a smaller cell, an equal one says nothing.
std::uint64_t prefix_of(const Cell& cell);

/// What the columns of a row hold.
using Shape = std::vector<FieldType>;

/// A record's fields in one small allocation: which of them are not null, and those packed.
using PackedRow = std::unique_ptr<unsigned char[]>;

PackedRow pack(const std::vector<Cell>& cells);
/// The cells borrow from `row`.
void unpack(const unsigned char* row, const Shape& shape, std::vector<Cell>& cells);
Cell cell_at(const unsigned char* row, const Shape& shape, std::size_t column);

/// Where a record stands for as long as it lives; its address does not change, its row does.
struct Slot {
    std::int64_t id = 0;
    std::int64_t version = 0;
    PackedRow row;  // null: no record here
};

}  // namespace drover::memory
