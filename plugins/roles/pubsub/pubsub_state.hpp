#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent_accounts.hpp"
#include "change_publisher.hpp"
#include "command_ledger.hpp"
#include "pubsub.hpp"

namespace drover::rest {

/// What one subscriber asked for, after it was checked.
struct SubscriberPlan {
    Caller caller;
    std::string base;                   ///< of links in what it is shown
    std::vector<std::string> includes;  ///< of resources in resource.change
    std::vector<std::string> patterns;  ///< for the bus, with the qualifier
    std::optional<std::int64_t> agent;  ///< the one whose commands it gets
    bool qualified = false;             ///< names are delivered without qualifiers
};
using SubscriberPlanPtr = std::shared_ptr<const SubscriberPlan>;  // owners: the stream's coroutines

/// Where a subscriber's events go: an HTTP stream or a WebSocket.
class Sink {
public:
    virtual ~Sink() = default;
    /// Errors: unavailable (the client has gone), cancelled.
    virtual Async<Result<void>> send(std::string json) = 0;
};

/// Why a stream ended.
enum class StreamEnd : unsigned char { gone, complete, slow, denied, closing };

struct PubSub::State : std::enable_shared_from_this<PubSub::State> {
    State(RestApi& rest, Context& with, Engine& with_engine, Store& store, EventBus& bus, LockService* locks,
          PubSubOptions with_options);

    Async<Result<HttpReply>> subscribe(ApiRequestPtr request);
    Async<Result<HttpReply>> publish(ApiRequestPtr request);

    /// Reads who and what from a request. The error is one that `refusal` made (details status, code, fieldName).
    Async<Result<SubscriberPlan>> plan(ApiRequestPtr request);
    Async<Result<std::int64_t>> agent_of_subscriber(ApiRequestPtr request);
    /// What a caller publishes, from its request's body.
    Result<Event> event_of(const ApiRequest& request);
    /// None when the caller may publish this; the answer that refuses it otherwise.
    Async<Result<std::optional<HttpReply>>> check_reply(ApiRequestPtr request, Event event);

    Async<void> stream_http(SubscriberPlanPtr plan, EventSubscription events, HttpStream* out);
    Async<void> stream_socket(SubscriberPlanPtr plan, EventSubscription events, std::shared_ptr<WebSocket> socket);
    Async<StreamEnd> serve(SubscriberPlanPtr plan, EventSubscription events, Sink& sink);
    /// One event as this subscriber sees it; none when it is not for it.
    Async<Result<std::optional<std::string>>> shown(SubscriberPlanPtr plan, Event event);
    Async<Result<bool>> still_allowed(SubscriberPlanPtr plan);
    Async<void> follow_commands(EventSubscription commands);

    std::string ping() const;
    std::string notice(std::string name, std::string reason) const;
    std::chrono::milliseconds ping_interval() const;
    std::int64_t most_pings() const;
    void count_refusal(const std::string& verb, const std::string& reason);
    void count_end(StreamEnd end);

    RestApi& api;
    Context& context;
    Engine& engine;
    const PubSubOptions options;
    const Logger log;
    Clock& clock;
    Events events;
    AgentAccounts accounts;
    CommandLedger ledger;
    std::unique_ptr<ChangePublisher> changes;
    std::atomic<bool> closed{false};
    Gauge& subscribers;
    Counter& delivered;
};

}  // namespace drover::rest
