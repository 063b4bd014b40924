#include "locks.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace example {

using drover::Async;
using drover::Deadline;
using drover::Errc;
using drover::Error;
using drover::Lease;
using drover::LockHolder;
using drover::ok;
using drover::Result;
using drover::SessionPtr;

std::shared_ptr<Ledger> Ledger::of(const std::string& area) {
    if (area.empty()) return std::make_shared<Ledger>();
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<Ledger>> areas;  // guarded by mutex
    const std::lock_guard lock(mutex);
    std::erase_if(areas, [](const auto& entry) { return entry.second.expired(); });
    auto ledger = areas[area].lock();
    if (!ledger) areas[area] = ledger = std::make_shared<Ledger>();
    return ledger;
}

SessionPtr Ledger::begin(std::string member, drover::TimePoint until) {
    static std::atomic<std::uint64_t> begun{0};
    auto session = std::make_shared<drover::Session>(member + "#" + std::to_string(++begun));
    const std::lock_guard lock(mutex_);
    visits_.emplace(session, Visit{std::move(member), until});
    return session;
}

bool Ledger::renew(const SessionPtr& session, drover::TimePoint until) {
    const std::lock_guard lock(mutex_);
    const auto visit = visits_.find(session);
    if (visit == visits_.end()) return false;
    visit->second.until = until;
    return true;
}

void Ledger::end(const SessionPtr& session) {
    const std::lock_guard lock(mutex_);
    end_locked(session);
}

void Ledger::end_overdue(drover::TimePoint now) {
    const std::lock_guard lock(mutex_);
    std::vector<SessionPtr> overdue;
    for (const auto& [session, visit] : visits_)
        if (visit.until <= now) overdue.push_back(session);
    for (const auto& session : overdue) end_locked(session);
}

void Ledger::end_locked(const SessionPtr& session) {
    // First the loss: its owner can know it before anybody else gets what was his.
    session->lose();
    visits_.erase(session);
    for (auto queue = queues_.begin(); queue != queues_.end();) {
        std::erase_if(queue->second, [&](const Waiting& one) {
            if (one.session != session) return false;
            one.lease.set(Error(Errc::unavailable, "the session ended while a lock was waited for", "Try again."));
            return true;
        });
        queue = settle(queue);
    }
}

void Ledger::turn_away(const SessionPtr& session) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, queue] : queues_) {
        const auto removed = std::remove_if(queue.begin() + 1, queue.end(), [&](const Waiting& one) {
            if (one.session != session) return false;
            one.lease.set(Error(Errc::unavailable, "the lock service is being stopped"));
            return true;
        });
        queue.erase(removed, queue.end());
    }
}

Ledger::Place Ledger::enter(const std::string& name, const SessionPtr& session) {
    // One counter for all areas: one that is made anew under an old name goes on counting.
    static std::atomic<std::uint64_t> drawn{0};
    drover::OneShot<Lease> lease;
    const std::lock_guard lock(mutex_);
    const auto number = ++drawn;
    if (!visits_.contains(session)) {
        lease.set(Error(Errc::unavailable, "the session ended before a lock was asked for", "Try again."));
    } else {
        const auto queue = queues_.try_emplace(name).first;
        queue->second.push_back({number, session, lease});
        settle(queue);
    }
    return Place(*this, name, number, lease);
}

void Ledger::leave(const std::string& name, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return;
    std::erase_if(queue->second, [&](const Waiting& one) { return one.number == number; });
    settle(queue);
}

std::optional<LockHolder> Ledger::holder(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return std::nullopt;
    const auto& first = queue->second.front();
    return LockHolder{visits_.at(first.session).member, {0, first.number}};
}

/// Lets the first of a queue know that the name is his; an empty queue goes. The next queue.
Ledger::Queues::iterator Ledger::settle(Queues::iterator queue) {
    if (queue->second.empty()) return queues_.erase(queue);
    auto& first = queue->second.front();
    first.lease.set(Lease{queue->first, {0, first.number}, first.session});  // no effect when he knows already
    return std::next(queue);
}

Locks::Locks(std::shared_ptr<Ledger> ledger, drover::Context& context, drover::Duration session_ttl)
    : ledger_(std::move(ledger)), context_(context), ttl_(session_ttl) {}

Async<Result<Lease>> Locks::acquire(std::string name, Deadline deadline) {
    ledger_->end_overdue(context_.clock().now());
    auto own = session();
    if (!own) co_return own.error();

    // Whatever ends this call from here on, an exception or a cancellation too, `place` gives the place back.
    auto place = ledger_->enter(name, *own);
    auto lease = co_await place.lease().take(context_.clock(), deadline);
    if (!lease && lease.error().code() == Errc::timeout)
        co_return Error(Errc::busy, "lock " + name + " was held by others until the deadline");
    if (!lease) co_return lease.error();
    // It may have come at the moment at which the caller withdrew: he would never release it.
    const auto caller = co_await boost::asio::this_coro::cancellation_state;
    if (caller.cancelled() != boost::asio::cancellation_type::none)
        co_return Error(Errc::cancelled, "the caller withdrew while waiting for lock " + name);
    place.keep();
    co_return lease;
}

Async<Result<void>> Locks::release(Lease lease) {
    ledger_->leave(lease.name, lease.token.number);
    co_return ok;
}

Async<Result<std::optional<LockHolder>>> Locks::holder(std::string name) {
    ledger_->end_overdue(context_.clock().now());
    co_return ledger_->holder(name);
}

Async<void> Locks::keep() {
    auto& clock = context_.clock();
    for (;;) {
        SessionPtr own;
        {
            const std::lock_guard lock(mutex_);
            own = session_;
        }
        ledger_->end_overdue(clock.now());
        if (own && !own->lost()) ledger_->renew(own, clock.now() + ttl_);
        const auto slept = co_await drover::sleep_for(clock, ttl_ / 3);
        if (!slept) co_return;  // cancelled: the instance stops
    }
}

Result<SessionPtr> Locks::session() {
    const std::lock_guard lock(mutex_);
    if (refusing_) return Error(Errc::unavailable, "the lock service is being stopped");
    if (!session_ || session_->lost()) session_ = ledger_->begin(context_.server().id, context_.clock().now() + ttl_);
    return session_;
}

void Locks::refuse_new_work() {
    const std::lock_guard lock(mutex_);
    refusing_ = true;
    if (session_) ledger_->turn_away(session_);
}

void Locks::give_everything_back() {
    refuse_new_work();
    const std::lock_guard lock(mutex_);
    if (session_) ledger_->end(session_);
    session_.reset();
}

}  // namespace example
