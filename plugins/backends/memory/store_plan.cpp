#include "store_plan.hpp"

#include <algorithm>
#include <limits>

namespace drover::memory {
namespace {

/// What single conditions say of one column, as bounds of a range.
struct Bounds {
    std::optional<Cell> equal;                 // also null, by is_null
    const std::vector<Cell>* among = nullptr;  // sorted
    std::optional<Cell> lower;
    bool lower_included = false;
    std::optional<Cell> upper;
    bool upper_included = false;
    std::optional<std::string_view> prefix;
    bool not_null = false;

    bool any() const { return equal || among || lower || upper || prefix || not_null; }
};

Bounds bounds_of(const Filter& filter, std::size_t column) {
    Bounds bounds;
    const auto above = [&](const Cell& cell, bool included) {
        const int order = bounds.lower ? compare(cell, *bounds.lower) : 1;
        if (order < 0 || (order == 0 && (included || !bounds.lower_included))) return;
        bounds.lower = cell;
        bounds.lower_included = included;
    };
    const auto below = [&](const Cell& cell, bool included) {
        const int order = bounds.upper ? compare(cell, *bounds.upper) : -1;
        if (order > 0 || (order == 0 && (included || !bounds.upper_included))) return;
        bounds.upper = cell;
        bounds.upper_included = included;
    };
    for (const auto& test : filter.all()) {
        if (test.column != column) continue;
        switch (test.op) {
            case Op::eq: bounds.equal = test.values[0]; break;
            case Op::is_null: bounds.equal = Cell{}; break;
            case Op::in:
                if (!bounds.among || test.values.size() < bounds.among->size()) bounds.among = &test.values;
                break;
            case Op::gt: above(test.values[0], false); break;
            case Op::gte: above(test.values[0], true); break;
            case Op::lt: below(test.values[0], false); break;
            case Op::lte: below(test.values[0], true); break;
            case Op::prefix:
                if (!test.values[0].is_null()) bounds.prefix = test.values[0].text;
                break;
            case Op::not_null:
            case Op::ne:
            case Op::like:
            case Op::not_like: bounds.not_null = true; break;
        }
    }
    return bounds;
}

/// The least text that is greater than all with this prefix; none when there is none.
std::optional<std::string> after_prefix(std::string_view prefix) {
    std::string text(prefix);
    while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xFF) text.pop_back();
    if (text.empty()) return std::nullopt;
    text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
    return text;
}

std::vector<Cell> with(std::vector<Cell> cells, Cell last) {
    cells.push_back(last);
    return cells;
}

}  // namespace

Path Path::choose(const TypeView& type, const Filter& filter, const Order& order, std::uint64_t needed, bool whole) {
    std::vector<Path> paths;
    paths.push_back(by_id(type, filter, order));
    for (const auto& index : type.table->indexes()) paths.push_back(by_index(type, *index, filter, order));
    auto matching = std::numeric_limits<double>::max();
    for (const auto& path : paths) matching = std::min(matching, static_cast<double>(path.records_));
    const auto cost = [&](const Path& path) {
        const auto records = static_cast<double>(path.records_);
        constexpr double kSorting = 1.5;
        if (!path.ordered_) return records * kSorting;
        if (whole) return records;
        // As many as there are for each one that matches; it may be fewer when others match too.
        return std::min(records, static_cast<double>(needed) * records / std::max(1.0, matching));
    };
    return std::move(
        *std::min_element(paths.begin(), paths.end(), [&](const Path& a, const Path& b) { return cost(a) < cost(b); }));
}

Path Path::by_id(const TypeView& type, const Filter& filter, const Order& order) {
    Path path(*type.table);
    const auto bounds = bounds_of(filter, kIdColumn);
    path.most_ = type.table->last_id();
    if (bounds.equal || bounds.among) {
        path.ids_.emplace();
        const auto add = [&](const Cell& cell) {
            if (!cell.is_null() && type.table->find(cell.number)) path.ids_->push_back(cell.number);
        };
        if (bounds.equal) add(*bounds.equal);
        else
            for (const auto& cell : *bounds.among) add(cell);
        path.records_ = path.ids_->size();
    } else {
        // A bound of null holds for none; the filter says so.
        if (bounds.lower && !bounds.lower->is_null()) path.least_ = std::max(path.least_, bounds.lower->number);
        if (bounds.upper && !bounds.upper->is_null()) path.most_ = std::min(path.most_, bounds.upper->number);
        const auto width = path.most_ < path.least_ ? 0 : static_cast<std::uint64_t>(path.most_ - path.least_) + 1;
        path.records_ = std::min<std::size_t>(type.table->size(), width);
    }
    path.ordered_ = order.fields().empty();
    path.way_ = order.ids_descend() ? Walk::backward : Walk::forward;
    return path;
}

Path Path::by_index(const TypeView& type, const OrderedIndex& index, const Filter& filter, const Order& order) {
    Path path(*type.table);
    path.index_ = &index;
    std::size_t depth = 0;
    Bounds bounds;
    for (; depth < index.columns().size(); ++depth) {
        bounds = bounds_of(filter, index.columns()[depth]);
        if (!bounds.equal) break;
        path.fixed_.push_back(*bounds.equal);
    }
    const auto& base = path.fixed_;
    if (depth == index.columns().size() || !bounds.any()) {
        path.intervals_.push_back({{base, false}, {base, true}});
    } else if (bounds.among) {
        for (const auto& cell : *bounds.among)
            path.intervals_.push_back({{with(base, cell), false}, {with(base, cell), true}});
    } else if (bounds.prefix) {
        Interval interval{{with(base, Cell{CellKind::text, 0, *bounds.prefix}), false}, {base, true}};
        if (auto beyond = after_prefix(*bounds.prefix)) {
            path.beyond_ = std::make_unique<const std::string>(std::move(*beyond));
            interval.to = {with(base, Cell{CellKind::text, 0, *path.beyond_}), false};
        }
        path.intervals_.push_back(std::move(interval));
    } else {
        // Whatever the condition, null does not fulfil it.
        Interval interval{{with(base, Cell{}), true}, {base, true}};
        if (bounds.lower) interval.from = {with(base, *bounds.lower), !bounds.lower_included};
        if (bounds.upper) interval.to = {with(base, *bounds.upper), bounds.upper_included};
        path.intervals_.push_back(std::move(interval));
    }
    for (const auto& interval : path.intervals_)
        path.records_ += index.distance(index.find(interval.from), index.find(interval.to));
    if (path.intervals_.size() <= 1) path.set_order(order, depth);
    return path;
}

/// Does the index, whose first `fixed` columns hold one value each, give the order asked for?
void Path::set_order(const Order& order, std::size_t fixed) {
    const auto& columns = index_->columns();
    const auto is_fixed = [&](std::size_t column) {
        return std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(fixed), column) !=
               columns.begin() + static_cast<std::ptrdiff_t>(fixed);
    };
    std::size_t at = fixed;
    std::optional<bool> descending;
    for (std::size_t i = 0; i < order.fields().size(); ++i) {
        const auto& by = order.fields()[i];
        if (is_fixed(by.column)) continue;
        if (at == columns.size() || columns[at] != by.column || descending.value_or(by.descending) != by.descending)
            return;
        descending = by.descending;
        sorted_at_.push_back(i);
        ++at;
    }
    if (at != columns.size()) return;
    if (!descending) way_ = order.ids_descend() ? Walk::backward : Walk::forward;
    else if (*descending) way_ = order.ids_descend() ? Walk::backward : Walk::groups_backward;
    else if (order.ids_descend()) return;
    ordered_ = true;
}

std::vector<Cell> Path::key_at(const After& after) const {
    auto key = fixed_;
    for (const auto at : sorted_at_) key.push_back(after.sorted[at]);
    return key;
}

void Path::walk(const After* after, const std::function<bool(const Slot&)>& visit) const {
    if (!ordered_) after = nullptr;
    if (!index_) return walk_ids(after, visit);
    for (const auto& interval : intervals_)
        if (!walk_interval(interval, after, visit)) return;
}

void Path::walk_ids(const After* after, const std::function<bool(const Slot&)>& visit) const {
    const bool backward = way_ == Walk::backward && ordered_;
    if (ids_) {
        auto ids = *ids_;
        if (backward) std::reverse(ids.begin(), ids.end());
        for (const auto id : ids) {
            if (after && (backward ? id >= after->id : id <= after->id)) continue;
            if (!visit(*table_->find(id))) return;
        }
        return;
    }
    auto least = least_;
    auto most = most_;
    if (after && backward) most = std::min(most, after->id - 1);
    if (after && !backward) least = std::max(least, after->id + 1);
    if (backward) {
        for (const auto* slot = table_->at_or_before(most); slot && slot->id >= least;
             slot = table_->at_or_before(slot->id - 1))
            if (!visit(*slot)) return;
        return;
    }
    for (const auto* slot = table_->at_or_after(least); slot && slot->id <= most;
         slot = table_->at_or_after(slot->id + 1))
        if (!visit(*slot)) return;
}

bool Path::walk_interval(const Interval& interval, const After* after,
                         const std::function<bool(const Slot&)>& visit) const {
    auto from = index_->find(interval.from);
    auto to = index_->find(interval.to);
    if (index_->distance(from, to) == 0) return true;
    // A cursor that somebody made up may lie outside.
    const auto forward = [&](OrderedIndex::Place place, OrderedIndex::Place end) {
        if (index_->distance(place, end) == 0) return true;
        for (; place != end; place = index_->next(place))
            if (!visit(index_->at(place))) return false;
        return true;
    };
    switch (way_) {
        case Walk::forward:
            if (after) from = index_->find({key_at(*after), true, after->id});
            return forward(from, to);
        case Walk::backward:
            if (after) to = index_->find({key_at(*after), false, after->id});
            if (index_->distance(from, to) == 0) return true;
            while (to != from) {
                to = index_->previous(to);
                if (!visit(index_->at(to))) return false;
            }
            return true;
        case Walk::groups_backward:
            if (after) {
                const auto key = key_at(*after);
                if (!forward(index_->find({key, true, after->id}), index_->find({key, true}))) return false;
                to = index_->find({key, false});
                if (index_->distance(from, to) == 0) return true;
            }
            while (to != from) {
                const auto group = index_->find({index_->key_of(index_->at(index_->previous(to))), false});
                if (!forward(group, to)) return false;
                to = group;
            }
            return true;
    }
    return true;
}

}  // namespace drover::memory
