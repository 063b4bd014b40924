#include "store_index.hpp"

#include <algorithm>

namespace drover::memory {

bool OrderedIndex::less(const Entry& a, const Entry& b) const {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    for (std::size_t i = 0; i < columns_.size(); ++i)
        if (const int order = compare(cell(*a.slot, i), cell(*b.slot, i))) return order < 0;
    return a.slot->id < b.slot->id;
}

bool OrderedIndex::before(const Entry& entry, std::uint64_t prefix, const Probe& probe) const {
    if (!probe.cells.empty()) {
        if (entry.prefix != prefix) return entry.prefix < prefix;
        for (std::size_t i = 0; i < probe.cells.size(); ++i)
            if (const int order = compare(cell(*entry.slot, i), probe.cells[i])) return order < 0;
    }
    if (probe.id) return entry.slot->id < *probe.id || (probe.after && entry.slot->id == *probe.id);
    return probe.after;
}

template <class Before>
OrderedIndex::Place OrderedIndex::first_not(const Before& is_before) const {
    const auto block = std::partition_point(blocks_.begin(), blocks_.end(),
                                            [&](const auto& one) { return is_before(one->entries[one->size - 1]); });
    if (block == blocks_.end()) return end();
    const auto first = (*block)->entries.begin();
    const auto entry = std::partition_point(first, first + static_cast<std::ptrdiff_t>((*block)->size), is_before);
    return {static_cast<std::size_t>(block - blocks_.begin()), static_cast<std::size_t>(entry - first)};
}

OrderedIndex::Place OrderedIndex::find(const Probe& probe) const {
    const auto prefix = probe.cells.empty() ? 0 : prefix_of(probe.cells[0]);
    return first_not([&](const Entry& entry) { return before(entry, prefix, probe); });
}

void OrderedIndex::insert(Slot& slot) {
    const Entry entry{prefix_of(cell(slot, 0)), &slot};
    ++size_;
    auto place = first_not([&](const Entry& other) { return less(other, entry); });
    if (place.block == blocks_.size()) {
        // Behind all others: ids and dates mostly grow, so the last block stays full when it is.
        if (blocks_.empty() || blocks_.back()->size == kBlock) blocks_.push_back(std::make_unique<Block>());
        auto& last = *blocks_.back();
        last.entries[last.size++] = entry;
        return;
    }
    if (blocks_[place.block]->size == kBlock) {
        auto upper = std::make_unique<Block>();
        auto& lower = *blocks_[place.block];
        constexpr auto kHalf = kBlock / 2;
        std::copy(lower.entries.begin() + kHalf, lower.entries.end(), upper->entries.begin());
        lower.size = upper->size = kHalf;
        blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(place.block) + 1, std::move(upper));
        if (place.at > kHalf) place = {place.block + 1, place.at - kHalf};
    }
    auto& block = *blocks_[place.block];
    const auto at = block.entries.begin() + static_cast<std::ptrdiff_t>(place.at);
    const auto last = block.entries.begin() + static_cast<std::ptrdiff_t>(block.size);
    std::copy_backward(at, last, last + 1);
    *at = entry;
    ++block.size;
}

void OrderedIndex::remove(const Slot& slot) {
    const Entry entry{prefix_of(cell(slot, 0)), const_cast<Slot*>(&slot)};
    const auto place = first_not([&](const Entry& other) { return less(other, entry); });
    if (place.block == blocks_.size() || &at(place) != &slot) return;
    --size_;
    auto& block = *blocks_[place.block];
    const auto gone = block.entries.begin() + static_cast<std::ptrdiff_t>(place.at);
    std::copy(gone + 1, block.entries.begin() + static_cast<std::ptrdiff_t>(block.size), gone);
    if (--block.size < kBlock / 4) merge(place.block);
}

/// Joins a block that grew small with a neighbour, so that memory comes back after deletions.
void OrderedIndex::merge(std::size_t at) {
    const auto erase = [&](std::size_t block) { blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(block)); };
    if (blocks_[at]->size == 0) return erase(at);
    for (const auto left : {at, at - 1}) {
        if (left >= blocks_.size() || left + 1 >= blocks_.size()) continue;
        auto& lower = *blocks_[left];
        auto& upper = *blocks_[left + 1];
        if (lower.size + upper.size > kBlock / 2) continue;
        std::copy_n(upper.entries.begin(), upper.size, lower.entries.begin() + static_cast<std::ptrdiff_t>(lower.size));
        lower.size += upper.size;
        return erase(left + 1);
    }
}

const Slot* OrderedIndex::find_equal(std::vector<Cell> cells) const {
    const Probe probe{std::move(cells)};
    const auto place = find(probe);
    if (place == end()) return nullptr;
    const auto& found = at(place);
    for (std::size_t i = 0; i < columns_.size(); ++i)
        if (compare(cell(found, i), probe.cells[i]) != 0) return nullptr;
    return &found;
}

OrderedIndex::Place OrderedIndex::next(Place place) const {
    if (++place.at == blocks_[place.block]->size) return {place.block + 1, 0};
    return place;
}

OrderedIndex::Place OrderedIndex::previous(Place place) const {
    if (place.at > 0) return {place.block, place.at - 1};
    return {place.block - 1, blocks_[place.block - 1]->size - 1};
}

std::size_t OrderedIndex::distance(Place from, Place to) const {
    if (to.block < from.block || (to.block == from.block && to.at <= from.at)) return 0;
    if (to.block == from.block) return to.at - from.at;
    const auto ends = blocks_[from.block]->size - from.at + to.at;
    const auto between = to.block - from.block - 1;
    return ends + between * std::max<std::size_t>(1, size_ / blocks_.size());
}

std::vector<Cell> OrderedIndex::key_of(const Slot& slot) const {
    std::vector<Cell> cells;
    cells.reserve(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) cells.push_back(cell(slot, i));
    return cells;
}

}  // namespace drover::memory
