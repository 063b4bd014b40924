// Where processes lead: states, delegates, results, nested processes, what is written down.
#include <boost/json/parse.hpp>

#include "drover/json.hpp"
#include "engine_test.hpp"

namespace drover::engine_tests {
namespace {

namespace json = boost::json;

class States : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engine, States, ::testing::Values("memory", "sqlite"), store_name);

TEST_P(States, AProcessWithoutLogicEndsInItsDoneState) {
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto scheduled = world.schedule(engine, "thing.activate", id);
    ASSERT_TRUE(scheduled) << scheduled.error();
    ASSERT_TRUE(scheduled->process_id);
    EXPECT_EQ(scheduled->resource["state"].text(), "activating");
    const auto process = world.ended(*scheduled->process_id);
    EXPECT_EQ(process["exitReason"].text(), "DONE");
    EXPECT_EQ(process["result"].text(), "SUCCESS");
    EXPECT_EQ(process["phase"].text(), "DONE");
    EXPECT_TRUE(process["runningProcessServerId"].is_null());
    EXPECT_EQ(world.state(id), "active");
    const auto history = world.executions(*scheduled->process_id);
    ASSERT_EQ(history.size(), 1u);
    const auto log = parse_json(history[0]["log"].text(), 64).value();
    EXPECT_EQ(log.at("executions").at(0).at("exitReason").as_string(), "DONE");
}

/// The table of the wire contract: every action in every state.
TEST_P(States, EveryActionDoesInEveryStateWhatTheTableSays) {
    auto& engine = world.start("one");
    struct Row {
        std::string process;
        std::vector<std::string> starts;
        std::string transitioning;
        std::string done;
        std::string ends;  // where it ends when activation by default is off
    };
    const std::vector<Row> table{
        {"thing.create", {"requested"}, "registering", "inactive", "inactive"},
        {"thing.activate", {"inactive", "registering", "restoring"}, "activating", "active", "active"},
        {"thing.deactivate",
         {"active", "activating", "updating-active", "updating-inactive"},
         "deactivating",
         "inactive",
         "inactive"},
        {"thing.remove",
         {"requested", "inactive", "activating", "deactivating", "registering", "updating-active", "updating-inactive"},
         "removing",
         "removed",
         "removed"},
        {"thing.purge", {"removed"}, "purging", "purged", "purged"},
        {"thing.restore", {"removed"}, "restoring", "inactive", "inactive"},
    };
    const std::vector<std::string> states{"requested",    "registering",     "inactive",         "activating", "active",
                                          "deactivating", "removing",        "removed",          "purging",    "purged",
                                          "restoring",    "updating-active", "updating-inactive"};
    const std::map<std::string, std::string> delegates{{"thing.create", "thing.activate"},
                                                       {"thing.deactivate", "thing.remove"}};
    const auto row_of = [&](const std::string& name) {
        return *std::find_if(table.begin(), table.end(), [&](const Row& row) { return row.process == name; });
    };
    const auto begins = [](const Row& row, const std::string& state) {
        return state == row.transitioning || std::find(row.starts.begin(), row.starts.end(), state) != row.starts.end();
    };
    for (const auto& row : table)
        for (const auto& state : states) {
            SCOPED_TRACE(row.process + " in state " + state);
            const auto id = world.make_thing(state);
            const auto scheduled = world.schedule(engine, row.process, id);
            const bool starts = std::find(row.starts.begin(), row.starts.end(), state) != row.starts.end();
            if (!starts && state == row.done) {
                ASSERT_TRUE(scheduled) << scheduled.error();
                EXPECT_FALSE(scheduled->process_id) << "it is done already";
                continue;
            }
            const auto delegate = delegates.find(row.process);
            // A request to stop what is just being made must not remove it: a delegate is joined, never begun.
            const bool by_delegate =
                !begins(row, state) && delegate != delegates.end() && state == row_of(delegate->second).transitioning;
            if (!begins(row, state) && !by_delegate) {
                ASSERT_FALSE(scheduled);
                EXPECT_EQ(scheduled.error().code(), Errc::conflict);
                EXPECT_EQ(scheduled.error().detail("state"), state);
                EXPECT_EQ(world.state(id), state);
                continue;
            }
            ASSERT_TRUE(scheduled) << scheduled.error();
            const auto& leads = by_delegate ? row_of(delegate->second) : row;
            EXPECT_EQ(scheduled->resource["state"].text(), leads.transitioning);
            EXPECT_EQ(world.ended(*scheduled->process_id)["exitReason"].text(), "DONE");
            EXPECT_EQ(world.state(id), leads.ends);
        }
}

TEST_P(States, AnUpdateComesBackToTheStateItCameFrom) {
    auto& engine = world.start("one");
    for (const std::string state : {"active", "inactive"}) {
        const auto id = world.make_thing(state);
        const auto scheduled = world.schedule(engine, "thing.update", id);
        ASSERT_TRUE(scheduled) << scheduled.error();
        EXPECT_EQ(scheduled->resource["state"].text(), "updating-" + state);
        world.ended(*scheduled->process_id);
        EXPECT_EQ(world.state(id), state);
    }
}

TEST_P(States, AStateThatIsStartAndDoneIsWorkedOn) {
    const auto count = std::make_shared<Count>();
    world.things.on("thing.work", counting(count));
    auto& engine = world.start("one");
    const auto id = world.make_thing("active");
    for (int i = 1; i <= 3; ++i) {
        const auto scheduled = world.schedule(engine, "thing.work", id);
        ASSERT_TRUE(scheduled && scheduled->process_id);
        EXPECT_EQ(world.ended(*scheduled->process_id)["exitReason"].text(), "DONE");
        EXPECT_EQ(*count, i);
    }
}

TEST_P(States, CreatingMakesTheRowAndItsProcessAndGoesOnToActive) {
    world.set("activate.by.default.thing", "true");
    auto& engine = world.start("one");
    const auto created =
        world.run(engine.create("gadget", {{"name", "lamp"}, {"greeting", "hello"}, {"unknown", 1}}, world.in(20s)));
    ASSERT_TRUE(created) << created.error();
    EXPECT_EQ(created->resource["state"].text(), "registering");
    EXPECT_EQ(created->resource["kind"].text(), "gadget");
    EXPECT_FALSE(created->resource["uuid"].text().empty());
    EXPECT_EQ(virtual_field(created->resource, "greeting").as_string(), "hello");
    EXPECT_EQ(virtual_field(created->resource, "color").as_string(), "grey");
    EXPECT_TRUE(virtual_field(created->resource, "unknown").is_null());
    const auto process = world.ended(*created->process_id);
    EXPECT_EQ(process["exitReason"].text(), "DONE");
    EXPECT_EQ(process["processName"].text(), "thing.create");
    EXPECT_EQ(world.state(created->resource.id()), "active");
    const auto data = parse_json(process["data"].text(), 64).value();
    EXPECT_EQ(data.at("name").as_string(), "lamp");
    const auto log = parse_json(world.executions(process.id()).at(0)["log"].text(), 64).value();
    EXPECT_EQ(log.at("executions").at(0).at("exitReason").as_string(), "DELEGATE");
    EXPECT_EQ(log.at("executions").at(1).at("processName").as_string(), "thing.activate");
}

TEST_P(States, AUuidIsGivenOnce) {
    auto& engine = world.start("one");
    ASSERT_TRUE(world.run(engine.create("thing", {{"uuid", "same"}}, world.in(20s))));
    const auto second = world.run(engine.create("thing", {{"uuid", "same"}}, world.in(20s)));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::conflict);
    EXPECT_EQ(second.error().detail("field"), "uuid");
}

TEST_P(States, RemovingSetsWhenAndRestoringClearsIt) {
    world.set("object.remove.time.delay.seconds", "100");
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    world.ended(*world.schedule(engine, "thing.remove", id)->process_id);
    const auto removed = world.get("thing", id);
    EXPECT_EQ(removed["state"].text(), "removed");
    ASSERT_FALSE(removed["removed"].is_null());
    EXPECT_EQ(removed["removeTime"].integer() - removed["removed"].integer(), 100'000);
    world.ended(*world.schedule(engine, "thing.restore", id)->process_id);
    const auto restored = world.get("thing", id);
    EXPECT_EQ(restored["state"].text(), "inactive");
    EXPECT_TRUE(restored["removed"].is_null());
    EXPECT_TRUE(restored["removeTime"].is_null());
}

TEST_P(States, LogicRunsByPriorityThenNameAndTheFirstHandlerThatAnswersEndsItsList) {
    std::mutex mutex;
    std::vector<std::string> order;
    const auto note = [&](std::string name, bool handled) -> ThingPlugin::Call {
        return [&, name, handled](const ProcessRunPtr&) {
            const std::lock_guard lock(mutex);
            order.push_back(name);
            return answer(handled ? LogicResult{} : LogicResult::nothing());
        };
    };
    world.things.on("thing.work", note("c", true), LogicPhase::handler, 1000, "C");
    world.things.on("thing.work", note("d", true), LogicPhase::handler, 2000, "D");
    world.things.on("*.work", note("b", false), LogicPhase::handler, 1000, "B");
    world.things.on("thing.work", note("a", true), LogicPhase::pre, 1000, "A");
    world.things.on("thing.work", note("z", true), LogicPhase::pre, 500, "Z");
    world.things.on("thing.work", note("y", true), LogicPhase::post, 500, "Y");
    world.things.on("thing.work", note("x", true), LogicPhase::post, 500, "X");
    world.things.on("other.work", note("never", true));
    auto& engine = world.start("one");
    const auto id = world.make_thing("active");
    world.ended(*world.schedule(engine, "thing.work", id)->process_id);
    const std::lock_guard lock(mutex);
    EXPECT_EQ(order, (std::vector<std::string>{"z", "a", "b", "c", "x", "y"}));
}

TEST_P(States, AResultIsMergedIntoTheResourceAndTheRowsItRefersTo) {
    LogicResult result;
    result.data =
        json::parse(R"({"number": 7, "greeting": "hi", "_private": 1, "+data": {"+extra": {"b": 2}, "plain": 3},
        "partner": {"name": "changed", "+data": {"told": true}}, "removeTime": "2014-09-01T12:30:00Z"})")
            .as_object();
    world.things.on("thing.work", answering(result));
    auto& engine = world.start("one");
    const auto partner = world.make_thing("active");
    const auto id = world.make_thing(
        "active",
        {{"partnerId", partner}, {"data", R"({"extra":{"a":1},"fields":{"old":1,"transitioningMessage":"x"}})"}});
    world.ended(*world.schedule(engine, "thing.work", id)->process_id);
    const auto thing = world.get("thing", id);
    EXPECT_EQ(thing["number"].integer(), 7);
    EXPECT_EQ(thing["removeTime"].integer(), 1'409'574'600'000);
    const auto data = data_of(thing);
    EXPECT_EQ(data.at("extra"), (json::object{{"a", 1}, {"b", 2}}));
    EXPECT_EQ(data.at("plain"), 3);
    EXPECT_EQ(data.at("fields"), (json::object{{"old", 1}, {"greeting", "hi"}})) << "what was told before is cleared";
    EXPECT_EQ(world.get("thing", partner)["name"].text(), "changed");
    EXPECT_EQ(data_of(world.get("thing", partner)).at("told"), true);
}

TEST_P(States, AUsersChangeDuringAProcessIsKept) {
    const auto begun = std::make_shared<Gate>();
    const auto go_on = std::make_shared<Gate>();
    LogicResult result;
    result.data = {{"+data", json::object{{"ours", 1}}}};
    world.things.on("thing.work", [=](const ProcessRunPtr&) {
        return
            [](std::shared_ptr<Gate> at, std::shared_ptr<Gate> until, LogicResult with) -> Async<Result<LogicResult>> {
                at->open();
                (void)co_await until->wait();
                co_return with;
            }(begun, go_on, result);
    });
    auto& engine = world.start("one");
    const auto id = world.make_thing("active");
    const auto scheduled = world.schedule(engine, "thing.work", id);
    ASSERT_TRUE(world.eventually([&] { return begun->is_open(); }));
    const auto changed = world.run(
        engine.update("thing", id, {{"name", "theirs"}, {"+data", json::object{{"theirs", 2}}}}, world.in(20s)));
    ASSERT_TRUE(changed) << changed.error();
    go_on->open();
    EXPECT_EQ(world.ended(*scheduled->process_id)["exitReason"].text(), "DONE");
    const auto thing = world.get("thing", id);
    EXPECT_EQ(thing["name"].text(), "theirs");
    EXPECT_EQ(data_of(thing).at("ours"), 1);
    EXPECT_EQ(data_of(thing).at("theirs"), 2);
}

Async<Result<LogicResult>> nest(ProcessRunPtr run) {
    // On the same row, whose lock this chain holds; and on another.
    auto allocating = run->run("thing.allocate", run->resource().id(), {});
    auto allocated = co_await std::move(allocating);
    if (!allocated) co_return allocated.error();
    auto linking = run->linked("thing", run->resource().id(), "partner");
    auto partners = co_await std::move(linking);
    if (!partners) co_return partners.error();
    for (const auto& partner : *partners) {
        auto removing = run->run("thing.remove", partner.id(), {});
        auto removed = co_await std::move(removing);
        if (!removed) co_return removed.error();
        auto again = run->run("thing.remove", partner.id(), {});
        auto done_already = co_await std::move(again);
        if (!done_already) co_return done_already.error();
    }
    LogicResult result;
    co_return result;
}

TEST_P(States, ProcessesInsideOfAProcessShareItsRecordAndItsLocks) {
    world.things.on("thing.work", nest);
    auto& engine = world.start("one");
    const auto partner = world.make_thing("inactive");
    const auto id = world.make_thing("active", {{"partnerId", partner}});
    const auto scheduled = world.schedule(engine, "thing.work", id);
    EXPECT_EQ(world.ended(*scheduled->process_id)["exitReason"].text(), "DONE");
    EXPECT_EQ(world.get("thing", id)["allocationState"].text(), "allocated");
    EXPECT_EQ(world.state(partner), "removed");
    Query query;
    query.type = "processInstance";
    EXPECT_EQ(world.all(query).size(), 1u);
    const auto log = parse_json(world.executions(*scheduled->process_id).at(0)["log"].text(), 64).value();
    const auto& children = log.at("executions").at(0).at("processHandlerExecutions").at(0).at("children").as_array();
    ASSERT_EQ(children.size(), 3u);
    EXPECT_EQ(children[0].at("processName").as_string(), "thing.allocate");
    EXPECT_EQ(children[2].at("exitReason").as_string(), "ALREADY_DONE");
}

TEST_P(States, AProcessWhoseResourceIsGoneIsCanceled) {
    auto& engine = world.start("one", false);
    const auto id = world.make_thing("inactive");
    const auto scheduled = world.schedule(engine, "thing.activate", id);
    ASSERT_TRUE(scheduled);
    Delete gone;
    gone.type = "thing";
    gone.id = id;
    Batch batch;
    batch.operations.emplace_back(gone);
    ASSERT_TRUE(world.run(world.store().commit(std::move(batch), world.in(20s))));
    ASSERT_TRUE(world.run(engine.serve({})));
    EXPECT_EQ(world.ended(*scheduled->process_id)["exitReason"].text(), "CANCELED");
}

TEST_P(States, AProcessWhoseLogicSchedulesAnotherEndsCanceledAndTheOtherGoesOn) {
    world.things.on("thing.activate", [](ProcessRunPtr run) {
        return [](ProcessRunPtr of) -> Async<Result<LogicResult>> {
            auto scheduling = of->schedule("thing.remove", of->resource().id(), {});
            auto scheduled = co_await std::move(scheduling);
            if (!scheduled) co_return scheduled.error();
            LogicResult result;
            result.data = {{"transitioning", "error"}, {"transitioningMessage", "it cannot be"}};
            co_return result;
        }(std::move(run));
    });
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto scheduled = world.schedule(engine, "thing.activate", id);
    EXPECT_EQ(world.ended(*scheduled->process_id)["exitReason"].text(), "CANCELED");
    ASSERT_TRUE(world.eventually([&] { return world.state(id) == "removed"; }));
    EXPECT_EQ(virtual_field(world.get("thing", id), "transitioningMessage").as_string(), "it cannot be");
}

TEST_P(States, SeedsAreMadeOnce) {
    world.things.seed({"thing", {{"uuid", "first"}, {"state", "active"}, {"name", "the first"}}});
    world.start("one");
    world.start("two");
    world.stop("one");
    world.start("one");
    Query query;
    query.type = "thing";
    const auto things = world.all(query);
    ASSERT_EQ(things.size(), 1u);
    EXPECT_EQ(things[0]["state"].text(), "active");
    EXPECT_EQ(things[0]["name"].text(), "the first");
}

}  // namespace
}  // namespace drover::engine_tests
