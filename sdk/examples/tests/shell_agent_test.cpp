// The shell agent at a real server: a request of a user becomes a virtual machine that boots a kernel.
#include <gtest/gtest.h>

#include "example_agent.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ShellAgentTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!run({.words = {"qemu-system-x86_64", "--version"}}).ok())
            FAIL() << "qemu-system-x86_64 is missing; run: packaging/install-dependencies guest";
        ASSERT_TRUE(plane_.start());
        agent_ = std::make_unique<ExampleAgent>(plane_, "shell/drover-agent");
        ASSERT_TRUE(agent_->begin());
        client_.emplace(plane_.api());
    }

    std::string create() {
        const auto made = client_->post(
            "/v1/virtualmachines",
            json::object{{"imageId", make_image(*client_, "small-linux")}, {"requestedHostId", agent_->host_id()}});
        EXPECT_EQ(made.status, 201) << made.text;
        return "/v1/virtualmachines/" + text_of(made.body, "id");
    }
    json::value await(const std::string& machine, const std::string& state) {
        return eventually(*client_, machine, in_state(state), 90s);
    }
    static std::string console_line(const json::value& machine) {
        return text_of(machine.at("data").at("fields"), "consoleLine");
    }
    /// The program that the machine's process runs; empty when there is no such process.
    std::string program_of(const json::value& machine) const {
        const auto pid_file = agent_->folder_of(text_of(machine, "uuid")) / "pid";
        std::error_code failed;
        if (!fs::exists(pid_file)) return {};
        const auto pid = std::stoi(read_file(pid_file));
        return fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", failed).filename().string();
    }

    ControlPlane plane_;
    std::unique_ptr<ExampleAgent> agent_;
    std::optional<ApiClient> client_;
};

TEST_F(ShellAgentTest, BootsARealMachineStopsItAndStartsItWithItsDisk) {
    const auto machine = create();
    const auto running = await(machine, "running");
    const auto uuid = text_of(running, "uuid");
    EXPECT_EQ(console_line(running).find("drover guest " + uuid + " is up: Linux "), 0U) << console_line(running);
    EXPECT_TRUE(console_line(running).ends_with("boot 1 of its disk")) << console_line(running);
    EXPECT_EQ(program_of(running), "qemu-system-x86_64");

    EXPECT_EQ(client_->post(machine + "?action=stop", json::object()).status, 202);
    EXPECT_EQ(program_of(await(machine, "stopped")), "");

    EXPECT_EQ(client_->post(machine + "?action=start", json::object()).status, 202);
    const auto again = await(machine, "running");
    EXPECT_TRUE(console_line(again).ends_with("boot 2 of its disk")) << console_line(again);

    EXPECT_EQ(client_->post(machine + "?action=stop", json::object{{"remove", true}}).status, 202);
    EXPECT_EQ(program_of(await(machine, "removed")), "");
    EXPECT_FALSE(fs::exists(agent_->folder_of(uuid)));
}

TEST_F(ShellAgentTest, FindsItsMachinesAgainAfterItWasKilled) {
    const auto machine = create();
    const auto running = await(machine, "running");
    agent_->kill();
    EXPECT_EQ(program_of(running), "qemu-system-x86_64");
    agent_->start();
    EXPECT_EQ(client_->post(machine + "?action=stop", json::object()).status, 202);
    EXPECT_EQ(program_of(await(machine, "stopped")), "");
}

}  // namespace
}  // namespace drover::test
