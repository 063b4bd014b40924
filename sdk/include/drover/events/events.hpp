#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/event.hpp"
#include "drover/log.hpp"
#include "drover/metrics.hpp"
#include "drover/services/event_bus.hpp"
#include "drover/task_group.hpp"

/// Names, patterns, request and reply over any event bus. The bus sees a dozen topics: one for each family of
/// event names, one for each server, one reply topic for each process.
namespace [[gnu::visibility("default")]] drover {

struct EventGap {
    std::string reason;
};
using EventItem = std::variant<Event, EventGap>;

/// Does `name` match `pattern`? '*' stands for any run of characters; qualifiers must match as well.
bool event_matches(std::string_view pattern, std::string_view name);

/// The topic of the family an event name belongs to; of its first word, so that patterns such as "resource.*"
/// need one topic.
std::string topic_of_event(std::string_view name);
/// The topic that one server listens to.
std::string topic_of_server(std::string_view server_id);

/// One subscriber's bounded queue of events. Thread-safety: any thread; one reader. Dropping it unsubscribes.
class EventSubscription {
public:
    struct State;
    EventSubscription() = default;
    explicit EventSubscription(std::shared_ptr<State> state) : state_(std::move(state)) {}
    /// Errors: cancelled, timeout, unavailable (subscribe anew).
    Async<Result<EventItem>> next(Clock& clock, Deadline deadline = Deadline::never());
    /// Events dropped because the reader was slow.
    std::uint64_t dropped() const;

private:
    std::shared_ptr<State> state_;  // owners: this and its copies
};

struct RequestOptions {
    std::chrono::milliseconds timeout{15'000};  ///< of one try
    int retries = 3;                            ///< tries in all; 0 is one try
    /// Called for replies that say "transitioning: yes"; they do not extend the timeout.
    std::function<void(const Event&)> on_progress{};
    std::string topic{};  ///< where to send it; empty: that of its family
};

/// True for an error that stands for a reply with transitioning "error": the other side did answer.
/// Details: `transitioningMessage`, `transitioningInternalMessage`, `reply` (its JSON).
bool is_event_error(const Error& error);
/// The error that stands for such a reply.
Error event_error(const Event& reply);

/// Events of one plugin. Each bus topic is subscribed once, however many subscribers there are.
/// Thread-safety: every method may be called from any thread. `close` before the context's services end.
class Events {
public:
    struct Options {
        std::string server_id;
        std::size_t queue = 1'000;  ///< of one subscriber, by default
    };
    Events(EventBus& bus, Clock& clock, TaskGroup& tasks, Logger log, Options options);
    ~Events();
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    /// Errors: invalid, exhausted, unavailable, timeout.
    Async<Result<void>> publish(Event event);
    /// To one topic instead of that of the family.
    Async<Result<void>> publish_to(std::string topic, Event event);

    /// Everything whose name matches one of `patterns`, from now on. `capacity` 0: the default.
    /// Errors: invalid, unavailable, timeout.
    Async<Result<EventSubscription>> subscribe(std::vector<std::string> patterns, std::size_t capacity = 0);
    /// Everything sent to this server's own topic.
    Async<Result<EventSubscription>> subscribe_server();

    /// Publishes `request`, with an id and a reply address of its own, and again at each timeout while tries are
    /// left, until the reply comes. The reply is also published under `<name>.reply`.
    /// Errors: timeout (nobody answered), the reply's (is_event_error), unavailable, cancelled.
    Async<Result<Event>> request(Event request, RequestOptions options);

    /// Ends every wait and subscription; nothing runs afterwards.
    void close();

private:
    struct State;
    std::shared_ptr<State> state_;  // owners: this, its subscriptions' pumps
};

}  // namespace drover
