#include "fleet.hpp"

#include <algorithm>

#include "drover/model/model.hpp"

namespace drover::roles {

namespace {

using namespace std::chrono_literals;

constexpr auto kUnusedAfter = 60s;
constexpr auto kDrainWithin = 3s;
constexpr std::size_t kRequestQueue = 20'000;

/// A reply that says "error" is an answer, not a failure of the way there.
Result<Event> answered(Result<Event> reply) {
    if (reply || !is_event_error(reply.error())) return reply;
    return parse_event(reply.error().detail("reply"));
}

Async<Result<Event>> deliver(std::shared_ptr<Events> events, std::int64_t agent, Event command,
                             std::chrono::milliseconds timeout, std::function<void(const Event&)> on_progress) {
    command.name = std::string(base_name(command.name)) + ";agent=" + std::to_string(agent);
    command.timeout_millis = timeout.count();
    RequestOptions options;
    options.timeout = timeout;
    options.retries = 0;
    options.on_progress = std::move(on_progress);
    auto requesting = events->request(std::move(command), std::move(options));
    auto reply = co_await std::move(requesting);
    co_return answered(std::move(reply));
}

}  // namespace

AgentRow AgentRow::of(const Record& record) {
    AgentRow row;
    row.target.id = record.id();
    row.target.uuid = std::string(record["uuid"].text());
    row.target.uri = std::string(record["uri"].text());
    row.target.data = data_of(record);
    row.state = std::string(record["state"].text());
    row.removed = !record["removed"].is_null();
    if (const auto* group = record["agentGroupId"].if_integer()) row.group = *group;
    return row;
}

Fleet::Fleet(Context& context, GroupOwner& groups, Options options)
    : context_(context),
      clock_(context.clock()),
      log_(context.log()),
      groups_(groups),
      options_(options),
      tasks_(context.executor()),
      connected_(context.metrics().gauge("drover_agents_connected", "Agents to which a connection is open.")),
      latency_(
          context.metrics().histogram("drover_agent_command_seconds", "From a request for an agent to its answer.")) {
    Events::Options of_events;
    of_events.server_id = context.server().id;
    events_ = std::make_shared<Events>(context.get<EventBus>(), clock_, context.tasks(), log_, of_events);
}

Fleet::~Fleet() {
    events_->close();
    tasks_.cancel();
}

Async<Result<void>> Fleet::start() {
    for (const auto& [instance, connector] : context_.extensions<AgentConnector>())
        for (auto& scheme : connector->schemes())
            if (!connectors_.emplace(scheme, connector).second)
                log_.warning("two plugins reach agents of one scheme; the first one is used",
                             {{"scheme", scheme}, {"unused", instance}});
    std::vector<std::string> names{std::string("agent.request"), std::string("agent.close")};
    auto requests = co_await events_->subscribe(std::move(names), kRequestQueue);
    if (!requests) co_return requests.error();
    tasks_.spawn("agents.requests", [this, from = *requests] { return read(from); });
    co_return ok;
}

Async<Result<void>> Fleet::drain(Deadline deadline) {
    {
        const std::lock_guard lock(mutex_);
        draining_ = true;
    }
    // Whoever does not get an answer asks the next server: an agent that hangs is not worth a long shutdown.
    const auto until = deadline.earlier(Deadline::in(clock_, kDrainWithin));
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (requests_.empty()) co_return ok;
        }
        if (until.passed(clock_)) co_return ok;
        auto slept = co_await sleep_for(clock_, 5ms);
        if (!slept) co_return slept.error();
    }
}

Async<Result<void>> Fleet::stop(Deadline deadline) {
    events_->close();
    tasks_.cancel();
    auto ended = co_await tasks_.ended(clock_, deadline);
    std::unordered_map<std::int64_t, EntryPtr> entries;
    {
        const std::lock_guard lock(mutex_);
        entries.swap(entries_);
    }
    for (const auto& [id, entry] : entries) {
        if (!entry->connection) continue;
        connected_.add(-1);
        auto closed = co_await entry->connection->close();
        if (!closed) log_.debug("a connection did not close", {{"agent", id}, {"why", closed.error().message()}});
    }
    co_return ended;
}

/// One command on its way: it keeps the entry and counts against the agent's limit.
class Fleet::Use {
public:
    Use(Fleet& fleet, EntryPtr entry) : fleet_(fleet), entry_(std::move(entry)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
        const std::lock_guard lock(fleet_.mutex_);
        --entry_->under_way;
        entry_->used = fleet_.clock_.now();
    }

private:
    Fleet& fleet_;
    EntryPtr entry_;
};

Async<Result<Event>> Fleet::call(AgentTarget agent, TimePoint known_at, Event command,
                                 std::chrono::milliseconds timeout, std::function<void(const Event&)> on_progress) {
    const auto id = agent.id;
    const auto deadline = Deadline::in(clock_, timeout);
    EntryPtr entry;
    {
        const std::lock_guard lock(mutex_);
        if (const auto closed = closed_.find(id); closed != closed_.end() && closed->second >= known_at)
            co_return Error(Errc::unavailable, "agent " + std::to_string(id) + " was closed");
        auto& found = entries_[id];
        if (!found) found = std::make_shared<Entry>();
        if (found->under_way >= options_.per_agent)
            co_return Error(Errc::exhausted, "agent " + std::to_string(id) + " has " +
                                                 std::to_string(options_.per_agent) + " commands under way");
        ++found->under_way;
        entry = found;
    }
    const Use use(*this, entry);
    auto opening = connection_of(entry, std::move(agent), deadline);
    auto connection = co_await std::move(opening);
    if (!connection) co_return connection.error();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(clock_));
    if (left.count() <= 0) co_return Error(Errc::timeout, "opening the connection took all the time there was");
    auto calling = (*connection)->call(std::move(command), left, std::move(on_progress));
    auto reply = co_await std::move(calling);
    if (!reply && reply.error().code() == Errc::unavailable) {
        auto dropped = co_await drop(entry, *connection);
        if (!dropped) log_.debug("a lost connection did not close", {{"agent", id}});
    }
    co_return reply;
}

Async<Result<Fleet::ConnectionPtr>> Fleet::connection_of(EntryPtr entry, AgentTarget agent, Deadline deadline) {
    const auto current = [this, &entry, &agent]() -> ConnectionPtr {
        const std::lock_guard lock(mutex_);
        const bool same = entry->target.uri == agent.uri && entry->target.data == agent.data;
        return entry->connection && same ? entry->connection : nullptr;
    };
    if (auto open = current()) co_return open;
    auto& turn = opening_[static_cast<std::size_t>(agent.id) % opening_.size()].one;
    const auto permit = co_await turn.acquire(clock_, deadline);
    if (!permit) co_return permit.error();
    if (auto open = current()) co_return open;
    ConnectionPtr stale;
    {
        const std::lock_guard lock(mutex_);
        stale = entry->connection;
    }
    if (stale) {  // the agent moved, or was told to behave otherwise
        auto dropped = co_await drop(entry, stale);
        if (!dropped && dropped.error().code() == Errc::cancelled) co_return dropped.error();
    }
    auto* const connector = connector_for(agent.uri);
    if (!connector) {
        log_.warning("no plugin reaches this agent", {{"agent", agent.id}, {"uri", agent.uri}});
        std::string known;
        for (const auto& [scheme, plugin] : connectors_) known += (known.empty() ? "" : ", ") + scheme + "://";
        co_return Error(Errc::invalid, "no plugin reaches agents at " + agent.uri.substr(0, 100),
                        known.empty() ? "No plugin that reaches agents was found." : "Agents are reached at " + known);
    }
    auto opening = connector->open(agent, deliver_to(agent.id), deadline);
    auto made = co_await std::move(opening);
    if (!made) co_return made.error();
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(agent.id);
        if (found != entries_.end() && found->second == entry) {
            entry->target = std::move(agent);
            entry->connection = *made;
            connected_.add(1);
            co_return std::move(*made);
        }
    }
    auto closed = co_await (*made)->close();
    if (!closed) co_return closed.error();
    co_return Error(Errc::unavailable, "the agent was closed while its connection was opened");
}

Async<Result<void>> Fleet::drop(EntryPtr entry, ConnectionPtr connection) {
    {
        const std::lock_guard lock(mutex_);
        if (entry->connection != connection) co_return ok;
        entry->connection.reset();
        connected_.add(-1);
    }
    co_return co_await connection->close();
}

AgentConnector* Fleet::connector_for(const std::string& uri) const {
    const auto end = uri.find("://");
    if (end == std::string::npos) return nullptr;
    const auto found = connectors_.find(std::string_view(uri).substr(0, end));
    return found == connectors_.end() ? nullptr : found->second;
}

DeliverToAgent Fleet::deliver_to(std::int64_t agent) {
    return [events = events_, agent](Event command, std::chrono::milliseconds timeout,
                                     std::function<void(const Event&)> on_progress) {
        return deliver(events, agent, std::move(command), timeout, std::move(on_progress));
    };
}

bool Fleet::begin_ping(const AgentTarget& agent, PingRecord& record) {
    const std::lock_guard lock(mutex_);
    if (draining_) return false;
    auto& entry = entries_[agent.id];
    if (!entry) {
        entry = std::make_shared<Entry>();
        entry->target = agent;
    }
    if (entry->pings.under_way) return false;
    entry->pings.under_way = true;
    record = entry->pings;
    return true;
}

void Fleet::end_ping(std::int64_t agent, const PingRecord& record) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(agent);
    if (found == entries_.end()) return;
    found->second->pings = record;
    found->second->pings.under_way = false;
}

Async<Result<void>> Fleet::forget_others(std::vector<std::int64_t> active) {
    std::vector<std::pair<std::int64_t, EntryPtr>> others;
    {
        const std::lock_guard lock(mutex_);
        const auto before = clock_.now() - kUnusedAfter;
        for (const auto& [id, entry] : entries_)
            if (entry->under_way == 0 && !entry->pings.under_way && entry->used < before &&
                !std::binary_search(active.begin(), active.end(), id))
                others.emplace_back(id, entry);
        for (const auto& [id, entry] : others) entries_.erase(id);
        std::erase_if(closed_, [&](const auto& one) { return one.second < before; });
    }
    for (const auto& [id, entry] : others) {
        ConnectionPtr connection;
        {
            const std::lock_guard lock(mutex_);
            connection = std::exchange(entry->connection, nullptr);
        }
        if (!connection) continue;
        connected_.add(-1);
        auto closed = co_await connection->close();
        if (!closed && closed.error().code() == Errc::cancelled) co_return closed;
    }
    co_return ok;
}

void Fleet::count(const std::string& outcome) {
    context_.metrics()
        .counter("drover_agent_commands_total", "Commands to agents, by what became of them.", {{"outcome", outcome}})
        .add();
}

}  // namespace drover::roles
