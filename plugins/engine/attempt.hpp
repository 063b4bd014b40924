#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "dispatch.hpp"
#include "history.hpp"

namespace drover::engine {

/// How one process, a whole one or one inside of another, ended.
enum class Exit : unsigned char { done, already_done, canceled, delegate, state_changed, resource_busy };
std::string_view to_string(Exit exit);

class Run;

/// One attempt at a claimed process: its claim, its locks, its time, and its end, which happens once.
class Attempt : public std::enable_shared_from_this<Attempt> {
public:
    Attempt(Core& core, Claim claim, Dispatcher::Place place);

    Core& core() const { return core_; }
    const Claim& claim() const { return claim_; }
    Deadline deadline() const { return deadline_; }
    /// What every write of the attempt carries: another has not taken the process over.
    Check fence() const;
    /// Its end is decided: nothing it does counts any more.
    bool over() const { return over_.load(); }

    /// The attempt's coroutine.
    Async<void> run();
    void set_handle(TaskHandle handle) {
        const std::lock_guard lock(mutex_);
        handle_ = std::move(handle);
    }

    /// Takes the attempt away from logic that took too long; its row is tried again later.
    void give_up();
    /// Ends it because its server stops: what makes its row free at once. None: its end is decided already.
    std::optional<Update> hand_back();
    /// That was written.
    void handed_back() { finish("stopped"); }
    /// An operator ended the process; its row was written.
    void cancelled();

    struct Waits {
        std::string kind;  ///< "logic", "lock", "agent", "event", "limit"
        std::string sentence;
        std::int64_t since = 0;
    };
    void waits_for(std::string kind, std::string sentence);
    Waits waits() const;

    /// Takes a lock for the whole chain of runs; nothing to do when the chain holds it. True when it was taken.
    /// Errors: busy, unavailable, timeout, cancelled.
    Async<Result<bool>> hold(std::string name, std::chrono::milliseconds wait);
    void release(const std::string& name);

    /// Shows in the resource where it stands, soon and in the background; of several the last counts.
    void progress(const std::string& type, std::int64_t id, boost::json::object changes);

    /// The row's data as last written.
    std::string saved_data;

private:
    Async<Result<void>> end(std::shared_ptr<Run> run, Exit exit);
    Async<Result<void>> fail(std::shared_ptr<Run> run, Error error);
    Async<Result<void>> wait_again(std::shared_ptr<Run> run, std::string exit_reason, std::string reason, Errc why);
    Async<Result<void>> write(Batch batch);
    Async<void> record_given_up();
    Async<void> tell_progress();
    /// True for the one who decides the end.
    bool take_end() { return !over_.exchange(true); }
    void finish(std::string_view outcome);
    void release_all();

    Core& core_;
    const Claim claim_;
    Dispatcher::Place place_;
    Deadline deadline_;
    std::atomic<bool> over_{false};
    std::atomic<bool> abandoned_{false};
    mutable std::mutex mutex_;
    TaskHandle handle_;                   // guarded by mutex_
    std::map<std::string, Lease> locks_;  // guarded by mutex_
    Waits waits_;                         // guarded by mutex_
    struct Progress {
        std::string type;
        std::int64_t id = 0;
        boost::json::object changes;
    };
    std::optional<Progress> progress_;  // guarded by mutex_
    bool telling_ = false;              // guarded by mutex_
};

}  // namespace drover::engine
