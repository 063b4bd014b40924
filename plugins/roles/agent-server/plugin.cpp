// The agents' port and the way commands take to them. Agents reach this server and nothing else.
#include "drover/agents/connector.hpp"
#include "drover/engine/engine.hpp"
#include "fleet.hpp"
#include "listening_plugin.hpp"
#include "pings.hpp"
#include "pubsub.hpp"

namespace drover::roles {
namespace {

using namespace std::chrono_literals;

class AgentServer final : public ListeningPlugin {
public:
    AgentServer(const Config& config, Context& context, std::unique_ptr<GroupOwner> groups)
        : ListeningPlugin(context, "agent.listen", listen_options(config), config.boolean("security")),
          groups_(std::move(groups)),
          security_(config.boolean("security")),
          per_agent_(static_cast<std::size_t>(config.integer("per-agent"))),
          under_way_(static_cast<std::size_t>(config.integer("under-way"))),
          subscriber_queue_(static_cast<std::size_t>(config.integer("subscriber-queue"))) {}

    Result<void> start(Deadline deadline) override {
        rest::RestApi::Options of_api;
        of_api.security = security_;
        of_api.types = {"agent", "publish", "subscribe", "schema", "error", "authorized"};
        of_api.name = "agent";
        api_ = std::make_unique<rest::RestApi>(context(), context().get<Engine>(), context().get<Store>(), of_api);
        rest::PubSubOptions of_pubsub;
        of_pubsub.name = "agent";
        of_pubsub.queue = subscriber_queue_;
        pubsub_ = rest::add_pubsub(*api_, context(), of_pubsub);
        Fleet::Options of_fleet;
        of_fleet.per_agent = per_agent_;
        of_fleet.under_way = under_way_;
        fleet_ = std::make_unique<Fleet>(context(), *groups_, of_fleet);
        pings_ = std::make_unique<Pings>(context(), *fleet_, *groups_);
        if (auto started = run(pubsub_->start(), deadline); !started) return started;
        // Agents can answer before they are asked.
        if (auto listening = ListeningPlugin::start(deadline); !listening) return listening;
        if (auto started = run(fleet_->start(), deadline); !started) return started;
        pings_->start();
        return ok;
    }

    Result<void> drain(Deadline deadline) override {
        if (!fleet_) return ok;
        auto pinged = run(pings_->stop(deadline), deadline);
        auto drained = run(fleet_->drain(deadline), deadline);
        pubsub_->close();
        auto listened = ListeningPlugin::drain(deadline);
        if (!pinged) return pinged;
        return drained ? listened : drained;
    }

    Result<void> stop(Deadline deadline) override {
        Result<void> all = ok;
        const auto keep = [&all](Result<void> one) {
            if (all && !one) all = std::move(one);
        };
        if (pubsub_) pubsub_->close();
        if (pings_) keep(run(pings_->stop(deadline), deadline));
        if (fleet_) keep(run(fleet_->stop(deadline), deadline));
        keep(ListeningPlugin::stop(deadline));
        if (pubsub_) keep(run(pubsub_->release(), deadline));
        keep(run(groups_->release(), deadline));
        api_.reset();
        return all;
    }

protected:
    Async<Result<HttpReply>> answer(HttpRequest request) override {
        if (request.path == "/ping") co_return HttpReply(text_response(200, "pong"));
        auto answering = api_->answer(std::move(request));
        co_return co_await std::move(answering);
    }

private:
    static HttpListenOptions listen_options(const Config& config) {
        HttpListenOptions options;
        options.address = config.address("listen");
        options.name = "agent";
        return options;
    }
    Result<void> run(Async<Result<void>> work, Deadline deadline) {
        constexpr auto kLongest = std::chrono::milliseconds(60s);
        const auto left = deadline.is_never()
                              ? kLongest
                              : std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context().clock()));
        return block_on(context().executor(), std::move(work), left);
    }

    std::unique_ptr<GroupOwner> groups_;
    const bool security_;
    const std::size_t per_agent_;
    const std::size_t under_way_;
    const std::size_t subscriber_queue_;
    std::unique_ptr<rest::RestApi> api_;
    std::unique_ptr<rest::PubSub> pubsub_;
    std::unique_ptr<Fleet> fleet_;
    std::unique_ptr<Pings> pings_;
};

std::vector<Option> options() {
    return {
        address("listen", "127.0.0.1:8090", "Where agents connect.").at_key("agent.listen"),
        boolean("security", false, "Whether callers must authenticate; without it only this machine is answered.")
            .at_key("api.security.enabled"),
        list("groups", "*",
             "Groups whose agents this server looks after: their ids, '!' for agents without one, '*' for all.")
            .at_key("agent.groups"),
        integer("per-agent", 64, 1, 10'000, "Commands under way to one agent; more wait."),
        integer("under-way", 20'000, 1, 1'000'000, "Commands under way to all agents; more are asked for again."),
        integer("subscriber-queue", 1'000, 1, 1'000'000,
                "Events that wait for one subscriber; one that falls further behind is cut."),
        integer("stream-ping-interval", 5'000, 10, 3'600'000,
                "Milliseconds between two pings in a subscriber's stream.")
            .at_key("api.sub.ping.interval.millis")
            .live(),
        integer("stream-most-pings", 8'640, 1, 1'000'000'000, "After how many of those a stream ends.")
            .at_key("api.sub.max.pings")
            .live(),
        text("ping-schedule", "5", "Seconds between two pings of an agent; none when it is empty.")
            .at_key("task.agent.ping.schedule")
            .live(),
        integer("ping-timeout", 5, 1, 3'600, "Seconds that one ping waits; it is sent three times.")
            .at_key("agent.ping.timeout.seconds")
            .live(),
        integer("ping-stats-every", 60, 1, 1'000'000, "Every how many pings an agent is asked for statistics.")
            .at_key("agent.ping.stats.every")
            .live(),
        integer("ping-resources-every", 15, 1, 1'000'000, "Every how many pings an agent is asked what it has.")
            .at_key("agent.ping.resources.every")
            .live(),
        integer("ping-reconnect-after", 6, 1, 1'000'000,
                "After how many pings without an answer an agent is reconnected.")
            .at_key("agent.ping.reconnect.after.failed.count")
            .live(),
        integer("report-cache", 300, 1, 86'400, "Seconds after which the same report of an agent is looked at again.")
            .at_key("agent.resource.monitor.cache.resource.seconds")
            .live(),
    };
}

}  // namespace
}  // namespace drover::roles

DROVER_PLUGIN("drover.agent-server", "0.1.0",
              {
                  .summary = "The agents' port, their commands and their pings",
                  .needs = {drover::need<drover::HttpFront>(), drover::need<drover::Engine>(),
                            drover::need<drover::Store>(), drover::need<drover::EventBus>(),
                            drover::need<drover::LockService>()},
                  .options = drover::roles::options(),
                  .roles = {{"agent-server", "keeps the connections of agents", false}},
                  .collects = {drover::collect<drover::AgentConnector>(), drover::collect<drover::ModelExtension>()},
                  .create = [](const drover::Config& config,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      auto groups = drover::roles::GroupOwner::make(config.list("groups"), context);
                      if (!groups) return groups.error();
                      return std::unique_ptr<drover::Plugin>(
                          new drover::roles::AgentServer(config, context, std::move(*groups)));
                  },
              });
