#include <gtest/gtest.h>

#include <csignal>

#include "drover/test/process.hpp"

// A plugin that throws, hangs or leaves something behind is named, and the server goes on or leaves in order.
namespace drover {
namespace {

using namespace std::chrono_literals;
using test::Ending;
using test::ServerProcess;

std::filesystem::path bad(const std::string& name) { return std::filesystem::path(BAD_PLUGINS) / (name + ".so"); }

constexpr Ending kGood{0, 0};
constexpr Ending kBad{1, 0};

class MisbehavingPlugin : public testing::Test {
protected:
    MisbehavingPlugin() { tree_.add(bad("misbehaving")); }

    /// A server with the plugin under the name "bad", and deadlines that tests can wait for.
    ServerProcess& serve(std::vector<std::string> mischief) {
        std::vector<std::string> defines{"plugin.bad.use=misbehaving", "server.start-timeout=700ms",
                                         "server.drain-timeout=700ms", "server.stop-timeout=1500ms"};
        defines.insert(defines.end(), mischief.begin(), mischief.end());
        server_ = std::make_unique<ServerProcess>(tree_, folder_ / "home", folder_ / "drover.properties", defines);
        return *server_;
    }
    void SetUp() override { configure("one"); }
    void configure(const std::string& value) {
        test::write_file(folder_ / "drover.properties", "plugin.bad.value = " + value + "\n");
    }
    ServerProcess& serve_caller(std::vector<std::string> mischief) {
        tree_.add(bad("caller"));
        mischief.emplace_back("service.lock=bad");
        return serve(std::move(mischief));
    }
    /// A command to the running server.
    test::Finished ask(const std::string& command) {
        return tree_.drover(
            {command, "-D", "server.home=" + (folder_ / "home").string(), "-D", "plugin.bad.use=misbehaving"});
    }
    bool logged(std::string_view text) { return server_->log().find(text) != std::string::npos; }
    /// A line with all of these words.
    bool logged_together(const std::vector<std::string>& words) {
        std::istringstream lines(server_->log());
        for (std::string line; std::getline(lines, line);) {
            bool all = true;
            for (const auto& word : words) all = all && line.find(word) != std::string::npos;
            if (all) return true;
        }
        return false;
    }
    /// It cannot start: it leaves by itself, with status 1.
    void expect_no_start(ServerProcess& server) {
        const auto ending = server.process().wait(15s);
        ASSERT_TRUE(ending) << "it does not leave: " << server.log();
        EXPECT_EQ(*ending, kBad) << server.log();
        EXPECT_FALSE(logged("kernel       ready")) << server.log();
    }
    void expect_leaves(ServerProcess& server, Ending expected) {
        const auto ending = server.stop(15s);
        ASSERT_TRUE(ending) << "it does not leave: " << server.log();
        EXPECT_EQ(*ending, expected) << server.log();
    }

    test::DroverTree tree_;
    test::TemporaryFolder folder_;
    std::unique_ptr<ServerProcess> server_;
};

TEST_F(MisbehavingPlugin, BehavesWhenItIsNotAskedToMisbehave) {
    auto& server = serve_caller({});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("call ended code=busy")) << server.log();
    expect_leaves(server, kGood);
    EXPECT_TRUE(logged("verb drain called") && logged("verb stop called")) << server.log();
}

TEST_F(MisbehavingPlugin, ThatThrowsInCreateIsNamedAndTheServerDoesNotStart) {
    expect_no_start(serve({"plugin.bad.throw-in=create"}));
    EXPECT_TRUE(logged_together({"plugin bad (test.misbehaving): create threw", "mischief in create"}))
        << server_->log();
}

TEST_F(MisbehavingPlugin, ThatThrowsInStartIsNamedAndTheServerDoesNotStart) {
    expect_no_start(serve({"plugin.bad.throw-in=start"}));
    EXPECT_TRUE(logged_together({"plugin bad (test.misbehaving): start threw", "mischief in start"})) << server_->log();
    EXPECT_TRUE(logged("verb stop called")) << "what began to start is stopped: " << server_->log();
}

TEST_F(MisbehavingPlugin, ThatThrowsInDrainIsNamedAndStillStopped) {
    auto& server = serve({"plugin.bad.throw-in=drain"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin in disorder", "plugin=bad", "verb=drain", "mischief in drain"}))
        << server.log();
    EXPECT_TRUE(logged("verb stop called")) << server.log();
}

TEST_F(MisbehavingPlugin, ThatThrowsInStopIsNamed) {
    auto& server = serve({"plugin.bad.throw-in=stop"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin in disorder", "plugin=bad", "verb=stop", "mischief in stop"})) << server.log();
}

TEST_F(MisbehavingPlugin, ThatThrowsInItsHealthCheckIsNotReadyAndTheServerGoesOn) {
    auto& server = serve({"plugin.bad.throw-in=health"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    const auto status = ask("status");
    EXPECT_TRUE(status.ok()) << status.output;
    EXPECT_NE(status.output.find("its health check threw"), std::string::npos) << status.output;
    EXPECT_NE(status.output.find("mischief in health"), std::string::npos) << status.output;
    expect_leaves(server, kGood);
}

TEST_F(MisbehavingPlugin, ThatThrowsInReconfigureIsNamedAndTheServerGoesOn) {
    auto& server = serve({"plugin.bad.throw-in=reconfigure"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    configure("two");
    const auto reloaded = ask("reload");
    EXPECT_EQ(reloaded.ending, kBad) << reloaded.output;
    EXPECT_NE(reloaded.output.find("plugin bad (test.misbehaving): reconfigure threw"), std::string::npos)
        << reloaded.output;
    EXPECT_TRUE(ask("status").ok());
    expect_leaves(server, kGood);
}

TEST_F(MisbehavingPlugin, ThatThrowsInACallIsNamedAndTheCallerGetsAnError) {
    auto& server = serve_caller({"plugin.bad.throw-in=call"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_TRUE(server.process().wait_for_line("call ended code=internal")) << server.log();
    EXPECT_TRUE(logged_together({"a plugin failed in a call", "plugin=bad", "verb=acquire", "mischief in call"}))
        << server.log();
    expect_leaves(server, kGood);
}

TEST_F(MisbehavingPlugin, ThatHangsInCreateIsNamedAndTheServerLeavesWithoutIt) {
    expect_no_start(serve({"plugin.bad.hang-in=create"}));
    EXPECT_TRUE(logged_together({"plugin bad (test.misbehaving)", "create did not return within 700 ms"}))
        << server_->log();
}

TEST_F(MisbehavingPlugin, ThatHangsInStartIsNamedAndTheServerLeavesWithoutIt) {
    expect_no_start(serve({"plugin.bad.hang-in=start"}));
    EXPECT_TRUE(logged_together({"plugin bad (test.misbehaving)", "start did not return within 700 ms"}))
        << server_->log();
    EXPECT_FALSE(logged("verb stop called")) << "a thread is inside of it still: " << server_->log();
}

TEST_F(MisbehavingPlugin, ThatHangsInDrainIsNamedAndTheServerLeavesWithoutIt) {
    auto& server = serve({"plugin.bad.hang-in=drain"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=bad", "verb=drain", "drain did not return within 700 ms"})) << server.log();
}

TEST_F(MisbehavingPlugin, ThatHangsInStopIsNamedAndTheServerLeavesWithoutIt) {
    auto& server = serve({"plugin.bad.hang-in=stop"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=bad", "verb=stop", "stop did not return within 1500 ms"})) << server.log();
}

TEST_F(MisbehavingPlugin, ThatHangsInItsHealthCheckIsNamedAndHoldsUpNobody) {
    auto& server = serve({"plugin.bad.hang-in=health"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    const auto status = ask("status");
    EXPECT_TRUE(status.ok()) << status.output;
    EXPECT_NE(status.output.find("its health check did not return"), std::string::npos) << status.output;
    const auto again = ask("status");
    EXPECT_NE(again.output.find("its health check still does not return"), std::string::npos) << again.output;
    EXPECT_TRUE(logged_together({"a health check hangs", "plugin=bad"})) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=bad", "left behind after stop: a health check"})) << server.log();
}

TEST_F(MisbehavingPlugin, ThatHangsInReconfigureIsNamedAndTheServerGoesOn) {
    auto& server = serve({"plugin.bad.hang-in=reconfigure"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    configure("two");
    const auto reloaded = ask("reload");
    EXPECT_EQ(reloaded.ending, kBad) << reloaded.output;
    EXPECT_NE(reloaded.output.find("reconfigure did not return within 700 ms"), std::string::npos) << reloaded.output;
    const auto status = ask("status");
    EXPECT_TRUE(status.ok()) << status.output;
    EXPECT_NE(status.output.find("bad"), std::string::npos) << status.output;
    EXPECT_NE(status.output.find("failed"), std::string::npos) << status.output;
    expect_leaves(server, kBad);
}

TEST_F(MisbehavingPlugin, WhoseCallNeverEndsIsNamedAndTheServerLeaves) {
    auto& server = serve_caller({"plugin.bad.hang-in=wait"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    ASSERT_TRUE(server.process().wait_for_line("verb call called")) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=caller", "left behind after stop: tasks: calling"})) << server.log();
    EXPECT_TRUE(logged_together({"plugin=bad", "left behind after stop: calls that never ended"})) << server.log();
}

TEST_F(MisbehavingPlugin, ThatBlocksEveryThreadOfTheExecutorDoesNotKeepTheServerFromLeaving) {
    auto& server = serve_caller({"plugin.bad.hang-in=call", "server.threads=1"});
    ASSERT_TRUE(server.process().wait_for_line("verb call called")) << server.log();
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=bad", "left behind after stop: calls that never ended"})) << server.log();
}

TEST_F(MisbehavingPlugin, ThatLeavesAThreadBehindIsNamed) {
    auto& server = serve({"plugin.bad.leave=thread"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=bad", "left behind after stop: 1 thread", "test.misbehaving"}))
        << server.log();
}

TEST_F(MisbehavingPlugin, ThatLeavesATaskBehindIsNamed) {
    auto& server = serve({"plugin.bad.leave=task"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    expect_leaves(server, kBad);
    EXPECT_TRUE(logged_together({"plugin=bad", "left behind after stop: tasks: stray", "test.misbehaving"}))
        << server.log();
}

TEST_F(MisbehavingPlugin, ThatContradictsItsDescriptorIsNamedAndTheServerDoesNotStart) {
    for (const auto& [library, says] :
         {std::pair("offers_nothing", "it declares drover.lock but offers no object for it"),
          std::pair("extends_without_object", "it declares drover.model-extension but offers no object for it"),
          std::pair("offers_undeclared", "it offers drover.events, which its descriptor does not declare"),
          std::pair("creates_nothing", "returned no plugin and no error")}) {
        test::DroverTree tree;
        tree.add(bad(library));
        ServerProcess server(tree, {"plugin.wrong.use=test.descriptor"});
        EXPECT_EQ(server.process().wait(15s), kBad) << server.log();
        EXPECT_NE(server.log().find(std::string("plugin wrong: create: ") + says), std::string::npos) << server.log();
    }
}

TEST_F(MisbehavingPlugin, ThatTakesLongIsWaitedForAloudEveryTenSeconds) {
    auto& server = serve({"plugin.bad.hang-in=start", "server.start-timeout=11s"});
    EXPECT_TRUE(server.process().wait_for_line("still waiting for=start", 15s)) << server.log();
    EXPECT_TRUE(logged_together({"still waiting", "plugins=\"bad (10 s)\""})) << server.log();
    EXPECT_EQ(server.process().wait(15s), kBad) << server.log();
}

}  // namespace
}  // namespace drover
