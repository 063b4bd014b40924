// The process agent at a real server: whatever is killed meanwhile, each command is carried out once.
#include <gtest/gtest.h>

#include <map>

#include "example_agent.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kMachines = 6;

class ProcessAgentTest : public ::testing::Test {
protected:
    // The same port after a restart, so that the agent finds the server again.
    ProcessAgentTest() : plane_({"agent.listen=127.0.0.1:" + std::to_string(free_port())}) {}

    void SetUp() override {
        ASSERT_TRUE(plane_.start());
        agent_ = std::make_unique<ExampleAgent>(plane_, "python/drover_agent.py");
        ASSERT_TRUE(agent_->begin());
        client_.emplace(plane_.api());
        image_ = make_image(*client_, "any-program");
    }

    void create(int count) {
        for (int i = 0; i < count; ++i) {
            const auto made = client_->post(
                "/v1/containers",
                json::object{{"imageId", image_}, {"requestedHostId", agent_->host_id()}, {"command", "sleep 100000"}});
            ASSERT_EQ(made.status, 201) << made.text;
            machines_.push_back("/v1/containers/" + text_of(made.body, "id"));
        }
    }
    void act(const std::string& action, json::object input = {}) {
        for (const auto& machine : machines_) {
            const auto done = client_->post(machine + "?action=" + action, input);
            EXPECT_EQ(done.status, 202) << done.text;
        }
    }
    void await_all(const std::string& state) {
        for (const auto& machine : machines_) eventually(*client_, machine, in_state(state), 120s);
    }
    /// How often each machine was really started (or stopped), by uuid.
    std::map<std::string, int> times(std::string_view command) const {
        std::map<std::string, int> counts;
        for (const auto& entry : agent_->ledger())
            if (entry.at("command").as_string() == command && entry.at("changed").as_bool())
                ++counts[std::string(entry.at("thing").as_string())];
        return counts;
    }
    void expect_each_once(std::string_view command) const {
        const auto counts = times(command);
        EXPECT_EQ(counts.size(), machines_.size()) << command;
        for (const auto& [machine, count] : counts) EXPECT_EQ(count, 1) << command << " of " << machine;
    }
    /// The process of a machine, as the API knows it, lives and is what was asked for.
    void expect_processes() {
        for (const auto& machine : machines_) {
            const auto fields = client_->get(machine).body.at("data").at("fields");
            const auto pid = fields.at("processId").to_number<int>();
            const auto line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
            EXPECT_EQ(line, std::string("sleep\0"
                                        "100000\0",
                                        13))
                << machine;
        }
    }

    ControlPlane plane_;
    std::unique_ptr<ExampleAgent> agent_;
    std::optional<ApiClient> client_;
    std::string image_;
    std::vector<std::string> machines_;
};

TEST_F(ProcessAgentTest, StartsAndStopsEachMachineOnce) {
    create(kMachines);
    await_all("running");
    expect_processes();
    expect_each_once("compute.instance.activate");
    act("stop", {{"remove", true}});
    await_all("removed");
    expect_each_once("compute.instance.deactivate");
    for (const auto& [machine, count] : times("compute.instance.activate"))
        EXPECT_FALSE(fs::exists(agent_->folder_of(machine))) << machine;
}

TEST_F(ProcessAgentTest, EveryRequestFinishesOnceWhenTheServerIsKilledInTheMiddle) {
    create(kMachines);
    eventually(*client_, machines_.front(), in_state("running"), 60s);
    plane_.kill();
    ASSERT_TRUE(plane_.start());
    client_.emplace(plane_.api());
    await_all("running");
    expect_processes();
    expect_each_once("compute.instance.activate");
    act("stop");
    plane_.kill();
    ASSERT_TRUE(plane_.start());
    client_.emplace(plane_.api());
    await_all("stopped");
    expect_each_once("compute.instance.deactivate");
}

TEST_F(ProcessAgentTest, EveryRequestFinishesOnceWhenTheAgentIsKilledInTheMiddle) {
    create(kMachines);
    agent_->kill();
    agent_->start();
    await_all("running");
    expect_processes();
    for (const auto& [machine, count] : times("compute.instance.activate")) EXPECT_EQ(count, 1) << machine;
}

TEST_F(ProcessAgentTest, AProgramThatDoesNotStartIsToldToTheUser) {
    const auto made = client_->post(
        "/v1/containers",
        json::object{{"imageId", image_}, {"requestedHostId", agent_->host_id()}, {"command", "/nowhere/at-all"}});
    ASSERT_EQ(made.status, 201) << made.text;
    const auto removed = eventually(*client_, "/v1/containers/" + text_of(made.body, "id"), in_state("removed"), 90s);
    EXPECT_EQ(text_of(removed, "transitioning"), "error");
    EXPECT_NE(text_of(removed, "transitioningMessage").find("/nowhere/at-all"), std::string::npos)
        << text_of(removed, "transitioningMessage");
}

}  // namespace
}  // namespace drover::test
