#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core.hpp"
#include "drover/engine/extension.hpp"

namespace drover::engine {

/// What is done on a schedule: each task by one of the servers that execute, until that one stops or dies.
/// Thread-safety: every method may be called from any thread.
class Tasks {
public:
    Tasks(Core& core, std::vector<PeriodicTask> tasks);

    /// Makes the rows by which clients know the tasks. Errors: those of the store.
    Async<Result<void>> register_rows();
    /// Begins the schedules.
    void start();
    /// Only servers that execute carry them out.
    void serve(bool serving);
    /// Has it done once, here or where it can be. Errors: not_found.
    Async<Result<void>> ask(std::string name);
    /// Another server asked this one.
    void asked(const std::string& name);
    /// Gives back the leases by which this server leads tasks.
    Async<void> give_up_leads();

private:
    struct Task {
        PeriodicTask does;
        std::int64_t row = 0;
        std::unique_ptr<Semaphore> turn = std::make_unique<Semaphore>(1);  // one run at a time here
        Lease lead{};                                                      // guarded by mutex_
    };
    Task* find(std::string_view name);
    std::optional<std::chrono::milliseconds> every(const Task& task);
    Async<void> follow_schedule(Task* task);
    Async<bool> leads(Task* task);
    Async<Result<void>> run_once(Task* task);
    bool serving() const;

    Core& core_;
    std::vector<std::unique_ptr<Task>> tasks_;
    mutable std::mutex mutex_;
    bool serving_ = false;  // guarded by mutex_
};

/// The engine's own tasks.
std::vector<PeriodicTask> own_tasks(Core& core);

}  // namespace drover::engine
