#include "drover/services/event_bus.hpp"

namespace drover {

/// A queue slot is a shared message, or a gap when the reason is set.
struct Subscription::State {
    struct Slot {
        std::shared_ptr<const BusMessage> message;  // owners: every subscription it was delivered to
        std::string gap;
    };
    std::mutex mutex;
    std::size_t capacity = 0;
    std::deque<Slot> queue;         // guarded by mutex
    std::uint64_t dropped = 0;      // guarded by mutex
    std::optional<Error> closed;    // guarded by mutex
    detail::WaitList waiters;       // guarded by mutex
    std::function<void()> on_drop;  // set once, called by the destructor

    ~State() {
        if (on_drop) on_drop();
    }
    void add_gap(std::string reason) {
        // One gap says all that several would.
        if (queue.empty() || queue.back().message) queue.push_back({nullptr, std::move(reason)});
        waiters.wake_one();
    }
};

Subscription Subscription::make(std::size_t capacity, std::function<void()> on_drop) {
    Subscription subscription;
    subscription.state_ = std::make_shared<State>();
    subscription.state_->capacity = capacity == 0 ? 1 : capacity;
    subscription.state_->on_drop = std::move(on_drop);
    return subscription;
}

Subscription::Feed Subscription::feed() const {
    Feed feed;
    feed.state_ = state_;
    return feed;
}

bool Subscription::Feed::push(std::shared_ptr<const BusMessage> message) const {
    const auto state = state_.lock();
    if (!state) return false;
    const std::lock_guard lock(state->mutex);
    if (state->closed) return false;
    if (state->queue.size() >= state->capacity) {
        ++state->dropped;
        state->add_gap("the subscriber was too slow and its queue was full");
        return true;
    }
    state->queue.push_back({std::move(message), {}});
    state->waiters.wake_one();
    return true;
}

bool Subscription::Feed::gap(std::string reason) const {
    const auto state = state_.lock();
    if (!state) return false;
    const std::lock_guard lock(state->mutex);
    if (state->closed) return false;
    state->add_gap(std::move(reason));
    return true;
}

void Subscription::Feed::close(Error why) const {
    const auto state = state_.lock();
    if (!state) return;
    const std::lock_guard lock(state->mutex);
    if (!state->closed) state->closed = std::move(why);
    state->waiters.wake_all();
}

Async<Result<BusItem>> Subscription::next(Clock& clock, Deadline deadline) {
    const auto state = state_;
    for (;;) {
        const auto outcome = co_await detail::wait(&clock, deadline, [&state](detail::WaiterPtr waiter) {
            const std::lock_guard lock(state->mutex);
            if (!state->queue.empty() || state->closed) waiter->finish(WaitOutcome::signalled);
            else state->waiters.add(std::move(waiter));
        });
        const std::lock_guard lock(state->mutex);
        if (outcome == WaitOutcome::cancelled) co_return wait_error(outcome, "the next event");
        if (!state->queue.empty()) {
            auto slot = std::move(state->queue.front());
            state->queue.pop_front();
            if (slot.message) co_return BusItem(*slot.message);
            co_return BusItem(BusGap{std::move(slot.gap)});
        }
        if (state->closed) co_return *state->closed;
        if (outcome == WaitOutcome::timeout) co_return wait_error(outcome, "the next event");
    }
}

std::uint64_t Subscription::dropped() const {
    const std::lock_guard lock(state_->mutex);
    return state_->dropped;
}

Result<void> check_topic(std::string_view topic) {
    bool good = !topic.empty() && topic.size() <= EventBus::kLongestTopic;
    for (const char c : topic)
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                        c == '_' || c == '-');
    if (good) return ok;
    return Error(Errc::invalid, "a topic of " + std::to_string(topic.size()) +
                                    " bytes was given; expected 1 to 200 bytes of letters, digits, '.', '_' and '-'");
}

Result<void> check_payload(std::string_view payload) {
    if (payload.size() <= EventBus::kLargestPayload) return ok;
    return Error(Errc::invalid,
                 "an event of " + std::to_string(payload.size()) + " bytes was given; at most " +
                     std::to_string(EventBus::kLargestPayload) + " are allowed",
                 "Put the data into the store and publish where it is.");
}

namespace {

class EventBusFacade final : public EventBus {
public:
    explicit EventBusFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    Async<Result<void>> publish(std::string topic, std::string payload) override {
        if (auto good = check_topic(topic); !good) co_return good;
        if (auto good = check_payload(payload); !good) co_return good;
        co_return co_await guarded<EventBus, void>(
            *binding_, "publish", [&](EventBus& bus) { return bus.publish(std::move(topic), std::move(payload)); });
    }
    Async<Result<Subscription>> subscribe(std::string topic, std::size_t capacity) override {
        if (auto good = check_topic(topic); !good) co_return good.error();
        co_return co_await guarded<EventBus, Subscription>(
            *binding_, "subscribe", [&](EventBus& bus) { return bus.subscribe(std::move(topic), capacity); });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace

template <>
std::shared_ptr<EventBus> make_facade<EventBus>(std::shared_ptr<Binding> binding) {
    return std::make_shared<EventBusFacade>(std::move(binding));
}

}  // namespace drover
