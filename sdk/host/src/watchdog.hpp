#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drover/async.hpp"
#include "drover/log.hpp"

namespace drover::host {

/// Names in the log whose handler holds a thread of the executor for longer than it may. Only in builds with
/// DROVER_WATCHDOG: it costs two clock readings and two uncontended locks for each handler.
///
/// Thread-safety: every method may be called from any thread.
class Watchdog {
public:
    /// What no handler needs when it does not block; a busy machine may take it for one now and then.
    static constexpr auto kPatience = std::chrono::milliseconds(50);
    /// Whose handler it is, shared by all that runs in that name.
    using Who = std::shared_ptr<const std::string>;

    explicit Watchdog(Logger log);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Runs `work`, the life of an executor thread, under watch.
    void run_thread(const std::function<void()>& work);

    /// From construction to destruction a handler of `who` runs on this thread. One inside another counts
    /// for itself, and the outer one's time begins anew after it. Elsewhere than under `run_thread`: nothing.
    class Handling {
    public:
        explicit Handling(Who who);
        ~Handling();
        Handling(const Handling&) = delete;
        Handling& operator=(const Handling&) = delete;

    private:
        Who outer_;
    };

    /// The same executor, whose handlers run in the name of `who`.
    static Executor watch(Executor executor, std::string who);

private:
    using TimePoint = std::chrono::steady_clock::time_point;
    /// What one thread does at this moment.
    struct Thread {
        Watchdog* watchdog = nullptr;
        std::mutex mutex;
        Who who;                // guarded by mutex; null: nothing
        TimePoint since;        // guarded by mutex
        bool reported = false;  // guarded by mutex
    };
    /// Ends what the thread does, and begins the next.
    static Who turn_to(Thread& thread, Who next);
    void look();
    void report(std::string_view message, const Who& who, TimePoint::duration held) const;

    static thread_local Thread* this_thread_;
    const Logger log_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool stop_ = false;             // guarded by mutex_
    std::vector<Thread*> threads_;  // guarded by mutex_
    std::thread looking_;
};

}  // namespace drover::host
