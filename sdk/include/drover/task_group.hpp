#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drover/async.hpp"
#include "drover/clock.hpp"

namespace [[gnu::visibility("default")]] drover {

namespace detail {
struct Task;
}

/// One task of a group, for who may have to end it before the others. Copies name the same task.
/// Thread-safety: every method may be called from any thread.
class TaskHandle {
public:
    TaskHandle() = default;
    /// Asks this task to end. Nothing happens when it has.
    void cancel() const;

private:
    friend class TaskGroup;
    explicit TaskHandle(std::weak_ptr<detail::Task> task) : task_(std::move(task)) {}
    std::weak_ptr<detail::Task> task_;
};

/// The coroutines that belong to one owner; they end when it ends. The only way to start one.
///
/// Each task runs on a strand of its own. Exceptions and cancellation end the task, not the process.
/// Thread-safety: every method may be called from any thread.
class TaskGroup {
public:
    explicit TaskGroup(Executor executor);
    /// Cancels and waits, without limit: call `cancel` and `join` before, in `stop`.
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Starts `task` under a name that operators read ("lock.keeper"). False once `cancel` was called.
    bool spawn(std::string name, std::function<Async<void>()> task);
    /// The same for a task that may be ended alone: it is given the handle to itself.
    bool spawn(std::string name, std::function<Async<void>(TaskHandle)> task);

    /// Asks every task to end; starts none any more.
    void cancel();
    /// Blocks the calling thread (never one of the executor's) until all ended; false at the deadline.
    bool join(std::chrono::milliseconds at_most);
    /// Suspends until every task ended. Errors: cancelled, timeout.
    Async<Result<void>> ended(Clock& clock, Deadline deadline);
    /// The names of the tasks that still run.
    std::vector<std::string> running() const;

private:
    struct State;
    std::shared_ptr<State> state_;  // owners: the group and its running tasks
};

namespace detail {
struct Blocker;
/// Runs `task` on a strand of `executor` and blocks until it ended or `at_most` passed; then cancels it
/// and waits `grace` more. False when it still runs (it is left behind).
bool block_on(Executor executor, std::function<Async<void>()> task, std::chrono::milliseconds at_most);
}  // namespace detail

/// Blocks the calling thread (never one of the executor's) on a coroutine: for lifecycle verbs, `main`
/// and tests. Errors: the coroutine's, timeout when it did not end in time (it was cancelled then).
template <class T>
Result<T> block_on(Executor executor, Async<Result<T>> work, std::chrono::milliseconds at_most) {
    struct Shared {
        std::mutex mutex;
        std::optional<Result<T>> result;
    };
    const auto shared = std::make_shared<Shared>();  // owners: this call and the task
    const auto held = std::make_shared<Async<Result<T>>>(std::move(work));
    const bool ended = detail::block_on(
        executor,
        [shared, held]() -> Async<void> {
            auto result = co_await std::move(*held);
            const std::lock_guard lock(shared->mutex);
            shared->result.emplace(std::move(result));
        },
        at_most);
    const std::lock_guard lock(shared->mutex);
    if (shared->result) return std::move(*shared->result);
    if (ended) return Error(Errc::cancelled, "the task was cancelled before it had a result");
    return Error(Errc::timeout, "the task did not end in time");
}

}  // namespace drover
