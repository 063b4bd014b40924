#include "drover/plugin.hpp"

#include "event_bus.hpp"
#include "locks.hpp"
#include "membership.hpp"
#include "store.hpp"

namespace drover::memory {
namespace {

using namespace std::chrono_literals;

class MemoryPlugin final : public Plugin {
public:
    MemoryPlugin(WorldPtr world, Context& context, Duration session_ttl)
        : keeper_(world, context, session_ttl),
          locks_(world, context, keeper_),
          bus_(world, context),
          membership_(world, context, keeper_),
          store_(world, context),
          world_(std::move(world)) {}

    std::vector<Offer> offers() override {
        return {offer<LockService>(locks_), offer<EventBus>(bus_), offer<MembershipService>(membership_),
                offer<Store>(store_)};
    }
    Result<void> start(Deadline) override { return keeper_.start(); }
    Result<void> drain(Deadline) override {
        locks_.refuse_waiting();
        return ok;
    }
    Result<void> stop(Deadline deadline) override {
        locks_.refuse_waiting();
        bus_.close();
        membership_.close();
        return keeper_.stop(deadline);
    }

private:
    SessionKeeper keeper_;
    MemoryLocks locks_;
    MemoryEventBus bus_;
    MemoryMembership membership_;
    MemoryStore store_;
    WorldPtr world_;
};

}  // namespace
}  // namespace drover::memory

// Nothing here outlives the process, and no other process takes part.
DROVER_PLUGIN(
    "drover.memory", "0.1.0",
    {
        .summary = "Locks, events, membership and records inside one process, gone when it ends",
        .provides =
            {
                drover::service<drover::LockService>({{"monotonic_tokens", "false"},
                                                      {"distributed", "false"},
                                                      {"survives_failover",
                                                       "there is no failover: it ends with the process"}}),
                drover::service<drover::EventBus>({{"distributed", "false"}}),
                drover::service<drover::MembershipService>({{"distributed", "false"}, {"max_expiry", "6s"}}),
                drover::service<drover::Store>({{"durable", "false"}, {"shared", "false"}, {"replicas", "false"}}),
            },
        .options =
            {
                drover::text("world", "",
                             "Instances of one process that name the same world share everything in it; empty keeps it "
                             "private to the instance."),
                drover::duration(
                    "session-ttl", std::chrono::seconds(4),
                    "How long a server that does not renew keeps its locks and its membership; renewed after "
                    "a third of it.")
                    .between(100, 60'000),
            },
        .create = [](const drover::Config& config,
                     drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
            return std::unique_ptr<drover::Plugin>(std::make_unique<drover::memory::MemoryPlugin>(
                drover::memory::World::open(config.text("world")), context, config.duration("session-ttl")));
        },
    });
