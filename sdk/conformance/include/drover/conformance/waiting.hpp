#pragma once

#include <gtest/gtest.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <random>

#include "drover/conformance/kit.hpp"
#include "drover/task_group.hpp"

/// What cases need to look at an operation from outside while it waits.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

/// An operation under way on the executor, while the case goes on. Used by one thread.
template <class T>
class Pending {
public:
    Pending(Executor executor, std::function<Async<Result<T>>()> begin)
        : shared_(std::make_shared<Shared>()), tasks_(std::make_unique<TaskGroup>(std::move(executor))) {
        tasks_->spawn("case", [shared = shared_, begin = std::move(begin)]() -> Async<void> {
            shared->set_begun();
            auto running = begin();
            shared->set(co_await std::move(running));
        });
    }
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&&) = delete;
    ~Pending() {
        if (!tasks_) return;
        tasks_->cancel();
        if (tasks_->join(kPatience)) return;
        ADD_FAILURE() << "an operation ignores that its caller withdrew; it is left behind";
        (void)tasks_.release();
    }

    /// Blocks until the operation was called.
    void wait_begun() {
        std::unique_lock lock(shared_->mutex);
        shared_->changed.wait_for(lock, kPatience, [&] { return shared_->begun; });
    }
    bool done() const {
        const std::lock_guard lock(shared_->mutex);
        return shared_->result.has_value();
    }
    /// Withdraws and blocks until it returned; how long that took.
    std::chrono::milliseconds cancel() {
        const auto before = std::chrono::steady_clock::now();
        tasks_->cancel();
        (void)tasks_->join(kPatience);
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
    }
    /// Asks it to withdraw, and does not wait for that.
    void begin_cancel() { tasks_->cancel(); }
    /// Blocks until it returned.
    Result<T> result() {
        if (!tasks_->join(kPatience)) return Error(Errc::timeout, "the operation did not end in time");
        const std::lock_guard lock(shared_->mutex);
        if (shared_->result) return *shared_->result;
        return Error(Errc::cancelled, "the caller withdrew before the operation began");
    }

private:
    static constexpr std::chrono::milliseconds kPatience{30'000};
    struct Shared {
        mutable std::mutex mutex;
        std::condition_variable changed;
        bool begun = false;               // guarded by mutex
        std::optional<Result<T>> result;  // guarded by mutex

        void set_begun() {
            const std::lock_guard lock(mutex);
            begun = true;
            changed.notify_all();
        }
        void set(Result<T> value) {
            const std::lock_guard lock(mutex);
            result.emplace(std::move(value));
        }
    };
    std::shared_ptr<Shared> shared_;  // owners: this and the task
    std::unique_ptr<TaskGroup> tasks_;
};

/// Keeps a coroutine from going on while it lives: occupies its strand, and with it one thread of the
/// executor. So a case decides what comes first of things that else meet by chance.
class Standstill {
public:
    explicit Standstill(const Executor& strand) : shared_(std::make_shared<Shared>()) {
        boost::asio::post(strand, [shared = shared_] {
            std::unique_lock lock(shared->mutex);
            shared->reached = true;
            shared->changed.notify_all();
            shared->changed.wait(lock, [&] { return shared->over; });
        });
    }
    Standstill(const Standstill&) = delete;
    Standstill& operator=(const Standstill&) = delete;
    ~Standstill() { end(); }

    /// Blocks until the strand stands still; what was posted to it before has run.
    void wait_reached() {
        std::unique_lock lock(shared_->mutex);
        shared_->changed.wait(lock, [&] { return shared_->reached; });
    }
    void end() {
        const std::lock_guard lock(shared_->mutex);
        shared_->over = true;
        shared_->changed.notify_all();
    }

private:
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        bool reached = false;  // guarded by mutex
        bool over = false;     // guarded by mutex
    };
    std::shared_ptr<Shared> shared_;  // owners: this and what stands on the strand
};

/// Looks again and again until the condition holds; false when it did not within `at_most`.
inline bool eventually(Backend& backend, const std::function<bool()>& condition,
                       std::chrono::milliseconds at_most = std::chrono::milliseconds(30'000)) {
    constexpr auto kBetweenLooks = std::chrono::milliseconds(2);
    auto& clock = backend.clock("observer");
    const auto give_up = Deadline::in(clock, at_most);
    while (!condition()) {
        if (give_up.passed(clock)) return false;
        (void)block_on(backend.executor(), sleep_until(clock, Deadline::in(clock, kBetweenLooks)), at_most);
    }
    return true;
}

/// Begins an operation that must wait, lets `settle` make sure of that, withdraws, and checks that the
/// operation returns soon. Three attempts, for the machine may be busy with something else at that moment;
/// an operation that does not notice fails all of them. Returns what the last one returned.
template <class T>
Result<T> expect_quick_cancel(Backend& backend, const std::function<Async<Result<T>>()>& begin,
                              const std::function<void()>& settle) {
    constexpr int kAttempts = 3;
    std::chrono::milliseconds took{};
    for (int attempt = 1;; ++attempt) {
        Pending<T> waiting(backend.executor(), begin);
        waiting.wait_begun();
        settle();
        EXPECT_FALSE(waiting.done()) << "it was expected to wait";
        took = waiting.cancel();
        auto result = waiting.result();
        if (took <= kCancelWithin) return result;
        if (attempt == kAttempts) {
            ADD_FAILURE() << "a caller who withdrew was kept for " << took.count() << " ms, " << kAttempts
                          << " times; allowed are " << kCancelWithin.count();
            return result;
        }
    }
}

/// Runs an operation with a deadline `wait` ahead that nothing ends before, and checks that it comes back
/// at that time, not earlier and not much later. Returns its result.
template <class T>
Result<T> expect_deadline_kept(Backend& backend, std::chrono::milliseconds wait,
                               const std::function<Async<Result<T>>(Deadline)>& begin, Clock& clock) {
    constexpr int kAttempts = 3;
    for (int attempt = 1;; ++attempt) {
        const auto before = clock.now();
        auto result = block_on(backend.executor(), begin(Deadline(before + wait)), std::chrono::seconds(30));
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - before);
        EXPECT_GE(took, wait) << "it gave up before its deadline";
        if (took <= wait + kCancelWithin) return result;
        if (attempt == kAttempts) {
            ADD_FAILURE() << "a deadline in " << wait.count() << " ms was kept after " << took.count() << " ms, "
                          << kAttempts << " times";
            return result;
        }
    }
}

/// An orderly end is not the end of a session that nobody renews: three attempts, for the machine may be busy.
inline constexpr std::chrono::milliseconds kAtOnce{400};

/// Fails unless one of three attempts takes at most kAtOnce. `attempt` gives how long it took.
inline void expect_at_once(const std::function<std::chrono::steady_clock::duration()>& attempt) {
    constexpr int kAttempts = 3;
    auto fastest = attempt();
    for (int i = 1; i < kAttempts && fastest > kAtOnce; ++i) fastest = std::min(fastest, attempt());
    EXPECT_LE(fastest, kAtOnce) << "it was waited for the end of the session";
}

/// The seed of a random case: DROVER_TEST_SEED when set, else a fresh one. Printed, so that a failure can be repeated.
inline std::uint64_t case_seed() {
    const char* given = std::getenv("DROVER_TEST_SEED");
    const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "seed " << seed << " (DROVER_TEST_SEED=" << seed << " repeats it)" << std::endl;
    return seed;
}

}  // namespace conformance
}  // namespace drover
