// Agents: the account they act under, the ping that makes them active, and their connections.
#include "drover/events/events.hpp"
#include "logic/all.hpp"
#include "report.hpp"

namespace drover::cloud {
namespace {

/// How long what an agent reported may take to become active before its activation is tried again.
constexpr auto kResourcesWait = 25s;
constexpr auto kResourcesLook = 50ms;
constexpr auto kCloseWait = 2s;

Async<Result<LogicResult>> agent_create(ProcessRunPtr run) {
    if (!run->resource()["accountId"].is_null() || !flag(*run, "process.agent.create.create.account", true))
        co_return nothing();
    const auto name = "agentAccount" + std::to_string(run->resource().id());
    json::object values{{"kind", "agent"}, {"name", name}};
    auto account = co_await find_or_create(run, "account", name, std::move(values));
    if (!account) co_return account.error();
    auto ran = co_await run->run("account.create", account->id());
    if (!ran) co_return ran.error();
    co_return done({{"accountId", account->id()}});
}

/// The ids of one type's rows that are not yet active.
Condition ids_of(const std::vector<Reported>& reported, std::string_view type) {
    Condition ids{"id", Op::in, {}};
    for (const auto& one : reported)
        if (one.type == type) ids.values.emplace_back(one.id);
    return ids;
}

/// How many of `reported` are still on their way to active. What an operator has made inactive stays so.
Async<Result<std::size_t>> count_pending(ProcessRunPtr run, std::string type, Condition ids) {
    if (ids.values.empty()) co_return std::size_t{0};
    Condition states{"state", Op::in, {Value("requested"), Value("registering"), Value("activating")}};
    std::vector<AnyOf> where{{std::move(ids)}, {std::move(states)}};
    auto found = co_await find(run, std::move(type), std::move(where));
    if (!found) co_return found.error();
    co_return found->size();
}

/// Clients take an active agent's hosts at once, so it is active only when they are.
Async<Result<void>> wait_for_resources(ProcessRunPtr run, std::vector<Reported> reported) {
    const auto until = Deadline::in(run->clock(), kResourcesWait).earlier(run->deadline());
    for (;;) {
        std::size_t pending = 0;
        for (int i = 0; i < 3; ++i) {
            const std::string type = i == 0 ? "host" : i == 1 ? "storagePool" : "storagePoolHostMap";
            auto count = co_await count_pending(run, type, ids_of(reported, type));
            if (!count) co_return count.error();
            pending += *count;
        }
        if (pending == 0) co_return ok;
        if (until.passed(run->clock()))
            co_return Error(Errc::busy, std::to_string(pending) + " of the agent's resources are not active yet",
                            "The activation is tried again.");
        auto slept = co_await sleep_for(run->clock(), kResourcesLook);
        if (!slept) co_return slept.error();
    }
}

Async<Result<LogicResult>> agent_activate(CloudPtr cloud, ProcessRunPtr run) {
    AgentCommand ping;
    ping.agent_id = run->resource().id();
    ping.name = "ping";
    ping.resource_type = "agent";
    ping.resource_id = ping.agent_id;
    ping.data = {{"options", {{"stats", true}, {"resources", true}}}, {"resources", json::array{}}};
    ping.timeout = std::chrono::milliseconds(number(*run, "agent.activate.ping.timeout", 1'000));
    ping.retries = static_cast<int>(number(*run, "agent.activate.ping.retries", 30));
    auto commanding = run->command(std::move(ping));
    auto reply = co_await std::move(commanding);
    if (!reply) co_return reply.error();
    const auto* resources = reply->data.is_object() ? reply->data.as_object().if_contains("resources") : nullptr;
    if (resources && resources->is_array() && !resources->as_array().empty()) {
        auto reported = co_await take_report(cloud, ReportHands::of(run), run->resource().id(), resources->as_array());
        if (!reported) co_return reported.error();
        auto waited = co_await wait_for_resources(run, std::move(*reported));
        if (!waited) co_return waited.error();
    }
    co_return done();
}

/// Tells the agent server that owns the agent to close its connection. Where none does there is none to close.
Async<Result<void>> close_connection(ProcessRunPtr run) {
    Event close;
    close.name = "agent.close";
    close.resource_type = "agent";
    close.resource_id = std::to_string(run->resource().id());
    RequestOptions options;
    options.timeout = kCloseWait;
    options.retries = 1;
    auto requesting = run->request(std::move(close), std::move(options));
    auto closed = co_await std::move(requesting);
    if (!closed && closed.error().code() == Errc::cancelled) co_return closed.error();
    if (!closed)
        run->log().debug("no agent server closed the agent's connection",
                         {{"agent", run->resource().id()}, {"why", closed.error().message()}});
    co_return ok;
}

Async<Result<LogicResult>> agent_connection_close(ProcessRunPtr run) {
    auto closed = co_await close_connection(run);
    if (!closed) co_return closed.error();
    auto result = done();
    result.go_on = true;
    co_return result;
}

Async<Result<LogicResult>> agent_timed_connection_close(ProcessRunPtr run) {
    const std::string key = "agentConnectionClosed";
    const auto every = number(*run, "agent.reconnect.disconnect.every.seconds", 120) * 1'000;
    const auto now = now_millis(run->clock());
    const auto* last = run->data().if_contains(key);
    if (last && last->is_int64() && now - last->as_int64() < every) co_return nothing();
    run->data()[key] = now;
    auto saved = co_await run->save_data();
    if (!saved) co_return saved.error();
    auto closed = co_await close_connection(run);
    if (!closed) co_return closed.error();
    co_return nothing();
}

}  // namespace

void add_agent_logic(std::vector<Logic>& all, CloudPtr cloud) {
    all.push_back(handler("AgentCreate", {"agent.create"}, agent_create));
    all.push_back(handler("AgentActivate", {"agent.activate", "agent.reconnect"},
                          [cloud](ProcessRunPtr run) { return agent_activate(cloud, std::move(run)); }));
    all.push_back(
        handler("AgentTimedConnectionClose", {"agent.reconnect"}, agent_timed_connection_close, kPriorityPre));
    all.push_back(
        handler("AgentConnectionClose", {"agent.deactivate", "agent.remove"}, agent_connection_close, kPriorityPre));
}

}  // namespace drover::cloud
