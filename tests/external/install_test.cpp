#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "drover/test/process.hpp"

// The whole of Drover, installed into an empty folder and moved away from there.
namespace drover {
namespace {

struct Installation : testing::Test {
    Installation() {
        installed = test::run(
            {.words = {CMAKE_PROGRAM, "--install", DROVER_BUILD_DIR, "--prefix", (folder / "first").string()}});
        if (installed.ok()) std::filesystem::rename(folder / "first", prefix);
    }
    test::Finished drover(std::vector<std::string> words) {
        words.insert(words.begin(), (prefix / "bin/drover").string());
        return test::run({.words = std::move(words), .folder = folder.path(), .bare_environment = true});
    }
    test::TemporaryFolder folder;
    const std::filesystem::path prefix = folder / "moved";
    test::Finished installed;
};

std::set<std::string> names_in(const std::filesystem::path& below) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(below)) names.insert(entry.path().filename().string());
    return names;
}

TEST_F(Installation, HasEveryPluginOfTheBuildAndLoadsThemFromItsOwnTree) {
    ASSERT_TRUE(installed.ok()) << installed.output;
    EXPECT_EQ(names_in(prefix / "lib/drover/plugins"), names_in(std::string(DROVER_BUILD_DIR) + "/lib/drover/plugins"));
    const auto listed = drover({"plugin", "list"});
    EXPECT_TRUE(listed.ok()) << listed.output;
    EXPECT_EQ(listed.output.find("refused"), std::string::npos) << listed.output;
    EXPECT_NE(listed.output.find("drover.memory"), std::string::npos) << listed.output;
}

TEST_F(Installation, NeedsNothingOfTheTreeItWasBuiltIn) {
    ASSERT_TRUE(installed.ok()) << installed.output;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(prefix)) {
        const auto name = entry.path().filename().string();
        const bool binary = name == "drover" || name == "drover-plugin-test" || name.find(".so") != std::string::npos;
        if (!entry.is_regular_file()) continue;
        if (!binary) {
            if (name.ends_with(".cmake")) {
                EXPECT_EQ(test::read_file(entry.path()).find(DROVER_SOURCE_DIR), std::string::npos) << entry.path();
            }
            continue;
        }
        const auto linked = test::run({.words = {"ldd", entry.path().string()}, .bare_environment = true});
        EXPECT_TRUE(linked.ok()) << entry.path() << ": " << linked.output;
        EXPECT_EQ(linked.output.find("not found"), std::string::npos) << entry.path() << ": " << linked.output;
        EXPECT_EQ(linked.output.find(DROVER_BUILD_DIR), std::string::npos) << entry.path() << ": " << linked.output;
        // A failed case of a kit names its place in the source tree, not on the machine that built it.
        EXPECT_EQ(test::read_file(entry.path()).find(DROVER_SOURCE_DIR "/"), std::string::npos) << entry.path();
    }
}

TEST_F(Installation, RunsAServer) {
    ASSERT_TRUE(installed.ok()) << installed.output;
    std::vector<std::string> words{(prefix / "bin/drover").string(), "server", "-D", "server.home=home"};
    for (const auto* define :
         {"service.lock=memory", "service.events=memory", "service.membership=memory", "service.store=sqlite",
          "service.http=http-beast", "api.listen=127.0.0.1:0", "agent.listen=127.0.0.1:0", "ops.listen=127.0.0.1:0"})
        words.insert(words.end(), {"-D", define});
    test::Process server({.words = words, .folder = folder.path(), .bare_environment = true});
    ASSERT_TRUE(server.wait_for_line("kernel       ready")) << server.output();
    const auto status = drover({"status", "-D", "server.home=home"});
    EXPECT_TRUE(status.ok()) << status.output;
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait(), (test::Ending{0, 0})) << server.output();
}

}  // namespace
}  // namespace drover
