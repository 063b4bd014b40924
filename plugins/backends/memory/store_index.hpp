#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "store_row.hpp"

namespace drover::memory {

/// A place between the entries of an index: before (or after) all whose leading columns hold `cells`; with
/// an id, before (or after) the one of these that has it.
struct Probe {
    std::vector<Cell> cells{};
    bool after = false;
    std::optional<std::int64_t> id{};
};

/// Records ordered by some of their columns, then by id: a list of blocks, sixteen bytes an entry, of which
/// half are the beginning of the key, so that a search seldom looks at the records themselves.
///
/// Not synchronised. A record must be taken out before what it holds in these columns changes.
class OrderedIndex {
public:
    struct Place {
        std::size_t block = 0;
        std::size_t at = 0;
        bool operator==(const Place&) const = default;
    };

    OrderedIndex(const Shape& shape, std::vector<std::size_t> columns, bool unique)
        : shape_(shape), columns_(std::move(columns)), unique_(unique) {}

    const std::vector<std::size_t>& columns() const { return columns_; }
    bool unique() const { return unique_; }
    void set_unique(bool unique) { unique_ = unique; }

    void insert(Slot& slot);
    void remove(const Slot& slot);
    /// The record that holds `cells` in all columns, when there is one.
    const Slot* find_equal(std::vector<Cell> cells) const;

    Place begin() const { return {0, 0}; }
    Place end() const { return {blocks_.size(), 0}; }
    Place find(const Probe& probe) const;
    const Slot& at(Place place) const { return *blocks_[place.block]->entries[place.at].slot; }
    Place next(Place place) const;
    Place previous(Place place) const;
    /// How many lie between; a guess when they are many.
    std::size_t distance(Place from, Place to) const;
    /// The column values of a record, as many as this index has columns.
    std::vector<Cell> key_of(const Slot& slot) const;

private:
    struct Entry {
        std::uint64_t prefix;
        Slot* slot;
    };
    static constexpr std::size_t kBlock = 128;
    struct Block {
        std::size_t size = 0;
        std::array<Entry, kBlock> entries;
    };
    Cell cell(const Slot& slot, std::size_t column) const { return cell_at(slot.row.get(), shape_, columns_[column]); }
    bool less(const Entry& a, const Entry& b) const;
    bool before(const Entry& entry, std::uint64_t prefix, const Probe& probe) const;
    template <class Before>
    Place first_not(const Before& before) const;
    void merge(std::size_t block);

    const Shape& shape_;  // the table's
    std::vector<std::size_t> columns_;
    bool unique_;
    std::vector<std::unique_ptr<Block>> blocks_;  // none is empty
    std::size_t size_ = 0;
};

}  // namespace drover::memory
