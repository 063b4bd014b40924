// Answering a query: find, order, join, cut the page out.
#include <algorithm>
#include <limits>

#include "store_cursor.hpp"
#include "store_plan.hpp"

namespace drover::memory {
namespace {

constexpr std::uint64_t kEver = std::numeric_limits<std::uint64_t>::max();

std::uint64_t plus(std::uint64_t a, std::uint64_t b) { return a > kEver - b ? kEver : a + b; }
std::uint64_t times(std::uint64_t a, std::uint64_t b) { return b != 0 && a > kEver / b ? kEver : a * b; }

/// One include: from a record to those linked to it, by id.
class Join {
public:
    Join(const View& view, const std::string& type, const Link& link)
        : kind_(link.kind), target_(&view.of(link.target)) {
        const auto& own = view.of(type);
        switch (link.kind) {
            case Link::Kind::reference: column_ = column_of(own, link.field); break;
            case Link::Kind::child: index_ = target_->table->find_index({column_of(*target_, link.field)}); break;
            case Link::Kind::map:
                map_ = &view.of(link.map);
                index_ = map_->table->find_index({column_of(*map_, link.field)});
                column_ = column_of(*map_, link.map_field);
                break;
        }
        shape_ = kind_ == Link::Kind::reference ? &own.table->shape() : nullptr;
    }

    /// `found` gets what is linked; a null when nothing is.
    void find(const Slot& slot, std::vector<const Slot*>& found) const {
        found.clear();
        if (kind_ == Link::Kind::reference) {
            add_target(cell_of(slot, *shape_, column_), found);
        } else {
            const auto end = index_->find({{Cell::of(slot.id)}, true});
            for (auto place = index_->find({{Cell::of(slot.id)}, false}); place != end; place = index_->next(place)) {
                const auto& linked = index_->at(place);
                if (kind_ == Link::Kind::child) found.push_back(&linked);
                else add_target(cell_of(linked, map_->table->shape(), column_), found);
            }
            if (kind_ == Link::Kind::map)
                std::sort(found.begin(), found.end(), [](const Slot* a, const Slot* b) { return a->id < b->id; });
        }
        if (found.empty()) found.push_back(nullptr);
    }
    std::optional<Record> record(const Slot* slot) const {
        if (!slot) return std::nullopt;
        return record_of(*target_, *slot);
    }

private:
    void add_target(const Cell& reference, std::vector<const Slot*>& found) const {
        if (reference.is_null()) return;
        if (const auto* slot = target_->table->find(reference.number)) found.push_back(slot);
    }

    Link::Kind kind_;
    const TypeView* target_;
    const TypeView* map_ = nullptr;
    const OrderedIndex* index_ = nullptr;  // child and map: by whom it refers to
    std::size_t column_ = 0;               // reference: ours; map: its column to the target
    const Shape* shape_ = nullptr;         // reference: of our table
};

class QueryRun {
public:
    QueryRun(const View& view, const Query& query)
        : query_(query), type_(view.of(query.type)), filter_(type_, query.where), order_(type_, query.sort) {
        for (const auto& name : query.include)
            joins_.emplace_back(view, query.type, *view.schema->link(query.type, name));
        linked_.resize(joins_.size());
        needed_ = plus(plus(query.offset, query.limit), 1);
        skip_ = query.offset;
    }

    Result<Page> run() {
        if (!query_.cursor.empty()) {
            auto read = read_cursor(query_);
            if (!read) return read.error();
            key_ = std::move(*read);
            after_.emplace();
            for (const auto& value : key_.sorted) after_->sorted.push_back(Cell::of(value));
            after_->id = key_.id;
        }
        // What lies before a cursor counts too, so then the counting is a walk of its own.
        const bool count_along = query_.count && !after_;
        const auto path = Path::choose(type_, filter_, order_, needed_, count_along);
        if (path.ordered()) collect_in_order(path, count_along);
        else collect_and_sort(path);
        if (query_.count && after_) count_all();
        if (query_.count) page_.count = counted_;
        if (page_.more && joins_.empty()) page_.next = write_cursor(query_, key_of(*last_));
        return std::move(page_);
    }

private:
    CursorKey key_of(const Slot& slot) const {
        CursorKey key{{}, slot.id};
        // Fields behind a sort by id never decide; they keep their place in the cursor all the same.
        for (const auto& by : query_.sort)
            key.sorted.push_back(cell_of(slot, type_.table->shape(), column_of(type_, by.field)).value());
        return key;
    }

    /// Adds the rows of one record to the page, behind what is skipped. False when the page is complete.
    bool emit(const Slot& slot) {
        std::uint64_t rows = 1;
        for (std::size_t i = 0; i < joins_.size(); ++i) {
            joins_[i].find(slot, linked_[i]);
            rows = times(rows, linked_[i].size());
        }
        counted_ = plus(counted_, rows);
        if (page_.more) return false;
        if (skip_ >= rows) {
            skip_ -= rows;
            return true;
        }
        for (auto row = std::exchange(skip_, 0); row < rows; ++row) {
            if (page_.rows.size() == query_.limit) {
                page_.more = true;
                return false;
            }
            add_row(slot, row);
        }
        return true;
    }

    /// Row number `row` of a record: the last include turns fastest.
    void add_row(const Slot& slot, std::uint64_t row) {
        Row made{record_of(type_, slot), std::vector<std::optional<Record>>(joins_.size())};
        for (std::size_t i = joins_.size(); i-- > 0;) {
            const auto& linked = linked_[i];
            made.included[i] = joins_[i].record(linked[row % linked.size()]);
            row /= linked.size();
        }
        page_.rows.push_back(std::move(made));
        last_ = &slot;
    }

    void collect_in_order(const Path& path, bool whole) {
        path.walk(after_ ? &*after_ : nullptr,
                  [&](const Slot& slot) { return !filter_.holds(slot) || emit(slot) || whole; });
    }

    void collect_and_sort(const Path& path) {
        struct Found {
            std::uint64_t prefix;
            const Slot* slot;
        };
        std::vector<Found> found;
        const auto& fields = order_.fields();
        const bool descending = !fields.empty() && fields[0].descending;
        path.walk(nullptr, [&](const Slot& slot) {
            if (!filter_.holds(slot)) return true;
            if (after_ && !order_.behind(slot, after_->sorted, after_->id)) return true;
            const auto prefix = fields.empty() ? 0 : prefix_of(cell_of(slot, type_.table->shape(), fields[0].column));
            found.push_back({descending ? ~prefix : prefix, &slot});
            return true;
        });
        // Every record has a row at least, so no more of them than rows are needed, unless all are counted.
        const auto wanted = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(needed_, found.size()));
        std::partial_sort(found.begin(), found.begin() + wanted, found.end(), [&](const Found& a, const Found& b) {
            return a.prefix != b.prefix ? a.prefix < b.prefix : order_.before(*a.slot, *b.slot);
        });
        const bool whole = query_.count && !after_;
        for (const auto& one : found)
            if (!emit(*one.slot) && !whole) break;
    }

    void count_all() {
        counted_ = 0;
        const Order none(type_, {});
        Path::choose(type_, filter_, none, kEver, true).walk(nullptr, [&](const Slot& slot) {
            counted_ += filter_.holds(slot);
            return true;
        });
    }

    const Query& query_;
    const TypeView& type_;
    const Filter filter_;
    const Order order_;
    std::vector<Join> joins_;
    std::vector<std::vector<const Slot*>> linked_;  // of the record at hand, one list for each include
    CursorKey key_;
    std::optional<After> after_;  // borrows from key_
    std::uint64_t needed_ = 0;
    std::uint64_t skip_ = 0;
    std::uint64_t counted_ = 0;
    const Slot* last_ = nullptr;
    Page page_;
};

}  // namespace

Result<Page> run_query(const View& view, const Query& query) { return QueryRun(view, query).run(); }

}  // namespace drover::memory
