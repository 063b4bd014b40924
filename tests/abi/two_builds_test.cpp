#include <gtest/gtest.h>

#include "catalogue/catalogue.hpp"
#include "drover/test/process.hpp"

// One plugin id, found twice.
namespace drover {
namespace {

std::filesystem::path twin(const std::string& which) {
    return std::filesystem::path(BAD_PLUGINS) / ("twin_" + which + ".so");
}

struct TwoBuilds : testing::Test {
    TwoBuilds() {
        tree.add(twin("old"));
        tree.add(twin("new"));
    }
    std::string build_id(const std::string& which) { return core::describe(twin(which)).value().note.build_id; }
    test::DroverTree tree;
};

TEST_F(TwoBuilds, AreRefusedWithBothFilesUntilOneIsChosen) {
    const auto checked = tree.drover({"check", "-D", "service.lock=twin"});
    EXPECT_EQ(checked.ending, (test::Ending{1, 0}));
    for (const auto* word :
         {"found 2 times", "test.twin 1.0.0", "test.twin 2.0.0", "twin_old.so", "twin_new.so", "plugin.twin.build="})
        EXPECT_NE(checked.output.find(word), std::string::npos) << word << " is not in: " << checked.output;
}

TEST_F(TwoBuilds, AreChosenByVersionOrByBuild) {
    for (const auto& [choice, version] :
         {std::pair(std::string("2.0.0"), "2.0.0"), std::pair(std::string("1.0.0"), "1.0.0"),
          std::pair(build_id("old").substr(0, 8), "1.0.0")}) {
        test::ServerProcess server(tree, {"service.lock=twin", "plugin.twin.build=" + choice});
        ASSERT_TRUE(server.wait_ready()) << server.log();
        EXPECT_NE(server.log().find("twin started build=" + std::string(version)), std::string::npos) << server.log();
        EXPECT_EQ(server.stop(), (test::Ending{0, 0})) << server.log();
    }
}

TEST_F(TwoBuilds, RunSideBySideUnderTwoNames) {
    test::ServerProcess server(tree, {"plugin.old.use=test.twin", "plugin.old.build=1.0.0", "plugin.new.use=test.twin",
                                      "plugin.new.build=2.0.0"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("old          twin started build=1.0.0")) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("new          twin started build=2.0.0")) << server.log();
    EXPECT_EQ(server.stop(), (test::Ending{0, 0})) << server.log();
}

TEST_F(TwoBuilds, AChoiceThatIsNotThereIsRefusedWithWhatIs) {
    const auto checked = tree.drover({"check", "-D", "service.lock=twin", "-D", "plugin.twin.build=3"});
    EXPECT_EQ(checked.ending, (test::Ending{1, 0}));
    for (const auto* word : {"no build 3", "test.twin 1.0.0", "test.twin 2.0.0"})
        EXPECT_NE(checked.output.find(word), std::string::npos) << word << " is not in: " << checked.output;
}

TEST_F(TwoBuilds, TheSameBuildInTwoFoldersIsOnePlugin) {
    test::DroverTree single;
    single.add(twin("old"));
    const test::TemporaryFolder more;
    std::filesystem::copy_file(twin("old"), more / "copy.so");
    const auto checked =
        single.drover({"check", "-D", "service.lock=twin", "-D", "plugin.path=" + more.path().string()});
    EXPECT_TRUE(checked.ok()) << checked.output;
}

}  // namespace
}  // namespace drover
