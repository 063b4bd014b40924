// Carrying out a batch: operation by operation, and backwards again when one of them fails.
#include "store_state.hpp"

namespace drover::memory {

const Committed* BatchMemory::find(const std::string& id) const {
    const auto found = known_.find(id);
    return found == known_.end() ? nullptr : &found->second.what;
}

Result<void> BatchMemory::make_room(TimePoint now) {
    while (!ages_.empty()) {
        const auto oldest = known_.find(*ages_.front());
        if (now - oldest->second.at < kKept) break;
        ages_.pop_front();
        known_.erase(oldest);
    }
    if (known_.size() < most_) return ok;
    return Error(Errc::exhausted,
                 "the memory store remembers the last " + std::to_string(most_) +
                     " batches that bore an id, all of them of the last hour",
                 "Commit less often, or bind service.store to sqlite, which remembers on disk.");
}

void BatchMemory::add(std::string id, Committed what, TimePoint now) {
    const auto added = known_.emplace(std::move(id), Known{std::move(what), now}).first;
    ages_.push_back(&added->first);
}

Record record_of(const TypeView& view, const Slot& slot) {
    static thread_local std::vector<Cell> cells;
    unpack(slot.row.get(), view.table->shape(), cells);
    std::vector<Value> values;
    values.reserve(view.columns.size());
    for (const auto column : view.columns) values.push_back(cells[column].value());
    return Record(view.type, slot.id, slot.version, std::move(values));
}

namespace {

class BatchRun {
public:
    explicit BatchRun(const View& view) : view_(view) {}

    Result<std::vector<Changed>> run(const Batch& batch) {
        changed_.reserve(batch.operations.size());
        undo_.reserve(batch.operations.size());
        for (const auto& operation : batch.operations) {
            auto done = std::visit([this](const auto& one) { return carry_out(one); }, operation);
            if (done) continue;
            while (!undo_.empty()) {
                take_back(undo_.back());
                undo_.pop_back();
            }
            return done.error();
        }
        return std::move(changed_);
    }

private:
    /// What it takes to undo one operation: nothing to put back for a create, no record there for a delete.
    struct Undo {
        Table* table;
        std::int64_t id;
        std::int64_t version;
        PackedRow row;
        bool deleted;
    };

    void take_back(Undo& undo) {
        if (undo.deleted) undo.table->restore(undo.id, std::move(undo.row), undo.version);
        else if (!undo.row) undo.table->remove(*undo.table->find(undo.id));
        else undo.table->replace(*undo.table->find(undo.id), std::move(undo.row), undo.version);
    }

    Error blocked_by(const Table& table, const OrderedIndex& index) const {
        return not_unique(changed_.size(), table.name(), table.fields_of(index));
    }

    void assign(const TypeView& type, const Assignments& values) {
        for (const auto& [name, term] : values) {
            const auto column = type.columns[*type.type->find(name)];
            if (const auto* value = std::get_if<Value>(&term)) cells_[column] = Cell::of(*value);
            else cells_[column] = Cell::of(changed_[std::get<CreatedBy>(term).operation].id);
        }
    }

    Result<void> carry_out(const Create& create) {
        const auto& type = view_.of(create.type);
        const auto& columns = type.table->columns();
        cells_.resize(columns.size());
        for (std::size_t i = 0; i < columns.size(); ++i) cells_[i] = Cell::of(columns[i].fallback);
        for (std::size_t i = 0; i < type.columns.size(); ++i)
            cells_[type.columns[i]] = Cell::of(type.type->fields[i].fallback);
        assign(type, create.values);
        if (const auto* index = type.table->blocked(cells_, nullptr)) return blocked_by(*type.table, *index);
        const auto id = type.table->insert(cells_).id;
        undo_.push_back({type.table, id, 0, nullptr, false});
        changed_.push_back({id, 1});
        return ok;
    }

    /// The record, with its cells in before_, when it is there and all that is expected holds.
    template <class Operation>
    Result<const Slot*> meet(const TypeView& type, const Operation& operation) {
        const auto at = changed_.size();
        const auto* slot = type.table->find(operation.id);
        if (!slot) return record_missing(at, operation.type, operation.id);
        if (operation.version && *operation.version != slot->version)
            return expectation_failed(at, operation.type, operation.id, "version", *operation.version, slot->version);
        unpack(slot->row.get(), type.table->shape(), before_);
        for (const auto& expected : operation.expect) {
            const auto& seen = before_[type.columns[*type.type->find(expected.field)]];
            if (compare(Cell::of(expected.value), seen) != 0)
                return expectation_failed(at, operation.type, operation.id, expected.field, expected.value,
                                          seen.value());
        }
        return slot;
    }

    Result<void> carry_out(const Update& update) {
        const auto& type = view_.of(update.type);
        const auto met = meet(type, update);
        if (!met) return met.error();
        const auto& slot = **met;
        cells_ = before_;
        assign(type, update.values);
        if (const auto* index = type.table->blocked(cells_, &before_)) return blocked_by(*type.table, *index);
        const auto version = slot.version;
        auto old = type.table->replace(slot, pack(cells_), version + 1);
        undo_.push_back({type.table, update.id, version, std::move(old), false});
        changed_.push_back({update.id, version + 1});
        return ok;
    }

    Result<void> carry_out(const Delete& gone) {
        const auto& type = view_.of(gone.type);
        const auto met = meet(type, gone);
        if (!met) return met.error();
        const auto version = (*met)->version;
        auto old = type.table->remove(**met);
        undo_.push_back({type.table, gone.id, version, std::move(old), true});
        changed_.push_back({gone.id, 0});
        return ok;
    }

    Result<void> carry_out(const Check& check) {
        const auto met = meet(view_.of(check.type), check);
        if (!met) return met.error();
        changed_.push_back({check.id, (*met)->version});
        return ok;
    }

    const View& view_;
    std::vector<Changed> changed_;
    std::vector<Undo> undo_;
    std::vector<Cell> cells_;   // of the operation at hand
    std::vector<Cell> before_;  // of its record before it; borrows from the row
};

}  // namespace

Result<std::vector<Changed>> apply_batch(const View& view, const Batch& batch) { return BatchRun(view).run(batch); }

}  // namespace drover::memory
