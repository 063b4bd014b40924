#pragma once

#include <mutex>
#include <unordered_map>

#include "drover/agents/connector.hpp"
#include "drover/context.hpp"

namespace drover::event_agents {

/// event://: the agent subscribes and takes its commands by itself, wherever it is connected. So a connection is
/// never lost; one that nobody listens behind is told by its calls, which time out.
class EventConnector final : public AgentConnector {
public:
    explicit EventConnector(Context& context) : context_(context) {}

    std::vector<std::string> schemes() override { return {"event"}; }
    Async<Result<std::shared_ptr<AgentConnection>>> open(AgentTarget agent, DeliverToAgent deliver,
                                                         Deadline deadline) override;

private:
    Context& context_;
};

}  // namespace drover::event_agents
