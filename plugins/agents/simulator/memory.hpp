#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

namespace drover::simulator {

/// Which commands were carried out, by agent and event id: the memory of a good agent, for all simulated ones
/// together. The oldest are forgotten first.
/// Thread-safety: every method may be called from any thread.
class CarriedOut {
public:
    explicit CarriedOut(std::size_t most) : most_(most) {}

    /// True the first time.
    bool add(std::int64_t agent, const std::string& event) {
        const std::lock_guard lock(mutex_);
        auto key = std::to_string(agent) + '/' + event;
        if (most_ == 0) return true;
        const auto [at, added] = known_.insert(std::move(key));
        if (!added) return false;
        order_.push_back(&*at);
        if (order_.size() > most_) {
            known_.erase(known_.find(*order_.front()));
            order_.pop_front();
        }
        return true;
    }
    bool contains(std::int64_t agent, const std::string& event) const {
        const std::lock_guard lock(mutex_);
        return known_.contains(std::to_string(agent) + '/' + event);
    }
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return order_.size();
    }

private:
    const std::size_t most_;
    mutable std::mutex mutex_;
    std::unordered_set<std::string> known_;  // guarded by mutex_
    std::deque<const std::string*> order_;   // guarded by mutex_; the elements of known_ stay where they are
};

}  // namespace drover::simulator
