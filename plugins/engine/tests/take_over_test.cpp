// Several servers, and what becomes of the processes of one that stops, dies or only seems dead.
#include "engine_test.hpp"

namespace drover::engine_tests {
namespace {

namespace json = boost::json;

class TakeOver : public EngineTest {
protected:
    std::vector<std::int64_t> leave_behind(int count, const std::string& server) {
        std::vector<std::int64_t> processes;
        for (int i = 0; i < count;) {
            Batch things;
            for (int j = 0; j < 200 && i + j < count; ++j) {
                Create thing;
                thing.type = "thing";
                thing.values = {{"state", "activating"}, {"uuid", new_uuid()}, {"kind", "thing"}};
                things.operations.emplace_back(std::move(thing));
            }
            const auto made = world.run(world.store().commit(std::move(things), world.in(20s))).value();
            Batch rows;
            for (const auto& thing : made.changed) {
                Create row;
                row.type = "processInstance";
                row.values = {{"processName", "thing.activate"},
                              {"resourceType", "thing"},
                              {"resourceId", thing.id},
                              {"startTime", 1},
                              {"epoch", 1},
                              {"slot", thing.id % 64}};
                if (server.empty()) row.values.emplace_back("queue", Term(Value(thing.id % 64)));
                else row.values.emplace_back("runningProcessServerId", Term(Value(server)));
                rows.operations.emplace_back(std::move(row));
            }
            for (const auto& row : world.run(world.store().commit(std::move(rows), world.in(20s))).value().changed)
                processes.push_back(row.id);
            i += static_cast<int>(made.changed.size());
        }
        return processes;
    }
    std::uint64_t unfinished() {
        Query query;
        query.type = "processInstance";
        query.where.push_back({{"endTime", Op::is_null, {}}});
        query.limit = 1;
        query.count = true;
        return *world.run(world.store().query(std::move(query), Consistency::primary(), world.in(20s)))->count;
    }
};
INSTANTIATE_TEST_SUITE_P(Engine, TakeOver, ::testing::Values("memory", "sqlite"), store_name);

struct Watched {
    std::shared_ptr<Gate> gate = std::make_shared<Gate>();
    Count begun;
    Count refused;
    Count returned;
};

Async<Result<LogicResult>> write_late(ProcessRunPtr run, std::shared_ptr<Watched> seen) {
    const int number = seen->begun++;
    if (number == 0) {
        (void)co_await seen->gate->wait();
        json::object changes{{"number", 13}};
        auto applying = run->apply("thing", run->resource().id(), changes);
        const auto applied = co_await std::move(applying);
        if (!applied && applied.error().code() == Errc::conflict) seen->refused++;
        seen->returned++;
        co_return LogicResult{};
    }
    LogicResult result;
    result.data = {{"number", 7}};
    co_return result;
}

TEST_P(TakeOver, AServerThatWasPausedPastItsLeaseHasItsWritesRefused) {
    const auto seen = std::make_shared<Watched>();
    world.things.on("thing.activate", [=](ProcessRunPtr run) { return write_late(std::move(run), seen); });
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto process = *world.schedule(engine, "thing.activate", id)->process_id;
    ASSERT_TRUE(world.eventually([&] { return seen->begun == 1; }));
    world.start("two");
    world.freeze("one");
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE") << "the other server takes it over";
    EXPECT_EQ(seen->begun, 2);
    const auto version = world.get("thing", id).version();
    seen->gate->open();
    ASSERT_TRUE(world.eventually([&] { return seen->returned == 1; }));
    EXPECT_EQ(seen->refused, 1);
    world.thaw("one");
    EXPECT_EQ(world.get("thing", id)["number"].integer(), 7);
    EXPECT_EQ(world.get("thing", id).version(), version) << "the transition happened once";
}

Async<Result<LogicResult>> wait_for(std::shared_ptr<Gate> gate, std::shared_ptr<Count> begun) {
    (*begun)++;
    auto waited = co_await gate->wait();
    if (!waited) co_return waited.error();
    co_return LogicResult{};
}

TEST_P(TakeOver, AServerThatStopsHandsBackWhatDoesNotEnd) {
    const auto gate = std::make_shared<Gate>();
    const auto begun = std::make_shared<Count>();
    world.things.on("thing.activate", [=](const ProcessRunPtr&) { return wait_for(gate, begun); });
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto process = *world.schedule(engine, "thing.activate", id)->process_id;
    ASSERT_TRUE(world.eventually([&] { return *begun == 1; }));
    ASSERT_TRUE(world.run(engine.stop_serving(world.in(50ms))));
    EXPECT_TRUE(world.get("processInstance", process)["runningProcessServerId"].is_null());
    EXPECT_EQ(world.get("processInstance", process)["attempts"].integer(), 0);
    gate->open();
    world.start("two");
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE");
    EXPECT_EQ(*begun, 2);
}

TEST_P(TakeOver, WhatADeadServerLeftBehindEndsSoonAfterAStart) {
    world.start("one", false);
    leave_behind(2'000, "server-that-died");
    leave_behind(1'000, "");
    world.stop("one");
    const auto before = world.clock().now();
    world.start("two");
    const auto ready = world.clock().now() - before;
    EXPECT_LT(ready, 2s);
    EXPECT_TRUE(world.eventually([&] { return unfinished() == 0; }, 60s)) << unfinished() << " are left";
    Query query;
    query.type = "thing";
    query.where.push_back({{"state", Op::ne, {Value("active")}}});
    EXPECT_EQ(world.all(query).size(), 0u);
}

TEST_P(TakeOver, TwoServersShareTheWorkAndEachProcessRunsOnce) {
    const auto count = std::make_shared<Count>();
    world.things.on("thing.activate", counting(count));
    auto& one = world.start("one");
    auto& two = world.start("two");
    auto& api = world.start("api", false);
    constexpr int kProcesses = 300;
    std::vector<std::int64_t> processes;
    for (int i = 0; i < kProcesses; ++i) {
        auto& by = i % 3 == 0 ? one : i % 3 == 1 ? two : api;
        processes.push_back(*world.schedule(by, "thing.activate", world.make_thing("inactive"))->process_id);
    }
    std::set<std::string> servers;
    for (const auto process : processes) {
        EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE");
        const auto log = std::string(world.executions(process).at(0)["log"].text());
        servers.insert(log.find("\"processingServerId\":\"one-") != std::string::npos ? "one" : "two");
    }
    EXPECT_EQ(*count, kProcesses);
    EXPECT_EQ(servers.size(), 2u) << "one server did all the work";
}

struct Order {
    std::mutex mutex;
    std::vector<std::string> names;  // guarded by mutex
    int at_once = 0;                 // guarded by mutex
    int most = 0;                    // guarded by mutex
};

Async<Result<LogicResult>> note(ProcessRunPtr run, std::shared_ptr<Order> order) {
    {
        const std::lock_guard lock(order->mutex);
        order->names.push_back(run->process().name + " " + std::to_string(run->process_id()));
        order->most = std::max(order->most, ++order->at_once);
    }
    auto refreshing = run->refresh();
    (void)co_await std::move(refreshing);
    const std::lock_guard lock(order->mutex);
    --order->at_once;
    co_return LogicResult{};
}

TEST_P(TakeOver, TheBacklogIsWorkedOffByPriorityThenAge) {
    const auto order = std::make_shared<Order>();
    for (const auto* process : {"thing.work", "thing.urgent"})
        world.things.on(process, [=](ProcessRunPtr run) { return note(std::move(run), order); });
    auto& engine = world.start("one", false);
    std::vector<std::string> low, urgent;
    for (int i = 0; i < 200; ++i) {
        const bool now_urgent = i % 10 == 9;
        const std::string name = now_urgent ? "thing.urgent" : "thing.work";
        const auto process = *world.schedule(engine, name, world.make_thing("active"))->process_id;
        (now_urgent ? urgent : low).push_back(name + " " + std::to_string(process));
    }
    ServeOptions options;
    options.in_flight = 1;
    ASSERT_TRUE(world.run(engine.serve(options)));
    ASSERT_TRUE(world.eventually([&] { return unfinished() == 0; }));
    auto expected = urgent;
    expected.insert(expected.end(), low.begin(), low.end());
    const std::lock_guard lock(order->mutex);
    EXPECT_EQ(order->names, expected);
    EXPECT_EQ(order->most, 1);
}

TEST_P(TakeOver, AProcessAtItsLimitHoldsUpNobodyElse) {
    const auto gate = std::make_shared<Gate>();
    const auto begun = std::make_shared<Count>();
    world.things.on("thing.work", [=](const ProcessRunPtr&) { return wait_for(gate, begun); });
    ServeOptions options;
    options.in_flight = 10;
    options.per_process = {{"thing.work", 2}};
    auto& engine = world.start("one", true, options);
    std::vector<std::int64_t> slow;
    for (int i = 0; i < 1'500; ++i)
        slow.push_back(*world.schedule(engine, "thing.work", world.make_thing("active"))->process_id);
    for (int i = 0; i < 20; ++i) {
        const auto quick = world.schedule(engine, "thing.activate", world.make_thing("inactive"));
        EXPECT_EQ(world.ended(*quick->process_id)["exitReason"].text(), "DONE");
    }
    EXPECT_EQ(*begun, 2);
    const auto told = world.run(engine.explain(slow.back()));
    ASSERT_TRUE(told) << told.error();
    EXPECT_EQ(told->at("waitsFor").at("kind").as_string(), "limit");
    gate->open();
    EXPECT_TRUE(world.eventually([&] { return unfinished() == 0; }, 60s)) << unfinished() << " are left";
    EXPECT_EQ(*begun, 1'500);
}

}  // namespace
}  // namespace drover::engine_tests
