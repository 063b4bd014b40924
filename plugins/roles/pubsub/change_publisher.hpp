#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "drover/events/events.hpp"
#include "drover/services/lock.hpp"

namespace drover::rest {

/// Collects what changed (state.change, api.change) and, on one server at a time, tells it as resource.change: one
/// event for each resource and second, however often it changed.
class ChangePublisher {
public:
    ChangePublisher(Events& events, LockService& locks, Clock& clock, Logger log,
                    std::function<std::chrono::milliseconds()> interval)
        : events_(events), locks_(locks), clock_(clock), log_(std::move(log)), interval_(std::move(interval)) {}

    /// Reads `changes` until they end.
    Async<void> collect(EventSubscription changes);
    /// Publishes until it is cancelled.
    Async<void> publish();
    /// Gives the lead up. Errors: unavailable, timeout.
    Async<Result<void>> release();

private:
    using Resource = std::pair<std::string, std::string>;  // type, id
    using Resources = std::set<Resource>;
    Resources take();
    Async<Result<bool>> lead();

    Events& events_;
    LockService& locks_;
    Clock& clock_;
    const Logger log_;
    const std::function<std::chrono::milliseconds()> interval_;
    std::mutex mutex_;
    Resources changed_;            // guarded by mutex_
    std::optional<Lease> lease_;   // guarded by mutex_
    std::deque<Resources> unled_;  // touched by publish alone: the last seconds in which another server led
};

}  // namespace drover::rest
