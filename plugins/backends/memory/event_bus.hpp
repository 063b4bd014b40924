#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/context.hpp"
#include "drover/services/event_bus.hpp"
#include "world.hpp"

namespace drover::memory {

/// Who listens to what in a world.
/// Thread-safety: every method may be called from any thread.
class TopicTable {
public:
    using Feeds = std::vector<Subscription::Feed>;

    /// Those who listen now. Delivery happens outside of every lock, for dropping the last reader of a
    /// message may call back into `remove`.
    std::shared_ptr<const Feeds> listeners(const std::string& topic);  // owners: the table and who delivers
    /// A new subscription in the table of `world`, which leaves it when its reader goes.
    static Subscription subscribe(const WorldPtr& world, const std::string& topic, std::size_t capacity,
                                  const void* owner);
    /// Takes out all that one instance made.
    Feeds remove_all(const void* owner);

private:
    struct Listener {
        Subscription::Feed feed;
        const void* owner;
    };
    struct Topic {
        std::unordered_map<std::uint64_t, Listener> listeners;
        std::shared_ptr<const Feeds> snapshot;  // of the listeners; null after a change
    };
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::string, Topic> topics;  // guarded by mutex
    };
    void add(const std::string& topic, std::uint64_t id, Subscription::Feed feed, const void* owner);
    void remove(const std::string& topic, std::uint64_t id);
    Shard& shard(const std::string& topic) { return shards_[std::hash<std::string>{}(topic) % shards_.size()]; }

    std::array<Shard, 32> shards_;
    std::atomic<std::uint64_t> last_id_{0};
};

class MemoryEventBus final : public EventBus {
public:
    MemoryEventBus(WorldPtr world, Context& context);

    Async<Result<void>> publish(std::string topic, std::string payload) override;
    Async<Result<Subscription>> subscribe(std::string topic, std::size_t capacity) override;

    /// Ends all subscriptions made here.
    void close();

private:
    WorldPtr world_;
    TopicTable& table_;
    Context& context_;
};

}  // namespace drover::memory
