// Machines on a simulated fleet, from a request to a known state, as a client of the API sees them.
#include <gtest/gtest.h>

#include "control_plane.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class LifeTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(plane_.start());
        plane_.add_agent("sim://rack-1");
        client_.emplace(plane_.api());
    }
    std::string create(json::object values = {}) {
        values.emplace("imageUuid", "sim:busybox");
        const auto made = client_->post("/v1/containers", values);
        EXPECT_EQ(made.status, 201) << made.text;
        return "/v1/containers/" + text_of(made.body, "id");
    }
    json::value await(const std::string& target, const std::string& state) {
        return eventually(*client_, target, in_state(state));
    }
    ControlPlane plane_;
    std::optional<ApiClient> client_;
};

TEST_F(LifeTest, GoesFromARequestToRunningAndToRemoved) {
    const auto machine = create({{"name", "first"}});
    const auto running = await(machine, "running");
    EXPECT_EQ(text_of(running, "transitioning"), "no");
    EXPECT_EQ(text_of(running, "allocationState"), "active");
    EXPECT_EQ(client_->post(machine + "?action=stop", json::object()).status, 202);
    await(machine, "stopped");
    EXPECT_EQ(client_->post(machine + "?action=start", json::object()).status, 202);
    await(machine, "running");
    EXPECT_EQ(client_->remove(machine).status, 409) << "a running machine is not removed";
    EXPECT_EQ(client_->post(machine + "?action=stop", json::object{{"remove", true}}).status, 202);
    const auto removed = await(machine, "removed");
    EXPECT_FALSE(removed.at("removed").is_null());
}

TEST_F(LifeTest, TellsAFailureOfTheAgentAndRemovesWhatWasBegun) {
    const auto machine = create({{"data", json::object{{"compute.instance.activate::fail", true}}}});
    const auto removed = await(machine, "removed");
    EXPECT_EQ(text_of(removed, "transitioning"), "error");
    EXPECT_EQ(text_of(removed, "transitioningMessage"), "Failing [compute.instance.activate]");
    EXPECT_EQ(text_of(removed, "allocationState"), "inactive");
}

TEST_F(LifeTest, GivesEveryUnitOfComputeBack) {
    const auto hosts = client_->get("/v1/hosts?kind=sim");
    ASSERT_EQ(hosts.body.at("data").as_array().size(), 1U) << hosts.text;
    const auto host = "/v1/hosts/" + text_of(hosts.body.at("data").at(0), "id");
    const auto free_before = hosts.body.at("data").at(0).at("computeFree").to_number<std::int64_t>();
    std::vector<std::string> machines;
    for (int i = 0; i < 5; ++i) machines.push_back(create());
    for (const auto& machine : machines) await(machine, "running");
    EXPECT_EQ(client_->get(host).body.at("computeFree").to_number<std::int64_t>(), free_before - 5);
    for (const auto& machine : machines) client_->post(machine + "?action=stop", json::object());
    for (const auto& machine : machines) await(machine, "stopped");
    EXPECT_EQ(client_->get(host).body.at("computeFree").to_number<std::int64_t>(), free_before);
}

TEST_F(LifeTest, SaysWhenThereIsNoRoom) {
    const auto host = "/v1/hosts/" + text_of(client_->get("/v1/hosts?kind=sim").body.at("data").at(0), "id");
    ASSERT_EQ(client_->put(host, json::object{{"computeFree", 1}}).status, 200);
    await(create(), "running");
    const auto second = await(create(), "removed");
    EXPECT_EQ(text_of(second, "transitioningMessage"), "Failed to find a placement");
}

TEST_F(LifeTest, KeepsTheHistoryOfEveryProcess) {
    const auto machine = create();
    const auto id = text_of(await(machine, "running"), "id");
    const auto done = eventually(*client_, "/v1/processinstances?resourceType=instance&resourceId=" + id.substr(2),
                                 [](const json::value& body) {
                                     for (const auto& process : body.at("data").as_array())
                                         if (process.at("endTime").is_null()) return false;
                                     return !body.at("data").as_array().empty();
                                 });
    const auto& process = done.at("data").at(0);
    EXPECT_EQ(text_of(process, "exitReason"), "DONE");
    const auto executions = client_->get("/v1/processinstances/" + text_of(process, "id") + "/processexecutions");
    ASSERT_EQ(executions.status, 200) << executions.text;
    EXPECT_NE(executions.text.find("InstanceStart"), std::string::npos) << executions.text;
}

TEST_F(LifeTest, SurvivesAnOrderlyRestart) {
    const auto machine = create();
    await(machine, "running");
    EXPECT_TRUE(plane_.stop()) << plane_.log();
    ASSERT_TRUE(plane_.start());
    client_.emplace(plane_.api());
    await(machine, "running");
    client_->post(machine + "?action=stop", json::object());
    await(machine, "stopped");
}

}  // namespace
}  // namespace drover::test
