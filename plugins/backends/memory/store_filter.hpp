#pragma once

#include <optional>
#include <vector>

#include "store_state.hpp"

namespace drover::memory {

/// Stands for the id, which is no column.
inline constexpr std::size_t kIdColumn = static_cast<std::size_t>(-1);

/// The column of a field, or kIdColumn.
std::size_t column_of(const TypeView& type, std::string_view field);
/// What a record holds there.
inline Cell cell_of(const Slot& slot, const Shape& shape, std::size_t column) {
    return column == kIdColumn ? Cell::of(slot.id) : cell_at(slot.row.get(), shape, column);
}

/// One condition, ready to be asked of many records. Borrows from the query.
struct Test {
    std::size_t column = kIdColumn;
    Op op = Op::eq;
    std::vector<Cell> values{};  // of `in`: sorted, without null, each once

    bool holds(const Slot& slot, const Shape& shape) const;
};

/// The conditions of a query. What holds when any of several equalities on one field does is one `in`.
class Filter {
public:
    Filter(const TypeView& type, const std::vector<AnyOf>& where);

    bool holds(const Slot& slot) const;
    /// Those that every record found must pass, each alone.
    const std::vector<Test>& all() const { return all_; }

private:
    const Shape& shape_;
    std::vector<Test> all_;
    std::vector<std::vector<Test>> any_;
};

/// What a query is sorted by, up to the id.
class Order {
public:
    struct By {
        std::size_t column;
        bool descending;
    };
    Order(const TypeView& type, const std::vector<SortBy>& sort);

    const std::vector<By>& fields() const { return by_; }
    bool ids_descend() const { return ids_descend_; }
    bool before(const Slot& a, const Slot& b) const;
    /// Does it come behind the row whose sorted cells and id these are?
    bool behind(const Slot& slot, const std::vector<Cell>& key, std::int64_t id) const;

private:
    const Shape& shape_;
    std::vector<By> by_;  // without a sort by id, and without what follows it
    bool ids_descend_ = false;
};

}  // namespace drover::memory
