#pragma once

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
    Async<Result<Event>> call(std::int64_t agent, Event command, std::chrono::milliseconds timeout, int retries,
                              Deadline deadline);

private:
    struct Agent {
        explicit Agent(std::size_t places) : free(places), most(places) {}
        Semaphore free;
        const std::size_t most;
        std::size_t users = 0;  // guarded by mutex_
    };
    std::shared_ptr<Agent> enter(std::int64_t agent);
    void leave(std::int64_t agent);

    Core& core_;
    std::mutex mutex_;
    std::map<std::int64_t, std::shared_ptr<Agent>> agents_;  // guarded by mutex_; only those in use
};

}  // namespace drover::engine
