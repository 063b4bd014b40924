#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "../memory.hpp"
#include "../options.hpp"
#include "drover/agents/connector.hpp"
#include "drover/conformance/waiting.hpp"

namespace drover::simulator {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using conformance::Pending;
using ConnectionPtr = std::shared_ptr<AgentConnection>;

struct SimulatorBackend : conformance::Backend {
    conformance::Options given;
    std::string library() const override { return "simulator.so"; }
    conformance::Options options(std::string_view) override { return given; }
};

class SimulatorTest : public ::testing::Test {
protected:
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(backend_.executor(), std::move(work), 20s);
    }
    Result<ConnectionPtr> open(std::string uri, json::object data = {}) {
        auto& connector = backend_.open<AgentConnector>("server");
        AgentTarget target;
        target.id = 5;
        target.uuid = "rack";
        target.uri = std::move(uri);
        target.data = std::move(data);
        return run(connector.open(std::move(target), {}, Deadline::never()));
    }
    static Event command(std::string name, std::string id, json::object data = {}) {
        Event event;
        event.id = std::move(id);
        event.name = std::move(name);
        event.resource_id = "9";
        event.reply_to = "reply.1";
        event.data = std::move(data);
        return event;
    }
    Result<Event> call(const ConnectionPtr& to, Event event, std::chrono::milliseconds timeout = 10s) {
        return run(to->call(std::move(event), timeout, {}));
    }
    SimulatorBackend backend_;
};

TEST(SimulatorOptions, UriAndDataChangeWhatTheyName) {
    Behaviour base;
    base.latency = 5ms;
    const auto changed = behaviour_of(
        base, "sim://rack?failure-rate=0.5&hosts=4&unknown=1&flag",
        json::object{{kDataKey, json::object{{"storagePoolsPerHost", 2}, {"hosts", 3}, {"jitter", "1s"}}}});
    ASSERT_TRUE(changed) << changed.error();
    EXPECT_EQ(changed->latency, 5ms);
    EXPECT_EQ(changed->jitter, 1s);
    EXPECT_EQ(changed->failure_rate, 0.5);
    EXPECT_EQ(changed->hosts, 3);
    EXPECT_EQ(changed->pools_per_host, 2);
    EXPECT_EQ(behaviour_of(base, "sim://rack", json::object{{kDataKey, "text"}, {"hosts", 9}}).value(), base);
}

TEST(SimulatorOptions, WrongOnesAreRefusedByName) {
    for (const auto* uri :
         {"sim://r?latency=fast", "sim://r?latency=2h", "sim://r?failure-rate=2", "sim://r?busy-rate=-1",
          "sim://r?hosts=1001", "sim://r?hosts=many", "sim://r?pools-per-host=", "sim://r?busy-rate=nan"}) {
        const auto refused = behaviour_of(Behaviour{}, uri, {});
        ASSERT_FALSE(refused) << uri;
        EXPECT_EQ(refused.error().code(), Errc::invalid);
        EXPECT_NE(refused.error().message().find(uri), std::string::npos) << refused.error();
    }
}

TEST(SimulatorMemory, ForgetsTheOldestFirst) {
    CarriedOut known(2);
    EXPECT_TRUE(known.add(1, "a"));
    EXPECT_FALSE(known.add(1, "a"));
    EXPECT_TRUE(known.add(2, "a"));
    EXPECT_TRUE(known.add(1, "b"));
    EXPECT_EQ(known.size(), 2U);
    EXPECT_FALSE(known.contains(1, "a"));
    EXPECT_TRUE(known.contains(2, "a"));
    CarriedOut none(0);
    EXPECT_TRUE(none.add(1, "a"));
    EXPECT_TRUE(none.add(1, "a"));
}

TEST_F(SimulatorTest, AnswersAPingWithPoolsBeforeTheirHost) {
    const auto agent = open("sim://rack", {{kDataKey, {{"hosts", 2}, {"storagePoolsPerHost", 2}}}}).value();
    const auto reply =
        call(agent, command("ping", "p", {{"options", {{"resources", true}}}, {"resources", json::array{}}})).value();
    EXPECT_EQ(reply.name, "reply.1");
    EXPECT_EQ(reply.previous_ids, std::vector<std::string>{"p"});
    EXPECT_TRUE(reply.data.at("options").at("resources").as_bool());
    std::vector<std::string> uuids;
    for (const auto& one : reply.data.at("resources").as_array()) {
        EXPECT_EQ(one.at("kind"), "sim");
        if (one.at("type") == "storagePool") {
            EXPECT_TRUE(one.at("uuid").as_string().starts_with(one.at("hostUuid").as_string()));
        }
        uuids.push_back(json::value_to<std::string>(one.at("uuid")));
    }
    EXPECT_EQ(uuids, (std::vector<std::string>{"rack-0-0", "rack-0-1", "rack-0", "rack-1-0", "rack-1-1", "rack-1"}));
    EXPECT_TRUE(call(agent, command("ping", "q", {{"options", json::object{}}}))
                    .value()
                    .data.at("resources")
                    .as_array()
                    .empty());
}

TEST_F(SimulatorTest, FailsWhatAsksForIt) {
    const auto agent = open("sim://rack").value();
    const json::object data{{"instance", {{"data", {{"compute.instance.activate::fail", true}}}}}};
    const auto failed = call(agent, command("compute.instance.activate", "a", data)).value();
    EXPECT_EQ(failed.transitioning, Transitioning::error);
    EXPECT_EQ(failed.transitioning_message, "Failing [compute.instance.activate]");
    EXPECT_FALSE(call(agent, command("compute.instance.deactivate", "b", data)).value().transitioning);
}

TEST_F(SimulatorTest, FailuresAndBusynessComeAtTheirRate) {
    const auto failing = open("sim://rack?failure-rate=1").value();
    EXPECT_EQ(call(failing, command("compute.instance.activate", "a")).value().transitioning, Transitioning::error);
    EXPECT_FALSE(call(failing, command("ping", "p")).value().transitioning);
    const auto busy = open("sim://rack?busy-rate=1").value();
    EXPECT_EQ(call(busy, command("compute.instance.activate", "a")).error().code(), Errc::exhausted);
    EXPECT_FALSE(call(busy, command("ping", "p")).value().transitioning);
    // What it has carried out it never fails later.
    const auto sometimes = open("sim://rack?failure-rate=0.5").value();
    for (int i = 0; i < 40; ++i) {
        const auto id = "id" + std::to_string(i);
        while (call(sometimes, command("x", id)).value().transitioning) continue;
        for (int again = 0; again < 10; ++again) EXPECT_FALSE(call(sometimes, command("x", id)).value().transitioning);
    }
}

TEST_F(SimulatorTest, TakesItsTimeButNoLongerThanTheCallerWaits) {
    auto& clock = backend_.clock("server");
    const auto slow = open("sim://rack?latency=30ms").value();
    const auto before = clock.now();
    EXPECT_TRUE(call(slow, command("x", "a")));
    EXPECT_GE(clock.now() - before, 30ms);
    EXPECT_EQ(call(slow, command("x", "b"), 1ms).error().code(), Errc::timeout);
}

TEST_F(SimulatorTest, ClosingEndsCallsUnderWay) {
    const auto agent = open("sim://rack?latency=10m").value();
    Pending<Event> waiting(backend_.executor(), [&] { return agent->call(command("x", "a"), 1h, {}); });
    waiting.wait_begun();
    EXPECT_FALSE(waiting.done());
    ASSERT_TRUE(run(agent->close()));
    EXPECT_EQ(waiting.result().error().code(), Errc::unavailable);
    EXPECT_EQ(call(agent, command("x", "a")).error().code(), Errc::unavailable);
}

TEST_F(SimulatorTest, ACallerMayWithdraw) {
    const auto agent = open("sim://rack?latency=10m").value();
    Pending<Event> waiting(backend_.executor(), [&] { return agent->call(command("x", "a"), 1h, {}); });
    waiting.wait_begun();
    waiting.cancel();
    EXPECT_EQ(waiting.result().error().code(), Errc::cancelled);
}

TEST_F(SimulatorTest, WrongOptionsAreRefusedAtOpen) {
    const auto refused = open("sim://rack?latency=fast");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid);
}

}  // namespace
}  // namespace drover::simulator
