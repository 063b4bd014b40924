// What agents report becomes rows, once, and only what is theirs.
#include "report.hpp"

#include <boost/json/parse.hpp>

#include <set>

#include "cloud_bench.hpp"

namespace drover::cloud {
namespace {

class Reports : public CloudBench {
protected:
    ReportHands hands() {
        ReportHands made;
        made.query = [this](Query query) {
            return store().query(std::move(query), Consistency::primary(), Deadline::never());
        };
        made.commit = [this](Batch batch) { return store().commit(std::move(batch), Deadline::never()); };
        made.schedule = [this](std::string process, std::int64_t id) { return note(std::move(process), id); };
        made.schema = &model().schema();
        return made;
    }
    Async<Result<void>> note(std::string process, std::int64_t id) {
        const std::lock_guard lock(mutex_);
        scheduled_.insert(process + " " + std::to_string(id));
        co_return ok;
    }
    Result<std::vector<Reported>> report(std::int64_t agent_id, const std::string& text) {
        return wait(take_report(cloud(), hands(), agent_id, boost::json::parse(text).as_array()));
    }
    double refused() { return cloud()->refused_reports.value(); }

    std::mutex mutex_;
    std::multiset<std::string> scheduled_;  // guarded by mutex_
};

constexpr const char* kUsual = R"([
    {"type":"storagePool","uuid":"p","kind":"sim","hostUuid":"h","name":"disk"},
    {"type":"host","uuid":"h","kind":"sim","name":"rack 1","computeFree":7,"cores":8}])";

TEST_F(Reports, BecomeHostsPoolsAndMaps) {
    const auto id = agent();
    const auto made = report(id, kUsual);
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->size(), 3u);
    const auto hosts = all("host");
    ASSERT_EQ(hosts.size(), 1u);
    EXPECT_EQ(hosts[0]["uuid"], Value("h"));
    EXPECT_EQ(hosts[0]["name"], Value("rack 1"));
    EXPECT_EQ(hosts[0]["computeFree"], Value(7));
    EXPECT_EQ(hosts[0]["computeTotal"], Value(1'000'000));
    EXPECT_EQ(hosts[0]["agentId"], Value(id));
    EXPECT_TRUE(hosts[0]["accountId"].is_null());
    EXPECT_EQ(virtual_field(hosts[0], "cores"), 8);
    const auto pools = all("storagePool");
    ASSERT_EQ(pools.size(), 1u);
    EXPECT_EQ(virtual_field(pools[0], "hostUuid"), "h");
    EXPECT_FALSE(pools[0]["external"].boolean());
    const auto maps = all("storagePoolHostMap");
    ASSERT_EQ(maps.size(), 1u);
    EXPECT_EQ(maps[0]["hostId"], Value(hosts[0].id()));
    EXPECT_EQ(maps[0]["storagePoolId"], Value(pools[0].id()));
    EXPECT_EQ(scheduled_.size(), 3u);
    EXPECT_TRUE(scheduled_.contains("storagepoolhostmap.create " + std::to_string(maps[0].id())));
    EXPECT_EQ(refused(), 0);
}

TEST_F(Reports, RepeatedOnesMakeNothingTwice) {
    const auto id = agent();
    ASSERT_TRUE(report(id, kUsual));
    scheduled_.clear();
    // The first server died before it scheduled anything: that is made up for.
    ASSERT_TRUE(report(id, kUsual));
    EXPECT_EQ(scheduled_.size(), 3u);
    scheduled_.clear();
    for (const std::string type : {"host", "storagePool", "storagePoolHostMap"})
        set(type, all(type).at(0).id(), {{"state", "active"}});
    ASSERT_TRUE(report(id, kUsual));
    EXPECT_TRUE(scheduled_.empty());
    EXPECT_EQ(all("host").size(), 1u);
    EXPECT_EQ(all("storagePoolHostMap").size(), 1u);
}

TEST_F(Reports, TakenByManyServersAtOnceMakeEachRowOnce) {
    const auto id = agent();
    std::vector<std::function<Async<Result<std::vector<Reported>>>()>> works;
    for (int i = 0; i < 10; ++i)
        works.push_back(
            [this, id] { return take_report(cloud(), hands(), id, boost::json::parse(kUsual).as_array()); });
    for (const auto& result : together(std::move(works))) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(all("host").size(), 1u);
    EXPECT_EQ(all("storagePool").size(), 1u);
    EXPECT_EQ(all("storagePoolHostMap").size(), 1u);
}

TEST_F(Reports, AnAgentCannotTakeWhatIsAnothers) {
    const auto owner = agent();
    const auto thief = agent();
    ASSERT_TRUE(report(owner, kUsual));
    const auto before = get("host", all("host").at(0).id());
    const auto taken = report(thief, kUsual);
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->empty());
    EXPECT_EQ(refused(), 2) << "the host, and the pool on it";
    const auto after = get("host", before.id());
    EXPECT_EQ(after["agentId"], Value(owner));
    EXPECT_EQ(after.version(), before.version());
    // Nor may it put a pool of its own on another's host.
    const auto pool = report(thief, R"([{"type":"storagePool","uuid":"mine","kind":"sim","hostUuid":"h"}])");
    ASSERT_TRUE(pool);
    EXPECT_TRUE(pool->empty());
    EXPECT_EQ(all("storagePool").size(), 1u);
    EXPECT_EQ(refused(), 3);
}

TEST_F(Reports, AnAgentCannotSetWhatIsTheServers) {
    const auto id = agent();
    ASSERT_TRUE(report(id, R"([{"type":"host","uuid":"h","kind":"sim","state":"active","accountId":1,"agentId":99,
        "id":77,"removed":1,"zoneId":9,"created":1},
        {"type":"storagePool","uuid":"p","kind":"sim","hostUuid":"h","external":true}])"));
    const auto host = all("host").at(0);
    EXPECT_EQ(host["state"], Value("requested"));
    EXPECT_EQ(host["agentId"], Value(id));
    EXPECT_TRUE(host["accountId"].is_null());
    EXPECT_TRUE(host["removed"].is_null());
    EXPECT_EQ(host["zoneId"], Value(1));
    EXPECT_NE(host["created"], Value(1));
    EXPECT_FALSE(all("storagePool").at(0)["external"].boolean());
}

TEST_F(Reports, WhatContradictsTheRowsIsRefused) {
    const auto id = agent();
    ASSERT_TRUE(report(id, kUsual));
    ASSERT_TRUE(report(id, R"([{"type":"host","uuid":"h","kind":"docker"}])"));
    EXPECT_EQ(refused(), 1);
    ASSERT_TRUE(report(id, R"([{"type":"host","uuid":"h2","kind":"sim"},
        {"type":"storagePool","uuid":"p","kind":"sim","hostUuid":"h2"}])"));
    EXPECT_EQ(refused(), 2) << "the pool is on another host";
    EXPECT_EQ(all("storagePoolHostMap").size(), 1u);
}

TEST_F(Reports, WhatIsMalformedIsRefusedAndTheRestIsTaken) {
    const auto id = agent();
    const auto made = report(id, R"([5, null, [], {}, {"type":"host"}, {"type":"host","uuid":7},
        {"type":"volume","uuid":"v"}, {"type":"storagePool","uuid":"p"},
        {"type":"host","uuid":"h","kind":"sim","computeFree":"many","name":{"a":1}},
        {"type":"host","uuid":"h","kind":"sim"}])");
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->size(), 1u);
    EXPECT_EQ(all("host").size(), 1u);
    EXPECT_EQ(refused(), 7);
}

TEST_F(Reports, ALostHostStaysRemoved) {
    const auto id = agent();
    ASSERT_TRUE(report(id, kUsual));
    const auto host = all("host").at(0).id();
    set("host", host, {{"state", "removed"}, {"removed", 5}});
    const auto made = report(id, R"([{"type":"host","uuid":"h","kind":"sim"}])");
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->empty());
    EXPECT_EQ(get("host", host)["state"], Value("removed"));
}

TEST_F(Reports, AreBounded) {
    boost::json::array resources;
    for (std::size_t i = 0; i <= kMostReported; ++i)
        resources.push_back({{"type", "host"}, {"uuid", "h" + std::to_string(i)}, {"kind", "sim"}});
    const auto id = agent();
    EXPECT_FALSE(wait(take_report(cloud(), hands(), id, resources)));
    EXPECT_TRUE(all("host").empty());
    resources.pop_back();
    const auto made = wait(take_report(cloud(), hands(), id, resources));
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->size(), kMostReported);
}

}  // namespace
}  // namespace drover::cloud
