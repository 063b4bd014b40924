#pragma once

#include <bitset>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core.hpp"

namespace drover::engine {

/// Which servers live, which of them execute, and whose slots are whose (rendezvous hashing: when a server comes or
/// goes, only its own slots move). Thread-safety: every method may be called from any thread.
class Roster {
public:
    explicit Roster(Core& core) : core_(core) {}

    /// Follows the membership until it is cancelled.
    Async<void> run();
    /// Tells the others whether this server executes.
    Async<Result<void>> serve(bool serving);

    /// The server that executes what is in a slot; empty when none is known.
    std::string owner(int slot) const;
    std::bitset<kSlots> mine() const;
    std::set<std::string> live() const;
    /// False until the membership was read once.
    bool known() const;

private:
    Async<Result<void>> join();
    void take(const Members& members);
    bool must_join(const Members& members) const;

    Core& core_;
    mutable std::mutex mutex_;
    std::set<std::string> live_;        // guarded by mutex_
    std::vector<std::string> execute_;  // guarded by mutex_
    std::vector<std::string> owners_;   // guarded by mutex_; by slot
    bool known_ = false;                // guarded by mutex_
    bool serving_ = false;              // guarded by mutex_
    SessionPtr session_{};              // guarded by mutex_
};

}  // namespace drover::engine
