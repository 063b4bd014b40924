// The server is killed while an agent carries out its commands. The agent's own ledger says what was done.
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "drover/test/fault_cases.hpp"
#include "example_agent.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t kMachines = 5;

struct Machine {
    std::string target;
    std::string uuid;
    std::vector<std::string> possible;  ///< where the requests so far may lead; one when all were acknowledged
};

class KilledServer {
public:
    // The same port after a restart, so that the agent finds the server again. A command that got lost is sent again
    // after a second.
    KilledServer()
        : plane_({"agent.listen=127.0.0.1:" + std::to_string(free_port()), "agent.timeout.millis=1000",
                  "agent.retries=10"}) {}

    bool begin() {
        if (!plane_.start()) return false;
        agent_ = std::make_unique<ExampleAgent>(plane_, "python/drover_agent.py");
        if (!agent_->begin()) return false;
        client_.emplace(plane_.api());
        image_ = make_image(*client_, "any-program");
        return !::testing::Test::HasFailure();
    }

    /// One change of every machine, a kill after some looks at them, and what must hold then.
    void one_case(std::mt19937_64& random) {
        std::erase_if(machines_, [](const Machine& one) { return one.possible.front() == "removed"; });
        const auto kept = machines_.size();
        for (std::size_t i = 0; i < kept; ++i) change(machines_[i], random);
        while (machines_.size() < kMachines) create();
        for (auto looks = random() % 60; looks > 0; --looks)
            client_->get(machines_[random() % machines_.size()].target);
        plane_.kill();
        if (!plane_.start()) return;
        client_.emplace(plane_.api());
        eventually(
            *client_, "/v1/processinstances?endTime_null&limit=1",
            [](const json::value& body) { return body.at("data").as_array().empty(); }, 90s);
        check_machines();
        check_ledger();
    }

private:
    void create() {
        const auto made =
            client_->post("/v1/containers", json::object{{"imageId", image_}, {"requestedHostId", agent_->host_id()}});
        ASSERT_EQ(made.status, 201) << made.text;
        machines_.push_back({"/v1/containers/" + text_of(made.body, "id"), text_of(made.body, "uuid"), {"running"}});
    }

    void change(Machine& machine, std::mt19937_64& random) {
        const bool runs = machine.possible.front() == "running";
        const bool removes = random() % 4 == 0;
        const auto done = !runs && removes ? client_->remove(machine.target)
                                           : client_->post(machine.target + (runs ? "?action=stop" : "?action=start"),
                                                           json::object{{"remove", runs && removes}});
        EXPECT_LT(done.status, 300) << done.text;
        machine.possible = {removes ? "removed" : runs ? "stopped" : "running"};
    }

    void check_machines() {
        for (auto& machine : machines_) {
            const auto answer = client_->get(machine.target);
            ASSERT_EQ(answer.status, 200) << "an acknowledged machine is lost: " << machine.target;
            const auto state = text_of(answer.body, "state");
            EXPECT_EQ(state, machine.possible.front()) << answer.text;
            const auto known = agent_->folder_of(machine.uuid) / "process.json";
            EXPECT_EQ(fs::exists(known), state == "running") << machine.target;
            if (state != "running" || !fs::exists(known)) continue;
            const auto pid = json::parse(read_file(known)).at("pid").to_number<int>();
            EXPECT_TRUE(fs::exists("/proc/" + std::to_string(pid))) << machine.target << " runs, its process does not";
        }
    }

    /// No command was carried out twice: ids differ, and what was started was stopped before it was started again.
    void check_ledger() const {
        std::set<std::string> events;
        std::map<std::string, bool> runs;
        for (const auto& entry : agent_->ledger()) {
            const std::string event(entry.at("event").as_string());
            const std::string command(entry.at("command").as_string());
            const std::string machine(entry.at("thing").as_string());
            EXPECT_TRUE(events.insert(event).second) << command << " was carried out twice: " << event;
            if (!command.starts_with("compute.instance.")) continue;
            const bool starts = command == "compute.instance.activate";
            EXPECT_EQ(entry.at("changed").as_bool(), runs[machine] != starts)
                << command << " of " << machine << " was asked for by two commands";
            runs[machine] = starts;
        }
        for (const auto& machine : machines_)
            EXPECT_EQ(runs[machine.uuid], machine.possible.front() == "running") << machine.target;
    }

    ControlPlane plane_;
    std::unique_ptr<ExampleAgent> agent_;
    std::optional<ApiClient> client_;
    std::string image_;
    std::vector<Machine> machines_;
};

TEST(ProcessAgentKillTest, NoCommandIsCarriedOutTwice) {
    KilledServer killed;
    ASSERT_TRUE(killed.begin());
    for (FaultCases cases("example agent: kill -9 of the server, by the agent's ledger", 200); cases.next();) {
        std::mt19937_64 random(cases.seed());
        killed.one_case(random);
    }
}

}  // namespace
}  // namespace drover::test
