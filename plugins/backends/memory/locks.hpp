#pragma once

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "drover/services/lock.hpp"
#include "sessions.hpp"

namespace drover::memory {

struct LockTicket;
using LockTicketPtr = std::shared_ptr<LockTicket>;  // owners: the queue and the coroutine that waits
using LockQueue = std::list<LockTicketPtr>;

/// One who waits for a name. Whoever takes it out of its queue has decided what becomes of it.
struct LockTicket {
    explicit LockTicket(SessionRecordPtr from) : session(std::move(from)) {}
    const SessionRecordPtr session;
    detail::WaiterPtr waiter;   // set when it joins the queue
    LockQueue::iterator place;  // while it is queued
    bool queued = false;
    std::uint64_t token = 0;  // set before the waiter is woken; 0 means that it did not get the name
};

/// Who holds what in a world, and who waits for it in which order.
///
/// A name is in the table while it is held; a free name with waiters does not exist, as the one who gives
/// it back hands it on. Thread-safety: every method may be called from any thread.
class LockTable {
public:
    struct Held {
        SessionRecordPtr session;
        std::uint64_t token = 0;
    };

    /// The token when the name was free. Nothing when it is held, or the session is over.
    std::optional<std::uint64_t> try_acquire(const std::string& name, const SessionRecordPtr& session);
    /// Takes the name or the last place in its queue. Finishes the waiter at once when it takes the name,
    /// or when the session is over or `refusing` (then without a token).
    void enlist(const std::string& name, const LockTicketPtr& ticket, detail::WaiterPtr waiter,
                const std::atomic<bool>& refusing);
    /// Takes out a ticket whose waiter gave up.
    void withdraw(const std::string& name, const LockTicketPtr& ticket);
    /// Hands the name on if this lease still holds it.
    void release(const std::string& name, std::uint64_t token, const SessionPtr& session);
    std::optional<Held> holder(const std::string& name);

    /// Ends the waits of a session without giving them anything.
    void refuse(const SessionRecord& session);
    /// The same, and hands on all that it holds. The session is over before.
    void drop(const SessionRecord& session);

private:
    struct Entry {
        SessionRecordPtr holder;
        std::uint64_t token = 0;
        LockQueue queue;
    };
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::string, Entry> entries;  // guarded by mutex
    };
    using Entries = std::unordered_map<std::string, Entry>;

    Shard& shard(const std::string& name) { return shards_[std::hash<std::string>{}(name) % shards_.size()]; }
    static Entries::iterator find(Shard& shard, const std::string& name);
    static bool hand_on(Entry& entry);
    static void refuse(Entry& entry, const SessionRecord& session);
    static std::uint64_t next_token();

    std::array<Shard, 64> shards_;
};

class MemoryLocks final : public LockService {
public:
    MemoryLocks(const WorldPtr& world, Context& context, SessionKeeper& keeper);

    Async<Result<Lease>> acquire(std::string name, Deadline deadline) override;
    Async<Result<void>> release(Lease lease) override;
    Async<Result<std::optional<LockHolder>>> holder(std::string name) override;

    /// From now on nobody waits here; those who do are told.
    void refuse_waiting();

private:
    void look_after(const std::string& name, TimePoint now);
    Error not_granted(const SessionRecord& session) const;

    LockTable& table_;
    Context& context_;
    SessionKeeper& keeper_;
    std::atomic<bool> refusing_{false};
};

}  // namespace drover::memory
