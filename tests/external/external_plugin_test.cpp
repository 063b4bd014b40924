#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "drover/test/process.hpp"

// A plugin in a tree of its own, against an installed SDK, in an environment that knows nothing but PATH.
namespace drover {
namespace {

using namespace std::chrono_literals;
using test::Finished;

class InstalledSdk : public testing::Test {
protected:
    /// Installs, and moves what was installed: it must work from anywhere.
    void SetUp() override {
        const auto first = folder_ / "first";
        for (const auto* part : {"sdk", "server"}) {
            const auto installed = test::run({.words = {CMAKE_PROGRAM, "--install", DROVER_BUILD_DIR, "--prefix",
                                                        first.string(), "--component", part}});
            ASSERT_TRUE(installed.ok()) << installed.output;
        }
        std::filesystem::rename(first, prefix());
    }
    std::filesystem::path prefix() const { return folder_ / "prefix"; }

    /// A line of a shell, as `env -i PATH=... sh -c LINE`, with the installed `drover` on PATH.
    Finished shell(const std::string& line, std::chrono::milliseconds at_most = 300s) {
        const auto path = (prefix() / "bin").string() + ":" + std::getenv("PATH");
        return test::run({.words = {"sh", "-c", line},
                          .folder = folder_.path(),
                          .environment = {{"PATH", path}},
                          .bare_environment = true},
                         at_most);
    }
    /// How many cases passed, failed and were skipped, by the last line of `drover plugin test`.
    static std::array<int, 3> counted(const std::string& output) {
        std::smatch numbers;
        static const std::regex last(R"((\d+) passed, (\d+) failed, (\d+) skipped\n$)");
        if (!std::regex_search(output, numbers, last)) return {-1, -1, -1};
        return {std::stoi(numbers[1]), std::stoi(numbers[2]), std::stoi(numbers[3])};
    }

    test::TemporaryFolder folder_;
};

TEST_F(InstalledSdk, ItsTemplateIsBuiltInspectedAndKeepsEveryPromise) {
    std::filesystem::copy(prefix() / "share/drover/template", folder_ / "mine",
                          std::filesystem::copy_options::recursive);
    std::filesystem::remove_all(folder_ / "mine/skeletons");
    const auto configured = shell("cmake -S mine -B mine/build -DCMAKE_PREFIX_PATH=" + prefix().string());
    ASSERT_TRUE(configured.ok()) << configured.output;
    const auto built = shell("cmake --build mine/build");
    ASSERT_TRUE(built.ok()) << built.output;

    const auto inspected = shell("drover plugin inspect mine/build/locks.so");
    EXPECT_TRUE(inspected.ok()) << inspected.output;
    for (const auto* word : {"com.example.locks 1.0.0", "drover.lock", "plugin.locks.session-ttl"})
        EXPECT_NE(inspected.output.find(word), std::string::npos) << word << " is not in: " << inspected.output;

    const auto tested = shell("drover plugin test mine/build/locks.so 'area={world}' session-ttl=1s");
    EXPECT_TRUE(tested.ok()) << tested.output;
    const auto [passed, failed, skipped] = counted(tested.output);
    EXPECT_GT(passed, 20) << tested.output;
    EXPECT_EQ(failed, 0);

    const auto own_tests = shell("ctest --test-dir mine/build -R TokenGrowsWithEveryLease --no-tests=error");
    EXPECT_TRUE(own_tests.ok()) << own_tests.output;
}

TEST_F(InstalledSdk, ItsTemplateServesInAServer) {
    const auto built =
        shell("cp -r prefix/share/drover/template mine && cmake -S mine -B mine/build -DCMAKE_PREFIX_PATH=" +
              prefix().string() + " && cmake --build mine/build --target locks");
    ASSERT_TRUE(built.ok()) << built.output;
    test::Process server({.words = {(prefix() / "bin/drover").string(), "server", "-D", "server.home=home", "-D",
                                    "plugin.path=mine/build", "-D", "service.lock=locks"},
                          .folder = folder_.path(),
                          .bare_environment = true});
    ASSERT_TRUE(server.wait_for_line("kernel       ready")) << server.output();
    EXPECT_NE(server.output().find("plugin ready plugin=locks"), std::string::npos) << server.output();
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait(), (test::Ending{0, 0})) << server.output();
}

class NewPlugin : public InstalledSdk, public testing::WithParamInterface<const char*> {};

TEST_P(NewPlugin, IsBuiltByThePrintedCommandsAndItsKitIsRed) {
    const std::string service = GetParam();
    const auto made =
        shell("drover plugin new com.example.my-" + service + " --provides " + service + " --output 'my plugin'");
    ASSERT_TRUE(made.ok()) << made.output;
    std::smatch promises;
    ASSERT_TRUE(std::regex_search(made.output, promises, std::regex(R"(makes (\d+) promises)"))) << made.output;

    std::vector<std::string> commands;
    std::istringstream lines(made.output.substr(made.output.find("Next:\n")));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("  ")) commands.push_back(line);
    ASSERT_EQ(commands.size(), 3U) << made.output;
    for (const auto& command : {commands[0], commands[1]}) {
        const auto done = shell(command);
        ASSERT_TRUE(done.ok()) << command << "\n" << done.output;
        EXPECT_EQ(done.output.find("warning:"), std::string::npos) << done.output;
    }
    const auto tested = shell(commands[2]);
    EXPECT_EQ(tested.ending, (test::Ending{1, 0})) << tested.output;
    const auto [passed, failed, skipped] = counted(tested.output);
    EXPECT_EQ(passed + failed + skipped, std::stoi(promises[1])) << tested.output;
    EXPECT_GT(failed, passed) << tested.output;
    EXPECT_NE(tested.output.find("is not written yet"), std::string::npos) << tested.output;
    // What is not kept is said in the words in which it was promised.
    static const std::regex kBroken("promise not kept: (.*)");
    int said = 0;
    for (auto at = std::sregex_iterator(tested.output.begin(), tested.output.end(), kBroken);
         at != std::sregex_iterator(); ++at, ++said)
        EXPECT_NE(made.output.find("- " + (*at)[1].str() + "\n"), std::string::npos) << (*at)[1];
    EXPECT_EQ(said, failed);
}

INSTANTIATE_TEST_SUITE_P(Of, NewPlugin, testing::Values("lock", "events", "store", "membership", "http"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace drover
