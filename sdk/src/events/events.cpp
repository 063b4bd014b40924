#include "drover/events/events.hpp"

#include <algorithm>
#include <optional>
#include <random>

#include "drover/model/model.hpp"
#include "state.hpp"
#include "topics.hpp"

namespace drover {

namespace {

using namespace std::chrono_literals;

/// Queue of one topic between the bus and its subscribers here. Messages are shared, so a place costs a pointer.
constexpr std::size_t kTopicQueue = 20'000;
constexpr auto kSubscribeWithin = 5s;
constexpr auto kRetryFirst = 100ms;
constexpr auto kRetryLast = 5s;

Error closed_error() {
    return Error(Errc::unavailable, "events are closed: the plugin that uses them stops",
                 "Ask again once the server is ready.");
}

std::string new_reply_name() {
    std::random_device device;
    std::uint64_t number = 0;
    while (number == 0) number = ((std::uint64_t{device()} << 32) | device()) & 0x7fff'ffff'ffff'ffff;
    return "reply." + std::to_string(number);
}

}  // namespace

Events::State::State(EventBus& event_bus, Clock& with_clock, TaskGroup& task_group, Logger logger, Options with)
    : bus(event_bus),
      clock(with_clock),
      tasks(task_group),
      log(std::move(logger)),
      options(std::move(with)),
      reply_name(new_reply_name()),
      server_topic(topic_of_server(options.server_id)) {}

Events::Events(EventBus& bus, Clock& clock, TaskGroup& tasks, Logger log, Options options)
    : state_(std::make_shared<State>(bus, clock, tasks, std::move(log), std::move(options))) {}

Events::~Events() { close(); }

Async<Result<void>> Events::publish(Event event) {
    auto topic = topic_of_event(event.name);
    return publish_to(std::move(topic), std::move(event));
}

Async<Result<void>> Events::publish_to(std::string topic, Event event) {
    const auto state = state_;
    auto sending = state->send(std::move(topic), std::move(event));
    co_return co_await std::move(sending);
}

Async<Result<EventSubscription>> Events::subscribe(std::vector<std::string> patterns, std::size_t capacity) {
    const auto state = state_;
    if (patterns.empty()) co_return Error(Errc::invalid, "a subscription without a name or pattern was asked for");
    std::vector<std::string> topics;
    for (const auto& pattern : patterns) {
        if (auto good = check_event_name(pattern); !good) co_return good.error();
        for (auto& topic : events::topics_of_pattern(pattern)) topics.push_back(std::move(topic));
    }
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    co_return co_await state->subscribe(std::move(patterns), std::move(topics), capacity, false);
}

Async<Result<EventSubscription>> Events::subscribe_server() {
    const auto state = state_;
    std::vector<std::string> patterns{std::string("*")};
    std::vector<std::string> topics{state->server_topic};
    co_return co_await state->subscribe(std::move(patterns), std::move(topics), 0, true);
}

Async<Result<Event>> Events::request(Event request, RequestOptions options) {
    const auto state = state_;
    auto requesting = state->request(std::move(request), std::move(options));
    co_return co_await std::move(requesting);
}

void Events::close() { state_->close(); }

void Events::State::close() {
    std::vector<events::SubscriberPtr> readers;
    std::unordered_multimap<std::string, PendingPtr> waiting;
    std::map<std::string, Topic, std::less<>> read;
    {
        const std::lock_guard lock(mutex);
        if (std::exchange(closed, true)) return;
        readers = index.all();
        for (auto& reader : server_index.all()) readers.push_back(std::move(reader));
        waiting.swap(open);
        read.swap(topics);
    }
    for (const auto& reader : readers) reader->close(closed_error());
    for (const auto& [id, pending] : waiting) pending->replies.close(closed_error());
    for (const auto& [name, topic] : read) topic.pump.cancel();
}

Async<Result<void>> Events::State::send(std::string topic, Event event) {
    if (auto good = check_event_name(event.name); !good) co_return good;
    if (event.name.find('*') != std::string::npos)
        co_return Error(Errc::invalid, "event name " + event.name + " has a '*', which stands in patterns only");
    if (event.id.empty()) event.id = new_uuid();
    if (!event.time) event.time = clock.wall();
    auto payload = to_json(event);
    if (payload.size() > EventBus::kLargestPayload)
        co_return Error(Errc::invalid,
                        "event " + event.name + " takes " + std::to_string(payload.size()) + " bytes; at most " +
                            std::to_string(EventBus::kLargestPayload) + " are allowed",
                        "Put the data into the store and publish where it is.");
    {
        const std::lock_guard lock(mutex);
        if (closed) co_return closed_error();
    }
    co_return co_await bus.publish(std::move(topic), std::move(payload));
}

Async<Result<void>> Events::State::read_topic(std::string topic) {
    const auto self = shared_from_this();
    const auto settled = [this, &topic]() -> std::optional<Result<void>> {
        const std::lock_guard lock(mutex);
        if (closed) return Result<void>(closed_error());
        if (topics.find(topic) != topics.end()) return Result<void>(ok);
        return std::nullopt;
    };
    if (auto already = settled()) co_return *already;
    const auto deadline = Deadline::in(clock, kSubscribeWithin);
    const auto permit = co_await subscribing.acquire(clock, deadline);
    if (!permit) co_return permit.error().in("subscribing to " + topic);
    if (auto already = settled()) co_return *already;
    auto feed = co_await bus.subscribe(topic, kTopicQueue);
    if (!feed) co_return feed.error().in("subscribing to " + topic);
    std::uint64_t made = 0;
    {
        const std::lock_guard lock(mutex);
        if (closed) co_return closed_error();
        made = next_id++;
        topics[topic].made = made;
    }
    const bool begun = tasks.spawn("events." + topic, [self, topic, made, feed = *feed](TaskHandle handle) {
        return self->pump(topic, made, feed, handle);
    });
    if (begun) co_return ok;
    const std::lock_guard lock(mutex);
    topics.erase(topic);
    co_return closed_error();
}

Async<Result<EventSubscription>> Events::State::subscribe(std::vector<std::string> patterns,
                                                          std::vector<std::string> wanted, std::size_t capacity,
                                                          bool of_server) {
    const auto self = shared_from_this();
    auto reader = std::make_shared<EventSubscription::State>();
    reader->capacity = capacity == 0 ? std::max<std::size_t>(options.queue, 1) : capacity;
    std::uint64_t id = 0;
    {
        // It stands in the index before the topics are read, and holds those that are: none is given up meanwhile.
        const std::lock_guard lock(mutex);
        if (closed) co_return closed_error();
        id = next_id++;
        auto& in = of_server ? server_index : index;
        in.add(id, reader, std::move(patterns));
    }
    const auto used = std::make_shared<std::vector<std::string>>();  // owners: this call and the reader's end
    reader->on_drop = [weak = weak_from_this(), id, used, of_server] {
        if (const auto alive = weak.lock()) alive->release(id, *used, of_server);
    };
    for (auto& topic : wanted) {
        for (bool counted = false; !counted;) {
            auto reading = co_await read_topic(topic);
            if (!reading) co_return reading.error();
            const std::lock_guard lock(mutex);
            if (closed) co_return closed_error();
            // Between the two another reader may have been the last one and have given the topic up.
            if (const auto found = topics.find(topic); found != topics.end()) {
                ++found->second.users;
                counted = true;
            }
        }
        used->push_back(std::move(topic));
    }
    co_return EventSubscription(std::move(reader));
}

void Events::State::release(std::uint64_t id, const std::vector<std::string>& used, bool of_server) {
    std::vector<TaskHandle> ended;
    {
        const std::lock_guard lock(mutex);
        auto& in = of_server ? server_index : index;
        in.remove(id);
        for (const auto& name : used) {
            const auto found = topics.find(name);
            if (found == topics.end() || --found->second.users > 0) continue;
            if (events::is_family(name) || name == topic_of_event(reply_name)) continue;
            ended.push_back(found->second.pump);
            topics.erase(found);
        }
    }
    for (const auto& pump : ended) pump.cancel();
}

Async<void> Events::State::pump(std::string topic, std::uint64_t made, Subscription feed, TaskHandle handle) {
    const auto self = shared_from_this();
    {
        const std::lock_guard lock(mutex);
        const auto found = topics.find(topic);
        if (found == topics.end() || found->second.made != made) co_return;  // given up before this began
        found->second.pump = handle;
    }
    for (;;) {
        auto item = co_await feed.next(clock);
        if (!item) {
            if (item.error().code() == Errc::cancelled) co_return;
            tell_gap(topic, "the event bus stopped: " + item.error().message());
            auto anew = co_await resubscribe(topic);
            if (!anew) co_return;
            feed = std::move(*anew);
            // What came between the end of the old one and now is lost too.
            tell_gap(topic, "the event bus came back");
            continue;
        }
        if (const auto* gap = std::get_if<BusGap>(&*item)) tell_gap(topic, gap->reason);
        else deliver(topic, std::get_if<BusMessage>(&*item)->payload);
    }
}

Async<Result<Subscription>> Events::State::resubscribe(std::string topic) {
    const auto self = shared_from_this();
    for (Duration wait = kRetryFirst;; wait = std::min<Duration>(wait * 2, kRetryLast)) {
        auto feed = co_await bus.subscribe(topic, kTopicQueue);
        if (feed || feed.error().code() == Errc::cancelled) co_return feed;
        log.warning("subscribing to the event bus again failed", {{"topic", topic}, {"why", feed.error().message()}});
        auto slept = co_await sleep_for(clock, wait);
        if (!slept) co_return slept.error();
        const std::lock_guard lock(mutex);
        if (closed) co_return closed_error();
    }
}

void Events::State::tell_gap(const std::string& topic, const std::string& reason) {
    log.debug("a gap in events", {{"topic", topic}, {"why", reason}});
    // A lost reply is asked for again when its request's try times out.
    if (topic == topic_of_event(reply_name)) return;
    std::vector<events::SubscriberPtr> readers;
    {
        const std::lock_guard lock(mutex);
        readers = topic == server_topic ? server_index.all() : index.all_on(topic);
    }
    for (const auto& reader : readers) reader->add_gap(reason);
}

void Events::State::deliver(const std::string& topic, const std::string& payload) {
    // Somebody may observe this address as well.
    if (topic == topic_of_event(reply_name)) deliver_reply(payload);
    const bool of_server = topic == server_topic;
    if (const auto name = events::peek_name(payload); name && !of_server) {
        const std::lock_guard lock(mutex);
        if (!index.any_matching(*name)) return;
    }
    auto event = parse_event(payload);
    if (!event) {
        log.warning("an event that cannot be read came over the bus",
                    {{"topic", topic}, {"why", event.error().message()}});
        return;
    }
    std::vector<events::SubscriberPtr> readers;
    {
        const std::lock_guard lock(mutex);
        readers = of_server ? server_index.all() : index.matching(event->name);
    }
    if (readers.empty()) return;
    const auto shared = std::make_shared<const Event>(std::move(*event));
    for (const auto& reader : readers) reader->push(shared);
}

}  // namespace drover
