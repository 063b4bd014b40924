// What a subscriber gets while its stream is open.
#include <boost/json.hpp>

#include <algorithm>
#include <mutex>

#include "drover/model/model.hpp"
#include "errors.hpp"
#include "pubsub_state.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

constexpr std::string_view kChange = "resource.change";
/// Accounts may be taken their rights while they listen: looked after with every so many pings.
constexpr std::int64_t kLookAfterPings = 6;
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kPolicy = 1008;

class HttpSink final : public Sink {
public:
    explicit HttpSink(HttpStream& out) : out_(out) {}
    Async<Result<void>> send(std::string event) override {
        event += "\n\n";
        return out_.write(std::move(event));
    }

private:
    HttpStream& out_;
};

class SocketSink final : public Sink {
public:
    explicit SocketSink(WebSocket& out) : out_(out) {}
    Async<Result<void>> send(std::string event) override {
        WebSocketMessage message;
        message.data = std::move(event);
        return out_.write(std::move(message));
    }

private:
    WebSocket& out_;
};

/// Counts one open stream.
class Counted {
public:
    explicit Counted(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { gauge_.add(-1); }

private:
    Gauge& gauge_;
};

}  // namespace

std::string PubSub::State::ping() const {
    Event event;
    event.id = new_uuid();
    event.name = "ping";
    event.time = clock.wall();
    event.data = json::object{{"options", json::object{}}, {"resources", json::array{}}};
    return to_json(event);
}

std::string PubSub::State::notice(std::string name, std::string reason) const {
    Event event;
    event.id = new_uuid();
    event.name = std::move(name);
    event.time = clock.wall();
    event.data = json::object{{"reason", std::move(reason)}};
    return to_json(event);
}

Async<Result<bool>> PubSub::State::still_allowed(SubscriberPlanPtr plan) {
    const auto self = shared_from_this();
    if (plan->caller.account_id <= 0) co_return true;
    const auto active = co_await accounts.is_active(plan->caller.account_id);
    // While the store is away nobody is cut: what was allowed a moment ago still is.
    if (!active) co_return active.error().code() != Errc::cancelled;
    if (!*active) co_return false;
    if (plan->caller.subscription != SubscriptionStyle::agent || !plan->agent) co_return true;
    const auto agents = co_await accounts.agents_of(plan->caller.account_id, true);
    if (!agents) co_return true;
    co_return std::find(agents->begin(), agents->end(), *plan->agent) != agents->end();
}

Async<Result<std::optional<std::string>>> PubSub::State::shown(SubscriberPlanPtr plan, Event event) {
    const auto self = shared_from_this();
    using Shown = std::optional<std::string>;
    if (plan->agent && agent_of_event(event.name) != plan->agent) co_return Shown();
    // An agent's answer must not come before the command is known to have gone out.
    if (plan->agent) ledger.sent(event, clock.now());

    const auto row = event.resource_type.empty() ? std::nullopt : [&]() -> std::optional<std::int64_t> {
        Caller plain;
        plain.plain_ids = true;
        return plain.parse(event.resource_id);
    }();
    const bool change = event.name == kChange;
    const bool sees_all = plan->caller.all_accounts || plan->qualified;
    json::value seen;
    if (row && (change || !sees_all)) {
        auto showing = api.shown_to(plan->caller, event.resource_type, *row, plan->includes, plan->base);
        auto resource = co_await std::move(showing);
        if (!resource && resource.error().code() == Errc::cancelled) co_return resource.error();
        if (resource) seen = std::move(*resource);
    }
    if (change) {
        if (seen.is_null()) event.data = nullptr;
        else event.data = json::object{{"resource", std::move(seen)}};
    } else if (!sees_all && seen.is_null()) {
        co_return Shown();
    }
    if (plan->qualified) event.name = std::string(base_name(event.name));
    if (event.resource_type.empty()) event.resource_id.clear();
    else if (row) event.resource_id = plan->caller.format(event.resource_type, *row);
    else if (!plan->caller.plain_ids && !event.resource_id.empty())
        event.resource_id = format_id(event.resource_type, std::string_view(event.resource_id));
    co_return Shown(to_json(event));
}

Async<StreamEnd> PubSub::State::serve(SubscriberPlanPtr plan, EventSubscription feed, Sink& sink) {
    const auto self = shared_from_this();
    const auto most = most_pings();
    auto next_ping = clock.now();
    std::int64_t pings = 0;
    for (;;) {
        if (clock.now() >= next_ping) {
            if (pings >= most) co_return StreamEnd::complete;
            if (pings > 0 && pings % kLookAfterPings == 0) {
                const auto allowed = co_await still_allowed(plan);
                if (!allowed) co_return StreamEnd::gone;
                if (!*allowed) co_return StreamEnd::denied;
            }
            const auto sent = co_await sink.send(ping());
            if (!sent) co_return feed.dropped() > 0 ? StreamEnd::slow : StreamEnd::gone;
            ++pings;
            next_ping = clock.now() + ping_interval();
        }
        if (feed.dropped() > 0) co_return StreamEnd::slow;
        auto item = co_await feed.next(clock, Deadline(next_ping));
        if (!item) {
            if (item.error().code() == Errc::timeout) continue;
            co_return item.error().code() == Errc::cancelled ? StreamEnd::gone : StreamEnd::closing;
        }
        if (feed.dropped() > 0) co_return StreamEnd::slow;
        std::optional<std::string> text;
        if (const auto* gap = std::get_if<EventGap>(&*item)) {
            text = notice("subscribe.gap", gap->reason);
        } else {
            auto showing = shown(plan, std::move(*std::get_if<Event>(&*item)));
            auto event = co_await std::move(showing);
            if (!event) co_return StreamEnd::gone;
            text = std::move(*event);
        }
        if (!text) continue;
        const auto sent = co_await sink.send(std::move(*text));
        if (!sent) co_return feed.dropped() > 0 ? StreamEnd::slow : StreamEnd::gone;
        delivered.add();
    }
}

namespace {

std::string_view reason_of(StreamEnd end) {
    switch (end) {
        case StreamEnd::slow: return "events came faster than they were read; subscribe again and read the state anew";
        case StreamEnd::denied: return "this account may not listen any more";
        case StreamEnd::complete: return "the stream has lasted long enough; subscribe again";
        case StreamEnd::closing: return "this server stops; subscribe again";
        case StreamEnd::gone: break;
    }
    return "";
}

}  // namespace

Async<void> PubSub::State::stream_http(SubscriberPlanPtr plan, EventSubscription feed, HttpStream* out) {
    const auto self = shared_from_this();
    const Counted counted(subscribers);
    HttpSink sink(*out);
    const auto end = co_await serve(plan, feed, sink);
    count_end(end);
    if (end != StreamEnd::slow && end != StreamEnd::denied) co_return;
    const auto told = co_await sink.send(notice("subscribe.cut", std::string(reason_of(end))));
    if (!told) log.debug("a subscriber was cut and could not be told");
}

Async<void> PubSub::State::stream_socket(SubscriberPlanPtr plan, EventSubscription feed,
                                         std::shared_ptr<WebSocket> socket) {
    const auto self = shared_from_this();
    const Counted counted(subscribers);
    // This coroutine reads, so that it hears when the client goes; another one writes.
    struct Writer {
        std::mutex mutex;
        TaskHandle task;  // guarded by mutex; set when it begins
    };
    const auto writer = std::make_shared<Writer>();  // owners: this and the task
    const auto write = [](std::shared_ptr<State> state, SubscriberPlanPtr what, EventSubscription from,
                          std::shared_ptr<WebSocket> to) -> Async<void> {
        SocketSink sink(*to);
        const auto end = co_await state->serve(what, from, sink);
        state->count_end(end);
        if (end == StreamEnd::slow || end == StreamEnd::denied) {
            const auto told = co_await sink.send(state->notice("subscribe.cut", std::string(reason_of(end))));
            if (!told) state->log.debug("a subscriber was cut and could not be told");
        }
        if (end == StreamEnd::gone) co_return;
        const bool policy = end == StreamEnd::slow || end == StreamEnd::denied;
        to->close(policy ? kPolicy : kGoingAway, std::string(reason_of(end)));
    };
    const bool begun = context.tasks().spawn("pubsub.stream", [=](TaskHandle handle) {
        {
            const std::lock_guard lock(writer->mutex);
            writer->task = handle;
        }
        return write(self, plan, feed, socket);
    });
    if (!begun) co_return;
    for (;;) {
        const auto heard = co_await socket->read();
        if (!heard) break;  // what clients say is not for anybody
    }
    // One that has not begun finds the socket closed at its first write.
    const std::lock_guard lock(writer->mutex);
    writer->task.cancel();
}

}  // namespace drover::rest
