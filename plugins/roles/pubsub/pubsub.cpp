#include "pubsub.hpp"

#include <algorithm>
#include <charconv>

#include "drover/services/event_bus.hpp"
#include "pubsub_state.hpp"

namespace drover::rest {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPingInterval = 5s;
constexpr std::int64_t kMostPings = 8'640;
constexpr std::chrono::milliseconds kPublishInterval = 1s;
constexpr std::size_t kCommandQueue = 20'000;

std::optional<double> number_of(const std::string& text) {
    double number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

Async<Result<HttpReply>> server_stops() { co_return HttpReply(error_response(503, "Service Unavailable")); }

}  // namespace

PubSub::State::State(RestApi& rest, Context& with, Engine& with_engine, Store& store, EventBus& bus, LockService* locks,
                     PubSubOptions with_options)
    : api(rest),
      context(with),
      engine(with_engine),
      options(std::move(with_options)),
      log(with.log()),
      clock(with.clock()),
      events(bus, with.clock(), with.tasks(), with.log(), {.server_id = with.server().id, .queue = options.queue}),
      accounts(store, with.clock()),
      subscribers(
          with.metrics().gauge("drover_subscribers", "Streams of events that are open.", {{"port", options.name}})),
      delivered(with.metrics().counter("drover_events_delivered_total", "Events that were sent to subscribers.",
                                       {{"port", options.name}})) {
    if (!options.publishes_changes || !locks) return;
    changes = std::make_unique<ChangePublisher>(events, *locks, clock, log, [this]() -> std::chrono::milliseconds {
        const auto seconds = number_of(engine.setting("task.resource.change.publish.schedule"));
        if (!seconds || *seconds <= 0) return kPublishInterval;
        return std::chrono::milliseconds(std::max<std::int64_t>(10, static_cast<std::int64_t>(*seconds * 1'000)));
    });
}

std::chrono::milliseconds PubSub::State::ping_interval() const {
    const auto millis = number_of(engine.setting("api.sub.ping.interval.millis"));
    if (!millis || *millis < 1) return kPingInterval;
    return std::chrono::milliseconds(static_cast<std::int64_t>(*millis));
}

std::int64_t PubSub::State::most_pings() const {
    const auto most = number_of(engine.setting("api.sub.max.pings"));
    return most && *most >= 1 ? static_cast<std::int64_t>(*most) : kMostPings;
}

void PubSub::State::count_refusal(const std::string& verb, const std::string& reason) {
    context.metrics()
        .counter("drover_" + verb + "_refused_total", "Requests to " + verb + " that an account was refused.",
                 {{"port", options.name}, {"reason", reason}})
        .add();
}

void PubSub::State::count_end(StreamEnd end) {
    if (end != StreamEnd::slow && end != StreamEnd::denied) return;
    context.metrics()
        .counter("drover_subscribers_cut_total", "Streams of events that were ended because of their subscriber.",
                 {{"port", options.name}, {"reason", end == StreamEnd::slow ? "slow" : "denied"}})
        .add();
}

Async<void> PubSub::State::follow_commands(EventSubscription commands) {
    const auto self = shared_from_this();
    for (;;) {
        auto item = co_await commands.next(clock);
        if (!item) co_return;
        if (const auto* command = std::get_if<Event>(&*item)) ledger.sent(*command, clock.now());
    }
}

PubSub::PubSub(RestApi& api, Context& context, Engine& engine, Store& store, EventBus& bus, LockService* locks,
               PubSubOptions options)
    : state_(std::make_shared<State>(api, context, engine, store, bus, locks, std::move(options))) {
    // The API is given up after this, and this closes: the endpoints need not keep the state.
    const auto endpoint = [weak = std::weak_ptr(state_)](auto verb) {
        return [weak, verb](ApiRequestPtr request) -> Async<Result<HttpReply>> {
            const auto state = weak.lock();
            if (!state) return server_stops();
            return ((*state).*verb)(std::move(request));
        };
    };
    api.set_endpoint("subscribe", endpoint(&State::subscribe));
    api.set_endpoint("publish", endpoint(&State::publish));
}

PubSub::~PubSub() { close(); }

Events& PubSub::events() { return state_->events; }

Async<Result<void>> PubSub::start() {
    const auto state = state_;
    std::vector<std::string> of_agents{std::string("*;agent=*")};
    auto commands = co_await state->events.subscribe(std::move(of_agents), kCommandQueue);
    if (!commands) co_return commands.error();
    state->context.tasks().spawn("pubsub.commands",
                                 [state, follow = *commands] { return state->follow_commands(follow); });
    if (!state->changes) co_return ok;
    std::vector<std::string> of_changes{std::string("state.change"), std::string("api.change")};
    auto changed = co_await state->events.subscribe(std::move(of_changes), kCommandQueue);
    if (!changed) co_return changed.error();
    state->context.tasks().spawn("pubsub.collect", [state, read = *changed] { return state->changes->collect(read); });
    state->context.tasks().spawn("pubsub.changes", [state] { return state->changes->publish(); });
    co_return ok;
}

void PubSub::close() {
    state_->closed = true;
    state_->events.close();
}

Async<Result<void>> PubSub::release() {
    const auto state = state_;
    if (!state->changes) co_return ok;
    co_return co_await state->changes->release();
}

std::unique_ptr<PubSub> add_pubsub(RestApi& api, Context& context, PubSubOptions options) {
    auto* const locks = options.publishes_changes ? &context.get<LockService>() : nullptr;
    return std::make_unique<PubSub>(api, context, context.get<Engine>(), context.get<Store>(), context.get<EventBus>(),
                                    locks, std::move(options));
}

}  // namespace drover::rest
