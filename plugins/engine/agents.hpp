#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "core.hpp"

namespace drover::engine {

/// Commands to agents, a bounded number under way to each. Thread-safety: every method may be called from any thread.
class Agents {
public:
    explicit Agents(Core& core) : core_(core) {}

    /// Asks the agent through the agent server that owns it. `timeout` 0 and `retries` -1: the deployment's.
    /// Errors: is_event_error (it refused), timeout, unavailable, exhausted (too many wait for it already).
    Async<Result<Event>> call(std::int64_t agent, std::int64_t process, Event command,
                              std::chrono::milliseconds timeout, int retries, Deadline deadline);

    /// Calls back processes that nobody else calls: those before them ended elsewhere.
    void look_again();

private:
    struct Agent {
        explicit Agent(std::size_t places) : free(places), most(places) {}
        Semaphore free;
        const std::size_t most;
        std::size_t users = 0;             // guarded by mutex_
        std::deque<std::int64_t> refused;  // guarded by mutex_; processes that come again when there is room
    };
    std::shared_ptr<Agent> enter(std::int64_t agent, std::int64_t process);
    void leave(std::int64_t agent);
    static std::vector<std::int64_t> next_of(Agent& agent);

    Core& core_;
    std::mutex mutex_;
    std::map<std::int64_t, std::shared_ptr<Agent>> agents_;  // guarded by mutex_; only those in use
};

}  // namespace drover::engine
