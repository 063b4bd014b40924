// Instances: what creating, stopping, removing and restoring one means for its volumes and its place.
#include <algorithm>

#include "logic/all.hpp"

namespace drover::cloud {
namespace {

Async<Result<std::vector<Record>>> volumes_of(ProcessRunPtr run) {
    co_return co_await find_live(run, "volume", "instanceId", run->resource().id());
}

/// The volume of this device number; made when there is none.
Async<Result<Record>> ensure_volume(ProcessRunPtr run, std::vector<Record> volumes, std::int64_t device,
                                    json::object values) {
    const auto there = std::find_if(volumes.begin(), volumes.end(), [&](const Record& volume) {
        return volume["deviceNumber"].if_integer() && volume["deviceNumber"].integer() == device;
    });
    if (there != volumes.end()) co_return *there;
    const auto& instance = run->resource();
    values["accountId"] =
        instance["accountId"].is_null() ? json::value(nullptr) : json::value(instance["accountId"].integer());
    values["instanceId"] = instance.id();
    values["deviceNumber"] = device;
    values["attachedState"] = "active";
    const auto uuid = derived_uuid("volume " + std::string(instance["uuid"].text()) + " " + std::to_string(device));
    co_return co_await find_or_create(run, "volume", uuid, std::move(values));
}

Async<Result<LogicResult>> instance_create(ProcessRunPtr run) {
    // A start that follows now belongs to the creation: when it fails, the instance goes.
    run->data()[kInstanceCreateKey] = json::object{{"startOnCreate", true}};
    auto saved = co_await run->save_data();
    if (!saved) co_return saved.error();

    auto volumes = co_await volumes_of(run);
    if (!volumes) co_return volumes.error();
    json::array ids;
    std::int64_t device = 0;
    if (const auto* image = run->resource()["imageId"].if_integer()) {
        json::object values{{"imageId", *image}};
        auto root = co_await ensure_volume(run, *volumes, device++, std::move(values));
        if (!root) co_return root.error();
        const auto state = (*root)["state"].text();
        if (state == "requested" || state == "registering") {
            auto created = co_await run->run("volume.create", root->id(), run->data());
            if (!created) co_return created.error();
        }
        ids.push_back(root->id());
    }
    const auto offerings = virtual_field(run->resource(), "volumeOfferingIds");
    if (offerings.is_array()) {
        if (offerings.as_array().size() > kMostVolumes)
            co_return Error(Errc::unsupported, std::to_string(offerings.as_array().size()) +
                                                   " volumes are asked for, a machine has at most " +
                                                   std::to_string(kMostVolumes));
        for (const auto& offering : offerings.as_array()) {
            json::object values{{"offeringId", offering}};
            auto extra = co_await ensure_volume(run, *volumes, device++, std::move(values));
            if (!extra) co_return extra.error();
            ids.push_back(extra->id());
        }
    }
    auto result = done();
    result.data["_volumeIds"] = std::move(ids);
    const auto start = virtual_field(run->resource(), "startOnCreate");
    result.delegate = start.is_null() || says_yes(&start);
    co_return result;
}

Async<Result<LogicResult>> instance_stop(ProcessRunPtr run) {
    auto stopped = co_await stop_instance(run);
    if (!stopped) co_return stopped.error();
    if (says_yes(run->data().if_contains("remove"))) {
        auto scheduled = co_await run->schedule("instance.remove", run->resource().id(), run->data());
        // A run before this one has scheduled it, and it has gone on.
        if (!scheduled && scheduled.error().detail("state").empty()) co_return scheduled.error();
    }
    co_return done();
}

/// What a volume loses when its instance goes and it stays.
Async<Result<void>> detach(ProcessRunPtr run, Record volume) {
    const auto* process = run->model().process("volume.detach");
    const auto state = volume["attachedState"].text();
    if (process && (process->starting_at(state) || process->in_transition(state))) {
        auto ran = co_await run->run("volume.detach", volume.id());
        if (!ran) co_return ran.error();
        co_return ok;
    }
    json::object changes{{"instanceId", nullptr}, {"deviceNumber", nullptr}};
    co_return co_await run->apply("volume", volume.id(), std::move(changes));
}

Async<Result<LogicResult>> instance_remove(ProcessRunPtr run) {
    auto stopped = co_await stop_instance(run);
    if (!stopped) co_return stopped.error();
    auto volumes = co_await find_removable(run, "volume", "instanceId", run->resource().id());
    if (!volumes) co_return volumes.error();
    for (auto& volume : *volumes) {
        const bool root = volume["deviceNumber"].if_integer() && volume["deviceNumber"].integer() == 0;
        if (root) {
            auto removed = co_await run->run("volume.remove", volume.id(), run->data());
            if (!removed) co_return removed.error();
        } else {
            auto detached = co_await detach(run, std::move(volume));
            if (!detached) co_return detached.error();
        }
    }
    co_return done();
}

Async<Result<LogicResult>> instance_restore(ProcessRunPtr run) {
    std::vector<AnyOf> where{is("instanceId", run->resource().id())};
    auto volumes = co_await find(run, "volume", std::move(where));
    if (!volumes) co_return volumes.error();
    std::vector<Record> gone;
    for (auto& volume : *volumes) {
        const auto state = volume["state"].text();
        // A volume that was purged in the meantime is not there any more to be restored.
        if (state == "removed" || state == "restoring") gone.push_back(std::move(volume));
    }
    auto restored = co_await run_each(run, "volume.restore", std::move(gone));
    if (!restored) co_return restored.error();
    co_return done();
}

}  // namespace

Async<Result<void>> stop_instance(ProcessRunPtr run) {
    const auto id = run->resource().id();
    auto maps = co_await find_live(run, "instanceHostMap", "instanceId", id);
    if (!maps) co_return maps.error();
    std::vector<Record> placed;
    const auto* deactivate = run->model().process("instancehostmap.deactivate");
    for (auto& map : *maps) {
        const auto state = map["state"].text();
        // No agent was told of any other; deactivating it would remove it before its compute was given back.
        if (deactivate->starting_at(state) || deactivate->in_transition(state)) placed.push_back(std::move(map));
    }
    auto stopped = co_await run_each(run, "instancehostmap.deactivate", std::move(placed));
    if (!stopped) co_return stopped.error();
    auto volumes = co_await volumes_of(run);
    if (!volumes) co_return volumes.error();
    std::vector<Record> used;
    for (auto& volume : *volumes) {
        const auto state = volume["state"].text();
        // One that never was begun has nothing to give up, and deactivating it would remove it.
        if (state != "requested" && state != "removing") used.push_back(std::move(volume));
    }
    auto inactive = co_await run_each(run, "volume.deactivate", std::move(used));
    if (!inactive) co_return inactive.error();
    auto freed = co_await run->run("instance.deallocate", id);
    if (!freed) co_return freed.error();
    co_return ok;
}

void add_instance_logic(std::vector<Logic>& all) {
    all.push_back(handler("InstanceCreate", {"instance.create"}, instance_create));
    all.push_back(handler("InstanceStop", {"instance.stop"}, instance_stop));
    all.push_back(handler("InstanceRemove", {"instance.remove"}, instance_remove));
    all.push_back(handler("InstanceRestore", {"instance.restore"}, instance_restore));
}

}  // namespace drover::cloud
