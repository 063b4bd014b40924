#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "changes.hpp"
#include "drover/context.hpp"
#include "drover/engine/engine.hpp"
#include "drover/events/events.hpp"
#include "drover/services/event_bus.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/membership.hpp"
#include "drover/services/store.hpp"
#include "logic_table.hpp"
#include "measures.hpp"
#include "outbox.hpp"
#include "settings.hpp"
#include "types.hpp"

namespace drover::engine {

class Agents;
class Dispatcher;
class Externals;
class Roster;

/// A process row that this server has claimed, or is about to.
struct Claim {
    std::int64_t id = 0;
    std::int64_t epoch = 0;  ///< with which it writes
    std::string process;
    std::string type;
    std::int64_t resource = 0;
    int priority = 0;
    int slot = 0;
    int attempts = 0;
    int waits = 0;
    boost::json::object data;
};
Claim claim_of(const Record& row);

/// What the parts of the engine share. Made by the plugin's `start`, gone after its `stop`.
struct Core {
    explicit Core(Context& context);
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    Context& context;
    Clock& clock;
    Logger log;
    Store& store;
    LockService& locks;
    MembershipService& membership;
    const std::string server;  ///< ServerInfo::id
    Settings settings;
    Measures measures;
    Outbox outbox;
    std::shared_ptr<const Model> model;  // owners: this, and callers of Engine::model
    LogicTable logic;

    TaskGroup background;  ///< loops that live from start to stop
    TaskGroup attempts;    ///< processes under way
    std::unique_ptr<Events> events;
    std::unique_ptr<Roster> roster;
    std::unique_ptr<Agents> agents;
    std::unique_ptr<Externals> externals;
    std::unique_ptr<Dispatcher> dispatcher;

    Deadline soon() const { return Deadline::in(clock, std::chrono::seconds(30)); }
    std::int64_t now() const { return to_millis(clock.wall()); }

    /// Commits and measures.
    Async<Result<Committed>> commit(Batch batch, Deadline deadline);
    Async<Result<Record>> get(std::string type, std::int64_t id, Deadline deadline);
    Async<Result<Page>> query(Query query, Deadline deadline);
};

/// The state in which a process can begin with a resource, and what entering it writes.
struct Entering {
    enum class Kind : unsigned char { enter, already_in, done, refused };
    Kind kind = Kind::refused;
    const ProcessDefinition* process = nullptr;  ///< the one asked for, or a delegate of it
    const StateChange* change = nullptr;
    Update update;  ///< of the resource, for `enter` and `already_in`; expects the state seen
};
/// Follows delegates when `process` does not fit the state.
Entering entering(const Model& model, const ProcessDefinition& process, const Record& resource);

int slot_of(std::string_view type, std::string_view id);
int priority_of(Core& core, const ProcessDefinition& process);

/// Engine::schedule; `checks` must hold as well.
Async<Result<Scheduled>> schedule(Core& core, ProcessRequest request, std::vector<Operation> checks, Deadline deadline);
/// Engine::create.
Async<Result<Scheduled>> create(Core& core, std::string type, boost::json::object values, Deadline deadline);
/// A new row in its first state; no process is begun.
Async<Result<Record>> insert(Core& core, std::string type, boost::json::object values, std::vector<Operation> checks,
                             Deadline deadline);
/// Merges into a row, as ProcessRun::apply does; the row as it is then.
Async<Result<Record>> merge(Core& core, std::string type, std::int64_t id, boost::json::object changes,
                            std::vector<Operation> checks, Deadline deadline);

/// Which operation of a batch the store refused; none when it was not one of them.
std::optional<std::size_t> refused_operation(const Error& error);

/// What every caller of a run whose claim is gone is told.
Error claim_lost();

}  // namespace drover::engine
