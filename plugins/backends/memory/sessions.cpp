#include "sessions.hpp"

#include <algorithm>

#include "locks.hpp"
#include "membership.hpp"

namespace drover::memory {

struct Sessions::Table {
    std::mutex mutex;
    std::vector<SessionRecordPtr> living;  // guarded by mutex
    std::uint64_t made = 0;                // guarded by mutex
};

Sessions::Sessions(WorldPtr world) : world_(std::move(world)), table_(world_->part<Table>()) {}

SessionRecordPtr Sessions::begin(const std::string& member, TimePoint expires) {
    const std::lock_guard lock(table_.mutex);
    auto session = std::make_shared<SessionRecord>(member, member + "#" + std::to_string(++table_.made), expires);
    table_.living.push_back(session);
    return session;
}

bool Sessions::renew(const SessionRecordPtr& session, TimePoint now, Duration ttl) {
    const auto until = (now + ttl).time_since_epoch().count();
    auto seen = session->expires_.load();
    while (seen != SessionRecord::kOver && now.time_since_epoch().count() < seen)
        if (session->expires_.compare_exchange_weak(seen, until)) return true;
    expire(session, now);
    return false;
}

void Sessions::expire(const SessionRecordPtr& session, TimePoint now) {
    auto seen = session->expires_.load();
    while (seen != SessionRecord::kOver && now.time_since_epoch().count() >= seen)
        if (session->expires_.compare_exchange_weak(seen, SessionRecord::kOver)) return bury(session);
}

void Sessions::end(const SessionRecordPtr& session) {
    if (session->expires_.exchange(SessionRecord::kOver) != SessionRecord::kOver) bury(session);
}

void Sessions::bury(const SessionRecordPtr& session) {
    // The owner can know it before anybody else gets what was his.
    session->handle()->lose();
    {
        const std::lock_guard lock(table_.mutex);
        std::erase(table_.living, session);
    }
    world_->part<LockTable>().drop(*session);
    world_->part<MemberTable>().drop(*session);
}

TimePoint Sessions::sweep(TimePoint now) {
    std::vector<SessionRecordPtr> overdue;
    auto next = TimePoint::max();
    {
        const std::lock_guard lock(table_.mutex);
        for (const auto& session : table_.living) {
            const auto expires = session->expires();
            if (expires > now) next = std::min(next, expires);
            else overdue.push_back(session);
        }
    }
    for (const auto& session : overdue) expire(session, now);
    return next;
}

SessionKeeper::SessionKeeper(WorldPtr world, Context& context, Duration ttl)
    : context_(context), ttl_(ttl), sessions_(std::move(world)) {}

Result<void> SessionKeeper::start() {
    started_ = context_.tasks().spawn("session.keeper", [this] { return run(); });
    if (started_) return ok;
    return Error(Errc::unavailable, "the session keeper was not started: the instance is being stopped");
}

Result<void> SessionKeeper::stop(Deadline deadline) {
    SessionRecordPtr last;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        last = std::move(held_);
        held_.reset();
    }
    if (last) sessions_.end(last);
    stopping_.open();
    if (!started_) return ok;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<Duration>(deadline.left(context_.clock()), std::chrono::minutes(1)));
    auto ended = block_on(context_.executor(), ended_.wait(context_.clock(), deadline), left);
    if (!ended) return ended.error().in("the session keeper does not end");
    return ok;
}

Result<SessionRecordPtr> SessionKeeper::current() {
    const auto now = context_.clock().now();
    const std::lock_guard lock(mutex_);
    if (held_ && held_->alive_at(now)) return held_;
    if (stopped_) return Error(Errc::unavailable, "plugin " + context_.instance() + " is being stopped");
    if (held_) {
        sessions_.expire(held_, now);
        context_.log().warning("the session was lost; a new one begins", {{"session", held_->handle()->id()}});
    }
    held_ = sessions_.begin(context_.server().id, now + ttl_);
    return held_;
}

SessionRecordPtr SessionKeeper::held() const {
    const std::lock_guard lock(mutex_);
    return held_;
}

void SessionKeeper::renew(TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (!held_ || sessions_.renew(held_, now, ttl_)) return;
    context_.log().warning("the session was lost: this server did not renew it in time",
                           {{"session", held_->handle()->id()}});
    held_.reset();
}

Async<void> SessionKeeper::run() {
    struct Opener {
        Gate& gate;
        ~Opener() { gate.open(); }
    };
    const Opener opener{ended_};
    auto& clock = context_.clock();
    for (;;) {
        const auto now = clock.now();
        renew(now);
        const auto next = std::min(now + ttl_ / 3, sessions_.sweep(now));
        const auto stopped = co_await stopping_.wait(clock, Deadline(next));
        if (stopped || stopped.error().code() == Errc::cancelled) co_return;
    }
}

}  // namespace drover::memory
