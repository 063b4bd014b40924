// Logic that fails, throws, hangs and ignores: every process ends with a reason, or waits for an operator.
#include <boost/asio/this_coro.hpp>

#include "drover/json.hpp"
#include "engine_test.hpp"

namespace drover::engine_tests {
namespace {

namespace json = boost::json;

class Failures : public EngineTest {
protected:
    Record parked(std::int64_t process) {
        EXPECT_TRUE(world.eventually([&] { return world.get("processInstance", process)["parked"].boolean(); }));
        return world.get("processInstance", process);
    }
};
INSTANTIATE_TEST_SUITE_P(Engine, Failures, ::testing::Values("memory", "sqlite"), store_name);

Async<Result<LogicResult>> fail_until(ProcessRunPtr run, int good_at) {
    auto& tries = run->data()["tries"];
    const auto number = tries.is_int64() ? tries.get_int64() + 1 : 1;
    tries = number;
    if (number < good_at) co_return Error(Errc::internal, "not yet");
    LogicResult result;
    result.data = {{"number", number}};
    co_return result;
}

TEST_P(Failures, AFailedAttemptIsRecordedAndTriedAgainWithTheDataItKept) {
    world.things.on("thing.work", [](ProcessRunPtr run) { return fail_until(std::move(run), 3); });
    auto& engine = world.start("one");
    const auto id = world.make_thing("active");
    const auto process = *world.schedule(engine, "thing.work", id, {{"tries", 0}})->process_id;
    const auto ended = world.ended(process);
    EXPECT_EQ(ended["exitReason"].text(), "DONE");
    EXPECT_EQ(ended["attempts"].integer(), 2);
    EXPECT_EQ(world.get("thing", id)["number"].integer(), 3);
    const auto history = world.executions(process);
    ASSERT_EQ(history.size(), 3u);
    const auto first = parse_json(history[0]["log"].text(), 64).value().at("executions").at(0);
    EXPECT_EQ(first.at("exitReason").as_string(), "UNKNOWN_EXCEPTION");
    EXPECT_NE(first.at("exception").as_string().find("not yet"), json::string::npos);
    EXPECT_EQ(first.at("processHandlerExecutions").at(0).at("name").as_string(), "Test");
}

TEST_P(Failures, AProcessThatFailsTooOftenIsParkedUntilAnOperatorRetriesIt) {
    const auto count = std::make_shared<Count>();
    const auto mended = std::make_shared<std::atomic<bool>>(false);
    world.set("process.retry.attempts", "3");
    world.things.on("thing.work", [=](const ProcessRunPtr&) {
        (*count)++;
        return mended->load() ? answer(LogicResult{}) : fail(Error(Errc::internal, "broken"), count);
    });
    auto& engine = world.start("one");
    const auto process = *world.schedule(engine, "thing.work", world.make_thing("active"))->process_id;
    const auto row = parked(process);
    EXPECT_EQ(row["attempts"].integer(), 3);
    EXPECT_TRUE(row["endTime"].is_null());
    EXPECT_TRUE(row["nextRunTime"].is_null());
    EXPECT_NE(row["reason"].text().find("broken"), std::string_view::npos);
    const auto told = world.run(engine.explain(process));
    ASSERT_TRUE(told) << told.error();
    EXPECT_EQ(told->at("waitsFor").at("kind").as_string(), "operator");
    mended->store(true);
    const auto retried = world.run(engine.retry(process));
    ASSERT_TRUE(retried) << retried.error();
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE");
    const auto again = world.run(engine.retry(process));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::conflict);
}

TEST_P(Failures, AParkedProcessCanBeEndedAndItsResourceTakenOnByAnother) {
    world.set("process.retry.attempts", "1");
    world.things.on("thing.activate", failing(Error(Errc::internal, "broken")));
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto process = *world.schedule(engine, "thing.activate", id)->process_id;
    parked(process);
    const auto canceled = world.run(engine.cancel(process, "no longer wanted"));
    ASSERT_TRUE(canceled) << canceled.error();
    const auto row = world.ended(process);
    EXPECT_EQ(row["exitReason"].text(), "CANCELED");
    EXPECT_EQ(row["reason"].text(), "no longer wanted");
    EXPECT_EQ(world.state(id), "activating");
    const auto removing = world.schedule(engine, "thing.remove", id);
    ASSERT_TRUE(removing) << removing.error();
    world.ended(*removing->process_id);
    EXPECT_EQ(world.state(id), "removed");
}

Async<Result<LogicResult>> throw_late(ProcessRunPtr run) {
    auto refreshing = run->refresh();
    (void)co_await std::move(refreshing);
    throw std::runtime_error("thrown late");
}

TEST_P(Failures, WhatLogicThrowsIsAFailure) {
    world.set("process.retry.attempts", "1");
    world.things.on("thing.work", throw_late);
    world.things.on("thing.urgent", [](const ProcessRunPtr&) -> Async<Result<LogicResult>> {
        throw std::runtime_error("thrown at once");
    });
    auto& engine = world.start("one");
    const auto late = *world.schedule(engine, "thing.work", world.make_thing("active"))->process_id;
    const auto at_once = *world.schedule(engine, "thing.urgent", world.make_thing("active"))->process_id;
    EXPECT_NE(parked(late)["reason"].text().find("thrown late"), std::string_view::npos);
    EXPECT_NE(parked(at_once)["reason"].text().find("thrown at once"), std::string_view::npos);
}

TEST_P(Failures, WaitingForWhatIsAwayOrBusyBurnsNoAttempt) {
    const auto count = std::make_shared<Count>();
    world.set("process.retry.attempts", "1");
    world.things.on("thing.work", [=](const ProcessRunPtr&) {
        const int now = (*count)++;
        if (now == 0) return fail(Error(Errc::unavailable, "away"), std::make_shared<Count>());
        if (now == 1) return fail(Error(Errc::exhausted, "busy"), std::make_shared<Count>());
        return answer(LogicResult{});
    });
    auto& engine = world.start("one");
    const auto process = *world.schedule(engine, "thing.work", world.make_thing("active"))->process_id;
    const auto row = world.ended(process);
    EXPECT_EQ(row["exitReason"].text(), "DONE");
    EXPECT_EQ(row["attempts"].integer(), 0);
    EXPECT_EQ(row["waits"].integer(), 2);
}

Async<Result<LogicResult>> hang(std::shared_ptr<Gate> gate, std::shared_ptr<Count> begun) {
    (*begun)++;
    auto waited = co_await gate->wait();
    if (!waited) co_return waited.error();
    co_return LogicResult{};
}

TEST_P(Failures, LogicThatHangsIsGivenUpAndItsProcessParkedInTheEnd) {
    const auto never = std::make_shared<Gate>();
    const auto begun = std::make_shared<Count>();
    world.set("process.attempt.timeout", "100ms");
    world.set("process.retry.attempts", "2");
    world.things.on("thing.work", [=](const ProcessRunPtr&) { return hang(never, begun); });
    auto& engine = world.start("one");
    const auto process = *world.schedule(engine, "thing.work", world.make_thing("active"))->process_id;
    const auto row = parked(process);
    EXPECT_EQ(row["exitReason"].text(), "TIMEOUT");
    EXPECT_EQ(*begun, 2);
    EXPECT_EQ(world.executions(process).size(), 2u);
}

struct Stubborn {
    std::shared_ptr<Gate> gate = std::make_shared<Gate>();
    Count begun;
    Count refused;
    Count done;
};

Async<Result<LogicResult>> ignore_cancellation(ProcessRunPtr run, std::shared_ptr<Stubborn> seen) {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    const int number = seen->begun++;
    if (number > 0) co_return LogicResult{};
    (void)co_await seen->gate->wait();
    json::object changes{{"number", 13}};
    auto applying = run->apply("thing", run->resource().id(), changes);
    const auto applied = co_await std::move(applying);
    if (!applied && applied.error().code() == Errc::conflict) seen->refused++;
    seen->done++;
    co_return LogicResult{};
}

TEST_P(Failures, WhatLogicDoesAfterItWasGivenUpHasNoEffect) {
    const auto seen = std::make_shared<Stubborn>();
    world.set("process.attempt.timeout", "100ms");
    world.things.on("thing.work", [=](ProcessRunPtr run) { return ignore_cancellation(std::move(run), seen); });
    auto& engine = world.start("one");
    const auto id = world.make_thing("active");
    const auto process = *world.schedule(engine, "thing.work", id)->process_id;
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "DONE");
    EXPECT_EQ(seen->begun, 2);
    seen->gate->open();
    ASSERT_TRUE(world.eventually([&] { return seen->done == 1; }));
    EXPECT_EQ(seen->refused, 1);
    EXPECT_TRUE(world.get("thing", id)["number"].is_null());
    EXPECT_EQ(world.state(id), "active");
}

TEST_P(Failures, AProcessUnderWayCanBeEnded) {
    const auto gate = std::make_shared<Gate>();
    const auto begun = std::make_shared<Count>();
    world.things.on("thing.activate", [=](const ProcessRunPtr&) { return hang(gate, begun); });
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto process = *world.schedule(engine, "thing.activate", id)->process_id;
    ASSERT_TRUE(world.eventually([&] { return *begun == 1; }));
    const auto told = world.run(engine.explain(process));
    ASSERT_TRUE(told) << told.error();
    EXPECT_EQ(told->at("waitsFor").at("kind").as_string(), "logic");
    EXPECT_NE(told->at("waitsFor").at("lockHolder").as_string().find("one"), json::string::npos);
    ASSERT_TRUE(world.run(engine.cancel(process, "stop")));
    EXPECT_EQ(world.ended(process)["exitReason"].text(), "CANCELED");
    EXPECT_EQ(world.state(id), "activating");
    gate->open();
    const auto second = world.schedule(engine, "thing.activate", id);
    ASSERT_TRUE(second && second->process_id);
    EXPECT_EQ(world.ended(*second->process_id)["exitReason"].text(), "DONE");
    EXPECT_EQ(world.state(id), "active");
}

TEST_P(Failures, ASecondProcessOfAResourceWaitsForTheFirstAndThenAtOnceGoesOn) {
    const auto gate = std::make_shared<Gate>();
    const auto begun = std::make_shared<Count>();
    world.things.on("thing.activate", [=](const ProcessRunPtr&) { return hang(gate, begun); });
    auto& engine = world.start("one");
    const auto id = world.make_thing("inactive");
    const auto first = *world.schedule(engine, "thing.activate", id)->process_id;
    ASSERT_TRUE(world.eventually([&] { return *begun == 1; }));
    const auto second = world.schedule(engine, "thing.deactivate", id);
    ASSERT_TRUE(second) << second.error();
    ASSERT_TRUE(world.eventually(
        [&] { return world.get("processInstance", *second->process_id)["exitReason"].text() == "RESOURCE_BUSY"; }));
    gate->open();
    world.ended(first);
    EXPECT_EQ(world.ended(*second->process_id)["exitReason"].text(), "DONE");
    EXPECT_EQ(world.state(id), "inactive");
}

TEST_P(Failures, AProcessNobodyDeclaresIsParked) {
    auto& engine = world.start("one");
    Create row;
    row.type = "processInstance";
    row.values = {
        {"processName", "thing.unheard"}, {"resourceType", "thing"}, {"resourceId", 1}, {"queue", 3}, {"slot", 3}};
    Batch batch;
    batch.operations.emplace_back(row);
    const auto process = world.run(world.store().commit(std::move(batch), world.in(20s))).value().changed[0].id;
    ASSERT_TRUE(world.run(engine.run_task("process.replay")));
    EXPECT_NE(parked(process)["reason"].text().find("thing.unheard"), std::string_view::npos);
}

}  // namespace
}  // namespace drover::engine_tests
