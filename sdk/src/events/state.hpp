#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/events/events.hpp"
#include "subscribers.hpp"

namespace drover {

/// One plugin's events: its bus topics, who reads them here, and the requests that wait.
struct Events::State : std::enable_shared_from_this<Events::State> {
    State(EventBus& event_bus, Clock& with_clock, TaskGroup& task_group, Logger logger, Options with);

    /// A request that waits for its reply.
    struct Pending {
        Mailbox<SharedEvent> replies{kMostReplies};
        bool answered = false;  // guarded by mutex of the state
    };
    using PendingPtr = std::shared_ptr<Pending>;  // owners: the table below and the request's coroutine

    /// A bus topic that is read for somebody here.
    struct Topic {
        std::uint64_t made = 0;  // tells it from one of the same name that was given up before
        TaskHandle pump;         // set once it runs
        std::size_t users = 0;   // subscriptions; the reply topic has none
    };

    /// Of one request: progress replies that find it full are dropped, the last reply never is.
    static constexpr std::size_t kMostReplies = 64;

    EventBus& bus;
    Clock& clock;
    TaskGroup& tasks;
    const Logger log;
    const Options options;
    const std::string reply_name;    // "reply.N"
    const std::string server_topic;  // that of this server
    Semaphore subscribing{1};        // one change of the topics at a time

    std::mutex mutex;
    bool closed = false;                                    // guarded by mutex
    std::uint64_t next_id = 1;                              // guarded by mutex
    std::map<std::string, Topic, std::less<>> topics;       // guarded by mutex
    events::SubscriberIndex index;                          // guarded by mutex
    events::SubscriberIndex server_index;                   // guarded by mutex
    std::unordered_multimap<std::string, PendingPtr> open;  // guarded by mutex; by the request's id

    /// Makes sure that `topic` is read from now on. Errors: unavailable, timeout, invalid, cancelled.
    Async<Result<void>> read_topic(std::string topic);
    Async<Result<EventSubscription>> subscribe(std::vector<std::string> patterns, std::vector<std::string> wanted,
                                               std::size_t capacity, bool of_server);
    void release(std::uint64_t id, const std::vector<std::string>& used, bool of_server);
    Async<void> pump(std::string topic, std::uint64_t made, Subscription feed, TaskHandle handle);
    /// A new subscription of a topic whose old one ended; none when this closes.
    Async<Result<Subscription>> resubscribe(std::string topic);
    void deliver(const std::string& topic, const std::string& payload);
    void deliver_reply(const std::string& payload);
    void tell_gap(const std::string& topic, const std::string& reason);
    Async<Result<void>> send(std::string topic, Event event);
    Async<Result<Event>> request(Event event, RequestOptions how);
    Async<Result<SharedEvent>> await_reply(PendingPtr pending, Deadline deadline,
                                           std::function<void(const Event&)> on_progress);
    void forget(const std::string& id, const PendingPtr& pending);
    void close();
};

}  // namespace drover
