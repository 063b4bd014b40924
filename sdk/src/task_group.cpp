#include "drover/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "drover/sync.hpp"

namespace drover {

namespace asio = boost::asio;

namespace detail {

/// One running task: its strand, and the signal that may be emitted on that strand only.
struct Task {
    std::string name;
    asio::strand<Executor> strand;
    asio::cancellation_signal signal;
    std::function<Async<void>()> work;  // touched on the strand only, once it was launched
    bool ended = false;                 // touched on the strand only

    Task(std::string task_name, const Executor& executor) : name(std::move(task_name)), strand(executor) {}
};

}  // namespace detail

namespace {

using detail::Task;

void cancel_task(const std::shared_ptr<Task>& task) {
    asio::post(task->strand, [task] {
        if (!task->ended) task->signal.emit(asio::cancellation_type::all);
    });
}

template <class OnEnd>
void launch(const std::shared_ptr<Task>& task, std::function<Async<void>()> work, OnEnd on_end) {
    task->work = std::move(work);
    auto begin = [task]() -> Async<void> {
        auto running = task->work();
        co_await std::move(running);
    };
    auto end = [task, on_end](const std::exception_ptr&) {
        task->ended = true;
        // What the task holds is gone when others are told that it ended: Asio's frame lives longer.
        task->work = nullptr;
        on_end();
    };
    const Executor executor(task->strand);
    asio::co_spawn(executor, std::move(begin),
                   asio::bind_cancellation_slot(task->signal.slot(), asio::bind_executor(executor, std::move(end))));
}

}  // namespace

struct TaskGroup::State {
    explicit State(Executor with) : executor(std::move(with)) {}
    const Executor executor;
    mutable std::mutex mutex;
    std::condition_variable emptied;
    bool cancelled = false;                                          // guarded by mutex
    std::uint64_t next = 0;                                          // guarded by mutex
    std::unordered_map<std::uint64_t, std::shared_ptr<Task>> tasks;  // guarded by mutex
    detail::WaitList waiters;                                        // guarded by mutex
};

TaskGroup::TaskGroup(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
    cancel();
    std::unique_lock lock(state_->mutex);
    state_->emptied.wait(lock, [&] { return state_->tasks.empty(); });
}

void TaskHandle::cancel() const {
    if (const auto task = task_.lock()) cancel_task(task);
}

bool TaskGroup::spawn(std::string name, std::function<Async<void>()> work) {
    return spawn(std::move(name), std::function<Async<void>(TaskHandle)>(
                                      [work = std::move(work)](const TaskHandle&) { return work(); }));
}

bool TaskGroup::spawn(std::string name, std::function<Async<void>(TaskHandle)> work) {
    const auto task = std::make_shared<Task>(std::move(name), state_->executor);
    std::uint64_t key = 0;
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->cancelled) return false;
        key = state_->next++;
        state_->tasks.emplace(key, task);
    }
    auto bound = [work = std::move(work), handle = TaskHandle(task)] { return work(handle); };
    launch(task, std::move(bound), [state = state_, key] {
        const std::lock_guard lock(state->mutex);
        state->tasks.erase(key);
        if (!state->tasks.empty()) return;
        state->waiters.wake_all();
        state->emptied.notify_all();
    });
    return true;
}

void TaskGroup::cancel() {
    const std::lock_guard lock(state_->mutex);
    state_->cancelled = true;
    for (const auto& [key, task] : state_->tasks) cancel_task(task);
}

bool TaskGroup::join(std::chrono::milliseconds at_most) {
    std::unique_lock lock(state_->mutex);
    return state_->emptied.wait_for(lock, at_most, [&] { return state_->tasks.empty(); });
}

Async<Result<void>> TaskGroup::ended(Clock& clock, Deadline deadline) {
    const auto state = state_;
    const auto outcome = co_await detail::wait(&clock, deadline, [&state](detail::WaiterPtr waiter) {
        const std::lock_guard lock(state->mutex);
        if (state->tasks.empty()) waiter->finish(WaitOutcome::signalled);
        else state->waiters.add(std::move(waiter));
    });
    if (outcome == WaitOutcome::signalled) co_return ok;
    co_return wait_error(outcome, "tasks to end");
}

std::vector<std::string> TaskGroup::running() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::string> names;
    for (const auto& [key, task] : state_->tasks) names.push_back(task->name);
    return names;
}

bool detail::block_on(Executor executor, std::function<Async<void>()> work, std::chrono::milliseconds at_most) {
    struct Ending {
        std::mutex mutex;
        std::condition_variable changed;
        bool ended = false;  // guarded by mutex
    };
    const auto ending = std::make_shared<Ending>();  // owners: this call and the task
    const auto task = std::make_shared<Task>("block_on", std::move(executor));
    launch(task, std::move(work), [ending] {
        const std::lock_guard lock(ending->mutex);
        ending->ended = true;
        ending->changed.notify_all();
    });
    std::unique_lock lock(ending->mutex);
    const auto ended = [&] { return ending->ended; };
    if (ending->changed.wait_for(lock, at_most, ended)) return true;
    lock.unlock();
    cancel_task(task);
    lock.lock();
    constexpr auto kGrace = std::chrono::milliseconds(200);
    return ending->changed.wait_for(lock, kGrace, ended);
}

}  // namespace drover
