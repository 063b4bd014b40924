// The server is killed at random moments under load: what was acknowledged is there, and everything ends.
#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "control_plane.hpp"
#include "drover/test/fault_cases.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// One machine as its owner believes it to be: the states that the requests made so far allow at the end.
struct Machine {
    std::string target;
    std::vector<std::string> possible;  ///< one after an acknowledged request; more while an answer is missing
};

/// Users who create, stop, start and remove machines until the server is gone.
class Users {
public:
    Users(const ControlPlane& plane, std::uint64_t seed, int count) : at_work_(count) {
        for (int i = 0; i < count; ++i)
            threads_.emplace_back([this, &plane, seed, i] { work(plane, seed * 31 + static_cast<unsigned>(i)); });
    }
    ~Users() { join(); }
    void join() {
        ended_ = true;
        for (auto& thread : threads_)
            if (thread.joinable()) thread.join();
    }
    /// Blocks until so many requests were acknowledged, or all users have ended.
    void await_acknowledged(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return acknowledged_ >= count || at_work_ == 0; });
    }
    /// Only after `join`.
    const std::vector<Machine>& machines() const { return machines_; }
    std::size_t acknowledged() const { return acknowledged_; }

private:
    void work(const ControlPlane& plane, std::uint64_t seed) {
        use(plane, seed);
        const std::lock_guard lock(mutex_);
        --at_work_;
        changed_.notify_all();
    }

    void acknowledge() {
        const std::lock_guard lock(mutex_);
        ++acknowledged_;
        changed_.notify_all();
    }

    void use(const ControlPlane& plane, std::uint64_t seed) {
        std::mt19937_64 random(seed);
        auto client = plane.api();
        std::vector<Machine> own;
        while (!ended_) {
            if (own.empty() || random() % 3 == 0) {
                const auto made = client.post("/v1/containers", json::object{{"imageUuid", "sim:busybox"}});
                if (made.status == 0) break;
                if (made.status != 201) {
                    ADD_FAILURE() << "create: " << made.status << " " << made.text;
                    break;
                }
                acknowledge();
                own.push_back({"/v1/containers/" + text_of(made.body, "id"), {"running"}});
                continue;
            }
            const auto at = random() % own.size();
            const bool answered = change(client, own[at], random);
            // What is removed takes no further requests: stopping it goes on removing it.
            if (!answered || own[at].possible.front() == "removed") {
                keep(own[at]);
                own.erase(own.begin() + static_cast<std::ptrdiff_t>(at));
            }
            if (!answered) break;
        }
        for (const auto& machine : own) keep(machine);
    }

    void keep(const Machine& machine) {
        const std::lock_guard lock(mutex_);
        machines_.push_back(machine);
    }

    /// False when no answer came.
    bool change(ApiClient& client, Machine& machine, std::mt19937_64& random) {
        static constexpr const char* kActions[] = {"stop", "start", "remove"};
        static constexpr const char* kEnds[] = {"stopped", "running", "removed"};
        const auto choice = random() % 3;
        const auto done = choice == 2 ? client.remove(machine.target)
                                      : client.post(machine.target + "?action=" + kActions[choice], json::object());
        if (done.status == 0) {
            machine.possible.emplace_back(kEnds[choice]);
            return false;
        }
        if (done.status == 202 || done.status == 200) {
            acknowledge();
            machine.possible = {kEnds[choice]};
        } else {
            EXPECT_EQ(done.status, 409) << done.text;
        }
        return true;
    }

    std::atomic<bool> ended_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t acknowledged_ = 0;   // guarded by mutex_
    int at_work_;                    // guarded by mutex_
    std::vector<Machine> machines_;  // guarded by mutex_
    std::vector<std::thread> threads_;
};

/// Every process has ended, with a reason, and finished at most once.
void check_processes(ApiClient& client) {
    eventually(
        client, "/v1/processinstances?endTime_null&limit=1",
        [](const json::value& body) { return body.at("data").as_array().empty(); }, 120s);
    std::string target = "/v1/processinstances?limit=1000";
    while (!target.empty()) {
        const auto page = client.get(target);
        ASSERT_EQ(page.status, 200) << page.text;
        for (const auto& process : page.body.at("data").as_array()) {
            const auto reason = text_of(process, "exitReason");
            EXPECT_TRUE(reason == "DONE" || reason == "ALREADY_DONE" || reason == "CANCELED")
                << json::serialize(process);
        }
        const auto next = text_of(page.body.at("pagination"), "next");
        const auto path = next.find("/v1/");
        target = path == std::string::npos ? std::string() : next.substr(path);
    }
}

void check_machines(ApiClient& client, const std::vector<Machine>& machines) {
    for (const auto& machine : machines) {
        const auto answer = client.get(machine.target);
        ASSERT_EQ(answer.status, 200) << "an acknowledged machine is lost: " << machine.target << " " << answer.text;
        const auto state = text_of(answer.body, "state");
        EXPECT_NE(std::find(machine.possible.begin(), machine.possible.end(), state), machine.possible.end())
            << machine.target << " is " << state << ", allowed was " << machine.possible.front() << " (of "
            << machine.possible.size() << "), message: " << text_of(answer.body, "transitioningMessage")
            << client
                   .get("/v1/processinstances?resourceType=instance&resourceId=" + text_of(answer.body, "id").substr(2))
                   .text;
    }
}

/// Where each machine that does not run was placed, for the one who looks for lost compute.
std::string placements(ApiClient& client) {
    std::string text;
    const auto all = client.get("/v1/instances?state_ne=running&include=instanceHostMaps&limit=1000");
    if (all.status != 200) return all.text;
    for (const auto& machine : all.body.at("data").as_array())
        text += text_of(machine, "id") + " " + text_of(machine, "state") + " " + text_of(machine, "allocationState") +
                " " +
                json::serialize(machine.as_object().if_contains("instanceHostMaps") ? machine.at("instanceHostMaps")
                                                                                    : json::value(nullptr)) +
                "\n";
    return text;
}

/// What the machines hold is what the hosts lack.
void check_compute(ApiClient& client, std::int64_t each_host) {
    const auto hosts = client.get("/v1/hosts?limit=1000");
    const auto maps = client.get("/v1/instances?state=running&limit=1000");
    ASSERT_EQ(maps.status, 200) << maps.text;
    std::int64_t taken = 0;
    for (const auto& host : hosts.body.at("data").as_array())
        taken += each_host - host.at("computeFree").to_number<std::int64_t>();
    EXPECT_EQ(taken, static_cast<std::int64_t>(maps.body.at("data").as_array().size())) << placements(client);
}

TEST(KillTest, LosesNothingThatWasAcknowledgedAndEndsEveryProcess) {
    for (FaultCases cases("control plane: kill -9 under load", 200); cases.next();) {
        std::mt19937_64 random(cases.seed());
        ControlPlane plane({"object.remove.time.delay.seconds=3600"});
        ASSERT_TRUE(plane.start());
        for (int i = 0; i < 2; ++i) plane.add_agent("sim://rack-" + std::to_string(i) + "?latency=5ms&jitter=10ms");
        std::vector<Machine> machines;
        for (int round = 0; round < 2; ++round) {
            Users users(plane, random(), 3);
            users.await_acknowledged(random() % 250);  // the moment is the case
            plane.kill();
            users.join();
            machines.insert(machines.end(), users.machines().begin(), users.machines().end());
            const auto began = std::chrono::steady_clock::now();
            ASSERT_TRUE(plane.start());
            const auto took = std::chrono::steady_clock::now() - began;
            std::cout << "[kill] seed " << cases.seed() << ": " << users.acknowledged()
                      << " acknowledged, ready again in "
                      << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms" << std::endl;
        }
        auto client = plane.api();
        check_processes(client);
        check_machines(client, machines);
        check_compute(client, 1'000'000);
        if (::testing::Test::HasFailure()) std::cout << plane.log();
        EXPECT_TRUE(plane.stop());
    }
}

}  // namespace
}  // namespace drover::test
