#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "drover/facade.hpp"
#include "drover/sync.hpp"

namespace [[gnu::visibility("default")]] drover {

/// What travels: bytes under a topic. `Event` (drover/event.hpp) gives them meaning.
struct BusMessage {
    std::string topic;
    std::string payload;
};

/// Something may have been missed: read the truth from the store again.
struct BusGap {
    std::string reason;  ///< for the log: "the queue was full", "the connection was lost"
};

using BusItem = std::variant<BusMessage, BusGap>;

/// One subscriber's queue. When it is full, what comes is dropped and one gap stands in its place.
/// Thread-safety: every method may be called from any thread; one reader. Dropping the last copy
/// unsubscribes.
class Subscription {
public:
    struct State;
    /// The backend's end; holds the queue weakly.
    class Feed {
    public:
        /// False once nobody reads any more.
        bool push(std::shared_ptr<const BusMessage> message) const;
        bool gap(std::string reason) const;
        void close(Error why) const;
        bool abandoned() const { return state_.expired(); }
        /// Identifies the subscription.
        bool operator==(const Feed& other) const {
            return !state_.owner_before(other.state_) && !other.state_.owner_before(state_);
        }

    private:
        friend class Subscription;
        std::weak_ptr<State> state_;
    };

    /// `on_drop` is called once, from any thread, when the reader has gone.
    static Subscription make(std::size_t capacity, std::function<void()> on_drop);
    Feed feed() const;

    /// The next item, as soon as there is one.
    /// Errors: cancelled, timeout, unavailable (the bus stopped for good: subscribe anew).
    Async<Result<BusItem>> next(Clock& clock, Deadline deadline = Deadline::never());
    /// How many items were dropped because the reader was slow.
    std::uint64_t dropped() const;

private:
    std::shared_ptr<State> state_;  // owners: this subscription and its copies
};

/// Wakes others up. It may lose everything at any moment, and that costs a pause, nothing else: what must
/// not be lost is in the store.
///
/// Promise: at most once to a live subscriber, in order per publisher and topic between gaps; duplicates
/// are possible when a backend reconnects; every possible loss arrives as a gap, never as silence.
/// Topics are exact names: 1 to 200 bytes of [A-Za-z0-9._-]. Payloads: at most kLargestPayload bytes.
/// Thread-safety: every method may be called from any thread.
/// Cancellation:  every wait honours its deadline and the caller's cancellation within 100 ms.
/// Traits: distributed = true: reaches servers in other processes.
class EventBus {
public:
    static constexpr std::string_view kId = "drover.events";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "events";
    static constexpr std::size_t kLargestPayload = 1024 * 1024;
    static constexpr std::size_t kLongestTopic = 200;
    virtual ~EventBus() = default;

    /// Hands the message over; nobody may be listening. Success does not mean that anybody got it.
    /// Errors: invalid (topic or size), exhausted (too much waits to be sent), unavailable, timeout.
    virtual Async<Result<void>> publish(std::string topic, std::string payload) = 0;

    /// From the moment it returns, what is published arrives in the subscription or is a gap in it.
    /// Errors: invalid, unavailable, timeout, cancelled.
    virtual Async<Result<Subscription>> subscribe(std::string topic, std::size_t capacity) = 0;
};

/// Errors: invalid, with what is allowed. The same check for every backend.
Result<void> check_topic(std::string_view topic);
Result<void> check_payload(std::string_view payload);

template <>
std::shared_ptr<EventBus> make_facade<EventBus>(std::shared_ptr<Binding> binding);

}  // namespace drover
