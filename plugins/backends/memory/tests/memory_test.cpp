// What is the memory backend's own, beside what the kits say of every backend.
#include <gtest/gtest.h>

#include "../event_bus.hpp"
#include "drover/conformance/waiting.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/membership.hpp"
#include "memory_backend.hpp"

namespace drover::memory {
namespace {

using namespace std::chrono_literals;
using conformance::Options;
using conformance::Pending;

/// Every owner lives in the world that the case names.
struct Worlds : conformance::Backend {
    std::map<std::string, std::string, std::less<>> world_of;

    std::string library() const override { return "memory.so"; }
    Options options(std::string_view owner) override {
        return {{"world", world_of.find(owner)->second}, {"session-ttl", "500ms"}};
    }
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(executor(), std::move(work), 20s);
    }
    Result<Lease> acquire(std::string_view owner, std::string name, Duration wait) {
        return run(open<LockService>(owner).acquire(std::move(name), Deadline::in(clock(owner), wait)));
    }
};

TEST(MemoryWorlds, AnEmptyNameIsPrivate) {
    Worlds worlds;
    worlds.world_of = {{"alice", ""}, {"bob", ""}};
    const auto hers = worlds.acquire("alice", "jobs", 0s);
    const auto his = worlds.acquire("bob", "jobs", 0s);
    EXPECT_TRUE(hers) << hers.error();
    EXPECT_TRUE(his) << his.error();
}

TEST(MemoryWorlds, WorldsOfDifferentNamesShareNothing) {
    Worlds worlds;
    const auto one = worlds.folder() + "/1";
    worlds.world_of = {{"alice", one}, {"bob", worlds.folder() + "/2"}, {"carol", one}};
    ASSERT_TRUE(worlds.acquire("alice", "jobs", 0s));
    EXPECT_TRUE(worlds.acquire("bob", "jobs", 0s));
    EXPECT_FALSE(worlds.acquire("carol", "jobs", 0s));

    auto& clock = worlds.clock("bob");
    auto heard = worlds.run(worlds.open<EventBus>("bob").subscribe("jobs", 10)).value();
    ASSERT_TRUE(worlds.run(worlds.open<EventBus>("alice").publish("jobs", "hers")));
    ASSERT_TRUE(worlds.run(worlds.open<EventBus>("bob").publish("jobs", "his")));
    const auto item = worlds.run(heard.next(clock, Deadline::in(clock, 5s))).value();
    EXPECT_EQ(std::get<BusMessage>(item).payload, "his");

    const auto deadline = Deadline::in(clock, 5s);
    ASSERT_TRUE(worlds.run(worlds.open<MembershipService>("alice").join({"alice", {}}, deadline)));
    EXPECT_TRUE(worlds.run(worlds.open<MembershipService>("bob").members(deadline))->list.empty());
    EXPECT_EQ(worlds.run(worlds.open<MembershipService>("carol").members(deadline))->list.size(), 1U);
}

TEST(MemoryWorlds, TokensGoOnWhenAWorldIsMadeAnew) {
    Worlds worlds;
    worlds.world_of = {{"alice", worlds.folder()}};
    const auto before = worlds.acquire("alice", "jobs", 0s);
    ASSERT_TRUE(before);
    worlds.close("alice");
    const auto after = worlds.acquire("alice", "jobs", 0s);
    ASSERT_TRUE(after) << after.error();
    EXPECT_GT(after->token, before->token);
}

TEST(MemorySessions, AWaiterIsToldAtOnceWhenItsOwnSessionEnds) {
    Worlds worlds;
    worlds.world_of = {{"alice", worlds.folder()}, {"bob", worlds.folder()}};
    const auto held = worlds.acquire("bob", "jobs", 0s);
    ASSERT_TRUE(held);
    auto* const service = &worlds.open<LockService>("alice");
    const auto deadline = Deadline::in(worlds.clock("alice"), 1h);
    Pending<Lease> waiter(worlds.executor(), [service, deadline] { return service->acquire("jobs", deadline); });
    waiter.wait_begun();
    worlds.suspend("alice");
    const auto lease = waiter.result();
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code(), Errc::unavailable) << lease.error();
    EXPECT_FALSE(held->lost());
}

TEST(MemoryBus, NothingIsKeptOfASubscriptionWhoseReaderHasGone) {
    const auto world = World::open("");
    auto& table = world->part<TopicTable>();
    const int alice = 0;
    auto first = std::make_unique<Subscription>(TopicTable::subscribe(world, "jobs", 1, &alice));
    auto second = std::make_unique<Subscription>(TopicTable::subscribe(world, "jobs", 1, &alice));
    ASSERT_TRUE(table.listeners("jobs"));
    EXPECT_EQ(table.listeners("jobs")->size(), 2U);
    first.reset();
    EXPECT_EQ(table.listeners("jobs")->size(), 1U);
    second.reset();
    EXPECT_FALSE(table.listeners("jobs"));
    EXPECT_TRUE(table.remove_all(&alice).empty());
}

TEST(MemoryBus, AReaderMayOutliveItsWorld) {
    auto world = World::open("");
    auto orphan = std::make_unique<Subscription>(TopicTable::subscribe(world, "jobs", 1, nullptr));
    const std::weak_ptr<World> seen = world;
    world.reset();
    EXPECT_TRUE(seen.expired()) << "a subscription keeps its world";
    orphan.reset();
}

}  // namespace
}  // namespace drover::memory
