#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "drover/context.hpp"
#include "drover/events/events.hpp"
#include "drover/services/lock.hpp"
#include "rest_api.hpp"

/// Events for the clients of a REST API: `subscribe`, `publish`, and the `resource.change` events behind
/// dashboards.
namespace drover::rest {

struct PubSubOptions {
    std::string name;                ///< of the port, for metrics: "api", "agent"
    std::size_t queue = 1'000;       ///< events that wait for one subscriber; one that falls behind further is cut
    bool publishes_changes = false;  ///< turns state.change and api.change into resource.change (one server at a time)
};

/// Answers `subscribe` and `publish` of one RestApi. What an account may see and say is decided for every event.
///
/// Settings, read while it runs: api.sub.ping.interval.millis, api.sub.max.pings,
/// task.resource.change.publish.schedule.
/// Thread-safety: every method may be called from any thread.
class PubSub {
public:
    /// Before the API's start; `locks` may be null where `publishes_changes` is false. All of them outlive this.
    PubSub(RestApi& api, Context& context, Engine& engine, Store& store, EventBus& bus, LockService* locks,
           PubSubOptions options);
    ~PubSub();
    PubSub(const PubSub&) = delete;
    PubSub& operator=(const PubSub&) = delete;

    /// Begins to follow the commands that are sent to agents, and changes. Errors: unavailable, timeout.
    Async<Result<void>> start();
    /// Ends every stream, in `drain` before the port closes; nothing is accepted afterwards.
    void close();
    /// Gives up what it holds, in `stop`. Errors: unavailable, timeout.
    Async<Result<void>> release();

    Events& events();

private:
    struct State;
    std::shared_ptr<State> state_;  // owners: this, the API's endpoints and streams under way
};

/// PubSub with the services of the context's needs.
std::unique_ptr<PubSub> add_pubsub(RestApi& api, Context& context, PubSubOptions options);

}  // namespace drover::rest
