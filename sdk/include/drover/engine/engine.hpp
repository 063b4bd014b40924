#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/engine/extension.hpp"
#include "drover/facade.hpp"
#include "drover/model/model.hpp"
#include "drover/services/store.hpp"

namespace [[gnu::visibility("default")]] drover {

/// A process to schedule.
struct ProcessRequest {
    std::string process;  ///< "instance.start"
    std::int64_t resource_id = 0;
    boost::json::object data{};  ///< what it is launched with
    std::optional<int> priority{};
};

/// What became of a request.
struct Scheduled {
    /// The process's record; none when its resource was in the done state already.
    std::optional<std::int64_t> process_id;
    Record resource;    ///< as it is now, in its transitioning state
    Position position;  ///< for reading it elsewhere
};

/// What executes processes on this server.
struct ServeOptions {
    std::size_t in_flight = 2'000;  ///< processes under way at the same time, waiting for agents included
    std::map<std::string, std::size_t> per_process{};  ///< process name to its own limit
    std::size_t per_agent = 64;                        ///< commands under way to one agent
};

/// One piece of logic of a process, for people.
struct LogicInfo {
    std::string name;
    LogicPhase phase = LogicPhase::handler;
    int priority = 0;
    std::string plugin;                               ///< instance that brought it, or "external"
    std::map<std::string, std::string> properties{};  ///< of an external handler: eventName, retry, timeoutMillis ...
};

/// Where a setting's value comes from.
struct SettingValue {
    std::string key;
    std::string value;   ///< in force now
    std::string source;  ///< "Database", a file's name, "Environment Variables", "Code Packaged Defaults" ...
    bool secret = false;
};

/// Takes requests for changes of state, writes them down, and carries them out: once accepted, a request ends
/// in a known state, whatever crashes.
///
/// Thread-safety: every method may be called from any thread.
/// Cancellation:  every wait honours its deadline and the caller's cancellation.
class Engine {
public:
    static constexpr std::string_view kId = "drover.engine";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "engine";
    virtual ~Engine() = default;

    /// Everything declared in this composition.
    virtual std::shared_ptr<const Model> model() = 0;
    /// A setting in force now; empty when it is set nowhere and has no default.
    virtual std::string setting(std::string key) = 0;
    /// Every known setting. Secrets come without their value.
    virtual std::vector<SettingValue> settings() = 0;
    /// Reads the stored settings again, here and on every other server. Called after any write of one.
    virtual Async<Result<void>> refresh_settings() = 0;

    /// Moves the resource into the process's transitioning state and records the process, in one commit; wakes
    /// a server that executes.
    /// Errors: not_found (the resource, the process), conflict (its state does not allow it: details `state`),
    ///         invalid, unavailable, timeout (unknown; scheduling again is safe: the state refuses a second).
    virtual Async<Result<Scheduled>> schedule(ProcessRequest request, Deadline deadline) = 0;
    /// Writes a new row and schedules its create process in one commit. `values` as in ProcessRun::create; they
    /// are the process's data too. A type without a create process stays as it is created.
    /// Errors: conflict (uniqueness: details `field`), invalid, unavailable, timeout.
    virtual Async<Result<Scheduled>> create(std::string type, boost::json::object values, Deadline deadline) = 0;
    /// Merges `changes` into a row, as ProcessRun::apply does, and tells subscribers. Errors: not_found, conflict
    /// (uniqueness), invalid, unavailable, timeout.
    virtual Async<Result<Record>> update(std::string type, std::int64_t id, boost::json::object changes,
                                         Deadline deadline) = 0;

    /// Gives a parked or waiting process its attempts anew, now. Errors: not_found, conflict (it has ended).
    virtual Async<Result<void>> retry(std::int64_t process_id) = 0;
    /// Ends a process that nobody executes at this moment, or asks who does to stop. Its resource stays in its
    /// transitioning state, from which another process may take it on.
    /// Errors: not_found, conflict (it has ended).
    virtual Async<Result<void>> cancel(std::int64_t process_id, std::string why) = 0;
    /// What a process waits for now, for operators: process, phase, attempts, owner, waitsFor {kind, sentence ...}.
    virtual Async<Result<boost::json::object>> explain(std::int64_t process_id) = 0;
    /// The logic of a process in the order in which it runs, external handlers included.
    virtual Async<Result<std::vector<LogicInfo>>> logic_of(std::string process) = 0;
    /// Runs a task once, on one of the servers that have it.
    virtual Async<Result<void>> run_task(std::string name) = 0;

    /// Begins to execute on this server; for the role that does.
    virtual Async<Result<void>> serve(ServeOptions options) = 0;
    /// Claims nothing new, lets what runs end until `deadline`, then gives it up for others to take over.
    virtual Async<Result<void>> stop_serving(Deadline deadline) = 0;
};

template <>
std::shared_ptr<Engine> make_facade<Engine>(std::shared_ptr<Binding> binding);

}  // namespace drover
