// kill -9 at any moment: every acknowledged commit is there, none is half there, and the store is back soon.
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "drover/test/fault_cases.hpp"
#include "drover/test/process.hpp"
#include "workload.hpp"

namespace drover::sqlite_tests {
namespace {

using Values = std::map<std::int64_t, std::int64_t>;  // by writer

std::string own_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

/// Runs the workload, kills it at a random moment, and adds what it acknowledged.
void run_and_kill(const std::filesystem::path& home, std::mt19937_64& random, std::int64_t writers,
                  Values& acknowledged) {
    test::Process process({.words = {own_folder() + "/sqlite_workload", home.string(), std::to_string(random()),
                                     std::to_string(writers)}});
    if (random() % 5 == 0) {
        // While it starts, makes its tables, or recovers.
        (void)process.wait(std::chrono::milliseconds(random() % 60));
    } else {
        const auto acks = 1 + random() % (random() % 3 == 0 ? 3'000 : 100);
        ASSERT_TRUE(process.wait_for_line("ack " + std::to_string(acks) + " ")) << process.output();
    }
    process.signal(SIGKILL);
    const auto ended = process.wait();
    ASSERT_TRUE(ended && ended->signal == SIGKILL) << process.output();

    const auto output = process.output();
    std::istringstream lines(output.substr(0, output.rfind('\n') + 1));
    for (std::string word; lines >> word;) {
        if (word == "ready") continue;
        std::int64_t count = 0, writer = 0, value = 0;
        ASSERT_TRUE(word == "ack" && lines >> count >> writer >> value) << output;
        acknowledged[writer] = value;
    }
}

TEST(SqliteCrash, NoAcknowledgedCommitIsLostAndNoneIsHalfThere) {
    constexpr auto kReadyWithin = 2s;
    std::chrono::steady_clock::duration longest{};
    for (test::FaultCases cases("sqlite: kill -9 during random workloads", 200); cases.next();) {
        std::mt19937_64 random(cases.seed());
        const test::TemporaryFolder home;
        const auto writers = static_cast<std::int64_t>(1 + random() % 32);
        Values values;
        for (auto kills = 1 + random() % 3; kills > 0 && !testing::Test::HasFailure(); --kills) {
            ASSERT_NO_FATAL_FAILURE(run_and_kill(home.path(), random, writers, values));
            const auto before = std::chrono::steady_clock::now();
            auto running = RunningStore::start({.home = home.path(), .types = workload_types()});
            ASSERT_TRUE(running) << running.error();
            longest = std::max(longest, std::chrono::steady_clock::now() - before);
            for (std::int64_t writer = 0; writer < writers; ++writer)
                values[writer] = expect_whole(**running, writer, values[writer], values[writer] + 1);
            expect_no_poison(**running);
        }
    }
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest);
    std::cout << "the slowest start after a kill took " << ms.count() << " ms" << std::endl;
    EXPECT_LT(longest, kReadyWithin);
}

}  // namespace
}  // namespace drover::sqlite_tests
