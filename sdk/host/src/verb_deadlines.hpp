#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace drover::host {

/// Timers on a thread of their own: a plugin that blocks every thread of the executor still meets its
/// deadline. One for each process; it lives as long as that.
/// Thread-safety: every method may be called from any thread.
class VerbDeadlines {
public:
    using Timer = std::uint64_t;
    static VerbDeadlines& shared();

    /// Calls `late` after `at_most`, unless it is cancelled before. `late` must be short.
    Timer begin(std::chrono::milliseconds at_most, std::function<void()> late);
    void cancel(Timer timer);

private:
    using TimePoint = std::chrono::steady_clock::time_point;
    VerbDeadlines();
    [[noreturn]] void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    Timer next_ = 1;                                                       // guarded by mutex_
    std::map<std::pair<TimePoint, Timer>, std::function<void()>> timers_;  // guarded by mutex_
};

}  // namespace drover::host
