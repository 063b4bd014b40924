#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace [[gnu::visibility("default")]] drover {

using Duration = std::chrono::nanoseconds;
/// Monotonic time: for deadlines and leases. Meaningful inside one process only.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
/// Calendar time in UTC: for what people and databases read.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// The only source of time for plugins, so that tests can move it (see testing/manual_clock.hpp).
///
/// Thread-safety: every method may be called from any thread.
class Clock {
public:
    using TimerId = std::uint64_t;
    virtual ~Clock() = default;

    virtual TimePoint now() const = 0;
    virtual WallTime wall() const = 0;

    /// Calls `fire` once at `when` or soon after, from a thread of the executor; never inline.
    /// `fire` must be short and must not throw.
    virtual TimerId call_at(TimePoint when, std::function<void()> fire) = 0;
    /// Forgets a timer. It may be running at this moment, so `fire` must tolerate one late call.
    virtual void cancel(TimerId timer) = 0;
};

/// The moment after which nobody waits any more.
class Deadline {
public:
    constexpr explicit Deadline(TimePoint at) : at_(at) {}
    static constexpr Deadline never() { return Deadline(TimePoint::max()); }
    static Deadline in(const Clock& clock, Duration wait) { return Deadline(clock.now() + wait); }

    constexpr TimePoint at() const { return at_; }
    constexpr bool is_never() const { return at_ == TimePoint::max(); }
    bool passed(const Clock& clock) const { return !is_never() && clock.now() >= at_; }
    /// What is left, never negative; `Duration::max()` for never.
    Duration left(const Clock& clock) const {
        if (is_never()) return Duration::max();
        const auto left = at_ - clock.now();
        return left.count() > 0 ? left : Duration::zero();
    }
    constexpr Deadline earlier(Deadline other) const { return at_ <= other.at_ ? *this : other; }

private:
    TimePoint at_;
};

}  // namespace drover
