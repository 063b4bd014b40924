#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drover/engine/run.hpp"
#include "drover/facade.hpp"

namespace [[gnu::visibility("default")]] drover {

/// When logic runs: listeners before, the handlers, listeners after.
enum class LogicPhase : unsigned char { pre, handler, post };
std::string_view to_string(LogicPhase phase);

inline constexpr int kPriorityPre = 500;
inline constexpr int kPrioritySpecific = 1000;
inline constexpr int kPriorityDefaultOverride = 1500;
inline constexpr int kPriorityDefault = 2000;

/// What logic has to say when it is done.
struct LogicResult {
    /// False: it had nothing to do with this; the next handler is asked.
    bool handled = true;
    /// Applied to the resource as ProcessRun::apply does.
    boost::json::object data{};
    /// Whether the handlers after it run as well. Unset: listeners go on, handlers end the list.
    std::optional<bool> go_on{};
    /// The process's delegate shall go on in its place when the lists are through.
    bool delegate = false;

    static LogicResult nothing() {
        LogicResult result;
        result.handled = false;
        return result;
    }
};

/// A piece of a process. Within a phase they run by priority, ascending, then by name.
struct Logic {
    std::string name;                    ///< as history shows it: "InstanceStart"
    std::vector<std::string> processes;  ///< "instance.start", or "*.remove" for every type's
    LogicPhase phase = LogicPhase::handler;
    int priority = kPrioritySpecific;
    std::function<Async<Result<LogicResult>>(ProcessRunPtr run)> call;
};

/// Something done on a schedule, on one server at a time.
struct PeriodicTask {
    std::string name;          ///< "purge.resources"; its setting is `task.NAME.schedule`, in seconds
    double every_seconds = 0;  ///< by default; 0: only when asked for
    bool recorded = true;      ///< each run makes a taskInstance
    bool everywhere = false;   ///< on every server that executes, not on one of them
    std::function<Async<Result<void>>()> call;
};

class Engine;

/// What a call from outside works with. Extensions start before the engine does, so whoever calls one hands it over;
/// both live as long as the call.
struct Hands {
    Engine* engine = nullptr;
    Store* store = nullptr;
};

/// A request to create a row through the API, after its fields were checked; or to change one.
struct CreateRequest {
    std::string type;             ///< API type: "container"
    boost::json::object values;   ///< fields as the caller gave them, ids already raw
    std::int64_t account_id = 0;  ///< the caller's
    bool all_accounts = false;    ///< the caller sees every account's rows
    std::string client_ip;
    std::int64_t id = 0;  ///< of an update: the row that it changes; 0 for a create
    Hands hands{};
};

/// The caller of an action.
struct ActionRequest {
    std::string type;
    std::int64_t id = 0;
    std::string action;
    boost::json::object data;
    std::int64_t account_id = 0;
    Hands hands{};
};

/// Fills in or refuses what a create brings, before it is written. The error's details `code` (as in the wire
/// contract, "InvalidReference"), `fieldName` and `status` (a number) are what the client is told.
struct CreateFilter {
    std::vector<std::string> types;  ///< API types
    std::function<Async<Result<boost::json::object>>(CreateRequest request)> call;
    bool on_update = false;  ///< is also asked about what an update brings
};

/// An action that is no process; answers what the client is to see, null for the row itself.
struct ActionHandler {
    std::string type;
    std::string action;
    std::function<Async<Result<boost::json::value>>(ActionRequest request)> call;
};

/// What an agent told about itself and what it has, in its answer to a ping.
struct AgentReport {
    std::int64_t agent_id = 0;
    boost::json::array resources;
    Hands hands{};
};

/// A row that every deployment begins with. It is made when there is none of its uuid, removed ones included.
struct Seed {
    std::string type;
    boost::json::object values;  ///< with `uuid` and `state`; no process is begun for it
};

/// The code that belongs to a plugin's declared types: an extension. Every plugin found that provides it is part
/// of every server that has an engine. Each list is asked for once, after `start`.
/// Thread-safety: what is in the lists may be called from any thread, and at the same time.
class ModelExtension {
public:
    static constexpr std::string_view kId = "drover.model-extension";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "";
    virtual ~ModelExtension() = default;

    /// In the order in which they are made.
    virtual std::vector<Seed> seeds() { return {}; }
    virtual std::vector<Logic> logic() { return {}; }
    virtual std::vector<PeriodicTask> tasks() { return {}; }
    virtual std::vector<CreateFilter> create_filters() { return {}; }
    virtual std::vector<ActionHandler> actions() { return {}; }
    /// Makes rows of what an agent reported. Returns when they exist; their processes are scheduled.
    virtual Async<Result<void>> agent_reported(AgentReport report);
};

template <>
std::shared_ptr<ModelExtension> make_facade<ModelExtension>(std::shared_ptr<Binding> binding);

}  // namespace drover
