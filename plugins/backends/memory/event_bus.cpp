#include "event_bus.hpp"

namespace drover::memory {

std::shared_ptr<const TopicTable::Feeds> TopicTable::listeners(const std::string& topic) {
    auto& in = shard(topic);
    const std::lock_guard lock(in.mutex);
    const auto found = in.topics.find(topic);
    if (found == in.topics.end()) return nullptr;
    auto& [listeners, snapshot] = found->second;
    if (!snapshot) {
        Feeds feeds;
        feeds.reserve(listeners.size());
        for (const auto& [id, listener] : listeners) feeds.push_back(listener.feed);
        snapshot = std::make_shared<const Feeds>(std::move(feeds));
    }
    return snapshot;
}

Subscription TopicTable::subscribe(const WorldPtr& world, const std::string& topic, std::size_t capacity,
                                   const void* owner) {
    auto& table = world->part<TopicTable>();
    const auto id = ++table.last_id_;
    auto subscription = Subscription::make(capacity, [weak = std::weak_ptr<World>(world), topic, id] {
        if (const auto alive = weak.lock()) alive->part<TopicTable>().remove(topic, id);
    });
    table.add(topic, id, subscription.feed(), owner);
    return subscription;
}

void TopicTable::add(const std::string& topic, std::uint64_t id, Subscription::Feed feed, const void* owner) {
    auto& in = shard(topic);
    const std::lock_guard lock(in.mutex);
    auto& known = in.topics[topic];
    known.listeners.emplace(id, Listener{std::move(feed), owner});
    known.snapshot.reset();
}

void TopicTable::remove(const std::string& topic, std::uint64_t id) {
    auto& in = shard(topic);
    const std::lock_guard lock(in.mutex);
    const auto found = in.topics.find(topic);
    if (found == in.topics.end() || found->second.listeners.erase(id) == 0) return;
    found->second.snapshot.reset();
    if (found->second.listeners.empty()) in.topics.erase(found);
}

TopicTable::Feeds TopicTable::remove_all(const void* owner) {
    Feeds removed;
    for (auto& in : shards_) {
        const std::lock_guard lock(in.mutex);
        for (auto at = in.topics.begin(); at != in.topics.end();) {
            auto& [listeners, snapshot] = at->second;
            const auto gone = std::erase_if(listeners, [&](const auto& one) {
                if (one.second.owner != owner) return false;
                removed.push_back(one.second.feed);
                return true;
            });
            if (gone > 0) snapshot.reset();
            at = listeners.empty() ? in.topics.erase(at) : std::next(at);
        }
    }
    return removed;
}

MemoryEventBus::MemoryEventBus(WorldPtr world, Context& context)
    : world_(std::move(world)), table_(world_->part<TopicTable>()), context_(context) {}

Async<Result<void>> MemoryEventBus::publish(std::string topic, std::string payload) {
    const auto listeners = table_.listeners(topic);
    if (!listeners) co_return ok;
    const auto message = std::make_shared<const BusMessage>(BusMessage{std::move(topic), std::move(payload)});
    for (const auto& feed : *listeners) feed.push(message);
    co_return ok;
}

Async<Result<Subscription>> MemoryEventBus::subscribe(std::string topic, std::size_t capacity) {
    co_return TopicTable::subscribe(world_, topic, capacity, this);
}

void MemoryEventBus::close() {
    const Error why(Errc::unavailable, "the event bus of plugin " + context_.instance() + " stopped",
                    "Subscribe anew once it is back.");
    for (const auto& feed : table_.remove_all(this)) feed.close(why);
}

}  // namespace drover::memory
