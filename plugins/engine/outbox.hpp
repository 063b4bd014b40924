#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "drover/events/events.hpp"
#include "drover/sync.hpp"

namespace drover::engine {

/// Wakes one coroutine; what is raised while nobody waits wakes the next who does.
class Bell {
public:
    void ring() { (void)box_.push(0); }
    /// True when it rang, false at the deadline. Errors: cancelled.
    Async<Result<bool>> wait(Clock& clock, Deadline deadline) {
        auto next = co_await box_.next(clock, deadline);
        if (next) co_return true;
        if (next.error().code() == Errc::timeout) co_return false;
        co_return next.error();
    }

private:
    Mailbox<char> box_{1};
};

/// What is told to others, in order, without anybody waiting for the bus. Changes of one resource that wait at
/// the same time are told once; when the bus is away too long the oldest are dropped, for they only wake.
/// Thread-safety: every method may be called from any thread.
class Outbox {
public:
    Outbox(Clock& clock, std::string server) : clock_(clock), server_(std::move(server)) {}

    /// Called when an external handler may have changed here; set before anything else is called.
    std::function<void()> on_handlers_changed{};

    /// `state.change` of a row.
    void changed(const std::string& type, std::int64_t id);
    void send(std::string topic, Event event);
    std::uint64_t dropped() const;

    /// Publishes what comes, until it is cancelled.
    Async<void> run(Events& events);

private:
    struct Item {
        std::string topic;  // empty: that of its family
        Event event;
    };
    static constexpr std::size_t kMost = 20'000;

    Clock& clock_;
    const std::string server_;
    mutable std::mutex mutex_;
    std::deque<Item> items_;                                  // guarded by mutex_
    std::deque<std::pair<std::string, std::int64_t>> rows_;   // guarded by mutex_
    std::set<std::pair<std::string, std::int64_t>> waiting_;  // guarded by mutex_; the same as rows_
    std::uint64_t dropped_ = 0;                               // guarded by mutex_
    Bell bell_;
};

}  // namespace drover::engine
