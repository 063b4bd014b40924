#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store_index.hpp"

namespace drover::memory {

/// The records of one type, by id, with their indexes. Columns are only ever added, so a column's number
/// stays; every field that was ever declared has one.
///
/// Not synchronised: the store's lock guards it.
class Table {
public:
    explicit Table(std::string name) : name_(std::move(name)) {}
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    const std::string& name() const { return name_; }
    const std::vector<Field>& columns() const { return columns_; }
    const Shape& shape() const { return shape_; }
    std::optional<std::size_t> find_column(std::string_view field) const;
    std::size_t size() const { return size_; }
    std::int64_t last_id() const { return last_id_; }

    int major = 0;
    int minor = 0;

    const Slot* find(std::int64_t id) const;
    /// The nearest record of that id or a larger (smaller) one; null when there is none.
    const Slot* at_or_after(std::int64_t id) const;
    const Slot* at_or_before(std::int64_t id) const;

    /// The unique index in which another record holds what `cells` would; null when there is none. Of a
    /// record that holds `before` now, only what changes is looked at.
    const OrderedIndex* blocked(const std::vector<Cell>& cells, const std::vector<Cell>* before) const;
    std::string fields_of(const OrderedIndex& index) const;

    /// A new record; its id is larger than that of any before.
    const Slot& insert(const std::vector<Cell>& cells);
    /// Puts a row in place of the record's and gives the old one back. `row` must not be blocked.
    PackedRow replace(const Slot& slot, PackedRow row, std::int64_t version);
    /// Takes the record away and gives its row back.
    PackedRow remove(const Slot& slot);
    /// Undoes `remove`.
    void restore(std::int64_t id, PackedRow row, std::int64_t version);

    const std::vector<std::unique_ptr<OrderedIndex>>& indexes() const { return indexes_; }
    const OrderedIndex* find_index(const std::vector<std::size_t>& columns) const;

    /// Old records take the field's fallback.
    void add_column(Field field);
    /// Nulls take the fallback when it may not be null any more.
    void change_column(std::size_t column, Field field);
    /// False when records exist that it would forbid; nothing is changed then.
    bool add_index(std::vector<std::size_t> columns, bool unique);
    void drop_index(const std::vector<std::size_t>& columns);

private:
    static constexpr std::int64_t kChunk = 128;
    struct Chunk {
        std::array<Slot, kChunk> slots;
        std::size_t used = 0;
    };
    Slot* slot(std::int64_t id);
    Slot& make_slot(std::int64_t id);
    void vacate(Slot& slot);
    /// Rewrites every row.
    template <class Change>
    void rewrite(const Shape& before, const Change& change);

    const std::string name_;
    std::vector<Field> columns_;
    Shape shape_;  // what columns_ hold
    std::vector<std::unique_ptr<OrderedIndex>> indexes_;
    std::vector<std::unique_ptr<Chunk>> chunks_;  // by id / kChunk; null where no record is
    std::size_t size_ = 0;
    std::int64_t last_id_ = 0;
    std::vector<Cell> old_cells_;  // of `replace`, kept for their memory
    std::vector<Cell> new_cells_;
};

}  // namespace drover::memory
