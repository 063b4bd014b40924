#pragma once

#include <vector>

#include "drover/engine/engine.hpp"
#include "fleet.hpp"

namespace drover::roles {

/// Asks every active agent of this server's groups every few seconds whether it is there, spread evenly over that
/// time; hands on what it reports, and has it reconnected when it does not answer.
///
/// Settings, read while it runs: task.agent.ping.schedule, agent.ping.timeout.seconds, agent.ping.stats.every,
/// agent.ping.resources.every, agent.ping.reconnect.after.failed.count, agent.resource.monitor.cache.resource.seconds.
class Pings {
public:
    Pings(Context& context, Fleet& fleet, GroupOwner& groups);
    ~Pings();

    void start();
    Async<Result<void>> stop(Deadline deadline);

private:
    /// When in the interval an agent's turn is, and who it is.
    struct Turn {
        Duration offset{};
        AgentTarget agent;
    };
    Async<void> run();
    Async<Result<std::vector<Turn>>> turns(Duration interval);
    Async<void> ping(AgentTarget agent, TimePoint known_at);
    Async<Result<Event>> ask(AgentTarget agent, TimePoint known_at, bool stats, bool resources);
    /// Whether what the agent reported was taken, or is nothing new.
    Async<Result<void>> report(std::int64_t agent, Event reply, PingRecord* record);
    Async<Result<void>> reconnect(std::int64_t agent);
    std::int64_t setting(std::string_view key, std::int64_t otherwise) const;
    /// None: agents are not to be pinged.
    std::optional<Duration> interval() const;

    Context& context_;
    Fleet& fleet_;
    GroupOwner& groups_;
    Engine& engine_;
    Clock& clock_;
    const Logger& log_;
    TaskGroup tasks_;
    Counter& failed_;
    Counter& answered_;
    std::vector<Extension<ModelExtension>> models_;
};

}  // namespace drover::roles
