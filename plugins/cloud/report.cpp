#include "report.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "drover/engine/engine.hpp"
#include "logic/support.hpp"

namespace drover::cloud {
namespace {

constexpr std::size_t kLongestUuid = 128;
constexpr std::size_t kMostInBatch = 500;
constexpr int kTries = 5;  // against other servers that take the same report

/// Columns that an agent fills in itself; all others are the server's, such as state, agentId and accountId.
constexpr std::array<std::string_view, 7> kOwnColumns{"name",        "kind",         "uuid", "description",
                                                      "computeFree", "computeTotal", "uri"};

struct Claimed {
    std::string type;
    std::string uuid;
    std::string kind;
    std::string host_uuid;  // of a pool
    json::object values;
};

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

/// One report while it is carried out.
class Report {
public:
    Report(CloudPtr cloud, ReportHands hands, std::int64_t agent)
        : cloud_(std::move(cloud)), hands_(std::move(hands)), agent_(agent) {}

    /// Sorts the report out: what is no host and no pool, or lacks what it must have, is refused.
    void read(const json::array& resources) {
        std::set<std::string> seen;
        for (const auto& value : resources) {
            if (!value.is_object()) {
                refuse("an entry is no object", "");
                continue;
            }
            const auto& object = value.as_object();
            Claimed claimed;
            claimed.type = text_of(object, "type");
            claimed.uuid = text_of(object, "uuid");
            claimed.kind = text_of(object, "kind");
            claimed.host_uuid = text_of(object, "hostUuid");
            if (claimed.type != "host" && claimed.type != "storagePool") {
                // Newer agents may know more types than this server.
                cloud_->log.debug("an agent reported a type that is not kept",
                                  {{"agent", agent_}, {"type", claimed.type}});
                continue;
            }
            if (claimed.uuid.empty() || claimed.uuid.size() > kLongestUuid) {
                refuse("the uuid is missing or too long", claimed.uuid);
                continue;
            }
            if (claimed.type == "storagePool" && claimed.host_uuid.empty()) {
                refuse("a storage pool names its host by hostUuid", claimed.uuid);
                continue;
            }
            if (!seen.insert(claimed.uuid).second) {
                refuse("two entries have this uuid", claimed.uuid);
                continue;
            }
            claimed.values = own_values(object);
            (claimed.type == "host" ? hosts_ : pools_).push_back(std::move(claimed));
        }
    }

    Async<Result<std::vector<Reported>>> carry_out() {
        auto hosts = co_await ensure("host", &hosts_);
        if (!hosts) co_return hosts.error();
        // Pools may stand before their hosts, and belong to hosts of an earlier report.
        auto known = co_await known_hosts();
        if (!known) co_return known.error();
        std::vector<Claimed> placed;
        for (auto& pool : pools_) {
            if (host_ids_.contains(pool.host_uuid)) placed.push_back(std::move(pool));
            else refuse("the host of this storage pool is not one of the agent's", pool.uuid);
        }
        pools_ = std::move(placed);
        auto pools = co_await ensure("storagePool", &pools_);
        if (!pools) co_return pools.error();
        auto maps = co_await ensure_maps();
        if (!maps) co_return maps.error();
        auto begun = co_await begin_all();
        if (!begun) co_return begun.error();
        co_return std::move(all_);
    }

private:
    json::object own_values(const json::object& object) const {
        json::object values;
        for (const auto& [key, value] : object) {
            const bool own =
                std::find(kOwnColumns.begin(), kOwnColumns.end(), std::string_view(key)) != kOwnColumns.end();
            if (own) values[key] = value;
            else if (key == "data" && value.is_object()) values[key] = value;
            else if (key == "hostUuid" || key == "type") values[key] = value;
            else if (!is_column(text_of(object, "type"), key)) values[key] = value;
        }
        return values;
    }

    bool is_column(const std::string& type, std::string_view key) const {
        const auto* declared = hands_.schema->find(type);
        return key == "id" || (declared && declared->find(key));
    }

    void refuse(std::string_view why, std::string_view uuid) {
        cloud_->refused_reports.add();
        cloud_->log.warning("refused what an agent reported",
                            {{"agent", agent_}, {"why", why}, {"uuid", uuid.substr(0, kLongestUuid)}});
    }

    Async<Result<std::map<std::string, Record>>> by_uuid(std::string type, std::vector<std::string> uuids) {
        std::map<std::string, Record> found;
        if (uuids.empty()) co_return found;
        Condition one_of{"uuid", Op::in, {}};
        for (auto& uuid : uuids) one_of.values.emplace_back(std::move(uuid));
        Query query;
        query.type = std::move(type);
        query.where = {{std::move(one_of)}};
        query.limit = kLargestPage;
        auto page = co_await hands_.query(std::move(query));
        if (!page) co_return page.error();
        for (auto& row : page->rows) {
            std::string uuid(row.record["uuid"].text());
            found.emplace(std::move(uuid), std::move(row.record));
        }
        co_return found;
    }

    static std::vector<std::string> uuids_of(const std::vector<Claimed>& claimed) {
        std::vector<std::string> uuids;
        for (const auto& one : claimed) uuids.push_back(one.uuid);
        return uuids;
    }

    /// Makes those that do not exist, and takes up those that do and are this agent's.
    Async<Result<void>> ensure(std::string type, std::vector<Claimed>* claimed) {
        for (int attempt = 1;; ++attempt) {
            auto existing = co_await by_uuid(type, uuids_of(*claimed));
            if (!existing) co_return existing.error();
            std::vector<Claimed> missing;
            for (const auto& one : *claimed)
                if (!existing->contains(one.uuid)) missing.push_back(one);
            auto made = co_await create_all(type, std::move(missing));
            if (made && !*made) {
                take_up(*existing, *claimed);
                co_return ok;
            }
            // Read again what was made, by this server or by another that was faster.
            if (!made && (made.error().code() != Errc::conflict || attempt == kTries)) co_return made.error();
            if (attempt == 2 * kTries) co_return Error(Errc::conflict, "a report's rows are made and removed again");
        }
    }

    /// True when any was made.
    Async<Result<bool>> create_all(std::string type, std::vector<Claimed> missing) {
        const auto* declared = hands_.schema->find(type);
        for (std::size_t from = 0; from < missing.size(); from += kMostInBatch) {
            Batch batch;
            for (std::size_t i = from; i < std::min(missing.size(), from + kMostInBatch); ++i) {
                auto values = missing[i].values;
                values["state"] = "requested";
                values["agentId"] = agent_;
                if (missing[i].kind.empty()) values["kind"] = type;
                Create create;
                create.type = type;
                create.values = row_values(*declared, values, now_millis(cloud_->clock));
                batch.operations.emplace_back(std::move(create));
            }
            auto committing = hands_.commit(std::move(batch));
            auto committed = co_await std::move(committing);
            if (!committed) co_return committed.error();
            cloud_->reported.add(static_cast<double>(committed->changed.size()));
        }
        co_return !missing.empty();
    }

    void take_up(const std::map<std::string, Record>& existing, std::vector<Claimed>& claimed) {
        std::vector<Claimed> own;
        for (auto& one : claimed) {
            const auto found = existing.find(one.uuid);
            if (found == existing.end()) continue;
            const auto& record = found->second;
            if (record["agentId"].integer() != agent_) {
                refuse("it belongs to another agent, or to none", one.uuid);
                continue;
            }
            if (!one.kind.empty() && record["kind"].text() != one.kind) {
                refuse("it exists with another kind", one.uuid);
                continue;
            }
            if (!record["removed"].is_null()) continue;  // an operator removed it: that stands
            if (one.type == "host") host_ids_.emplace(one.uuid, record.id());
            else pool_ids_.emplace(one.uuid, record.id());
            all_.push_back({one.type, record.id(), std::string(record["state"].text())});
            own.push_back(std::move(one));
        }
        claimed = std::move(own);
    }

    /// Hosts that pools name and this report does not hold.
    Async<Result<void>> known_hosts() {
        std::vector<std::string> unknown;
        for (const auto& pool : pools_)
            if (!host_ids_.contains(pool.host_uuid)) unknown.push_back(pool.host_uuid);
        auto found = co_await by_uuid("host", std::move(unknown));
        if (!found) co_return found.error();
        for (const auto& [uuid, record] : *found)
            if (record["agentId"].integer() == agent_ && record["removed"].is_null())
                host_ids_.emplace(uuid, record.id());
        co_return ok;
    }

    Async<Result<void>> ensure_maps() {
        std::map<std::string, const Claimed*> wanted;
        for (const auto& pool : pools_) wanted.emplace(map_uuid(pool), &pool);
        auto of_pools = co_await maps_of_pools();
        if (!of_pools) co_return of_pools.error();
        std::vector<Claimed> maps;
        for (const auto& [uuid, pool] : wanted) {
            const auto pool_id = pool_ids_.at(pool->uuid);
            const auto host_id = host_ids_.at(pool->host_uuid);
            const auto there = of_pools->equal_range(pool_id);
            if (std::any_of(there.first, there.second, [&](const auto& one) { return one.second != host_id; })) {
                refuse("the storage pool is on another host", pool->uuid);
                continue;
            }
            Claimed map;
            map.type = "storagePoolHostMap";
            map.uuid = uuid;
            map.values = {{"uuid", uuid}, {"storagePoolId", pool_id}, {"hostId", host_id}};
            maps.push_back(std::move(map));
        }
        for (int attempt = 1;; ++attempt) {
            auto existing = co_await by_uuid("storagePoolHostMap", uuids_of(maps));
            if (!existing) co_return existing.error();
            std::vector<Operation> creates;
            for (const auto& map : maps) {
                const auto found = existing->find(map.uuid);
                if (found == existing->end()) creates.emplace_back(map_row(map.values));
            }
            if (creates.empty()) {
                for (const auto& [uuid, record] : *existing)
                    if (record["removed"].is_null())
                        all_.push_back({"storagePoolHostMap", record.id(), std::string(record["state"].text())});
                co_return ok;
            }
            auto made = co_await commit_in_parts(std::move(creates));
            if (!made && (made.error().code() != Errc::conflict || attempt == kTries)) co_return made.error();
            if (attempt == 2 * kTries) co_return Error(Errc::conflict, "a report's maps are made and removed again");
        }
    }

    Create map_row(json::object values) const {
        values["state"] = "requested";
        values["kind"] = "storagePoolHostMap";
        Create create;
        create.type = "storagePoolHostMap";
        create.values = row_values(*hands_.schema->find("storagePoolHostMap"), values, now_millis(cloud_->clock));
        return create;
    }

    static std::string map_uuid(const Claimed& pool) {
        return derived_uuid("storagePoolHostMap " + pool.uuid + " " + pool.host_uuid);
    }

    Async<Result<void>> commit_in_parts(std::vector<Operation> operations) {
        for (std::size_t from = 0; from < operations.size(); from += kMostInBatch) {
            Batch batch;
            const auto to = std::min(operations.size(), from + kMostInBatch);
            for (std::size_t i = from; i < to; ++i) batch.operations.push_back(std::move(operations[i]));
            auto committing = hands_.commit(std::move(batch));
            auto committed = co_await std::move(committing);
            if (!committed) co_return committed.error();
        }
        co_return ok;
    }

    /// Hosts of the report's pools, by pool.
    Async<Result<std::multimap<std::int64_t, std::int64_t>>> maps_of_pools() {
        std::multimap<std::int64_t, std::int64_t> hosts;
        if (pool_ids_.empty()) co_return hosts;
        Condition one_of{"storagePoolId", Op::in, {}};
        for (const auto& [uuid, id] : pool_ids_) one_of.values.emplace_back(id);
        Query query;
        query.type = "storagePoolHostMap";
        query.where = {{std::move(one_of)}, is_null("removed")};
        query.limit = kLargestPage;
        auto page = co_await hands_.query(std::move(query));
        if (!page) co_return page.error();
        for (const auto& row : page->rows)
            hosts.emplace(row.record["storagePoolId"].integer(), row.record["hostId"].integer());
        co_return hosts;
    }

    /// Also those whose server died between the commit and this.
    Async<Result<void>> begin_all() {
        for (const auto& one : all_) {
            if (one.state != "requested") continue;
            std::string process;
            for (const char c : one.type) process += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            process += ".create";
            auto scheduled = co_await hands_.schedule(process, one.id);
            // Another server that took the same report was faster.
            if (!scheduled && scheduled.error().code() != Errc::conflict) co_return scheduled.error();
        }
        co_return ok;
    }

    CloudPtr cloud_;
    ReportHands hands_;
    std::int64_t agent_;
    std::vector<Claimed> hosts_;
    std::vector<Claimed> pools_;
    std::map<std::string, std::int64_t> host_ids_;  // the agent's, by uuid
    std::map<std::string, std::int64_t> pool_ids_;
    std::vector<Reported> all_;
};

}  // namespace

ReportHands ReportHands::of(ProcessRunPtr run) {
    ReportHands hands;
    hands.query = [run](Query query) { return run->query(std::move(query)); };
    hands.commit = [run](Batch batch) { return run->commit(std::move(batch)); };
    hands.schedule = [run](std::string process, std::int64_t id) { return run->schedule(std::move(process), id); };
    hands.schema = &run->model().schema();
    return hands;
}

namespace {

Async<Result<void>> schedule_by(Engine* engine, ProcessRequest request, Deadline deadline) {
    auto scheduling = engine->schedule(std::move(request), deadline);
    auto scheduled = co_await std::move(scheduling);
    if (!scheduled) co_return scheduled.error();
    co_return ok;
}

}  // namespace

ReportHands ReportHands::of(Hands given, Clock& clock) {
    const auto deadline = Deadline::in(clock, 60s);
    const auto model = given.engine->model();
    ReportHands hands;
    hands.query = [given, deadline](Query query) {
        return given.store->query(std::move(query), Consistency::primary(), deadline);
    };
    hands.commit = [given, deadline](Batch batch) { return given.store->commit(std::move(batch), deadline); };
    hands.schedule = [given, deadline](std::string process, std::int64_t id) {
        ProcessRequest request;
        request.process = std::move(process);
        request.resource_id = id;
        return schedule_by(given.engine, std::move(request), deadline);
    };
    hands.schema = &model->schema();
    return hands;
}

Async<Result<std::vector<Reported>>> take_report(CloudPtr cloud, ReportHands hands, std::int64_t agent_id,
                                                 json::array resources) {
    if (resources.size() > kMostReported) {
        cloud->refused_reports.add();
        cloud->log.warning("refused an agent's report: it is too long",
                           {{"agent", agent_id}, {"resources", resources.size()}, {"most", kMostReported}});
        co_return Error(Errc::invalid,
                        "agent " + std::to_string(agent_id) + " reported " + std::to_string(resources.size()) +
                            " resources, at most " + std::to_string(kMostReported) + " are taken",
                        "Split them over several agents.");
    }
    const auto report = std::make_unique<Report>(cloud, std::move(hands), agent_id);
    report->read(resources);
    co_return co_await report->carry_out();
}

}  // namespace drover::cloud
