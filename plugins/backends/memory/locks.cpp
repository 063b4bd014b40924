#include "locks.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace drover::memory {

namespace asio = boost::asio;

std::uint64_t LockTable::next_token() {
    // One counter for all worlds of the process: a world made anew under an old name goes on counting.
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

/// The entry of a held name. A holder whose session is over holds nothing, although the sweep through the
/// table that says so may still be under way.
LockTable::Entries::iterator LockTable::find(Shard& shard, const std::string& name) {
    const auto found = shard.entries.find(name);
    if (found == shard.entries.end() || !found->second.holder->over()) return found;
    found->second.holder->handle()->lose();
    if (hand_on(found->second)) return found;
    shard.entries.erase(found);
    return shard.entries.end();
}

/// Gives the name to the first who still waits; false when there is none.
bool LockTable::hand_on(Entry& entry) {
    while (!entry.queue.empty()) {
        const auto ticket = std::move(entry.queue.front());
        entry.queue.pop_front();
        ticket->queued = false;
        ticket->token = ticket->session->over() ? 0 : next_token();
        // A waiter that timed out or was cancelled at this moment has decided first: the next one.
        if (!ticket->waiter->finish(WaitOutcome::signalled) || ticket->token == 0) continue;
        entry.holder = ticket->session;
        entry.token = ticket->token;
        return true;
    }
    return false;
}

std::optional<std::uint64_t> LockTable::try_acquire(const std::string& name, const SessionRecordPtr& session) {
    auto& in = shard(name);
    const std::lock_guard lock(in.mutex);
    // Asked under the lock: the sweep that ends a session comes to this shard after it was marked.
    if (session->over()) return std::nullopt;
    const auto [at, free] = in.entries.try_emplace(name);
    if (!free && (!at->second.holder->over() || find(in, name) != in.entries.end())) return std::nullopt;
    auto& entry = free ? at->second : in.entries[name];
    entry.holder = session;
    return entry.token = next_token();
}

void LockTable::enlist(const std::string& name, const LockTicketPtr& ticket, detail::WaiterPtr waiter,
                       const std::atomic<bool>& refusing) {
    auto& in = shard(name);
    const std::lock_guard lock(in.mutex);
    if (refusing.load() || ticket->session->over()) {
        waiter->finish(WaitOutcome::signalled);
        return;
    }
    const auto found = find(in, name);
    if (found != in.entries.end()) {
        ticket->waiter = std::move(waiter);
        ticket->place = found->second.queue.insert(found->second.queue.end(), ticket);
        ticket->queued = true;
        return;
    }
    ticket->token = next_token();
    if (waiter->finish(WaitOutcome::signalled)) in.entries.emplace(name, Entry{ticket->session, ticket->token, {}});
}

void LockTable::withdraw(const std::string& name, const LockTicketPtr& ticket) {
    auto& in = shard(name);
    const std::lock_guard lock(in.mutex);
    if (!ticket->queued) return;
    in.entries.find(name)->second.queue.erase(ticket->place);
    ticket->queued = false;
}

void LockTable::release(const std::string& name, std::uint64_t token, const SessionPtr& session) {
    auto& in = shard(name);
    const std::lock_guard lock(in.mutex);
    const auto found = in.entries.find(name);
    if (found == in.entries.end() || found->second.token != token || found->second.holder->handle() != session) return;
    if (!hand_on(found->second)) in.entries.erase(found);
}

std::optional<LockTable::Held> LockTable::holder(const std::string& name) {
    auto& in = shard(name);
    const std::lock_guard lock(in.mutex);
    const auto found = find(in, name);
    if (found == in.entries.end()) return std::nullopt;
    return Held{found->second.holder, found->second.token};
}

void LockTable::refuse(Entry& entry, const SessionRecord& session) {
    std::erase_if(entry.queue, [&](const LockTicketPtr& ticket) {
        if (ticket->session.get() != &session) return false;
        ticket->queued = false;
        ticket->waiter->finish(WaitOutcome::signalled);
        return true;
    });
}

void LockTable::refuse(const SessionRecord& session) {
    for (auto& in : shards_) {
        const std::lock_guard lock(in.mutex);
        for (auto& [name, entry] : in.entries) refuse(entry, session);
    }
}

void LockTable::drop(const SessionRecord& session) {
    for (auto& in : shards_) {
        const std::lock_guard lock(in.mutex);
        for (auto at = in.entries.begin(); at != in.entries.end();) {
            refuse(at->second, session);
            const bool free = at->second.holder.get() == &session && !hand_on(at->second);
            at = free ? in.entries.erase(at) : std::next(at);
        }
    }
}

MemoryLocks::MemoryLocks(const WorldPtr& world, Context& context, SessionKeeper& keeper)
    : table_(world->part<LockTable>()), context_(context), keeper_(keeper) {}

Async<Result<Lease>> MemoryLocks::acquire(std::string name, Deadline deadline) {
    const auto session = keeper_.current();
    if (!session) co_return session.error();
    const auto& own = *session;
    if (const auto token = table_.try_acquire(name, own)) co_return Lease{std::move(name), {0, *token}, own->handle()};

    auto& clock = context_.clock();
    look_after(name, clock.now());
    if (deadline.passed(clock)) {
        if (const auto token = table_.try_acquire(name, own))
            co_return Lease{std::move(name), {0, *token}, own->handle()};
        if (own->over()) co_return not_granted(*own);
        co_return Error(Errc::busy, "lock " + name + " is held by another");
    }

    const auto ticket = std::make_shared<LockTicket>(own);
    const auto outcome = co_await detail::wait(&clock, deadline, [this, &name, &ticket](detail::WaiterPtr waiter) {
        table_.enlist(name, ticket, std::move(waiter), refusing_);
    });
    if (outcome != WaitOutcome::signalled) {
        table_.withdraw(name, ticket);
        if (outcome == WaitOutcome::cancelled) co_return wait_error(outcome, "lock " + name);
        co_return Error(Errc::busy, "lock " + name + " was held by others until the deadline");
    }
    if (ticket->token == 0) co_return not_granted(*own);
    // The name was handed over, but the caller withdrew before he could learn it: nobody would release it.
    const auto caller = co_await asio::this_coro::cancellation_state;
    if (caller.cancelled() != asio::cancellation_type::none) {
        table_.release(name, ticket->token, own->handle());
        co_return wait_error(WaitOutcome::cancelled, "lock " + name);
    }
    co_return Lease{std::move(name), {0, ticket->token}, own->handle()};
}

Async<Result<void>> MemoryLocks::release(Lease lease) {
    table_.release(lease.name, lease.token.number, lease.session);
    co_return ok;
}

Async<Result<std::optional<LockHolder>>> MemoryLocks::holder(std::string name) {
    look_after(name, context_.clock().now());
    const auto held = table_.holder(name);
    if (!held) co_return std::optional<LockHolder>();
    co_return LockHolder{held->session->member(), {0, held->token}};
}

/// A holder who has not renewed is not waited for.
void MemoryLocks::look_after(const std::string& name, TimePoint now) {
    const auto held = table_.holder(name);
    if (held && !held->session->alive_at(now)) keeper_.sessions().expire(held->session, now);
}

void MemoryLocks::refuse_waiting() {
    // First the mark, then the sweep: who enlists afterwards sees the mark.
    refusing_.store(true);
    if (const auto session = keeper_.held()) table_.refuse(*session);
}

Error MemoryLocks::not_granted(const SessionRecord& session) const {
    if (session.over())
        return Error(Errc::unavailable, "the session was lost while a lock was waited for",
                     "Nothing is held; try again.");
    return Error(Errc::unavailable, "plugin " + context_.instance() + " is being stopped; nobody waits any more");
}

}  // namespace drover::memory
