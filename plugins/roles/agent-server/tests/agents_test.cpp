// Agents of a running server: simulated ones, programs that subscribe, and hostile ones.
#include <gtest/gtest.h>

#include <random>

#include "agent_program.hpp"
#include "drover/conformance/waiting.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using conformance::RawClient;

const std::vector<std::string> kCommands{"ping",
                                         "storage.image.activate",
                                         "storage.volume.activate",
                                         "storage.volume.deactivate",
                                         "storage.volume.remove",
                                         "compute.instance.activate",
                                         "compute.instance.deactivate"};

class AgentsTest : public ::testing::Test {
protected:
    void start(std::vector<std::string> more = {}) {
        more.insert(more.end(), {"api.sub.ping.interval.millis=200", "task.agent.ping.schedule=0.5"});
        plane_.emplace(std::move(more));
        ASSERT_TRUE(plane_->start());
        client_.emplace(plane_->api());
    }
    double metric(const std::string& series) { return plane_->metric(series).value_or(0); }
    std::string machine() {
        const auto made = client_->post("/v1/containers", json::object{{"imageUuid", "sim:busybox"}});
        EXPECT_EQ(made.status, 201) << made.text;
        return "/v1/containers/" + text_of(made.body, "id");
    }
    void await_state(const std::string& target, const std::string& state) {
        eventually(*client_, target, in_state(state), 60s);
    }
    std::optional<ControlPlane> plane_;
    std::optional<ApiClient> client_;
};

TEST_F(AgentsTest, ASimulatedFleetIsPingedReportsAndCarriesOut) {
    start({"plugin.simulator.latency=1ms", "plugin.simulator.jitter=5ms", "plugin.simulator.busy-rate=0.1"});
    constexpr int kAgents = 20;
    std::vector<std::string> agents;
    for (int i = 0; i < kAgents; ++i)
        agents.push_back(
            text_of(client_->post("/v1/agents", json::object{{"uri", "sim://rack-" + std::to_string(i)}}).body, "id"));
    for (const auto& agent : agents) await_state("/v1/agents/" + agent, "active");
    const auto hosts = client_->get("/v1/hosts?limit=1000&kind=sim");
    EXPECT_EQ(hosts.body.at("data").as_array().size(), static_cast<std::size_t>(kAgents)) << hosts.text;
    EXPECT_EQ(metric("drover_agents_connected"), kAgents);
    const auto before = metric("drover_agent_pings_answered_total");
    await([&] { return metric("drover_agent_pings_answered_total") >= before + 2 * kAgents; },
          "two more rounds of pings");
    std::vector<std::string> machines;
    for (int i = 0; i < 2 * kAgents; ++i) machines.push_back(machine());
    for (const auto& one : machines) await_state(one, "running");
    EXPECT_GE(metric("drover_simulator_commands_total"), 2 * kAgents);
    // What is taken away is closed.
    ASSERT_EQ(client_->post("/v1/agents/" + agents[0] + "?action=deactivate", json::object()).status, 202);
    await_state("/v1/agents/" + agents[0], "inactive");
    EXPECT_EQ(metric("drover_agents_connected"), kAgents - 1);
}

TEST_F(AgentsTest, AProgramGetsItsCommandsAndAMachineRunsOnIt) {
    start();
    const auto key = make_agent(*plane_, "event://host-1");
    AgentProgram program(plane_->agent_address(), key, kCommands, AgentProgram::obliging(key));
    await_state("/v1/agents/" + key.agent, "active");
    // The external pool of simulated images comes with the first pool of their kind.
    const auto made = machine();
    await_state(made, "running");
    bool activated = false;
    for (const auto& event : program.events()) {
        EXPECT_EQ(text_of(event, "name").find(';'), std::string::npos);
        if (text_of(event, "name") == "compute.instance.activate") activated = true;
    }
    EXPECT_TRUE(activated);
    await([&] { return metric("drover_agent_pings_answered_total") >= 3; }, "pings are answered");
}

TEST_F(AgentsTest, TheWholeWayAlsoGoesThroughTheApisPort) {
    start();
    const auto key = make_agent(*plane_, "event://host-1");
    AgentProgram program(plane_->api_address(), key, {"*"}, AgentProgram::obliging(key));
    await_state("/v1/agents/" + key.agent, "active");
}

TEST_F(AgentsTest, AnAgentThatFallsSilentIsReconnectedAndComesBack) {
    start({"agent.ping.timeout.seconds=1", "agent.ping.reconnect.after.failed.count=1"});
    const auto key = make_agent(*plane_, "event://host-1");
    {
        AgentProgram program(plane_->agent_address(), key, kCommands, AgentProgram::obliging(key));
        await_state("/v1/agents/" + key.agent, "active");
    }
    await_state("/v1/agents/" + key.agent, "reconnecting");
    EXPECT_GE(metric("drover_agent_pings_failed_total"), 1);
    AgentProgram back(plane_->agent_address(), key, kCommands, AgentProgram::obliging(key));
    await_state("/v1/agents/" + key.agent, "active");
}

TEST_F(AgentsTest, WhatAnAgentReportsLaterComesToBe) {
    start({"agent.ping.resources.every=1"});
    const auto key = make_agent(*plane_, "event://growing");
    std::atomic<int> hosts{1};
    std::atomic<int> asked{0};
    AgentProgram program(plane_->agent_address(), key, {"ping"}, [&](AgentProgram& self, const json::object& command) {
        json::array resources;
        for (int i = 0; i < hosts; ++i)
            resources.push_back(
                json::object{{"type", "host"}, {"uuid", "grown-" + std::to_string(i)}, {"kind", "sim"}});
        EXPECT_EQ(self.reply(command, {{"resources", resources}}), 201);
        ++asked;
    });
    await_state("/v1/agents/" + key.agent, "active");
    const auto count = [](std::size_t wanted) {
        return [wanted](const json::value& body) { return body.at("data").as_array().size() == wanted; };
    };
    eventually(*client_, "/v1/hosts?kind=sim", count(1));
    hosts = 3;
    eventually(*client_, "/v1/hosts?kind=sim&state=active", count(3));
    const auto before = asked.load();
    await([&] { return asked >= before + 3; }, "it is asked again");
    EXPECT_EQ(client_->get("/v1/hosts?kind=sim").body.at("data").as_array().size(), 3U) << "the same report is no news";
}

TEST_F(AgentsTest, AnUnknownSchemeIsToldAndNotWaitedFor) {
    start();
    const auto made = client_->post("/v1/agents", json::object{{"uri", "carrier-pigeon://loft"}});
    ASSERT_EQ(made.status, 201) << made.text;
    eventually(*client_, "/v1/processinstances?resourceType=agent", [](const json::value& body) {
        const auto text = json::serialize(body);
        return text.find("no plugin reaches agents at carrier-pigeon://loft") != std::string::npos &&
               text.find("event://") != std::string::npos;
    });
}

TEST_F(AgentsTest, RepliesThatComeTwiceLateOrUnaskedChangeNothing) {
    start();
    const auto key = make_agent(*plane_, "event://liar");
    std::mutex mutex;
    std::vector<int> twice;
    std::vector<int> lies;
    AgentProgram program(plane_->agent_address(), key, kCommands, [&](AgentProgram& self, const json::object& command) {
        const std::lock_guard lock(mutex);
        auto lie = reply_to_command(command);
        lie["previousIds"] = json::array{"11111111-2222-3333-4444-555555555555", command.at("id")};
        lies.push_back(self.publish(lie));
        lie = reply_to_command(command);
        lie["name"] = "reply.12345";
        lies.push_back(self.publish(lie));
        lie["name"] = command.at("replyTo");
        lie["previousIds"] = json::array{};
        lies.push_back(self.publish(lie));
        // Progress, then the answer, three times, and after it a failure.
        auto progress = reply_to_command(command);
        progress["transitioning"] = "yes";
        progress["transitioningMessage"] = "half way";
        EXPECT_EQ(self.publish(progress), 201);
        AgentProgram::obliging(key)(self, command);
        AgentProgram::obliging(key)(self, command);
        auto failure = reply_to_command(command);
        failure["transitioning"] = "error";
        twice.push_back(self.publish(failure));
    });
    await_state("/v1/agents/" + key.agent, "active");
    await_state(machine(), "running");
    const std::lock_guard lock(mutex);
    EXPECT_GE(twice.size(), 3U);
    for (const auto status : twice) EXPECT_EQ(status, 201) << "who repeats an answer did nothing wrong";
    for (const auto status : lies) EXPECT_EQ(status, 403);
    EXPECT_GE(metric(R"(drover_publish_refused_total{port="agent",reason="unknown"})"), 6);
    EXPECT_GE(metric(R"(drover_publish_refused_total{port="agent",reason="misnamed"})"), 3);
    EXPECT_GE(metric(R"(drover_publish_refused_total{port="agent",reason="duplicate"})"), 3);
}

TEST_F(AgentsTest, OfAThousandHostileAttemptsNoneGetsThrough) {
    constexpr int kAttempts = 1'000;
    std::mt19937_64 random(conformance::case_seed());
    start({"agent.ping.timeout.seconds=1"});
    const auto victim = make_agent(*plane_, "event://victim");
    const auto hostile = make_agent(*plane_, "event://hostile");
    // The victim is there, and leaves every other command unanswered, so that there is always one to answer for it.
    std::mutex mutex;
    std::vector<json::object> open;
    AgentProgram there(plane_->agent_address(), victim, kCommands,
                       [&](AgentProgram& self, const json::object& command) {
                           {
                               const std::lock_guard lock(mutex);
                               open.push_back(command);
                               if (open.size() > 3 && open.size() % 2 == 0) return;
                           }
                           AgentProgram::obliging(victim)(self, command);
                       });
    await_state("/v1/agents/" + victim.agent, "active");
    AgentProgram bad(plane_->agent_address(), hostile, {"*", "ping;agent=" + victim.raw_id(), "*;agent=*"},
                     AgentProgram::obliging(hostile));
    await_state("/v1/agents/" + hostile.agent, "active");
    await(
        [&] {
            const std::lock_guard lock(mutex);
            return open.size() > 5;
        },
        "the victim has unanswered commands");

    auto on_agents = plane_->agents(hostile.user, hostile.secret);
    auto on_api = plane_->api(hostile.user, hostile.secret);
    const auto pick = [&](auto&& list) { return list[random() % list.size()]; };
    const auto refused_in = [&](const std::string& verb, const std::string& port) {
        double all = 0;
        for (const auto* reason : {"name", "unknown", "foreign", "misnamed", "foreign-agent", "account"})
            all += metric("drover_" + verb + "_refused_total{port=\"" + port + "\",reason=\"" + reason + "\"}");
        return all;
    };
    const double before = refused_in("publish", "agent") + refused_in("publish", "api") +
                          refused_in("subscribe", "agent") + refused_in("subscribe", "api");
    double counted = 0;
    for (int i = 0; i < kAttempts; ++i) {
        auto& client = random() % 2 == 0 ? on_agents : on_api;
        json::object of_victim;
        {
            const std::lock_guard lock(mutex);
            of_victim = pick(open);
        }
        switch (random() % 5) {
            case 0: {  // an answer in the victim's name
                auto reply = reply_to_command(of_victim, {{"resources", json::array{}}});
                reply["publisher"] = "victim";
                EXPECT_EQ(client.post("/v1/publish", reply).status, 403) << i;
                ++counted;
                break;
            }
            case 1: {  // anything but a reply
                static const std::vector<std::string> kNames{"ping",
                                                             "ping;agent=1",
                                                             "agent.request",
                                                             "agent.close",
                                                             "resource.change",
                                                             "state.change",
                                                             "process.execute",
                                                             "compute.instance.activate;agent=" + victim.raw_id(),
                                                             "replyx",
                                                             "ping.reply",
                                                             "reply",
                                                             "config.update;agent=" + victim.raw_id()};
                auto event = of_victim;
                event["name"] = pick(kNames);
                EXPECT_EQ(client.post("/v1/publish", event).status, 403) << i;
                ++counted;
                break;
            }
            case 2: {  // a reply to what was never asked, or to somebody else's address
                auto reply = reply_to_command(of_victim);
                if (random() % 2 == 0) reply["name"] = "reply." + std::to_string(random() >> 1);
                else reply["previousIds"] = json::array{std::to_string(random())};
                EXPECT_EQ(client.post("/v1/publish", reply).status, 403) << i;
                ++counted;
                break;
            }
            case 3: {  // as another agent
                const json::object body{{"eventNames", json::array{"*"}}, {"agentId", victim.raw_id()}};
                EXPECT_EQ(client.post("/v1/subscribe", body).status, 403) << i;
                ++counted;
                break;
            }
            default: {  // what is not its own
                static const std::vector<std::string> kTargets{"/v1/agents/" + victim.raw_id(),
                                                               "/v1/agents/" + victim.agent,
                                                               "/v1/accounts",
                                                               "/v1/credentials",
                                                               "/v1/hosts",
                                                               "/v1/instances",
                                                               "/v1/processinstances",
                                                               "/v1/settings",
                                                               "/v1/agentgroups"};
                const auto target = pick(kTargets);
                EXPECT_EQ(client.get(target).status, 404) << target;
                EXPECT_GE(client.remove(target).status, 404) << target;
                EXPECT_GE(client.put(target, json::object{{"uri", "event://taken"}}).status, 404) << target;
                break;
            }
        }
    }
    const double after = refused_in("publish", "agent") + refused_in("publish", "api") +
                         refused_in("subscribe", "agent") + refused_in("subscribe", "api");
    EXPECT_EQ(after - before, counted) << "an attempt was not counted";
    // Nothing of the victim's came to the other, and it is as it was.
    for (const auto& event : bad.events()) {
        EXPECT_EQ(text_of(event, "resourceId"), hostile.raw_id()) << json::serialize(event);
    }
    EXPECT_EQ(text_of(client_->get("/v1/agents/" + victim.agent).body, "uri"), "event://victim");
    EXPECT_EQ(on_agents.get("/v1/agents").body.at("data").as_array().size(), 1U);
}

TEST_F(AgentsTest, ASlowSubscriberIsToldCutAndCounted) {
    start({"plugin.agent-server.subscriber-queue=10"});
    const auto server = plane_->agent_address();
    const auto subscribe = [&](RawClient& client) {
        const std::string body = R"({"eventNames":["misc.*"]})";
        client.send("POST /v1/subscribe HTTP/1.1\r\nHost: " + server.to_string() +
                    "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        const auto head = client.head();
        ASSERT_TRUE(head);
        EXPECT_EQ(head->status, 201);
    };
    RawClient::How narrow;
    narrow.receive_buffer = 4'096;
    RawClient slow(server, narrow);
    RawClient quick(server);
    subscribe(slow);
    subscribe(quick);
    auto publisher = plane_->agents();
    const json::object event{{"name", "misc.large"}, {"data", json::object{{"text", std::string(200'000, 'x')}}}};
    std::size_t came = 0;
    const auto cut = [&] { return metric(R"(drover_subscribers_cut_total{port="agent",reason="slow"})"); };
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(publisher.post("/v1/publish", event).status, 201);
        for (std::string text; text.find("misc.large") == std::string::npos;) {
            const auto piece = quick.chunk();
            ASSERT_TRUE(piece) << "the quick one was cut at event " << i;
            text = *piece;
        }
        ++came;
    }
    EXPECT_EQ(came, 100U);
    // Once it reads again it finds the rest of what was sent, and why there is no more.
    std::string last;
    for (auto piece = slow.chunk(); piece && !piece->empty(); piece = slow.chunk()) last = *piece;
    EXPECT_NE(last.find(R"("name":"subscribe.cut")"), std::string::npos) << last.substr(0, 200);
    await([&] { return cut() == 1; }, "the slow subscriber is counted");
}

}  // namespace
}  // namespace drover::test
