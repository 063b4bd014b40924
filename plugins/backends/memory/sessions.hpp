#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drover/context.hpp"
#include "drover/session.hpp"
#include "world.hpp"

namespace drover::memory {

/// A session as its world sees it: whose it is, and when it ends unless it is renewed before.
class SessionRecord {
public:
    SessionRecord(std::string member, std::string id, TimePoint expires)
        : member_(std::move(member)),
          handle_(std::make_shared<Session>(std::move(id))),
          expires_(expires.time_since_epoch().count()) {}

    const std::string& member() const { return member_; }
    const SessionPtr& handle() const { return handle_; }
    bool over() const { return expires_.load() == kOver; }
    bool alive_at(TimePoint now) const { return now < expires(); }
    TimePoint expires() const { return TimePoint(Duration(expires_.load())); }

private:
    friend class Sessions;
    static constexpr Duration::rep kOver = Duration::min().count();
    const std::string member_;
    const SessionPtr handle_;
    // The one word that decides between a renewal and an end that come at the same moment.
    std::atomic<Duration::rep> expires_;
};

/// Owners: the keeper of its instance, the table of sessions, and all that hangs on it.
using SessionRecordPtr = std::shared_ptr<SessionRecord>;

/// The sessions of a world. Whoever finds one overdue ends it, with everything that hangs on it.
/// Thread-safety: every method may be called from any thread.
class Sessions {
public:
    explicit Sessions(WorldPtr world);

    SessionRecordPtr begin(const std::string& member, TimePoint expires);
    /// False when it is over, or is found overdue and ended.
    bool renew(const SessionRecordPtr& session, TimePoint now, Duration ttl);
    /// Ends it if it is overdue.
    void expire(const SessionRecordPtr& session, TimePoint now);
    void end(const SessionRecordPtr& session);
    /// Ends all that are overdue; the time at which the next one will be.
    TimePoint sweep(TimePoint now);

private:
    struct Table;
    void bury(const SessionRecordPtr& session);
    WorldPtr world_;
    Table& table_;
};

/// Makes, renews and ends the one session of an instance, and looks after the overdue ones of others.
/// Thread-safety: every method may be called from any thread, `start` and `stop` from the kernel's.
class SessionKeeper {
public:
    SessionKeeper(WorldPtr world, Context& context, Duration ttl);

    Result<void> start();
    /// Ends the session and the task. Errors: timeout.
    Result<void> stop(Deadline deadline);

    /// The living session; a new one when there is none. Errors: unavailable (it stops).
    Result<SessionRecordPtr> current();
    /// The session as it is; null when there is none.
    SessionRecordPtr held() const;
    Sessions& sessions() { return sessions_; }

private:
    Async<void> run();
    void renew(TimePoint now);

    Context& context_;
    const Duration ttl_;
    Sessions sessions_;
    mutable std::mutex mutex_;
    SessionRecordPtr held_;  // guarded by mutex_
    bool stopped_ = false;   // guarded by mutex_
    bool started_ = false;
    Gate stopping_;
    Gate ended_;
};

}  // namespace drover::memory
