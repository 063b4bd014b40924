// Places: the allocator writes maps down, their own processes begin here.
#include "allocator/allocator.hpp"
#include "logic/all.hpp"

namespace drover::cloud {
namespace {

Async<Result<void>> create_volume_maps(ProcessRunPtr run, std::int64_t volume) {
    auto maps = co_await find_live(run, "volumeStoragePoolMap", "volumeId", volume);
    if (!maps) co_return maps.error();
    std::vector<Record> begun;
    for (auto& map : *maps) {
        const auto state = map["state"].text();
        if (state == "requested" || state == "registering") begun.push_back(std::move(map));
    }
    co_return co_await run_each(run, "volumestoragepoolmap.create", std::move(begun));
}

Async<Result<LogicResult>> instance_allocate(CloudPtr cloud, ProcessRunPtr run) {
    auto allocated = co_await allocate_instance(cloud, run);
    if (!allocated) co_return allocated.error();
    const auto id = run->resource().id();
    auto maps = co_await find_live(run, "instanceHostMap", "instanceId", id);
    if (!maps) co_return maps.error();
    json::array hosts;
    std::vector<Record> begun;
    for (auto& map : *maps) {
        hosts.push_back(map["hostId"].integer());
        const auto state = map["state"].text();
        if (state == "requested" || state == "registering") begun.push_back(std::move(map));
    }
    auto created = co_await run_each(run, "instancehostmap.create", std::move(begun));
    if (!created) co_return created.error();
    auto volumes = co_await find_live(run, "volume", "instanceId", id);
    if (!volumes) co_return volumes.error();
    for (const auto& volume : *volumes) {
        auto ran = co_await run->run("volume.allocate", volume.id());
        if (!ran) co_return ran.error();
        auto mapped = co_await create_volume_maps(run, volume.id());
        if (!mapped) co_return mapped.error();
    }
    json::object data;
    data["_allocationData"] = json::object{{"hosts", std::move(hosts)}};
    co_return done(std::move(data));
}

Async<Result<LogicResult>> instance_deallocate(CloudPtr cloud, ProcessRunPtr run) {
    auto given = co_await deallocate_instance(cloud, run);
    if (!given) co_return given.error();
    auto maps = co_await find_removable(run, "instanceHostMap", "instanceId", run->resource().id());
    if (!maps) co_return maps.error();
    auto removed = co_await run_each(run, "instancehostmap.remove", std::move(*maps));
    if (!removed) co_return removed.error();
    co_return done();
}

Async<Result<LogicResult>> volume_allocate(CloudPtr cloud, ProcessRunPtr run) {
    auto allocated = co_await allocate_volume(cloud, run);
    if (!allocated) co_return allocated.error();
    auto mapped = co_await create_volume_maps(run, run->resource().id());
    if (!mapped) co_return mapped.error();
    co_return done();
}

}  // namespace

void add_allocation_logic(std::vector<Logic>& all, CloudPtr cloud) {
    all.push_back(handler("InstanceAllocate", {"instance.allocate"},
                          [cloud](ProcessRunPtr run) { return instance_allocate(cloud, std::move(run)); }));
    all.push_back(handler("InstanceDeallocate", {"instance.deallocate"},
                          [cloud](ProcessRunPtr run) { return instance_deallocate(cloud, std::move(run)); }));
    all.push_back(handler("VolumeAllocate", {"volume.allocate"},
                          [cloud](ProcessRunPtr run) { return volume_allocate(cloud, std::move(run)); }));
}

}  // namespace drover::cloud
