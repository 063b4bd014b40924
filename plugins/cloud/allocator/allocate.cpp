// Placing an instance: what it needs, who could take it, and the one commit that decides.
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <map>

#include "allocator/allocator.hpp"
#include "logic/support.hpp"

namespace drover::cloud {
namespace {

constexpr int kTries = 100;             // against other placements of the same moment
constexpr std::size_t kFirstLook = 16;  // hosts read at first
constexpr std::size_t kLongestLook = 2'000;
constexpr std::size_t kMostNamed = 5'000;  // hosts that a query names; more are told apart afterwards
constexpr std::size_t kMostUnfit = 200;    // hosts with room that turn out not to serve

struct VolumeNeed {
    Record volume;
    std::vector<std::int64_t> pools;  ///< where it is; empty: it needs one
};

/// What is known of an instance before it is placed.
struct Need {
    Record instance;
    std::vector<Record> maps;  ///< to hosts, not removed
    std::vector<VolumeNeed> volumes;
    std::int64_t compute = 0;
    KindRule kinds;
    /// Only these; unset: any.
    std::optional<std::set<std::int64_t>> hosts;

    bool placed() const {
        return !maps.empty() &&
               std::none_of(volumes.begin(), volumes.end(), [](const VolumeNeed& one) { return one.pools.empty(); });
    }
    void only(const std::set<std::int64_t>& some) {
        if (!hosts) {
            hosts = some;
            return;
        }
        std::set<std::int64_t> both;
        std::set_intersection(hosts->begin(), hosts->end(), some.begin(), some.end(), std::inserter(both, both.end()));
        hosts = std::move(both);
    }
};

std::optional<std::int64_t> id_of(const Value& value) {
    return value.if_integer() ? std::optional<std::int64_t>(value.integer()) : std::nullopt;
}

std::optional<std::int64_t> to_id(const json::value& value) {
    if (value.is_int64()) return value.as_int64();
    if (value.is_uint64()) return static_cast<std::int64_t>(value.as_uint64());
    if (value.is_string()) {
        const auto id = to_number(value.as_string(), 0);
        if (id > 0) return id;
    }
    return std::nullopt;
}

/// Adds to each volume the pools it is in, and to the need the hosts that reach them.
Async<Result<void>> read_pools(ProcessRunPtr run, Need* need) {
    if (need->volumes.empty()) co_return ok;
    Condition of_volumes{"volumeId", Op::in, {}};
    for (const auto& one : need->volumes) of_volumes.values.emplace_back(one.volume.id());
    std::vector<AnyOf> where{{std::move(of_volumes)}, is_null("removed")};
    auto maps = co_await find(run, "volumeStoragePoolMap", std::move(where));
    if (!maps) co_return maps.error();
    std::set<std::int64_t> pools;
    for (const auto& map : *maps) {
        const auto volume = std::find_if(need->volumes.begin(), need->volumes.end(), [&](const VolumeNeed& one) {
            return one.volume.id() == map["volumeId"].integer();
        });
        if (volume != need->volumes.end()) volume->pools.push_back(map["storagePoolId"].integer());
        pools.insert(map["storagePoolId"].integer());
    }
    if (pools.empty()) co_return ok;
    Condition of_pools{"storagePoolId", Op::in, {}};
    for (const auto pool : pools) of_pools.values.emplace_back(pool);
    std::vector<AnyOf> reaching{{std::move(of_pools)}, is_null("removed")};
    auto hosts = co_await find(run, "storagePoolHostMap", std::move(reaching));
    if (!hosts) co_return hosts.error();
    std::map<std::int64_t, std::set<std::int64_t>> by_pool;
    for (const auto& map : *hosts) by_pool[map["storagePoolId"].integer()].insert(map["hostId"].integer());
    for (const auto pool : pools) need->only(by_pool[pool]);
    co_return ok;
}

Async<Result<std::shared_ptr<Need>>> read_need(ProcessRunPtr run) {
    const auto need = std::make_shared<Need>();  // owners: this call and those it makes
    const auto id = run->resource().id();
    auto instance = co_await run->get("instance", id);
    if (!instance) co_return instance.error();
    need->instance = std::move(*instance);
    auto maps = co_await find_live(run, "instanceHostMap", "instanceId", id);
    if (!maps) co_return maps.error();
    need->maps = std::move(*maps);
    auto volumes = co_await find_live(run, "volume", "instanceId", id);
    if (!volumes) co_return volumes.error();
    for (auto& volume : *volumes) need->volumes.push_back({std::move(volume), {}});
    auto read = co_await read_pools(run, need.get());
    if (!read) co_return read.error();
    if (need->placed()) co_return need;

    // Whoever wrote a negative number gains nothing by it.
    need->compute =
        std::max<std::int64_t>(0, need->instance["compute"].integer(number(*run, "instance.compute.default", 1)));
    auto kinds = co_await kind_rule(run, id_of(need->instance["imageId"]));
    if (!kinds) co_return kinds.error();
    need->kinds = std::move(*kinds);
    if (!need->maps.empty()) {
        std::set<std::int64_t> current;
        for (const auto& map : need->maps) current.insert(map["hostId"].integer());
        need->only(current);
    }
    if (const auto host = to_id(virtual_field(need->instance, "requestedHostId"))) need->only({*host});
    co_return need;
}

/// A host that has room, and what else is known of it.
struct Candidates {
    std::vector<Record> hosts;
    std::vector<Ledger::Offer> offers;
    bool more = false;
    std::int64_t bound = 0;  ///< what the next one has free at most, or at least
};

/// Hosts with room, in the order in which they are wanted.
Async<Result<Candidates>> look_for_hosts(ProcessRunPtr run, std::shared_ptr<const Need> need, std::size_t limit,
                                         bool spread, bool unlimited) {
    Query query;
    query.type = "host";
    query.where = need->kinds.conditions();
    query.where.push_back(is("state", "active"));
    const bool takes_room = need->maps.empty();
    if (unlimited) query.where.push_back(is_null("computeFree"));
    else if (takes_room) query.where.push_back({Condition{"computeFree", Op::gte, {Value(need->compute)}}});
    if (need->hosts && need->hosts->size() <= kMostNamed) {
        Condition one_of{"id", Op::in, {}};
        for (const auto id : *need->hosts) one_of.values.emplace_back(id);
        query.where.push_back({std::move(one_of)});
    }
    query.sort = {{"computeFree", spread}};
    query.limit = limit;
    auto page = co_await run->query(std::move(query));
    if (!page) co_return page.error();
    Candidates candidates;
    candidates.more = page->more;
    for (auto& row : page->rows) {
        const auto free = id_of(row.record["computeFree"]);
        candidates.offers.push_back({row.record.id(), free});
        if (free) candidates.bound = *free;
        candidates.hosts.push_back(std::move(row.record));
    }
    co_return candidates;
}

/// The host's pools that could take a volume; none when the host can take no machine at all.
Async<Result<std::vector<std::int64_t>>> pools_of(ProcessRunPtr run, const Record* host, const KindRule* kinds) {
    std::vector<std::int64_t> pools;
    if (const auto agent_id = id_of((*host)["agentId"])) {
        auto agent = co_await run->get("agent", *agent_id);
        if (!agent && agent.error().code() == Errc::not_found) co_return pools;
        if (!agent) co_return agent.error();
        if ((*agent)["state"].text() != "active") co_return pools;
    }
    Query query;
    query.type = "storagePoolHostMap";
    query.where = {is("hostId", host->id()), is_null("removed")};
    query.include = {"storagePool"};
    query.limit = 1'000;
    auto maps = co_await run->query(std::move(query));
    if (!maps) co_return maps.error();
    for (const auto& row : maps->rows) {
        const auto& pool = row.included[0];
        if (!pool || (*pool)["state"].text() != "active") continue;
        // Only a tie says something of pools: what is tied to none goes to whatever the host has.
        if (!kinds->tied.empty() && !kinds->allows((*pool)["kind"].text())) continue;
        pools.push_back(pool->id());
    }
    co_return pools;
}

/// A pool for each volume that has none; none when a volume is in a pool that the host does not reach.
std::optional<std::vector<std::int64_t>> choose_pools(const Need& need, const std::vector<std::int64_t>& pools) {
    std::vector<std::int64_t> chosen;
    for (const auto& one : need.volumes) {
        if (one.pools.empty()) {
            chosen.push_back(pools.front());
            continue;
        }
        for (const auto pool : one.pools)
            if (std::find(pools.begin(), pools.end(), pool) == pools.end()) return std::nullopt;
        chosen.push_back(0);
    }
    return chosen;
}

Create new_map(std::string type, std::string uuid, Assignments ends, std::int64_t now, std::string data) {
    Create create;
    create.values = {
        {"kind", type}, {"uuid", std::move(uuid)}, {"state", "requested"}, {"created", now}, {"data", std::move(data)}};
    for (auto& end : ends) create.values.push_back(std::move(end));
    create.type = std::move(type);
    return create;
}

/// Everything the placement changes. The instance's version makes a second placement of it fail.
Batch placement(const Need& need, const Ledger::Entry& entry, const std::vector<std::int64_t>& pools,
                std::int64_t now) {
    Batch batch;
    const auto& instance = need.instance;
    const auto step = " " + std::string(instance["uuid"].text()) + " " + std::to_string(instance.version());
    Update claim;
    claim.type = "instance";
    claim.id = instance.id();
    claim.version = instance.version();
    batch.operations.emplace_back(std::move(claim));
    if (need.maps.empty()) {
        Update host;
        host.type = "host";
        host.id = entry.host;
        host.expect = {{"state", "active"}};
        json::object taken;
        if (entry.expected) {
            host.expect.push_back({"computeFree", *entry.expected});
            host.values = {{"computeFree", entry.next}};
            taken["compute"] = need.compute;
        } else {
            host.expect.push_back({"computeFree", Value()});
        }
        batch.operations.emplace_back(std::move(host));
        const json::object data{{kAllocatorKey, std::move(taken)}};
        batch.operations.emplace_back(new_map("instanceHostMap", derived_uuid("instanceHostMap" + step),
                                              {{"instanceId", instance.id()}, {"hostId", entry.host}}, now,
                                              json::serialize(data)));
    }
    for (std::size_t i = 0; i < need.volumes.size(); ++i) {
        const auto& one = need.volumes[i];
        if (!one.pools.empty()) continue;
        Update volume;
        volume.type = "volume";
        volume.id = one.volume.id();
        volume.version = one.volume.version();
        batch.operations.emplace_back(std::move(volume));
        batch.operations.emplace_back(
            new_map("volumeStoragePoolMap",
                    derived_uuid("volumeStoragePoolMap " + std::string(one.volume["uuid"].text()) + step),
                    {{"volumeId", one.volume.id()}, {"storagePoolId", pools[i]}}, now, "{}"));
    }
    return batch;
}

/// One look at the hosts and one try to take one. False: read again.
Async<Result<bool>> place(CloudPtr cloud, ProcessRunPtr run, std::shared_ptr<const Need> need) {
    const bool spread = flag(*run, "simple.allocator.spread", true);
    // A machine that has its host takes nothing of it again.
    const auto compute = need->maps.empty() ? need->compute : 0;
    std::set<std::int64_t> unfit;
    std::size_t limit = kFirstLook + cloud->ledger.size();
    // First those that count what they have free, then those that do not.
    for (int pass = 0; pass < 2; ++pass) {
        const bool unlimited = pass == 1;
        if (unlimited && !need->maps.empty()) break;
        for (;;) {
            auto candidates = co_await look_for_hosts(run, need, limit, spread, unlimited);
            if (!candidates) co_return candidates.error();
            std::vector<Ledger::Offer> offers;
            std::vector<std::size_t> at;
            for (std::size_t i = 0; i < candidates->offers.size(); ++i) {
                const auto host = candidates->offers[i].host;
                if (unfit.contains(host) || (need->hosts && !need->hosts->contains(host))) continue;
                offers.push_back(candidates->offers[i]);
                at.push_back(i);
            }
            auto entry = cloud->ledger.reserve(offers, compute, spread);
            const auto left = entry && entry->expected ? *entry->expected : 0;
            const bool better_beyond =
                candidates->more && limit < kLongestLook &&
                (!entry || (entry->expected && (spread ? left < candidates->bound : left > candidates->bound)));
            if (better_beyond) {
                entry.reset();
                limit = std::min(limit * 4, kLongestLook);
                continue;
            }
            if (!entry) break;
            const auto& host = candidates->hosts[at[entry->index]];
            auto pools = co_await pools_of(run, &host, &need->kinds);
            if (!pools) co_return pools.error();
            const auto chosen = pools->empty() ? std::nullopt : choose_pools(*need, *pools);
            if (!chosen) {
                entry->failed();
                unfit.insert(host.id());
                if (unfit.size() > kMostUnfit) break;
                continue;
            }
            auto batch = placement(*need, *entry, *chosen, now_millis(run->clock()));
            auto committing = run->commit(std::move(batch));
            auto committed = co_await std::move(committing);
            if (committed) co_return true;
            entry->failed();
            if (!can_try_again(committed.error())) co_return committed.error();
            cloud->placement_conflicts.add();
            co_return false;
        }
    }
    std::string why = "no active host";
    if (!need->kinds.tied.empty()) why += " of kind " + need->kinds.tied.front();
    why += " has " + std::to_string(compute) + " free, an active agent and the storage pools it takes";
    if (need->hosts) why += "; " + std::to_string(need->hosts->size()) + " could be considered";
    co_return no_placement(*run, why);
}

}  // namespace

Async<Result<void>> allocate_instance(CloudPtr cloud, ProcessRunPtr run) {
    const auto began = cloud->clock.now();
    for (int attempt = 1; attempt <= kTries; ++attempt) {
        auto need = co_await read_need(run);
        if (!need) co_return need.error();
        if ((*need)->placed()) co_return ok;
        if ((*need)->kinds.impossible())
            co_return no_placement(*run, "its image is in storage pools of several kinds: no host is of all of them");
        if ((*need)->maps.size() > 1) co_return no_placement(*run, "it is mapped to several hosts");
        auto placed = co_await place(cloud, run, *need);
        if (!placed) {
            if (is_event_error(placed.error())) cloud->placements_failed.add();
            co_return placed.error();
        }
        if (*placed) {
            cloud->placements.add();
            cloud->placement_seconds.observe(std::chrono::duration<double>(cloud->clock.now() - began).count());
            co_return ok;
        }
    }
    co_return Error(Errc::busy, "other placements were faster " + std::to_string(kTries) + " times",
                    "It is tried again.");
}

}  // namespace drover::cloud
