// Commands to agents, and a backlog behind slow ones.
#include <boost/json/serialize.hpp>

#include "drover/events/events.hpp"
#include "drover/json.hpp"
#include "engine_test.hpp"

namespace drover::engine_tests {
namespace {

namespace json = boost::json;

/// What answers agent.request in place of an agent server. Agents whose id is even answer at once, the others when
/// the gate opens.
class AgentServer {
public:
    explicit AgentServer(EngineWorld& world)
        : world_(world),
          tasks_(world.executor()),
          events_(world.bus("one"), world.clock(), tasks_, Logger(make_null_log_sink(), "agents"), options()) {
        auto subscribing = events_.subscribe({std::string("agent.request")}, 100'000);
        subscription_ = world.run(std::move(subscribing)).value();
        tasks_.spawn("agents", [this] { return listen(); });
    }
    ~AgentServer() {
        gate.open();
        events_.close();
        tasks_.cancel();
        (void)tasks_.join(20s);
    }

    Gate gate;
    std::vector<Event> seen() {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    static Events::Options options() {
        Events::Options made;
        made.server_id = "agents";
        return made;
    }
    Async<void> listen() {
        for (;;) {
            auto item = co_await subscription_.next(world_.clock());
            if (!item) co_return;
            const auto* event = std::get_if<Event>(&*item);
            if (!event || event->name != "agent.request") continue;
            tasks_.spawn("answer", [this, request = *event] { return answer(request); });
        }
    }
    Async<void> answer(Event request) {
        auto command = parse_event(json::serialize(request.data));
        if (!command) co_return;
        {
            const std::lock_guard lock(mutex_);
            seen_.push_back(*command);
        }
        if ((request.resource_id.back() - '0') % 2 == 1) (void)co_await gate.wait();
        command->reply_to = command->name + ".reply";
        auto told = reply_to(*command, new_uuid());
        told.data = json::object{{"number", 42}};
        if (command->name == "thing.refuse") {
            told.transitioning = Transitioning::error;
            told.transitioning_message = "the agent will not";
        }
        auto outer = reply_to(request, new_uuid());
        auto carried = parse_json(to_json(told));
        outer.data = std::move(*carried);
        auto publishing = events_.publish(std::move(outer));
        (void)co_await std::move(publishing);
    }

    EngineWorld& world_;
    std::mutex mutex_;
    std::vector<Event> seen_;  // guarded by mutex_
    TaskGroup tasks_;
    Events events_;
    EventSubscription subscription_;
};

class Commands : public EngineTest {
protected:
    std::uint64_t unfinished() {
        Query query;
        query.type = "processInstance";
        query.where.push_back({{"endTime", Op::is_null, {}}});
        query.limit = 1;
        query.count = true;
        return *world.run(world.store().query(std::move(query), Consistency::primary(), world.in(20s)))->count;
    }
};
INSTANTIATE_TEST_SUITE_P(Engine, Commands, ::testing::Values("memory", "sqlite"), store_name);

/// The agent is the thing's number.
Async<Result<LogicResult>> command(ProcessRunPtr run, std::string name) {
    AgentCommand wanted;
    wanted.agent_id = run->resource()["number"].integer();
    wanted.name = std::move(name);
    wanted.resource_type = "thing";
    wanted.resource_id = run->resource().id();
    wanted.data = {{"thing", 1}};
    wanted.timeout = 20s;
    wanted.retries = 1;
    auto commanding = run->command(std::move(wanted));
    auto reply = co_await std::move(commanding);
    if (!reply) co_return reply.error();
    LogicResult result;
    if (reply->data.is_object()) result.data = {{"greeting", reply->data.get_object().at("number")}};
    co_return result;
}

TEST_P(Commands, AnAgentsAnswerIsAppliedAndARepeatedCommandKeepsItsId) {
    const auto tries = std::make_shared<Count>();
    world.things.on(
        "thing.work", [=](ProcessRunPtr run) { return command(std::move(run), "thing.do"); }, LogicPhase::pre);
    world.things.on("thing.work", [=](const ProcessRunPtr&) {
        return (*tries)++ == 0 ? fail(Error(Errc::internal, "once more"), std::make_shared<Count>())
                               : answer(LogicResult{});
    });
    auto& engine = world.start("one");
    AgentServer agents(world);
    const auto id = world.make_thing("active", {{"number", 2}});
    const auto process = *world.schedule(engine, "thing.work", id)->process_id;
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE");
    EXPECT_EQ(virtual_field(world.get("thing", id), "greeting"), 42);
    const auto seen = agents.seen();
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].id, seen[1].id) << "an agent could not tell that it is the same command";
    EXPECT_EQ(seen[0].name, "thing.do");
    EXPECT_EQ(seen[0].resource_id, std::to_string(id));
    EXPECT_EQ(seen[0].context.at("logicPath").as_string(), "thing.work->(Test)");
}

TEST_P(Commands, AnAgentsRefusalIsAFailureThatLogicCanTell) {
    world.set("process.retry.attempts", "1");
    world.things.on("thing.work", [=](ProcessRunPtr run) { return command(std::move(run), "thing.refuse"); });
    auto& engine = world.start("one");
    AgentServer agents(world);
    const auto process = *world.schedule(engine, "thing.work", world.make_thing("active", {{"number", 2}}))->process_id;
    ASSERT_TRUE(world.eventually([&] { return world.get("processInstance", process)["parked"].boolean(); }));
    EXPECT_NE(world.get("processInstance", process)["reason"].text().find("the agent will not"),
              std::string_view::npos);
}

TEST_P(Commands, ProcessesBehindASlowAgentHoldUpNobodyElse) {
    world.things.on("thing.work", [=](ProcessRunPtr run) { return command(std::move(run), "thing.do"); });
    ServeOptions options;
    options.in_flight = 40;
    options.per_agent = 4;
    auto& engine = world.start("one", true, options);
    AgentServer agents(world);
    std::vector<std::int64_t> slow;
    for (int i = 0; i < 300; ++i)
        slow.push_back(*world.schedule(engine, "thing.work", world.make_thing("active", {{"number", 1}}))->process_id);
    for (int i = 0; i < 30; ++i) {
        const auto quick = world.schedule(engine, "thing.work", world.make_thing("active", {{"number", 2}}));
        EXPECT_EQ(world.ended(*quick->process_id)["exitReason"].text(), "DONE");
    }
    std::size_t at_slow = 0;
    for (const auto& event : agents.seen())
        at_slow += event.context.at("processId").to_number<std::int64_t>() <= slow.back();
    EXPECT_LE(at_slow, 4u + 30u) << "more commands than allowed went to the slow agent";
    agents.gate.open();
    EXPECT_TRUE(world.eventually([&] { return unfinished() == 0; }, 60s)) << unfinished() << " are left";
    for (const auto process : slow) EXPECT_EQ(world.get("processInstance", process)["attempts"].integer(), 0);
}

Async<Result<LogicResult>> wait_for(std::shared_ptr<Gate> gate) {
    auto waited = co_await gate->wait();
    if (!waited) co_return waited.error();
    co_return LogicResult{};
}

TEST_P(Commands, OfALongBacklogLittleIsKnownToAServer) {
    const auto gate = std::make_shared<Gate>();
    world.things.on("thing.work", [=](const ProcessRunPtr&) { return wait_for(gate); });
    auto& engine = world.start("one", false);
    constexpr int kBacklog = 30'000;
    const auto id = world.make_thing("working");
    for (int i = 0; i < kBacklog; i += 1'000) {
        Batch batch;
        for (int j = 0; j < 1'000; ++j) {
            Create row;
            row.type = "processInstance";
            row.values = {{"processName", "thing.work"},
                          {"resourceType", "thing"},
                          {"resourceId", id},
                          {"startTime", 1},
                          {"slot", j % 64},
                          {"queue", j % 64}};
            batch.operations.emplace_back(std::move(row));
        }
        ASSERT_TRUE(world.run(world.store().commit(std::move(batch), world.in(30s))));
    }
    ServeOptions options;
    options.in_flight = 5;
    ASSERT_TRUE(world.run(engine.serve(options)));
    const auto read_ahead = [&] { return world.metrics("one").gauge("drover_processes_read_ahead", "").value(); };
    ASSERT_TRUE(world.eventually([&] { return read_ahead() > 0; }));
    EXPECT_LE(read_ahead(), 3'000);
    // Who comes with a greater priority does not wait behind them, nor does the API.
    ASSERT_TRUE(world.run(engine.stop_serving(world.in(200ms))));
    const auto urgent = world.schedule(engine, "thing.urgent", world.make_thing("active"));
    ASSERT_TRUE(urgent) << urgent.error();
    ASSERT_TRUE(world.run(engine.serve(options)));
    EXPECT_EQ(world.ended(*urgent->process_id)["exitReason"].text(), "DONE");
    EXPECT_LE(read_ahead(), 3'000);
    ASSERT_TRUE(world.run(engine.stop_serving(world.in(200ms))));
}

}  // namespace
}  // namespace drover::engine_tests
