#pragma once

#include <boost/asio/post.hpp>

#include <map>
#include <mutex>

#include "drover/async.hpp"
#include "drover/clock.hpp"

namespace [[gnu::visibility("default")]] drover {
namespace testing {

/// Time that stands still until a test moves it.
/// Thread-safety: every method may be called from any thread.
class ManualClock final : public Clock {
public:
    /// Timers fire on `executor`.
    explicit ManualClock(Executor executor) : executor_(std::move(executor)) {}

    TimePoint now() const override {
        const std::lock_guard lock(mutex_);
        return now_;
    }
    WallTime wall() const override {
        const std::lock_guard lock(mutex_);
        return WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()));
    }
    TimerId call_at(TimePoint when, std::function<void()> fire) override {
        const std::lock_guard lock(mutex_);
        const auto id = next_++;
        if (when <= now_) boost::asio::post(executor_, std::move(fire));
        else timers_.emplace(std::pair(when, id), std::move(fire));
        return id;
    }
    void cancel(TimerId timer) override {
        const std::lock_guard lock(mutex_);
        std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
    }

    /// Moves on and fires what came due, in order of time.
    void advance(Duration by) {
        const std::lock_guard lock(mutex_);
        now_ += by;
        while (!timers_.empty() && timers_.begin()->first.first <= now_) {
            boost::asio::post(executor_, std::move(timers_.begin()->second));
            timers_.erase(timers_.begin());
        }
    }
    /// How many timers wait; so a test knows that somebody has begun to.
    std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return timers_.size();
    }

private:
    Executor executor_;
    mutable std::mutex mutex_;
    TimePoint now_{std::chrono::hours(1)};                                   // guarded by mutex_
    TimerId next_ = 1;                                                       // guarded by mutex_
    std::map<std::pair<TimePoint, TimerId>, std::function<void()>> timers_;  // guarded by mutex_
};

}  // namespace testing
}  // namespace drover
