#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/agents/connector.hpp"
#include "drover/context.hpp"
#include "drover/engine/engine.hpp"
#include "drover/events/events.hpp"
#include "groups.hpp"

namespace drover::roles {

/// An agent's row, as far as an agent server needs it.
struct AgentRow {
    AgentTarget target;
    std::string state;
    GroupOwner::Group group;
    bool removed = false;

    static AgentRow of(const Record& record);
    /// Commands go to agents that are, or are about to be, active.
    bool takes_commands() const {
        return !removed && (state == "activating" || state == "active" || state == "reconnecting");
    }
};

/// What the pings know of one agent.
struct PingRecord {
    bool under_way = false;
    std::uint64_t count = 0;
    int failed = 0;            ///< in a row
    std::size_t reported = 0;  ///< hash of its last report
    TimePoint report_again{};  ///< when the same report is news again
};

/// The agents that this server looks after: their connections, and the commands that go over them.
/// Thread-safety: every method may be called from any thread.
class Fleet {
public:
    struct Options {
        std::size_t per_agent = 64;      ///< commands under way to one agent
        std::size_t under_way = 20'000;  ///< requests under way to all
    };
    Fleet(Context& context, GroupOwner& groups, Options options);
    ~Fleet();

    /// Begins to take requests. Errors: unavailable, timeout.
    Async<Result<void>> start();
    /// Takes no more, and lets those under way end. Errors: timeout.
    Async<Result<void>> drain(Deadline deadline);
    /// Ends everything and closes every connection.
    Async<Result<void>> stop(Deadline deadline);

    /// Sends one command over the agent's connection, which is opened when there is none. See AgentConnection::call.
    /// `known_at`: when the agent's row was read; unavailable when it was closed since.
    Async<Result<Event>> call(AgentTarget agent, TimePoint known_at, Event command, std::chrono::milliseconds timeout,
                              std::function<void(const Event&)> on_progress);

    /// Remembers an agent that is to be pinged; false when its last ping is still under way.
    bool begin_ping(const AgentTarget& agent, PingRecord& record);
    void end_ping(std::int64_t agent, const PingRecord& record);
    /// Closes the connections of agents that are not in `active` (ascending) and have been used by nobody lately.
    Async<Result<void>> forget_others(std::vector<std::int64_t> active);

private:
    struct Entry {
        AgentTarget target;
        std::shared_ptr<AgentConnection> connection;  // owners: this and calls under way
        std::size_t under_way = 0;
        TimePoint used{};
        PingRecord pings;
    };
    /// A request under way; thousands may be, so that there is one of each and no copies.
    struct Request {
        Event event;                   // what was asked; its data goes into `command` once that is read
        std::optional<Event> command;  // what the agent is to do
    };
    using RequestPtr = std::shared_ptr<Request>;  // owners: the request's coroutines and its progress
    using EntryPtr = std::shared_ptr<Entry>;      // owners: the table and calls under way
    using ConnectionPtr = std::shared_ptr<AgentConnection>;
    class Use;

    Async<void> read(EventSubscription requests);
    Async<void> take(RequestPtr request);
    /// True when it was answered, or is not this server's to answer.
    Async<Result<bool>> answer(RequestPtr request);
    Async<Result<Event>> execute(AgentRow agent, TimePoint known_at, RequestPtr request);
    Async<Result<AgentRow>> row(std::int64_t agent);
    /// What the request asks of the agent. Errors: invalid.
    static Result<void> read_command(Request& request);
    Async<Result<void>> close_agent(RequestPtr request);
    Async<Result<void>> reply(RequestPtr request, Event answered);
    Async<Result<void>> refuse(RequestPtr request, std::string why);
    Async<void> tell_progress(RequestPtr request, Event progress);
    Async<Result<ConnectionPtr>> connection_of(EntryPtr entry, AgentTarget agent, Deadline deadline);
    Async<Result<void>> drop(EntryPtr entry, ConnectionPtr connection);
    AgentConnector* connector_for(const std::string& uri) const;
    DeliverToAgent deliver_to(std::int64_t agent);
    void count(const std::string& outcome);

    Context& context_;
    Clock& clock_;
    const Logger& log_;
    GroupOwner& groups_;
    const Options options_;
    std::shared_ptr<Events> events_;  // owners: this, and deliveries that event agents' connections make
    std::map<std::string, AgentConnector*, std::less<>> connectors_;
    TaskGroup tasks_;
    struct Turn {
        Semaphore one{1};
    };
    std::array<Turn, 32> opening_{};  // one connection is opened at a time, of agents with the same remainder
    Gauge& connected_;
    Histogram& latency_;

    mutable std::mutex mutex_;
    bool draining_ = false;                               // guarded by mutex_
    std::unordered_map<std::int64_t, EntryPtr> entries_;  // guarded by mutex_, with what the entries hold
    std::unordered_map<std::int64_t, TimePoint> closed_;  // guarded by mutex_; agents closed lately, and when
    std::unordered_map<std::string, bool> requests_;      // guarded by mutex_; by id: whether it came again
};

}  // namespace drover::roles
