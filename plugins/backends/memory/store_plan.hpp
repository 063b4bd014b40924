#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store_filter.hpp"

namespace drover::memory {

/// Where a page before ended; borrows its text from the cursor.
struct After {
    std::vector<Cell> sorted;
    std::int64_t id = 0;
};

/// How to come to the records of a query: which index (or the ids themselves), between which places, and
/// whether that gives them in the order asked for.
class Path {
public:
    /// Chooses the cheapest. `needed` rows end the walk when the order comes for free, unless `whole`.
    static Path choose(const TypeView& type, const Filter& filter, const Order& order, std::uint64_t needed,
                       bool whole);

    bool ordered() const { return ordered_; }

    /// Calls `visit` for every record on the way, until it says false. An ordered path begins behind
    /// `after`; any other gives all.
    void walk(const After* after, const std::function<bool(const Slot&)>& visit) const;

private:
    struct Interval {
        Probe from;
        Probe to;
    };
    enum class Walk : unsigned char { forward, backward, groups_backward };

    Path(const Table& table) : table_(&table) {}
    static Path by_id(const TypeView& type, const Filter& filter, const Order& order);
    static Path by_index(const TypeView& type, const OrderedIndex& index, const Filter& filter, const Order& order);
    void set_order(const Order& order, std::size_t fixed);

    void walk_ids(const After* after, const std::function<bool(const Slot&)>& visit) const;
    bool walk_interval(const Interval& interval, const After* after,
                       const std::function<bool(const Slot&)>& visit) const;
    std::vector<Cell> key_at(const After& after) const;

    const Table* table_;
    const OrderedIndex* index_ = nullptr;  // null: by id
    std::vector<Interval> intervals_{};
    std::optional<std::vector<std::int64_t>> ids_{};  // by id: these, ascending
    std::int64_t least_ = 1;                          // by id: from
    std::int64_t most_ = 0;                           // by id: to
    std::vector<Cell> fixed_{};                       // what the leading columns must hold
    std::vector<std::size_t> sorted_at_{};            // for each column behind these, where it stands in the order
    Walk way_ = Walk::forward;
    bool ordered_ = false;
    std::size_t records_ = 0;                      // about how many lie on it
    std::unique_ptr<const std::string> beyond_{};  // that a probe borrows from
};

}  // namespace drover::memory
