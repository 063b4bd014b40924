// The API's port: what users and their programs speak to.
#include <algorithm>

#include "drover/engine/engine.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/store.hpp"
#include "listening_plugin.hpp"
#include "pubsub.hpp"
#include "rest_api.hpp"

namespace drover::roles {
namespace {

class ApiServer final : public ListeningPlugin {
public:
    ApiServer(const Config& config, Context& context)
        : ListeningPlugin(context, "api.listen", listen_options(config), config.boolean("security")),
          security_(config.boolean("security")),
          subscriber_queue_(static_cast<std::size_t>(config.integer("subscriber-queue"))) {}

    Result<void> start(Deadline deadline) override {
        rest::RestApi::Options of_api;
        of_api.security = security_;
        of_api.name = "api";
        api_ = std::make_unique<rest::RestApi>(context(), context().get<Engine>(), context().get<Store>(), of_api);
        rest::PubSubOptions of_pubsub;
        of_pubsub.name = "api";
        of_pubsub.queue = subscriber_queue_;
        of_pubsub.publishes_changes = true;
        pubsub_ = rest::add_pubsub(*api_, context(), of_pubsub);
        if (auto started = run(pubsub_->start(), deadline); !started) return started;
        return ListeningPlugin::start(deadline);
    }

    Result<void> drain(Deadline deadline) override {
        if (pubsub_) pubsub_->close();
        return ListeningPlugin::drain(deadline);
    }

    Result<void> stop(Deadline deadline) override {
        if (pubsub_) pubsub_->close();
        auto stopped = ListeningPlugin::stop(deadline);
        if (pubsub_) {
            auto released = run(pubsub_->release(), deadline);
            if (stopped && !released) stopped = released;
        }
        api_.reset();
        return stopped;
    }

protected:
    Async<Result<HttpReply>> answer(HttpRequest request) override {
        if (request.path == "/ping") co_return HttpReply(text_response(200, "pong"));
        if (request.path == "/healthcheck") co_return HttpReply(healthcheck());
        auto answering = api_->answer(std::move(request));
        co_return co_await std::move(answering);
    }

private:
    /// For load balancers, which have no key: whether this server is well, and nothing of what it consists.
    HttpResponse healthcheck() {
        const auto plugins = context().composition();
        const bool well = std::all_of(plugins.begin(), plugins.end(), [](const auto& one) { return one.ready(); });
        return json_response(well ? 200 : 500,
                             well ? R"({"server":{"healthy":true}})" : R"({"server":{"healthy":false}})");
    }
    static HttpListenOptions listen_options(const Config& config) {
        HttpListenOptions options;
        options.address = config.address("listen");
        options.name = "api";
        return options;
    }
    Result<void> run(Async<Result<void>> work, Deadline deadline) {
        constexpr auto kLongest = std::chrono::milliseconds(60'000);
        const auto left = deadline.is_never()
                              ? kLongest
                              : std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context().clock()));
        return block_on(context().executor(), std::move(work), left);
    }

    const bool security_;
    const std::size_t subscriber_queue_;
    std::unique_ptr<rest::RestApi> api_;
    std::unique_ptr<rest::PubSub> pubsub_;  // after the API: it goes first
};

Option of_kinds(std::string name, std::vector<std::string> choices, std::string key, std::string summary) {
    choices.insert(choices.begin(), "default");
    return choice(std::move(name), "default", std::move(choices), std::move(summary)).at_key(std::move(key)).live();
}

std::vector<Option> options() {
    return {
        address("listen", "127.0.0.1:8080", "Where the REST API is answered.").at_key("api.listen"),
        boolean("security", false, "Whether callers must authenticate; without it only this machine is answered.")
            .at_key("api.security.enabled"),
        text("realm", "Enter API access key and secret key as username and password",
             "What a client is told that must authenticate.")
            .at_key("api.auth.realm")
            .live(),
        integer("show-removed", 300, 0, 31'536'000, "For how many seconds lists still show what was removed.")
            .at_key("api.show.removed.for.seconds")
            .live(),
        list("unpublished", "publish", "Types whose changes through the API are not told to subscribers.")
            .at_key("api.event.change.exclude.types")
            .live(),
        boolean("client-override", false,
                "Whether the header X-API-request-url says under which URL the API is seen, as a proxy sends it.")
            .at_key("api.allow.client.override")
            .live(),
        list("credential-kinds", "apiKey,usernamePassword", "Kinds of credentials that prove who calls.")
            .at_key("account.by.key.credential.types")
            .live(),
        of_kinds("all-accounts", {"true", "false"}, "account.type.*.all.accounts",
                 "Whether accounts of the kind that the '*' stands for see the rows of all accounts."),
        of_kinds("plain-ids", {"true", "false"}, "account.type.*.plain.id",
                 "Whether ids are plain numbers for accounts of that kind."),
        of_kinds("removed-visible", {"true", "false"}, "account.type.*.removed.visible",
                 "Whether lists show accounts of that kind everything that was removed."),
        of_kinds("subscription-styles", {"raw", "agent", "account"}, "account.type.*.subscription.style",
                 "How the names of events that accounts of that kind subscribe to are read."),
        integer("subscriber-queue", 1'000, 1, 1'000'000,
                "Events that wait for one subscriber; one that falls further behind is cut."),
    };
}

}  // namespace
}  // namespace drover::roles

DROVER_PLUGIN("drover.api-server", "0.1.0",
              {
                  .summary = "The REST API's port",
                  .needs = {drover::need<drover::HttpFront>(), drover::need<drover::Engine>(),
                            drover::need<drover::Store>(), drover::need<drover::EventBus>(),
                            drover::need<drover::LockService>()},
                  .options = drover::roles::options(),
                  .roles = {{"api-server", "answers users and their programs", false}},
                  .collects = {drover::collect<drover::ModelExtension>()},
                  .create = [](const drover::Config& config,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::unique_ptr<drover::Plugin>(new drover::roles::ApiServer(config, context));
                  },
              });
