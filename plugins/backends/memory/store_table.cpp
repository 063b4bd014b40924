#include "store_table.hpp"

#include <algorithm>

namespace drover::memory {

std::optional<std::size_t> Table::find_column(std::string_view field) const {
    for (std::size_t i = 0; i < columns_.size(); ++i)
        if (columns_[i].name == field) return i;
    return std::nullopt;
}

Slot* Table::slot(std::int64_t id) {
    if (id < 1 || id > last_id_) return nullptr;
    const auto& chunk = chunks_[static_cast<std::size_t>(id / kChunk)];
    if (!chunk) return nullptr;
    auto& found = chunk->slots[static_cast<std::size_t>(id % kChunk)];
    return found.row ? &found : nullptr;
}

const Slot* Table::find(std::int64_t id) const { return const_cast<Table*>(this)->slot(id); }

const Slot* Table::at_or_after(std::int64_t id) const {
    if (id < 1) id = 1;
    while (id <= last_id_) {
        const auto& chunk = chunks_[static_cast<std::size_t>(id / kChunk)];
        const auto next = id / kChunk * kChunk + kChunk;
        if (chunk)
            for (; id < next; ++id)
                if (const auto& found = chunk->slots[static_cast<std::size_t>(id % kChunk)]; found.row) return &found;
        id = next;
    }
    return nullptr;
}

const Slot* Table::at_or_before(std::int64_t id) const {
    if (id > last_id_) id = last_id_;
    while (id >= 1) {
        const auto& chunk = chunks_[static_cast<std::size_t>(id / kChunk)];
        const auto first = id / kChunk * kChunk;
        if (chunk)
            for (; id >= first; --id)
                if (const auto& found = chunk->slots[static_cast<std::size_t>(id % kChunk)]; found.row) return &found;
        id = first - 1;
    }
    return nullptr;
}

Slot& Table::make_slot(std::int64_t id) {
    const auto number = static_cast<std::size_t>(id / kChunk);
    if (chunks_.size() <= number) chunks_.resize(number + 1);
    auto& chunk = chunks_[number];
    if (!chunk) chunk = std::make_unique<Chunk>();
    ++chunk->used;
    ++size_;
    auto& made = chunk->slots[static_cast<std::size_t>(id % kChunk)];
    made.id = id;
    return made;
}

void Table::vacate(Slot& gone) {
    auto& chunk = chunks_[static_cast<std::size_t>(gone.id / kChunk)];
    --size_;
    gone = {};
    if (--chunk->used == 0) chunk.reset();
}

const OrderedIndex* Table::blocked(const std::vector<Cell>& cells, const std::vector<Cell>* before) const {
    for (const auto& index : indexes_) {
        if (!index->unique()) continue;
        const auto& columns = index->columns();
        const auto is_null = [&](std::size_t column) { return cells[column].is_null(); };
        const auto stays = [&](std::size_t column) { return compare(cells[column], (*before)[column]) == 0; };
        if (std::any_of(columns.begin(), columns.end(), is_null)) continue;
        if (before && std::all_of(columns.begin(), columns.end(), stays)) continue;
        std::vector<Cell> key;
        for (const auto column : columns) key.push_back(cells[column]);
        if (index->find_equal(std::move(key))) return index.get();
    }
    return nullptr;
}

std::string Table::fields_of(const OrderedIndex& index) const {
    std::string names;
    for (const auto column : index.columns()) names += (names.empty() ? "" : ",") + columns_[column].name;
    return names;
}

const Slot& Table::insert(const std::vector<Cell>& cells) {
    auto row = pack(cells);
    auto& made = make_slot(++last_id_);
    made.row = std::move(row);
    made.version = 1;
    for (const auto& index : indexes_) index->insert(made);
    return made;
}

PackedRow Table::replace(const Slot& where, PackedRow row, std::int64_t version) {
    auto& changed = *slot(where.id);
    unpack(changed.row.get(), shape_, old_cells_);
    unpack(row.get(), shape_, new_cells_);
    const auto differs = [&](std::size_t column) { return compare(old_cells_[column], new_cells_[column]) != 0; };
    std::vector<OrderedIndex*> moved;
    for (const auto& index : indexes_) {
        if (std::any_of(index->columns().begin(), index->columns().end(), differs)) moved.push_back(index.get());
    }
    for (auto* index : moved) index->remove(changed);
    std::swap(changed.row, row);
    changed.version = version;
    for (auto* index : moved) index->insert(changed);
    return row;
}

PackedRow Table::remove(const Slot& where) {
    auto& gone = *slot(where.id);
    for (const auto& index : indexes_) index->remove(gone);
    auto row = std::move(gone.row);
    vacate(gone);
    return row;
}

void Table::restore(std::int64_t id, PackedRow row, std::int64_t version) {
    auto& made = make_slot(id);
    made.row = std::move(row);
    made.version = version;
    for (const auto& index : indexes_) index->insert(made);
}

const OrderedIndex* Table::find_index(const std::vector<std::size_t>& columns) const {
    for (const auto& index : indexes_)
        if (index->columns() == columns) return index.get();
    return nullptr;
}

template <class Change>
void Table::rewrite(const Shape& before, const Change& change) {
    std::vector<Cell> cells;
    for (const auto& chunk : chunks_) {
        if (!chunk) continue;
        for (auto& one : chunk->slots) {
            if (!one.row) continue;
            unpack(one.row.get(), before, cells);
            change(cells);
            one.row = pack(cells);
        }
    }
}

void Table::add_column(Field field) {
    const auto before = shape_;
    columns_.push_back(std::move(field));
    shape_.push_back(columns_.back().type);
    rewrite(before, [&](std::vector<Cell>& cells) { cells.push_back(Cell::of(columns_.back().fallback)); });
}

void Table::change_column(std::size_t column, Field field) {
    const bool fill = columns_[column].nullable && !field.nullable;
    const auto before = shape_;
    columns_[column] = std::move(field);
    shape_[column] = columns_[column].type;
    if (!fill) return;
    // Indexes are ordered by what is in the rows: made anew.
    std::vector<std::pair<std::vector<std::size_t>, bool>> made;
    for (const auto& index : indexes_) made.emplace_back(index->columns(), index->unique());
    indexes_.clear();
    rewrite(before, [&](std::vector<Cell>& cells) {
        if (cells[column].is_null()) cells[column] = Cell::of(columns_[column].fallback);
    });
    for (auto& [columns, unique] : made)
        if (!add_index(columns, unique)) add_index(columns, false);
}

bool Table::add_index(std::vector<std::size_t> columns, bool unique) {
    auto index = std::make_unique<OrderedIndex>(shape_, columns, unique);
    for (const auto& chunk : chunks_) {
        if (!chunk) continue;
        for (auto& one : chunk->slots) {
            if (!one.row) continue;
            if (unique) {
                auto key = index->key_of(one);
                const bool counts = std::none_of(key.begin(), key.end(), [](const Cell& c) { return c.is_null(); });
                if (counts && index->find_equal(std::move(key))) return false;
            }
            index->insert(one);
        }
    }
    drop_index(columns);
    indexes_.push_back(std::move(index));
    return true;
}

void Table::drop_index(const std::vector<std::size_t>& columns) {
    std::erase_if(indexes_, [&](const auto& index) { return index->columns() == columns; });
}

}  // namespace drover::memory
