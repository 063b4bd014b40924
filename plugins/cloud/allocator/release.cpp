// Giving back what an instance took, and placing volumes alone.
#include <boost/json/serialize.hpp>

#include <algorithm>

#include "allocator/allocator.hpp"
#include "logic/support.hpp"

namespace drover::cloud {
namespace {

constexpr int kTries = 100;

/// What the map says that was taken, and whether it was given back.
struct Taken {
    std::optional<std::int64_t> compute;
    bool given_back = false;
};

Taken taken_by(const Record& map, std::int64_t otherwise) {
    Taken taken;
    taken.compute = otherwise;
    const auto data = data_of(map);
    const auto* own = data.if_contains(kAllocatorKey);
    if (!own || !own->is_object()) return taken;
    taken.given_back = says_yes(own->as_object().if_contains("deallocated"));
    const auto* compute = own->as_object().if_contains("compute");
    // The host was without limit when it took the machine.
    taken.compute = compute && compute->is_int64() ? std::optional<std::int64_t>(compute->as_int64()) : std::nullopt;
    return taken;
}

/// One try for one map. False: read again.
Async<Result<bool>> give_back(CloudPtr cloud, ProcessRunPtr run, std::int64_t map_id, std::int64_t otherwise) {
    auto map = co_await run->get("instanceHostMap", map_id);
    if (!map) co_return map.error();
    const auto taken = taken_by(*map, otherwise);
    if (taken.given_back) co_return true;
    auto data = data_of(*map);
    auto& own = data[kAllocatorKey];
    if (!own.is_object()) own = json::object{};
    own.as_object()["deallocated"] = true;
    Update flagged;
    flagged.type = "instanceHostMap";
    flagged.id = map_id;
    flagged.version = map->version();
    flagged.values = {{"data", json::serialize(data)}};
    Batch batch;
    batch.operations.emplace_back(std::move(flagged));

    std::optional<Ledger::Entry> entry;
    auto host = co_await run->get("host", (*map)["hostId"].integer());
    if (!host && host.error().code() != Errc::not_found) co_return host.error();
    const bool counted = host && taken.compute && (*host)["computeFree"].if_integer();
    if (counted) {
        const Ledger::Offer offer{host->id(), (*host)["computeFree"].integer()};
        entry = cloud->ledger.release(offer, *taken.compute);
        Update freed;
        freed.type = "host";
        freed.id = entry->host;
        freed.expect = {{"computeFree", *entry->expected}};
        freed.values = {{"computeFree", entry->next}};
        batch.operations.emplace_back(std::move(freed));
    }
    auto committing = run->commit(std::move(batch));
    auto committed = co_await std::move(committing);
    if (committed) co_return true;
    if (entry) entry->failed();
    if (!can_try_again(committed.error())) co_return committed.error();
    cloud->placement_conflicts.add();
    co_return false;
}

/// Pools that a volume could be in: those of the hosts of its instance, or any with an active host.
Async<Result<std::vector<std::int64_t>>> pools_for(ProcessRunPtr run, std::optional<std::int64_t> instance,
                                                   std::shared_ptr<const KindRule> kinds) {
    std::vector<std::int64_t> pools;
    Query query;
    query.type = "storagePoolHostMap";
    query.where = {is_null("removed")};
    query.include = {"storagePool", "host"};
    query.limit = 1'000;
    if (instance) {
        auto maps = co_await find_live(run, "instanceHostMap", "instanceId", *instance);
        if (!maps) co_return maps.error();
        if (!maps->empty()) {
            Condition one_of{"hostId", Op::in, {}};
            for (const auto& map : *maps) one_of.values.emplace_back(map["hostId"].integer());
            query.where.push_back({std::move(one_of)});
        }
    }
    auto page = co_await run->query(std::move(query));
    if (!page) co_return page.error();
    for (const auto& row : page->rows) {
        const auto& pool = row.included[0];
        const auto& host = row.included[1];
        if (!pool || !host || (*pool)["state"].text() != "active" || (*host)["state"].text() != "active") continue;
        if (kinds->allows((*pool)["kind"].text())) pools.push_back(pool->id());
    }
    co_return pools;
}

enum class Tried : unsigned char { read_again, there_already, placed };

Async<Result<Tried>> place_volume(ProcessRunPtr run) {
    auto volume = co_await run->get("volume", run->resource().id());
    if (!volume) co_return volume.error();
    auto maps = co_await find_live(run, "volumeStoragePoolMap", "volumeId", volume->id());
    if (!maps) co_return maps.error();
    if (!maps->empty()) co_return Tried::there_already;

    const auto instance_id = (*volume)["instanceId"].if_integer()
                                 ? std::optional<std::int64_t>((*volume)["instanceId"].integer())
                                 : std::nullopt;
    std::optional<std::int64_t> image;
    if ((*volume)["imageId"].if_integer()) image = (*volume)["imageId"].integer();
    if (instance_id && !image) {
        auto instance = co_await run->get("instance", *instance_id);
        if (!instance && instance.error().code() != Errc::not_found) co_return instance.error();
        if (instance && (*instance)["imageId"].if_integer()) image = (*instance)["imageId"].integer();
    }
    auto rule = co_await kind_rule(run, image);
    if (!rule) co_return rule.error();
    const auto kinds = std::make_shared<const KindRule>(std::move(*rule));  // owners: this call and those it makes
    auto pools = co_await pools_for(run, instance_id, kinds);
    if (!pools) co_return pools.error();
    if (pools->empty()) co_return no_placement(*run, "no active storage pool of an active host can take the volume");

    Update claim;
    claim.type = "volume";
    claim.id = volume->id();
    claim.version = volume->version();
    Create map;
    map.type = "volumeStoragePoolMap";
    map.values = {{"kind", map.type},
                  {"uuid", derived_uuid("volumeStoragePoolMap " + std::string((*volume)["uuid"].text()) + " " +
                                        std::to_string(volume->version()))},
                  {"state", "requested"},
                  {"created", now_millis(run->clock())},
                  {"data", "{}"},
                  {"volumeId", volume->id()},
                  {"storagePoolId", pools->front()}};
    Batch batch;
    batch.operations.emplace_back(std::move(claim));
    batch.operations.emplace_back(std::move(map));
    auto committing = run->commit(std::move(batch));
    auto committed = co_await std::move(committing);
    if (committed) co_return Tried::placed;
    if (!can_try_again(committed.error())) co_return committed.error();
    co_return Tried::read_again;
}

Error too_busy() {
    return Error(Errc::busy, "other placements were faster " + std::to_string(kTries) + " times", "It is tried again.");
}

}  // namespace

Async<Result<void>> deallocate_instance(CloudPtr cloud, ProcessRunPtr run) {
    const auto compute =
        std::max<std::int64_t>(0, run->resource()["compute"].integer(number(*run, "instance.compute.default", 1)));
    auto maps = co_await find_live(run, "instanceHostMap", "instanceId", run->resource().id());
    if (!maps) co_return maps.error();
    for (const auto& map : *maps) {
        bool given = false;
        for (int attempt = 1; attempt <= kTries && !given; ++attempt) {
            auto tried = co_await give_back(cloud, run, map.id(), compute);
            if (!tried) co_return tried.error();
            given = *tried;
        }
        if (!given) co_return too_busy();
    }
    co_return ok;
}

Async<Result<void>> allocate_volume(CloudPtr cloud, ProcessRunPtr run) {
    for (int attempt = 1; attempt <= kTries; ++attempt) {
        auto tried = co_await place_volume(run);
        if (!tried) co_return tried.error();
        if (*tried == Tried::placed) cloud->placements.add();
        if (*tried != Tried::read_again) co_return ok;
    }
    co_return too_busy();
}

}  // namespace drover::cloud
