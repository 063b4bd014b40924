// Placements on a real store: who goes where, what it takes and gives back, and what happens at the same moment.
#include "allocator/allocator.hpp"

#include <algorithm>

#include "cloud_bench.hpp"
#include "drover/events/events.hpp"

namespace drover::cloud {
namespace {

class Allocator : public CloudBench {
protected:
    Result<void> allocate(std::int64_t id) { return wait(allocate_instance(cloud(), make_run("instance", id))); }
    Result<void> deallocate(std::int64_t id) {
        return wait(deallocate_instance(cloud(), make_run("instance", id, "instance.stop")));
    }
    Result<void> allocate_disk(std::int64_t id) {
        return wait(allocate_volume(cloud(), make_run("volume", id, "volume.allocate")));
    }
    std::vector<Record> maps_of(std::int64_t id) {
        return all("instanceHostMap", {{Condition{"instanceId", Op::eq, {Value(id)}}}});
    }
    std::int64_t host_of(std::int64_t id) {
        const auto maps = maps_of(id);
        return maps.size() == 1 ? maps[0]["hostId"].integer() : -static_cast<std::int64_t>(maps.size());
    }
    std::int64_t free_of(std::int64_t host) { return get("host", host)["computeFree"].integer(); }
    static bool found_no_place(const Result<void>& result) {
        return !result && is_event_error(result.error()) &&
               result.error().detail("transitioningMessage") == "Failed to find a placement" &&
               result.error().detail("transitioningInternalMessage").empty();
    }
    void map_to(std::int64_t instance, std::int64_t host) {
        create("instanceHostMap",
               {{"uuid", "map" + std::to_string(instance)}, {"instanceId", instance}, {"hostId", host}});
    }
};

TEST_F(Allocator, PlacesOnTheHostWithMostFreeAndTakesItsShare) {
    place("sim", 5);
    const auto roomy = place("sim", 9);
    const auto id = instance(image("sim"));
    const auto placed = allocate(id);
    ASSERT_TRUE(placed) << placed.error();
    EXPECT_EQ(host_of(id), roomy.host);
    EXPECT_EQ(free_of(roomy.host), 8);
    const auto maps = maps_of(id);
    EXPECT_EQ(maps[0]["state"], Value("requested"));
    const auto volumes = all("volumeStoragePoolMap");
    ASSERT_EQ(volumes.size(), 1u);
    EXPECT_EQ(volumes[0]["storagePoolId"], Value(roomy.pool));
    EXPECT_EQ(volumes[0]["state"], Value("requested"));
}

TEST_F(Allocator, PlacesOnTheFullestWhenToldNotToSpread) {
    settings["simple.allocator.spread"] = "false";
    const auto full = place("sim", 5);
    place("sim", 9);
    const auto id = instance(image("sim"));
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), full.host);
}

TEST_F(Allocator, ASecondRunChangesNothing) {
    const auto there = place("sim", 9);
    const auto id = instance(image("sim"));
    ASSERT_TRUE(allocate(id));
    const auto before = get("instance", id).version();
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(free_of(there.host), 8);
    EXPECT_EQ(maps_of(id).size(), 1u);
    EXPECT_EQ(get("instance", id).version(), before);
}

TEST_F(Allocator, ALaterRunFinishesAPlacementWithoutPools) {
    const auto there = place("sim", 9);
    const auto id = instance(image("sim"));
    map_to(id, there.host);
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(free_of(there.host), 9) << "its host was taken before";
    EXPECT_EQ(all("volumeStoragePoolMap").size(), 1u);
}

TEST_F(Allocator, TakesWhatTheInstanceSays) {
    const auto there = place("sim", 9);
    const auto id = instance(image("sim"), {{"compute", 4}});
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(free_of(there.host), 5);
    settings["instance.compute.default"] = "2";
    ASSERT_TRUE(allocate(instance(image("sim"))));
    EXPECT_EQ(free_of(there.host), 3);
}

TEST_F(Allocator, RefusesWhenNoHostHasRoom) {
    const auto there = place("sim", 1);
    ASSERT_TRUE(allocate(instance(image("sim"))));
    const auto second = instance(image("sim"));
    EXPECT_TRUE(found_no_place(allocate(second)));
    EXPECT_EQ(free_of(there.host), 0);
    EXPECT_TRUE(maps_of(second).empty());
}

TEST_F(Allocator, ImagesGoToHostsOfTheirKind) {
    place("docker", 100);
    const auto sim = place("sim", 5);
    place("bash-hv", 50);
    const auto id = instance(image("sim"));
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), sim.host);
    EXPECT_TRUE(found_no_place(allocate(instance(image("libvirt")))));
}

TEST_F(Allocator, ImagesTiedToNoKindGoToOtherHosts) {
    place("docker", 100);
    place("sim", 200);
    const auto other = place("bash-hv", 5);
    const auto with_image = instance(image("bash-hv"));
    ASSERT_TRUE(allocate(with_image));
    EXPECT_EQ(host_of(with_image), other.host);
    const auto without = instance(0);
    ASSERT_TRUE(allocate(without));
    EXPECT_EQ(host_of(without), other.host);
}

TEST_F(Allocator, KindsAreThoseOfTheDeployment) {
    settings["allocator.kinds"] = "sim,qemu";
    place("docker", 100);
    const auto qemu = place("qemu", 5);
    const auto id = instance(image("qemu"));
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), qemu.host);
}

TEST_F(Allocator, ARequestedHostIsTheOnlyOne) {
    const auto wanted = place("sim", 5);
    place("sim", 100);
    const auto data = R"({"fields":{"requestedHostId":)" + std::to_string(wanted.host) + "}}";
    const auto id = instance(image("sim"), {{"data", data}});
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), wanted.host);
    EXPECT_TRUE(found_no_place(allocate(instance(image("sim"), {{"data", R"({"fields":{"requestedHostId":4711}})"}}))));
}

TEST_F(Allocator, HostsOfAgentsThatAreNotActiveAreLeftOut) {
    place("sim", 100, agent("inactive"));
    place("sim", 90, agent("reconnecting"));
    const auto good = place("sim", 5, agent());
    const auto id = instance(image("sim"));
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), good.host);
}

TEST_F(Allocator, HostsWithoutAnActivePoolAreLeftOut) {
    const auto poolless = place("sim", 100);
    set("storagePool", poolless.pool, {{"state", "inactive"}});
    const auto removed = place("sim", 90);
    set("host", removed.host, {{"state", "removed"}});
    const auto good = place("sim", 5);
    const auto id = instance(image("sim"));
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), good.host);
}

TEST_F(Allocator, FindsTheOneHostThatServesBehindManyThatDoNot) {
    const auto gone = agent("inactive");
    for (int i = 0; i < 60; ++i) place("sim", 100, gone);
    const auto good = place("sim", 5);
    const auto id = instance(image("sim"));
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), good.host);
}

TEST_F(Allocator, AVolumeKeepsItsPoolAndSoItsHost) {
    const auto first = place("sim", 5);
    place("sim", 100);
    const auto id = instance(image("sim"));
    const auto volume = all("volume", {{Condition{"instanceId", Op::eq, {Value(id)}}}}).at(0);
    create("volumeStoragePoolMap", {{"uuid", "kept"}, {"volumeId", volume.id()}, {"storagePoolId", first.pool}});
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), first.host);
    EXPECT_EQ(all("volumeStoragePoolMap").size(), 1u);
}

TEST_F(Allocator, HostsWithoutLimitTakeAnythingAndAreNotCounted) {
    const auto there = place("sim", Value());
    const auto id = instance(image("sim"), {{"compute", 1'000'000'000}});
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(host_of(id), there.host);
    EXPECT_TRUE(get("host", there.host)["computeFree"].is_null());
    // A limit that is set later is not raised by what was never taken of it.
    set("host", there.host, {{"computeFree", 7}});
    ASSERT_TRUE(deallocate(id));
    EXPECT_EQ(free_of(there.host), 7);
}

TEST_F(Allocator, ANegativeNumberGainsNothing) {
    const auto there = place("sim", 9);
    const auto id = instance(image("sim"), {{"compute", -5}});
    ASSERT_TRUE(allocate(id));
    EXPECT_EQ(free_of(there.host), 9);
    ASSERT_TRUE(deallocate(id));
    EXPECT_EQ(free_of(there.host), 9);
}

TEST_F(Allocator, GivesBackOnceWhatWasTaken) {
    const auto there = place("sim", 9);
    const auto id = instance(image("sim"), {{"compute", 4}});
    ASSERT_TRUE(allocate(id));
    set("instance", id, {{"compute", 8}});
    ASSERT_TRUE(deallocate(id));
    EXPECT_EQ(free_of(there.host), 9);
    ASSERT_TRUE(deallocate(id));
    EXPECT_EQ(free_of(there.host), 9) << "a second run gives nothing back";
}

TEST_F(Allocator, MapsThatOthersMadeGiveBackWhatTheInstanceSays) {
    const auto there = place("sim", 5);
    const auto id = instance(image("sim"), {{"compute", 3}});
    map_to(id, there.host);
    ASSERT_TRUE(deallocate(id));
    EXPECT_EQ(free_of(there.host), 8);
}

TEST_F(Allocator, PlacesAVolumeAloneInAPoolOfItsKind) {
    place("docker", 100);
    const auto sim = place("sim", 5);
    const auto of = image("sim");
    const auto volume = create("volume", {{"uuid", "alone"}, {"imageId", of}, {"allocationState", "activating"}});
    ASSERT_TRUE(allocate_disk(volume));
    ASSERT_TRUE(allocate_disk(volume));
    const auto maps = all("volumeStoragePoolMap");
    ASSERT_EQ(maps.size(), 1u);
    EXPECT_EQ(maps[0]["storagePoolId"], Value(sim.pool));
}

TEST_F(Allocator, SpreadsManyAtOnceEvenlyAndLosesNothing) {
    constexpr std::size_t kHosts = 7;
    constexpr std::size_t kEach = 6;
    std::vector<Place> places;
    for (std::size_t i = 0; i < kHosts; ++i) places.push_back(place("sim", 1'000));
    const auto of = image("sim");
    std::vector<std::function<Async<Result<void>>()>> works;
    for (std::size_t i = 0; i < kHosts * kEach; ++i) {
        const auto run = make_run("instance", instance(of));
        works.push_back([this, run] { return allocate_instance(cloud(), run); });
    }
    for (const auto& result : together(std::move(works))) ASSERT_TRUE(result) << result.error();
    for (const auto& one : places) EXPECT_EQ(free_of(one.host), 1'000 - static_cast<std::int64_t>(kEach));
    EXPECT_EQ(cloud()->ledger.size(), 0u);
}

TEST_F(Allocator, NeverGivesAwayMoreThanThereIs) {
    const auto one = place("sim", 10);
    const auto other = place("sim", 5);
    const auto of = image("sim");
    std::vector<std::function<Async<Result<void>>()>> works;
    for (int i = 0; i < 40; ++i) {
        const auto run = make_run("instance", instance(of));
        works.push_back([this, run] { return allocate_instance(cloud(), run); });
    }
    int placed = 0;
    for (const auto& result : together(std::move(works))) {
        placed += result ? 1 : 0;
        EXPECT_TRUE(result || found_no_place(result)) << result.error();
    }
    EXPECT_EQ(placed, 15);
    EXPECT_EQ(free_of(one.host), 0);
    EXPECT_EQ(free_of(other.host), 0);
    EXPECT_EQ(all("instanceHostMap").size(), 15u);
}

TEST_F(Allocator, OneInstancePlacedTwiceAtOnceHasOnePlace) {
    for (int i = 0; i < 5; ++i) place("sim", 100);
    const auto id = instance(image("sim"));
    std::vector<std::function<Async<Result<void>>()>> works;
    for (int i = 0; i < 8; ++i) {
        const auto run = make_run("instance", id);
        works.push_back([this, run] { return allocate_instance(cloud(), run); });
    }
    for (const auto& result : together(std::move(works))) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(maps_of(id).size(), 1u);
    EXPECT_EQ(all("volumeStoragePoolMap").size(), 1u);
    std::int64_t free = 0;
    for (const auto& host : all("host")) free += host["computeFree"].integer();
    EXPECT_EQ(free, 499);
}

TEST_F(Allocator, TakingAndGivingBackAtOnceEndsWhereItBegan) {
    const auto there = place("sim", 50);
    const auto of = image("sim");
    std::vector<std::function<Async<Result<void>>()>> works;
    for (int i = 0; i < 30; ++i) {
        const auto run = make_run("instance", instance(of));
        works.push_back([this, run]() -> Async<Result<void>> {
            auto taken = co_await allocate_instance(cloud(), run);
            if (!taken) co_return taken.error();
            co_return co_await deallocate_instance(cloud(), run);
        });
    }
    for (const auto& result : together(std::move(works))) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(free_of(there.host), 50);
}

}  // namespace
}  // namespace drover::cloud
