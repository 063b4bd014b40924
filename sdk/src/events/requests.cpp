#include <algorithm>

#include "drover/model/model.hpp"
#include "state.hpp"

namespace drover {

namespace {

using namespace std::chrono_literals;

/// A request is one try at least and waits this long at most: an absurd `timeoutMillis` holds nothing for ever.
constexpr auto kLongestTry = std::chrono::milliseconds(24h);
constexpr int kMostTries = 1'000;

}  // namespace

bool is_event_error(const Error& error) { return !error.detail("reply").empty(); }

Error event_error(const Event& reply) {
    const auto& internal = reply.transitioning_internal_message;
    const auto& message = reply.transitioning_message;
    auto text = !internal.empty() ? internal : message;
    if (text.empty()) text = "the answer says that it failed, without a reason";
    return Error(Errc::conflict, std::move(text))
        .with_detail("transitioningMessage", message)
        .with_detail("transitioningInternalMessage", internal)
        .with_detail("reply", to_json(reply));
}

void Events::State::deliver_reply(const std::string& payload) {
    auto event = parse_event(payload);
    if (!event) {
        log.warning("a reply that cannot be read came over the bus", {{"why", event.error().message()}});
        return;
    }
    if (event->previous_ids.empty()) {
        log.debug("a reply that names no request is dropped", {{"reply", event->id}});
        return;
    }
    const auto shared = std::make_shared<const Event>(std::move(*event));
    const bool progress = shared->transitioning == Transitioning::yes;
    std::vector<PendingPtr> found;
    {
        const std::lock_guard lock(mutex);
        const auto [from, to] = open.equal_range(shared->previous_ids.front());
        for (auto at = from; at != to; ++at) {
            auto& pending = *at->second;
            if (pending.answered) continue;  // the same reply again
            if (progress && pending.replies.size() + 1 >= kMostReplies) continue;
            pending.answered = !progress;
            found.push_back(at->second);
        }
    }
    if (found.empty()) log.debug("a reply that nobody waits for is dropped", {{"reply", shared->id}});
    for (const auto& pending : found) pending->replies.push(shared);
}

void Events::State::forget(const std::string& id, const PendingPtr& pending) {
    const std::lock_guard lock(mutex);
    const auto [from, to] = open.equal_range(id);
    for (auto at = from; at != to; ++at) {
        if (at->second != pending) continue;
        open.erase(at);
        return;
    }
}

Async<Result<SharedEvent>> Events::State::await_reply(PendingPtr pending, Deadline deadline,
                                                      std::function<void(const Event&)> on_progress) {
    for (;;) {
        auto reply = co_await pending->replies.next(clock, deadline);
        if (!reply) co_return reply.error();
        if ((*reply)->transitioning != Transitioning::yes) co_return std::move(*reply);
        if (on_progress) on_progress(**reply);
    }
}

Async<Result<Event>> Events::State::request(Event event, RequestOptions how) {
    const auto self = shared_from_this();
    auto reading = co_await read_topic(topic_of_event(reply_name));
    if (!reading) co_return reading.error();
    if (event.id.empty()) event.id = new_uuid();
    event.reply_to = reply_name;
    if (!event.time) event.time = clock.wall();
    if (!event.timeout_millis) event.timeout_millis = how.timeout.count();
    const auto one_try =
        std::chrono::milliseconds(std::clamp<std::int64_t>(*event.timeout_millis, 1, kLongestTry.count()));
    const int tries = std::clamp(how.retries, 1, kMostTries);
    const auto topic = how.topic.empty() ? topic_of_event(event.name) : how.topic;

    const auto pending = std::make_shared<Pending>();
    {
        const std::lock_guard lock(mutex);
        if (closed) co_return Error(Errc::unavailable, "events are closed: the plugin that uses them stops");
        open.emplace(event.id, pending);
    }
    struct Leave {
        Events::State& state;
        const std::string& id;
        const PendingPtr& pending;
        ~Leave() { state.forget(id, pending); }
    };
    const Leave leave{*this, event.id, pending};

    bool sent = false;
    for (int tried = 1; tried <= tries; ++tried) {
        const auto deadline = Deadline::in(clock, one_try);
        auto publishing = send(topic, event);
        auto published = co_await std::move(publishing);
        sent = sent || published.has_value() || outcome_unknown(published.error().code());
        if (!published) {
            const auto code = published.error().code();
            const bool passing = code == Errc::unavailable || code == Errc::exhausted || code == Errc::timeout;
            if (!passing || (tried == tries && !sent)) co_return published.error().in("sending " + event.name);
        }
        auto replied = co_await await_reply(pending, deadline, how.on_progress);
        if (!replied) {
            if (replied.error().code() == Errc::timeout) continue;
            co_return replied.error();
        }
        // Observers see what was answered; that they may not costs the answer nothing.
        Event seen = **replied;
        seen.name = with_suffix(event.name, ".reply");
        auto observed = topic_of_event(seen.name);
        auto telling = send(std::move(observed), std::move(seen));
        if (auto told = co_await std::move(telling); !told && told.error().code() == Errc::cancelled)
            co_return told.error();
        if ((*replied)->transitioning == Transitioning::error) co_return event_error(**replied);
        co_return Event(**replied);
    }
    co_return Error(Errc::timeout,
                    "nobody answered " + event.name + " within " + std::to_string(one_try.count() * tries) + " ms",
                    "See whether the one who should answer is connected.")
        .with_detail("event", event.name);
}

}  // namespace drover
