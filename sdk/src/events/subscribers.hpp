#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drover/events/events.hpp"

namespace drover {

using SharedEvent = std::shared_ptr<const Event>;  // owners: the queues it stands in

/// A queue slot is an event, or a gap when there is none.
struct EventSubscription::State {
    struct Slot {
        SharedEvent event;
        std::string gap;
    };
    mutable std::mutex mutex;
    std::size_t capacity = 0;
    std::deque<Slot> queue;         // guarded by mutex
    std::uint64_t dropped = 0;      // guarded by mutex
    std::optional<Error> closed;    // guarded by mutex
    detail::WaitList waiters;       // guarded by mutex
    std::function<void()> on_drop;  // set once, called by the destructor

    ~State() {
        if (on_drop) on_drop();
    }
    void push(SharedEvent event);
    void add_gap(std::string reason);
    void close(Error why);

private:
    void append_gap(std::string reason);
};

namespace events {

using Subscriber = EventSubscription::State;
using SubscriberPtr = std::shared_ptr<Subscriber>;  // owners: the subscription, and deliveries under way

/// Who listens to what, found by name: ten thousand agents with a few names each cost one lookup an event.
/// Not synchronised. It holds subscribers weakly; a pointer it gives out may be the last one, so it must not be
/// dropped under a lock that `on_drop` takes.
class SubscriberIndex {
public:
    using Id = std::uint64_t;
    void add(Id id, const SubscriberPtr& subscriber, std::vector<std::string> patterns);
    void remove(Id id);
    /// Each once, in no order.
    std::vector<SubscriberPtr> matching(std::string_view name) const;
    bool any_matching(std::string_view name) const;
    std::vector<SubscriberPtr> all() const;
    /// Those to whom something may come on `topic`.
    std::vector<SubscriberPtr> all_on(std::string_view topic) const;

private:
    struct Entry {
        std::weak_ptr<Subscriber> subscriber;
        std::vector<std::string> patterns;
    };
    using Ids = std::vector<Id>;
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    using ByText = std::unordered_map<std::string, Ids, Hash, std::equal_to<>>;
    /// A pattern's place: the list it stands in, made when it is missing.
    Ids& place(const std::string& pattern);
    template <class F>
    void for_each_candidate(std::string_view name, F use) const;

    std::unordered_map<Id, Entry> entries_;
    ByText exact_;          // by pattern without a wildcard
    ByText by_qualifiers_;  // patterns with one, but none behind the first ';': by what is there
    Ids rest_;
};

}  // namespace events
}  // namespace drover
