#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "drover/test/process.hpp"

// Plugins that extend what another collects, in a running server: who is there, in which order, and what they are told.
namespace drover {
namespace {

using test::Ending;
using test::ServerProcess;

std::filesystem::path library(const std::string& name) { return std::filesystem::path(BAD_PLUGINS) / (name + ".so"); }

constexpr Ending kGood{0, 0};

class Extensions : public testing::Test {
protected:
    Extensions() {
        tree_.add(library("collector"));
        tree_.add(library("extender"));
        configure("");
    }
    void configure(const std::string& lines) { test::write_file(folder_ / "drover.properties", lines); }
    ServerProcess& serve(std::vector<std::string> defines = {}) {
        server_ = std::make_unique<ServerProcess>(tree_, folder_ / "home", folder_ / "drover.properties", defines);
        return *server_;
    }
    test::Finished ask(const std::string& command, std::vector<std::string> words = {}) {
        words.insert(words.begin(), {command, "--config", (folder_ / "drover.properties").string(), "-D",
                                     "server.home=" + (folder_ / "home").string()});
        return tree_.drover(words);
    }
    /// The first line with `text`; the test fails when there is none.
    std::size_t line_of(const std::string& text) const {
        std::istringstream lines(server_->log());
        std::size_t number = 0;
        for (std::string line; std::getline(lines, line); ++number)
            if (line.find(text) != std::string::npos) return number;
        ADD_FAILURE() << "\"" << text << "\" is not in the log:\n" << server_->log();
        return std::string::npos;
    }
    std::size_t count(const std::string& text) const {
        std::size_t found = 0;
        const auto log = server_->log();
        for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++found;
        return found;
    }

    test::DroverTree tree_;
    test::TemporaryFolder folder_;
    std::unique_ptr<ServerProcess> server_;
};

TEST_F(Extensions, AreDrawnInStartedBeforeTheirCollectorCalledAndStoppedAfterIt) {
    auto& server = serve({"plugin.another.use=extender"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("collected extensions=\"another collector extender\"")) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("logic ended code=ok from=another")) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("logic ended code=ok from=extender")) << server.log();
    EXPECT_LT(line_of("plugin ready plugin=extender"), line_of("collected extensions="));
    EXPECT_LT(line_of("plugin ready plugin=another"), line_of("collected extensions="));
    // One plugin declares once, however many instances it has: one type, and its seven processes.
    EXPECT_TRUE(server.process().wait_for_line("types=1 api_types=1 processes=7")) << server.log();
    EXPECT_EQ(server.stop(), kGood) << server.log();
    for (const auto* verb : {"drain", "stop"}) {
        EXPECT_LT(line_of("collector    verb " + std::string(verb)), line_of("extender     verb " + std::string(verb)));
        EXPECT_LT(line_of("collector    verb " + std::string(verb)), line_of("another      verb " + std::string(verb)));
    }
}

TEST_F(Extensions, ThatThrowAreNamedAndTheCollectorGetsAnError) {
    auto& server = serve({"plugin.extender.throws=true"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("logic ended code=internal")) << server.log();
    const auto line = server.process().wait_for_line("a plugin failed in a call");
    ASSERT_TRUE(line) << server.log();
    for (const auto* part : {"plugin=extender", "verb=\"logic Greet\"", "mischief in logic"})
        EXPECT_NE(line->find(part), std::string::npos) << *line;
    EXPECT_EQ(server.stop(), kGood) << server.log();
}

TEST_F(Extensions, AreKeptOutByTheConfigurationAndEverybodySaysSo) {
    configure("plugin.extender.use = off\n");
    const auto source = (folder_ / "drover.properties").string() + ":1";
    EXPECT_NE(ask("check").output.find("Kept out: extender (" + source + ": plugin.extender.use=off)."),
              std::string::npos)
        << ask("check").output;
    EXPECT_NE(ask("plan").output.find("kept out: extender (" + source), std::string::npos) << ask("plan").output;
    auto& server = serve();
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("collected extensions=collector ")) << server.log();
    EXPECT_NE(ask("plan").output.find("collects drover.model-extension: collector"), std::string::npos);
    EXPECT_EQ(server.stop(), kGood) << server.log();
}

TEST_F(Extensions, OfAnotherVersionAreRefusedWithTheRemedy) {
    tree_.add(library("newer_extender"));
    const auto checked = ask("check");
    EXPECT_EQ(checked.ending, (Ending{1, 0}));
    for (const auto* part :
         {"collector (test.collector 1.0.0", "collects drover.model-extension version 0",
          "newer-extender (test.newer-extender 9.0.0", "extends version 1", "plugin.newer-extender.use=off"})
        EXPECT_NE(checked.output.find(part), std::string::npos) << part << " is not in: " << checked.output;
    EXPECT_TRUE(ask("check", {"-D", "plugin.newer-extender.use=off"}).ok());
}

TEST_F(Extensions, AreShownByInspect) {
    const auto shown = tree_.drover({"plugin", "inspect", "extender"});
    for (const auto* part : {"extends    drover.model-extension version 0", "type       thing", "API type   thing",
                             "process    thing.create"})
        EXPECT_NE(shown.output.find(part), std::string::npos) << part << " is not in: " << shown.output;
    const auto collector = tree_.drover({"plugin", "inspect", "collector"});
    for (const auto* part : {"collects   drover.model-extension version 0", "task.*.schedule (integer, live)"})
        EXPECT_NE(collector.output.find(part), std::string::npos) << part << " is not in: " << collector.output;
}

TEST_F(Extensions, AnOlderServersMemoryOfPluginsIsNotMisread) {
    {
        auto& server = serve();
        ASSERT_TRUE(server.wait_ready()) << server.log();
        EXPECT_EQ(server.stop(), kGood) << server.log();
    }
    EXPECT_TRUE(ask("check").ok()) << "it finds the home there, and remembers";
    // As an older server would have written it: without what this one asks for.
    std::filesystem::path cache;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "home" / "cache"))
        if (entry.is_regular_file() && test::read_file(entry.path()).find("\"extends\"") != std::string::npos)
            cache = entry.path();
    ASSERT_FALSE(cache.empty()) << "nothing is remembered";
    auto text = test::read_file(cache);
    for (auto at = text.find("\"extends\""); at != std::string::npos; at = text.find("\"extends\"", at))
        text.replace(at, 9, "\"other\"");
    test::write_file(cache, text);
    auto& again = serve();
    ASSERT_TRUE(again.wait_ready()) << again.log();
    EXPECT_TRUE(again.process().wait_for_line("collected extensions=\"collector extender\"")) << again.log();
    EXPECT_EQ(again.stop(), kGood) << again.log();
}

// --- settings that the store holds, offered from a coroutine on the executor ---

TEST_F(Extensions, StoredSettingsTakeEffectWhereTheConfigurationSaysNothing) {
    configure("task.given.schedule = 1\n");
    auto& server = serve({"server.threads=1",
                          "plugin.collector.offers=plugin.collector.greeting:stored,task.purge.things.schedule:5,"
                          "task.given.schedule:9,plugin.collector.fixed:no,nobody.knows:hunter2,task.bad.schedule:soon,"
                          "plugin.collector.token:hunter2"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("created greeting=hello schedules=\"given=1\"")) << server.log();
    const auto line = server.process().wait_for_line("reconfigured greeting=stored");
    ASSERT_TRUE(line) << server.log();
    EXPECT_NE(line->find("schedules=\"given=1 purge.things=5\""), std::string::npos) << *line;
    EXPECT_NE(line->find("stored=\"plugin.collector.greeting plugin.collector.token task.purge.things.schedule\""),
              std::string::npos)
        << *line;
    for (const auto* ignored : {"nobody.knows", "plugin.collector.fixed", "task.bad.schedule"})
        EXPECT_EQ(count("stored setting ignored key=" + std::string(ignored)), 1U) << server.log();
    EXPECT_EQ(count("hunter2"), 0U) << "a value that may be a secret is in the log: " << server.log();

    // A reload keeps them; what the configuration gives now is stronger.
    configure("task.given.schedule = 2\n");
    const auto reloaded = ask("reload");
    EXPECT_TRUE(reloaded.ok()) << reloaded.output;
    EXPECT_NE(reloaded.output.find("applied: task.given.schedule"), std::string::npos) << reloaded.output;
    const auto second = server.process().wait_for_line("schedules=\"given=2 purge.things=5\"");
    ASSERT_TRUE(second) << server.log();
    EXPECT_NE(second->find("greeting=stored"), std::string::npos) << *second;
    configure("task.given.schedule = 2\nplugin.collector.greeting = given\n");
    EXPECT_TRUE(ask("reload").ok());
    EXPECT_TRUE(server.process().wait_for_line("reconfigured greeting=given")) << server.log();
    EXPECT_EQ(server.stop(), kGood) << server.log();
}

TEST_F(Extensions, AKeyWithAStarIsReadAndAWrongOneRefused) {
    auto& server = serve({"task.purge.schedule=1"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("schedules=\"purge=1\"")) << server.log();
    EXPECT_EQ(server.stop(), kGood) << server.log();
    const auto wrong = ask("check", {"-D", "task.purge.scedule=1"});
    EXPECT_EQ(wrong.ending, (Ending{1, 0}));
    EXPECT_NE(wrong.output.find("Did you mean task.purge.schedule?"), std::string::npos) << wrong.output;
}

}  // namespace
}  // namespace drover
