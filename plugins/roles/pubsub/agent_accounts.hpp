#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "drover/services/store.hpp"

namespace drover::rest {

/// Which agents an account stands for. Remembered for a few seconds: every reply of an agent asks.
/// Thread-safety: every method may be called from any thread.
class AgentAccounts {
public:
    AgentAccounts(Store& store, Clock& clock) : store_(store), clock_(clock) {}

    /// The ids of its agents that are not removed. `fresh`: as the store says now.
    /// Errors: unavailable, timeout, cancelled.
    Async<Result<std::vector<std::int64_t>>> agents_of(std::int64_t account, bool fresh);
    /// Whether the account is there and active. Errors: unavailable, timeout, cancelled.
    Async<Result<bool>> is_active(std::int64_t account);

private:
    struct Known {
        std::vector<std::int64_t> agents;
        TimePoint until;
    };
    Store& store_;
    Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<std::int64_t, Known> known_;  // guarded by mutex_
};

}  // namespace drover::rest
