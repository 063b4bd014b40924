// Machines, keys and agents in a running control plane with simulated agents: the states that the wire contract
// promises, step by step.
#include <gtest/gtest.h>

#include <set>

#include "control_plane.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;

class TraceTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(plane_.start());
        client_.emplace(plane_.api());
    }
    json::value post(const std::string& target, json::object body, int status = 201) {
        const auto made = client_->post(target, std::move(body));
        EXPECT_EQ(made.status, status) << target << ": " << made.text;
        return made.body;
    }
    std::string container(json::object values = {}) {
        values.emplace("imageUuid", "sim:busybox");
        return "/v1/containers/" + text_of(post("/v1/containers", std::move(values)), "id");
    }
    json::value await(const std::string& target, const std::string& state) {
        return eventually(*client_, target, in_state(state));
    }
    json::value act(const std::string& target, const std::string& action, const std::string& state,
                    json::object body = {}) {
        const auto asked = client_->post(target + "?action=" + action, std::move(body));
        EXPECT_EQ(asked.status, 202) << action << ": " << asked.text;
        return await(target, state);
    }
    json::array all(const std::string& types) {
        const auto list = client_->get("/v1/" + types + "?limit=1000");
        EXPECT_EQ(list.status, 200) << list.text;
        return list.body.at("data").as_array();
    }
    std::multiset<std::string> states(const std::string& types) {
        std::multiset<std::string> found;
        for (const auto& one : all(types)) found.insert(text_of(one, "state"));
        return found;
    }
    std::string only(const std::string& types, std::string_view field) {
        const auto list = all(types);
        EXPECT_EQ(list.size(), 1u) << types;
        return list.empty() ? std::string() : text_of(list.front(), field);
    }
    std::int64_t free_of(const json::value& host) { return host.at("computeFree").to_number<std::int64_t>(); }

    ControlPlane plane_;
    std::optional<ApiClient> client_;
};

using States = std::multiset<std::string>;

TEST_F(TraceTest, AMachineGoesThroughTheStatesOfTheContract) {
    plane_.add_agent("sim://rack");
    const auto machine = container();
    await(machine, "running");
    EXPECT_EQ(only("instances", "allocationState"), "active");
    EXPECT_EQ(only("images", "state"), "active");
    EXPECT_EQ(states("imagestoragepoolmaps"), (States{"active", "inactive"})) << "the external pool's stays inactive";
    EXPECT_EQ(only("volumes", "state"), "active");
    EXPECT_EQ(only("volumes", "allocationState"), "active");
    EXPECT_EQ(only("volumestoragepoolmaps", "state"), "active");
    EXPECT_EQ(only("instancehostmaps", "state"), "active");

    act(machine, "stop", "stopped");
    EXPECT_EQ(only("instances", "allocationState"), "inactive");
    EXPECT_EQ(states("imagestoragepoolmaps"), (States{"active", "inactive"}));
    EXPECT_EQ(only("volumes", "state"), "inactive");
    EXPECT_EQ(only("volumestoragepoolmaps", "state"), "inactive");
    EXPECT_EQ(only("instancehostmaps", "state"), "removed");
    EXPECT_FALSE(all("instancehostmaps").front().at("removed").is_null());

    ASSERT_EQ(client_->remove(machine).status, 200);
    auto removed = await(machine, "removed");
    EXPECT_FALSE(removed.at("removed").is_null());
    EXPECT_FALSE(removed.at("removeTime").is_null());
    EXPECT_EQ(only("volumes", "state"), "removed");
    EXPECT_EQ(only("volumestoragepoolmaps", "state"), "inactive");

    auto restored = act(machine, "restore", "stopped");
    EXPECT_TRUE(restored.at("removed").is_null());
    EXPECT_TRUE(restored.at("removeTime").is_null());
    EXPECT_EQ(only("volumes", "state"), "inactive");
    act(machine, "start", "running");
    act(machine, "stop", "removed", {{"remove", true}});

    act(machine, "purge", "purged");
    EXPECT_EQ(only("volumes", "state"), "removed");
    const auto volume = "/v1/volumes/" + only("volumes", "id");
    act(volume, "purge", "purged");
    EXPECT_EQ(only("volumestoragepoolmaps", "state"), "removed");
}

TEST_F(TraceTest, AnAgentIsActiveOnlyWhenWhatItHasIs) {
    const auto fleet = json::object{{"hosts", 40}, {"storagePoolsPerHost", 2}};
    plane_.add_agent(
        "sim://rack",
        {{"data", json::object{{"io.cattle.platform.agent.connection.simulator.AgentConnectionSimulator", fleet}}}});
    const auto hosts = states("hosts");
    EXPECT_EQ(hosts.size(), 40u);
    EXPECT_EQ(hosts.count("active"), 40u);
    EXPECT_EQ(states("storagepools").count("active"), 81u) << "two of each host, and the external one";
    EXPECT_EQ(states("storagepoolhostmaps").count("active"), 80u);
    EXPECT_EQ(client_->get("/v1/storagepools?kind=sim&external=true").body.at("data").as_array().size(), 1u);
}

TEST_F(TraceTest, MachinesSpreadEvenlyHoweverFastTheyCome) {
    constexpr std::size_t kHosts = 3;
    for (std::size_t i = 0; i < kHosts; ++i) plane_.add_agent("sim://rack-" + std::to_string(i));
    std::vector<std::string> machines;
    for (std::size_t i = 0; i < 3 * kHosts; ++i) machines.push_back(container());
    for (const auto& machine : machines) await(machine, "running");
    for (const auto& host : all("hosts")) EXPECT_EQ(free_of(host), 1'000'000 - 3) << host;
}

TEST_F(TraceTest, AStartThatFailsOfAMachineThatWasThereStopsIt) {
    plane_.add_agent("sim://rack");
    const json::object data{{"compute.instance.activate::fail", true},
                            {"io.cattle.platform.process.instance.InstanceStart", json::object{{"computeTries", 1}}}};
    const auto machine = container({{"startOnCreate", false}, {"data", data}});
    await(machine, "stopped");
    ASSERT_EQ(client_->post(machine + "?action=start", json::object()).status, 202);
    const auto stopped = eventually(*client_, machine, [](const json::value& body) {
        return text_of(body, "state") == "stopped" && text_of(body, "transitioning") == "error";
    });
    EXPECT_EQ(text_of(stopped, "transitioningMessage"), "Failing [compute.instance.activate]");
    EXPECT_EQ(text_of(stopped, "allocationState"), "inactive");
    EXPECT_EQ(free_of(all("hosts").front()), 1'000'000);
}

TEST_F(TraceTest, StorageThatFailsTakesTheNewMachineAway) {
    plane_.add_agent("sim://rack");
    const auto machine = container({{"data", json::object{{"storage.volume.activate::fail", true}}}});
    const auto removed = await(machine, "removed");
    EXPECT_EQ(text_of(removed, "transitioning"), "error");
    EXPECT_EQ(text_of(removed, "transitioningMessage"), "Failing [storage.volume.activate]");
    EXPECT_EQ(only("volumes", "state"), "removed");
}

TEST_F(TraceTest, VolumesThatAreNotTheRootStayWhenTheirMachineGoes) {
    plane_.add_agent("sim://rack");
    const json::object data{{"fields", json::object{{"volumeOfferingIds", json::array{1, 2}}}}};
    const auto machine = container({{"data", data}});
    await(machine, "running");
    EXPECT_EQ(all("volumes").size(), 3u);
    act(machine, "stop", "removed", {{"remove", true}});
    std::size_t detached = 0;
    for (const auto& volume : all("volumes")) {
        if (text_of(volume, "state") == "removed") continue;
        ++detached;
        EXPECT_EQ(text_of(volume, "state"), "inactive");
        EXPECT_TRUE(volume.at("instanceId").is_null());
        EXPECT_TRUE(volume.at("deviceNumber").is_null());
        EXPECT_EQ(text_of(volume, "attachedState"), "inactive");
    }
    EXPECT_EQ(detached, 2u);
}

TEST_F(TraceTest, ARequestedHostIsTaken) {
    plane_.add_agent("sim://rack-1");
    plane_.add_agent("sim://rack-2");
    const auto hosts = all("hosts");
    ASSERT_EQ(hosts.size(), 2u);
    const auto wanted = text_of(hosts.back(), "id");
    for (int i = 0; i < 3; ++i) await(container({{"requestedHostId", wanted}}), "running");
    EXPECT_EQ(free_of(client_->get("/v1/hosts/" + wanted).body), 1'000'000 - 3);
    EXPECT_EQ(free_of(hosts.front()), 1'000'000);
}

TEST_F(TraceTest, AnAgentThatIsNotActiveGetsNoMachines) {
    const auto agent = plane_.add_agent("sim://rack");
    const auto address = "/v1/agents/" + agent;
    await(container(), "running");
    act(address, "deactivate", "inactive");
    const auto refused = await(container(), "removed");
    EXPECT_EQ(text_of(refused, "transitioningMessage"), "Failed to find a placement");
    act(address, "activate", "active");
    await(container(), "running");
    act(address, "reconnect", "active");
    EXPECT_EQ(all("hosts").size(), 1u);
}

TEST_F(TraceTest, ImagesAreCheckedBeforeAMachineIsMade) {
    plane_.add_agent("sim://rack");
    const auto refusal = [&](json::object values, int status, const std::string& code, const std::string& field) {
        const auto answer = client_->post("/v1/containers", std::move(values));
        EXPECT_EQ(answer.status, status) << answer.text;
        EXPECT_EQ(text_of(answer.body, "code"), code) << answer.text;
        if (!field.empty()) {
            EXPECT_EQ(text_of(answer.body, "fieldName"), field) << answer.text;
        }
    };
    refusal({}, 422, "MissingRequired", "imageUuid");
    refusal({{"imageUuid", "nothing-like-it"}}, 422, "InvalidReference", "imageUuid");
    refusal({{"imageUuid", "docker:ubuntu"}}, 422, "InvalidReference", "imageUuid");
    const json::object crowd{{"fields", json::object{{"volumeOfferingIds", json::array(101, 1)}}}};
    refusal({{"imageUuid", "sim:busybox"}, {"data", crowd}}, 422, "MaxLimitExceeded", "volumeOfferingIds");
    refusal({{"imageUuid", "sim:busybox"}, {"compute", -1}}, 422, "MinLimitExceeded", "compute");
    post("/v1/images", {{"uuid", "for-machines"}, {"instanceKind", "virtualMachine"}});
    refusal({{"imageUuid", "for-machines"}}, 400, "INVALID_IMAGE_INSTANCE_KIND", "");
    EXPECT_TRUE(all("instances").empty());
    // The same name asked for by many makes one image.
    for (int i = 0; i < 3; ++i) container({{"imageUuid", "sim:shared"}});
    EXPECT_EQ(client_->get("/v1/images?uuid=sim:shared").body.at("data").as_array().size(), 1u);
}

TEST_F(TraceTest, AgentsWithoutAUriGetOneAndNoTwoAreAlike) {
    const auto first = post("/v1/agents", {{"user", "me"}});
    EXPECT_TRUE(text_of(first, "uri").starts_with("ssh://me@")) << first;
    EXPECT_TRUE(text_of(first, "uri").ends_with(":22")) << first;
    EXPECT_EQ(text_of(post("/v1/agents", {{"user", "me"}}, 422), "code"), "NotUnique");
    post("/v1/agents", {{"uri", "event://one"}});
    EXPECT_EQ(text_of(post("/v1/agents", {{"uri", "event://one"}}, 422), "code"), "NotUnique");
}

TEST_F(TraceTest, AGeneratedSecretIsShownOnceAndOpensTheDoor) {
    const auto account = text_of(post("/v1/accounts", {{"name", "bob"}, {"kind", "user"}}), "id");
    await("/v1/accounts/" + account, "active");
    const auto credentials = "/v1/credentials?accountId=" + account;
    const auto shown = client_->get(credentials).body.at("data").as_array();
    ASSERT_EQ(shown.size(), 1u);
    const auto name = text_of(shown.front(), "publicValue");
    const auto secret = text_of(shown.front(), "secretValue");
    EXPECT_EQ(name.size(), 20u);
    EXPECT_EQ(secret.size(), 40u);
    EXPECT_EQ(client_->get(credentials).text.find(secret), std::string::npos);
    EXPECT_EQ(client_->get(credentials).text.find("sha256"), std::string::npos);
    EXPECT_EQ(client_->get("/v1/processexecutions?limit=1000").text.find(secret), std::string::npos);
    // As bob one sees what users see, and nothing of what they do not.
    auto bob = plane_.api(name, secret);
    EXPECT_EQ(bob.get("/v1/hosts").status, 404);
    EXPECT_EQ(bob.get("/v1/containers").status, 200);
    EXPECT_EQ(bob.get("/v1/credentials").body.at("data").as_array().size(), 1u);
}

TEST_F(TraceTest, AChosenSecretIsHashedAndOpensTheDoorUntilItIsChanged) {
    const auto account = text_of(post("/v1/accounts", {{"name", "eve"}, {"kind", "user"}}), "id");
    await("/v1/accounts/" + account, "active");
    const auto key = post("/v1/credentials", {{"accountId", account},
                                              {"kind", "usernamePassword"},
                                              {"publicValue", "eve"},
                                              {"secretValue", "correct horse"}});
    EXPECT_TRUE(key.at("secretValue").is_null()) << key;
    const auto address = "/v1/credentials/" + text_of(key, "id");
    await(address, "active");
    // Whoever is not known is the administrator here, who sees hosts; eve does not.
    EXPECT_EQ(plane_.api("eve", "correct horse").get("/v1/hosts").status, 404);
    EXPECT_EQ(plane_.api("eve", "wrong horse").get("/v1/hosts").status, 200);
    const auto changed = client_->put(address, json::object{{"secretValue", "battery staple"}});
    EXPECT_EQ(changed.status, 200) << changed.text;
    EXPECT_EQ(plane_.api("eve", "correct horse").get("/v1/hosts").status, 200);
    EXPECT_EQ(plane_.api("eve", "battery staple").get("/v1/hosts").status, 404);
    for (const std::string target : {"/v1/credentials", "/v1/processexecutions?limit=1000", "/v1/processinstances"}) {
        const auto text = client_->get(target).text;
        EXPECT_EQ(text.find("horse"), std::string::npos) << target;
        EXPECT_EQ(text.find("scrypt"), std::string::npos) << target << ": " << text;
    }
}

TEST_F(TraceTest, EveryAgentHasAnAccountOfItsOwn) {
    const auto agent = plane_.add_agent("sim://rack");
    const auto row = client_->get("/v1/agents/" + agent).body;
    const auto account = client_->get("/v1/accounts/" + text_of(row, "accountId")).body;
    EXPECT_EQ(text_of(account, "kind"), "agent");
    EXPECT_EQ(text_of(account, "state"), "active");
    EXPECT_EQ(text_of(account, "uuid"), "agentAccount" + agent.substr(2));
    const auto key = client_->get("/v1/credentials?accountId=" + text_of(account, "id")).body.at("data").as_array();
    ASSERT_EQ(key.size(), 1u);
    EXPECT_EQ(text_of(key.front(), "state"), "active");
}

}  // namespace
}  // namespace drover::test
