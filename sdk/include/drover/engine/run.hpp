#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "drover/events/events.hpp"
#include "drover/model/model.hpp"
#include "drover/services/store.hpp"

namespace [[gnu::visibility("default")]] drover {

/// A command for an agent. Its id is derived from process, logic, target and `step`, so that a process that is
/// carried out again repeats it and the agent can answer from memory.
struct AgentCommand {
    std::int64_t agent_id = 0;
    std::string name;           ///< "compute.instance.activate"
    std::string resource_type;  ///< of the row the command is about
    std::int64_t resource_id = 0;
    boost::json::object data{};
    std::string step{};                    ///< tells commands of one logic to one target apart
    std::chrono::milliseconds timeout{0};  ///< of one try; 0: the deployment's `agent.timeout.millis`
    int retries = -1;                      ///< tries in all; -1: `agent.retries`
};

/// One execution of a process's logic, as its logic sees it. Every write goes through it and is fenced: once
/// another server has taken the process over, or its state was changed, writes fail with `conflict`, which the
/// logic passes on.
///
/// Logic is carried out at least once: everything it does must bear being done again.
/// Thread-safety: used by one coroutine at a time, the logic's own.
class ProcessRun {
public:
    virtual ~ProcessRun() = default;

    virtual const Model& model() const = 0;
    virtual const ProcessDefinition& process() const = 0;
    virtual std::int64_t process_id() const = 0;  ///< of the record; nested ones share that of the outermost
    virtual const Record& resource() const = 0;   ///< as last read
    /// What the process was launched with; what logic keeps for its next attempt. See `save_data`.
    virtual boost::json::object& data() = 0;
    virtual const Logger& log() const = 0;
    virtual Clock& clock() const = 0;
    virtual Deadline deadline() const = 0;  ///< of this attempt
    /// A live setting of the deployment (see Engine::setting).
    virtual std::string setting(std::string_view key) const = 0;

    /// Reads the resource again.
    virtual Async<Result<void>> refresh() = 0;
    virtual Async<Result<Record>> get(std::string type, std::int64_t id) = 0;
    virtual Async<Result<Page>> query(Query query) = 0;
    /// All records that `link` leads to from a record; of map links those whose map row is not removed. At most
    /// kLargestPage.
    virtual Async<Result<std::vector<Record>>> linked(std::string type, std::int64_t id, std::string link) = 0;

    /// Writes the process's data now.
    virtual Async<Result<void>> save_data() = 0;
    /// One batch, all or nothing.
    virtual Async<Result<Committed>> commit(Batch batch) = 0;
    /// A new row in its first state ("requested"), with a uuid, created, and what the type declares; `values`
    /// are stored fields or virtual ones. Its create process is not begun.
    virtual Async<Result<Record>> create(std::string type, boost::json::object values) = 0;
    /// Merges `changes` into a row: fields, `+field` (into the object there), names of reference links (into the
    /// row they lead to), virtual fields; keys the type does not know are ignored. On a conflict it reads and
    /// merges again.
    virtual Async<Result<void>> apply(std::string type, std::int64_t id, boost::json::object changes) = 0;

    /// Carries out a process of another resource, or another of this one, as a part of this one: without a
    /// record of its own, under this run's claim and locks. Done already is success.
    /// Errors: what its logic failed with; conflict (its state does not allow it); busy (its lock is held).
    virtual Async<Result<Record>> run(std::string process, std::int64_t resource_id, boost::json::object data = {}) = 0;
    /// Schedules a process on its own.
    virtual Async<Result<void>> schedule(std::string process, std::int64_t resource_id,
                                         boost::json::object data = {}) = 0;

    /// Holds `name` until the logic ends or the returned value dies. Errors: busy, unavailable, timeout.
    class Held {
    public:
        virtual ~Held() = default;
    };
    virtual Async<Result<std::shared_ptr<Held>>> lock(std::string name, std::chrono::milliseconds wait) = 0;

    /// Asks whoever listens. Its data, resource and context are filled in where they are empty.
    virtual Async<Result<Event>> request(Event event, RequestOptions options) = 0;
    /// Asks an agent, through the agent server that owns it.
    /// Errors: is_event_error (the agent refused), timeout, unavailable (the agent is not reachable now).
    virtual Async<Result<Event>> command(AgentCommand command) = 0;
    /// Says where it stands; shown as the resource's transitioningMessage and progress.
    virtual void progress(std::string message, int percent) = 0;
};

using ProcessRunPtr = std::shared_ptr<ProcessRun>;  // owners: the engine and the logic it runs

}  // namespace drover
