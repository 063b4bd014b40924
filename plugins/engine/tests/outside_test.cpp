// What is outside of the engine: external handlers, tasks, settings.
#include <boost/json/serialize.hpp>

#include "drover/events/events.hpp"
#include "engine_test.hpp"

namespace drover::engine_tests {
namespace {

namespace json = boost::json;

class Outside : public EngineTest {
protected:
    enum class Answers { once, twice, error, never };

    /// A program that listens and answers.
    struct Listener {
        Listener(EngineWorld& world, std::string pattern, Answers how, json::object data)
            : tasks(world.executor()),
              events(world.bus("one"), world.clock(), tasks, Logger(make_null_log_sink(), "outside"), options()) {
            auto subscribing = events.subscribe({std::move(pattern)});
            auto subscription = world.run(std::move(subscribing)).value();
            tasks.spawn("outside", [this, &world, how, data, subscription]() -> Async<void> {
                return listen(world, subscription, how, data);
            });
        }
        ~Listener() {
            events.close();
            tasks.cancel();
            (void)tasks.join(20s);
        }
        static Events::Options options() {
            Events::Options made;
            made.server_id = "outside";
            return made;
        }
        Async<void> listen(EngineWorld& world, EventSubscription subscription, Answers how, json::object data) {
            for (;;) {
                auto item = co_await subscription.next(world.clock());
                if (!item) co_return;
                const auto* event = std::get_if<Event>(&*item);
                if (!event || event->name.find(".reply") != std::string::npos) continue;
                {
                    const std::lock_guard lock(mutex);
                    seen.push_back(*event);
                }
                count++;
                if (how == Answers::never) continue;
                auto reply = reply_to(*event, new_uuid());
                reply.data = data;
                if (how == Answers::error) {
                    reply.transitioning = Transitioning::error;
                    reply.transitioning_message = "it will not";
                }
                for (int i = 0; i < (how == Answers::twice ? 2 : 1); ++i) {
                    auto publishing = events.publish(reply);
                    (void)co_await std::move(publishing);
                }
            }
        }
        Count count;
        std::mutex mutex;
        std::vector<Event> seen;  // guarded by mutex
        TaskGroup tasks;
        Events events;
    };

    std::int64_t register_handler(Engine& engine, json::object values) {
        const auto made = world.run(engine.create("externalHandler", std::move(values), world.in(20s)));
        EXPECT_TRUE(made) << made.error();
        EXPECT_EQ(world.ended(*made->process_id)["exitReason"].text(), "DONE");
        EXPECT_EQ(world.get("externalHandler", made->resource.id())["state"].text(), "active");
        return made->resource.id();
    }
    bool takes_part(Engine& engine, const std::string& process, const std::string& handler) {
        for (const auto& info : world.run(engine.logic_of(process)).value())
            if (info.name == handler && info.plugin == "external") return true;
        return false;
    }
};
INSTANTIATE_TEST_SUITE_P(Engine, Outside, ::testing::Values("memory", "sqlite"), store_name);

TEST_P(Outside, AnExternalHandlerRunsBeforeTheBuiltInLogicWhichContinues) {
    const auto count = std::make_shared<Count>();
    world.things.on("thing.work", counting(count), LogicPhase::handler, kPriorityDefault);
    auto& engine = world.start("one");
    const json::object data{{"+data", json::object{{"hello", "world"}}}};
    Listener program(world, "thing.work;handler=demo", Answers::twice, data);
    const auto handler = register_handler(engine, {{"name", "demo"}, {"processNames", json::array{"thing.work"}}});
    EXPECT_TRUE(virtual_field(world.get("externalHandler", handler), "processNames").is_null());
    const auto id = world.make_thing("active");
    const auto process = *world.schedule(engine, "thing.work", id, {{"asked", 1}})->process_id;
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE");
    EXPECT_EQ(data_of(world.get("thing", id)).at("hello").as_string(), "world");
    EXPECT_EQ(*count, 1);
    EXPECT_EQ(program.count, 1);
    {
        const std::lock_guard lock(program.mutex);
        EXPECT_EQ(program.seen[0].name, "thing.work;handler=demo");
        EXPECT_EQ(program.seen[0].resource_type, "thing");
        EXPECT_EQ(program.seen[0].resource_id, std::to_string(id));
        EXPECT_EQ(program.seen[0].data.at("asked"), 1);
        EXPECT_EQ(program.seen[0].context.at("prettyProcess").as_string(), "thing.work");
    }
    // One of the three rows is not active any more: it takes part no more.
    const auto deactivating = world.schedule(engine, "externalhandler.deactivate", handler);
    ASSERT_TRUE(deactivating) << deactivating.error();
    world.ended(*deactivating->process_id);
    EXPECT_FALSE(takes_part(engine, "thing.work", "demo"));
    world.ended(*world.schedule(engine, "thing.work", id)->process_id);
    EXPECT_EQ(program.count, 1);
}

TEST_P(Outside, AnExternalHandlerBeforeAndAfterAndSeveralByPriority) {
    auto& engine = world.start("one");
    register_handler(engine,
                     {{"name", "b"}, {"priority", 700}, {"processNames", json::array{"pre.thing.work,thing.work"}}});
    register_handler(
        engine, {{"name", "a"}, {"priority", 900}, {"processNames", json::array{"thing.work", "post.thing.work"}}});
    const auto logic = world.run(engine.logic_of("thing.work")).value();
    std::vector<std::string> order;
    for (const auto& info : logic)
        if (info.plugin == "external") order.push_back(std::string(to_string(info.phase)) + " " + info.name);
    EXPECT_EQ(order, (std::vector<std::string>{"pre b", "handler b", "handler a", "post a"}));
    EXPECT_EQ(logic.front().properties.at("eventName"), "pre.thing.work;handler=b");
}

TEST_P(Outside, AnExternalHandlerThatFailsIsAskedAgainAndInTheEndItsProcessIsParked) {
    world.set("process.retry.attempts", "3");
    auto& engine = world.start("one");
    Listener program(world, "thing.work;handler=demo", Answers::error, {});
    register_handler(engine, {{"name", "demo"}, {"processNames", json::array{"thing.work"}}});
    const auto process = *world.schedule(engine, "thing.work", world.make_thing("active"))->process_id;
    ASSERT_TRUE(world.eventually([&] { return world.get("processInstance", process)["parked"].boolean(); }));
    EXPECT_EQ(program.count, 3);
    EXPECT_NE(world.get("processInstance", process)["reason"].text().find("it will not"), std::string_view::npos);
}

TEST_P(Outside, AnExternalHandlerThatNeverAnswersIsATimeout) {
    world.set("process.retry.attempts", "1");
    auto& engine = world.start("one");
    Listener program(world, "thing.work;handler=demo", Answers::never, {});
    register_handler(
        engine, {{"name", "demo"}, {"processNames", json::array{"thing.work"}}, {"retries", 2}, {"timeoutMillis", 50}});
    const auto process = *world.schedule(engine, "thing.work", world.make_thing("active"))->process_id;
    ASSERT_TRUE(world.eventually([&] { return world.get("processInstance", process)["parked"].boolean(); }));
    EXPECT_EQ(world.get("processInstance", process)["exitReason"].text(), "TIMEOUT");
    EXPECT_EQ(program.count, 2);
}

Async<Result<void>> raise(std::shared_ptr<Count> count) {
    (*count)++;
    co_return ok;
}
Async<Result<void>> break_down() { co_return Error(Errc::internal, std::string(400, 'x')); }

TEST_P(Outside, ATaskRunsOnScheduleOnOneServerAndEachRunIsRecorded) {
    const auto count = std::make_shared<Count>();
    PeriodicTask often;
    often.name = "often";
    often.every_seconds = 0.05;
    often.call = [count] { return raise(count); };
    world.things.task(often);
    world.start("one");
    world.start("two");
    ASSERT_TRUE(world.eventually([&] { return *count >= 5; }));
    Query query;
    query.type = "taskInstance";
    query.where.push_back({{"name", Op::eq, {Value("often")}}});
    std::set<std::string> servers;
    for (const auto& run : world.all(query)) servers.insert(std::string(run["serverId"].text()));
    EXPECT_EQ(servers.size(), 1u) << "two servers led it at the same time";
    const auto leader = servers.begin()->substr(0, 3);
    world.stop(leader);
    const int before = *count;
    EXPECT_TRUE(world.eventually([&] { return *count > before + 3; })) << "the other did not take the task over";
}

TEST_P(Outside, ATaskRunsWhenAskedForAndItsFailureIsRecorded) {
    PeriodicTask broken;
    broken.name = "broken";
    broken.call = break_down;
    world.things.task(broken);
    world.start("one");
    auto& api = world.start("api", false);
    const auto unknown = world.run(api.run_task("unheard"));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code(), Errc::not_found);
    ASSERT_TRUE(world.run(api.run_task("broken")));
    Query query;
    query.type = "taskInstance";
    query.where.push_back({{"name", Op::eq, {Value("broken")}}});
    ASSERT_TRUE(world.eventually([&] {
        const auto runs = world.all(query);
        return runs.size() == 1 && !runs[0]["endTime"].is_null();
    }));
    EXPECT_EQ(world.all(query)[0]["exception"].text().size(), 255u);
}

TEST_P(Outside, WhatWasRemovedLongAgoIsPurgedAndOldHistoryGoes) {
    auto& engine = world.start("one");
    const auto old = world.make_thing("removed", {{"removed", 1}, {"removeTime", 2}});
    const auto fresh = world.make_thing("removed", {{"removed", 1}, {"removeTime", 9'000'000'000'000}});
    const auto process = *world.schedule(engine, "thing.activate", world.make_thing("inactive"))->process_id;
    world.ended(process);
    ASSERT_TRUE(world.run(engine.run_task("purge.resources")));
    ASSERT_TRUE(world.eventually([&] { return world.state(old) == "purged"; }));
    EXPECT_EQ(world.state(fresh), "removed");
    ASSERT_TRUE(world.run(engine.run_task("cleanup.processes")));
    Query query;
    query.type = "taskInstance";
    query.where.push_back({{"name", Op::eq, {Value("cleanup.processes")}}, {"name", Op::eq, {Value("none")}}});
    ASSERT_TRUE(world.eventually([&] {
        const auto runs = world.all(query);
        return !runs.empty() && !runs[0]["endTime"].is_null();
    }));
    EXPECT_EQ(world.executions(process).size(), 1u) << "it is kept for a week";
    world.set("process.purge.after.seconds", "0");
    // The value in force is read anew before long.
    ASSERT_TRUE(world.eventually([&] { return engine.setting("process.purge.after.seconds") == "0"; }));
    ASSERT_TRUE(world.run(engine.run_task("cleanup.processes")));
    Query processes;
    processes.type = "processInstance";
    processes.where.push_back({{"id", Op::eq, {Value(process)}}});
    ASSERT_TRUE(world.eventually([&] { return world.all(processes).empty(); }));
    EXPECT_TRUE(world.executions(process).empty());
}

TEST_P(Outside, AStoredSettingIsInForceOnEveryServerAtOnce) {
    auto& one = world.start("one");
    auto& two = world.start("two");
    Create create;
    create.type = "setting";
    create.values = {{"name", "some.key"}, {"value", "some value"}};
    Batch batch;
    batch.operations.emplace_back(create);
    ASSERT_TRUE(world.run(world.store().commit(std::move(batch), world.in(20s))));
    ASSERT_TRUE(world.run(one.refresh_settings()));
    EXPECT_EQ(one.setting("some.key"), "some value");
    EXPECT_TRUE(world.eventually([&] { return two.setting("some.key") == "some value"; }));
    EXPECT_EQ(two.setting("unknown.key"), "");
}

}  // namespace
}  // namespace drover::engine_tests
