// The agents' port: for now only reachable; subscriptions and commands come with the engine.
#include "listening_plugin.hpp"

namespace drover::roles {
namespace {

class AgentServer final : public ListeningPlugin {
public:
    AgentServer(const Config& config, Context& context)
        : ListeningPlugin(context, "agent.listen", {.address = config.address("listen"), .name = "agent"}) {}

protected:
    Async<Result<HttpReply>> answer(HttpRequest request) override {
        if (request.path == "/ping") co_return HttpReply(text_response(200, "pong"));
        co_return HttpReply(text_response(404, "Nothing here. Try /ping.\n"));
    }
};

}  // namespace
}  // namespace drover::roles

DROVER_PLUGIN(
    "drover.agent-server", "0.1.0",
    {
        .summary = "The agents' port",
        .needs = {drover::need<drover::HttpFront>()},
        .options = {drover::address("listen", "127.0.0.1:8090", "Where agents connect.").at_key("agent.listen")},
        .roles = {{"agent-server", "keeps the connections of agents", false}},
        .create = [](const drover::Config& config,
                     drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
            return std::unique_ptr<drover::Plugin>(new drover::roles::AgentServer(config, context));
        },
    });
