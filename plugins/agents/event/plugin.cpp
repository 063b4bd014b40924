// Agents in any language: they subscribe to their commands over HTTP or WebSocket, and publish their replies.
#include "drover/plugin.hpp"

#include "connector.hpp"

namespace drover::event_agents {
namespace {

class EventAgents final : public Plugin {
public:
    explicit EventAgents(Context& context) : connector_(context) {}
    std::vector<Offer> offers() override { return {offer<AgentConnector>(connector_)}; }

private:
    EventConnector connector_;
};

}  // namespace
}  // namespace drover::event_agents

DROVER_PLUGIN("drover.event", "0.1.0",
              {
                  .summary = "Agents that subscribe to their commands (event://)",
                  .extends = {drover::extension<drover::AgentConnector>()},
                  .create = [](const drover::Config&,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::unique_ptr<drover::Plugin>(new drover::event_agents::EventAgents(context));
                  },
              });
