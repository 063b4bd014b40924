#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "drover/services/store.hpp"
#include "store_table.hpp"

namespace drover::memory {

/// Many readers or one writer, in the order of their coming: readers that overlap without end do not keep
/// a writer out, as they may with std::shared_mutex alone.
class FairLock {
public:
    std::shared_lock<std::shared_mutex> read() {
        const std::lock_guard turn(turnstile_);
        return std::shared_lock(mutex_);
    }
    std::unique_lock<std::shared_mutex> write() {
        const std::lock_guard turn(turnstile_);
        return std::unique_lock(mutex_);
    }

private:
    std::mutex turnstile_;
    std::shared_mutex mutex_;
};

/// What became of the batches that bore an id, for an hour. To forget one earlier would be to do it twice when
/// its caller asks again, so what finds no room is refused.
class BatchMemory {
public:
    static constexpr std::size_t kMost = 4'000'000;  // 1,100 a second, some 200 bytes each
    static constexpr Duration kKept = std::chrono::hours(1);

    explicit BatchMemory(std::size_t most = kMost) : most_(most) {}

    const Committed* find(const std::string& id) const;
    /// Forgets what is old enough. Errors: exhausted.
    Result<void> make_room(TimePoint now);
    /// After make_room, for an id that is not known.
    void add(std::string id, Committed what, TimePoint now);

private:
    struct Known {
        Committed what;
        TimePoint at;
    };
    std::size_t most_;
    std::unordered_map<std::string, Known> known_;
    std::deque<const std::string*> ages_;  // the keys of known_, oldest first
};

/// All that a store of one world holds; the instances of that world share it.
struct StoreState {
    FairLock lock;
    std::map<std::string, std::unique_ptr<Table>, std::less<>> tables;  // guarded by lock; never taken out
    std::uint64_t position = 0;                                         // guarded by lock; commits so far
    BatchMemory batches;                                                // guarded by lock
};

/// A type as one instance declared it, and where its fields lie in the table, which may have more.
struct TypeView {
    std::shared_ptr<const ResourceType> type;  // owners: the schema and records of the type
    Table* table = nullptr;
    std::vector<std::size_t> columns{};  // one for each field of type
};

/// What one instance declared. Immutable.
struct View {
    std::shared_ptr<const Schema> schema;  // owners: the views that were made from it
    std::map<std::string, TypeView, std::less<>> types;

    const TypeView& of(std::string_view type) const { return types.find(type)->second; }
};

/// The record as its type is declared. Under the store's lock.
Record record_of(const TypeView& view, const Slot& slot);

/// What is wrong with bringing the tables to `schema`, or what it takes; done when `apply`. Under the
/// store's lock. Errors: see Store::migrate.
Result<std::vector<std::string>> migrate_tables(StoreState& state, const Schema& schema, bool apply);
/// For tables that fit `schema`.
View make_view(StoreState& state, std::shared_ptr<const Schema> schema);

/// A checked query. Under the store's lock, at least for reading. Errors: invalid (the cursor).
Result<Page> run_query(const View& view, const Query& query);

/// A checked batch, whole or not at all. Under the store's lock. Errors: conflict, not_found.
Result<std::vector<Changed>> apply_batch(const View& view, const Batch& batch);

}  // namespace drover::memory
