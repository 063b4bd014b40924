// The composed server as its operator sees it: started from a configuration file, asked, reloaded, ended.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <csignal>
#include <regex>
#include <sstream>

#include "drover/test/process.hpp"

namespace drover::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

/// The address that a role says it listens on.
std::string address_of(Process& server, const std::string& role) {
    if (!server.wait_for_line(role)) return {};
    const std::regex line(role + R"( +listening address=(\S+))");
    std::smatch match;
    const auto log = server.output();
    return std::regex_search(log, match, line) ? match[1].str() : std::string();
}

Finished curl(std::vector<std::string> arguments) {
    std::vector<std::string> words{"curl", "--silent", "--show-error", "--max-time", "10"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run({.words = std::move(words)});
}

/// All that a single server is made of.
constexpr const char* kPlugins[] = {"memory",         "sqlite", "http-beast", "ops",   "api-server", "agent-server",
                                    "process-server", "engine", "cloud",      "event", "simulator"};
const std::string kCount = std::to_string(std::size(kPlugins));

/// All of Drover's own plugins that a single server needs, and a configuration file.
class ServerTest : public ::testing::Test {
protected:
    ServerTest() {
        for (const auto* name : kPlugins) tree_.add_own(name);
        configure("");
    }
    void configure(const std::string& more) {
        write_file(config_, "server.profile = all\nserver.home = " + home().string() +
                                "\nserver.name = alpha\nservice.lock = memory\nservice.events = memory\n"
                                "service.membership = memory\nservice.store = sqlite\nservice.http = http-beast\n"
                                "api.listen = 127.0.0.1:0\nagent.listen = 127.0.0.1:0\nops.listen = 127.0.0.1:0\n" +
                                more);
    }
    std::filesystem::path home() const { return folder_ / "home"; }
    std::unique_ptr<Process> start(std::vector<std::string> more = {}) {
        std::vector<std::string> words{tree_.program().string(), "server", "--config", config_.string()};
        words.insert(words.end(), more.begin(), more.end());
        auto server = std::make_unique<Process>(Command{.words = std::move(words), .folder = folder_.path()});
        return server;
    }
    std::unique_ptr<Process> start_ready(std::vector<std::string> more = {}) {
        auto server = start(std::move(more));
        EXPECT_TRUE(server->wait_for_line("ready ms=")) << server->output();
        return server;
    }
    Finished drover(std::vector<std::string> words) {
        words.insert(words.end(), {"--config", config_.string()});
        return tree_.drover(std::move(words));
    }

    DroverTree tree_;
    TemporaryFolder folder_;
    const std::filesystem::path config_ = folder_ / "single.properties";
};

TEST_F(ServerTest, StartsAnswersAndLeavesInOrder) {
    const auto server = start_ready();
    const auto ping = curl({"http://" + address_of(*server, "api-server") + "/ping"});
    EXPECT_EQ(ping.output, "pong");
    const auto version = curl({"http://" + address_of(*server, "api-server") + "/v1"});
    EXPECT_EQ(json::parse(version.output).as_object().at("type").as_string(), "apiVersion");
    const auto ops = "http://" + address_of(*server, "ops");
    EXPECT_EQ(curl({ops + "/healthz"}).output, "ok\n");
    EXPECT_EQ(curl({ops + "/readyz"}).output, "ready: " + kCount + " plugins\n");
    EXPECT_NE(curl({ops + "/metrics"}).output.find("drover_plugin_ready{plugin=\"sqlite\"} 1"), std::string::npos);

    server->signal(SIGTERM);
    EXPECT_EQ(server->wait(), (Ending{0, 0})) << server->output();
    EXPECT_NE(server->output().find("stopped orderly=true"), std::string::npos) << server->output();
    EXPECT_FALSE(std::filesystem::exists(home() / "control.sock"));
}

TEST_F(ServerTest, AWebPageElsewhereCannotDriveIt) {
    const auto server = start_ready();
    const auto api = "http://" + address_of(*server, "api-server");
    for (const auto* header : {"Host: evil.example", "Origin: http://evil.example"}) {
        const auto answer = curl({"--write-out", "%{http_code}", "-H", header, api + "/ping"});
        EXPECT_NE(answer.output.find("403"), std::string::npos) << header << ": " << answer.output;
        EXPECT_NE(answer.output.find("evil.example"), std::string::npos) << answer.output;
    }
}

TEST_F(ServerTest, ASecondServerOnItsHomeIsRefusedByNameOfTheFirst) {
    const auto first = start_ready();
    const auto second = start();
    ASSERT_TRUE(second->wait());
    EXPECT_EQ(second->wait(), (Ending{1, 0}));
    EXPECT_NE(second->output().find("is in use by server alpha, process " + std::to_string(first->pid())),
              std::string::npos)
        << second->output();
}

TEST_F(ServerTest, IsReadyAgainWithinTwoSecondsAfterItWasKilled) {
    auto server = start_ready();
    for (int round = 0; round < 3; ++round) {
        server->signal(SIGKILL);
        ASSERT_TRUE(server->wait());
        const auto begin = std::chrono::steady_clock::now();
        server = start_ready();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    }
}

TEST_F(ServerTest, ListensBeyondLoopbackOnlyWithAuthentication) {
    const auto server = start({"-D", "api.listen=0.0.0.0:0"});
    EXPECT_EQ(server->wait(), (Ending{1, 0}));
    EXPECT_NE(server->output().find("api.listen is 0.0.0.0:0, which other machines can reach"), std::string::npos)
        << server->output();
}

TEST_F(ServerTest, ATakenPortIsNamed) {
    const auto first = start_ready();
    const auto taken = address_of(*first, "api-server");
    const auto second = start({"-D", "server.home=" + (folder_ / "second").string(), "-D", "api.listen=" + taken});
    EXPECT_EQ(second->wait(), (Ending{1, 0}));
    EXPECT_NE(second->output().find(taken), std::string::npos) << second->output();
    EXPECT_NE(second->output().find("api.listen"), std::string::npos) << second->output();
}

TEST_F(ServerTest, TheControlSocketIsForItsUserAndAnswers) {
    const auto server = start_ready();
    const auto mode = std::filesystem::status(home() / "control.sock").permissions();
    EXPECT_EQ(mode & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto status = drover({"status"});
    EXPECT_TRUE(status.ok()) << status.output;
    EXPECT_TRUE(std::regex_search(status.output, std::regex("sqlite +ready"))) << status.output;
    const auto as_json = drover({"status", "--json"});
    EXPECT_EQ(json::parse(as_json.output).as_array().size(), std::size(kPlugins));

    const auto drain = drover({"drain"});
    EXPECT_TRUE(drain.ok()) << drain.output;
    EXPECT_EQ(server->wait(), (Ending{0, 0})) << server->output();
    const auto nobody = drover({"status"});
    EXPECT_EQ(nobody.ending, (Ending{1, 0}));
    EXPECT_NE(nobody.output.find("no server answers in"), std::string::npos) << nobody.output;
}

TEST_F(ServerTest, AReloadSaysWhatNeedsARestartAndRefusesWhatIsWrong) {
    const auto server = start_ready();
    EXPECT_NE(drover({"reload"}).output.find("applied: nothing"), std::string::npos);
    configure("server.threads = 3\n");
    const auto changed = drover({"reload"});
    EXPECT_NE(changed.output.find("after a restart: server.threads"), std::string::npos) << changed.output;
    configure("server.thread = 3\n");
    const auto wrong = drover({"reload"});
    EXPECT_EQ(wrong.ending, (Ending{1, 0}));
    EXPECT_NE(wrong.output.find("Did you mean server.threads?"), std::string::npos) << wrong.output;
    server->signal(SIGHUP);
    EXPECT_TRUE(server->wait_for_line("configuration not applied; the old one stays")) << server->output();
    EXPECT_TRUE(server->running());
}

TEST_F(ServerTest, CheckPlanAndShowSayTheSameWithoutStarting) {
    EXPECT_EQ(drover({"check"}).output, "The configuration is good: " + kCount + " plugins would start.\n");
    EXPECT_EQ(json::parse(drover({"check", "--json"}).output).as_object().at("ok").as_bool(), true);
    const auto plan = json::parse(drover({"plan", "--json"}).output).as_object();
    EXPECT_EQ(plan.at("instances").as_array().size(), std::size(kPlugins));
    EXPECT_NE(drover({"plan", "--dot"}).output.find("\"ops\" -> \"http-beast\""), std::string::npos);
    const auto show = drover({"config", "show", "service.store"});
    EXPECT_EQ(show.output, "service.store = sqlite    [" + config_.string() + ":7]\n");
    EXPECT_FALSE(std::filesystem::exists(home())) << "nothing may be made by looking";

    // What is wrong with the settings, and what is wrong with the composition.
    configure("api.lisen = x\nplugin.sqlite.fil = y\n");
    const auto wrong = drover({"check", "-D", "service.lock=sqlite"});
    EXPECT_EQ(wrong.ending, (Ending{1, 0}));
    for (const auto* part : {"api.lisen: unknown key. Did you mean api.listen?",
                             "plugin.sqlite.fil: unknown option of drover.sqlite. Did you mean file?",
                             "service.lock=sqlite: drover.sqlite "})
        EXPECT_NE(wrong.output.find(part), std::string::npos) << part << " is missing in:\n" << wrong.output;
    const auto as_json = json::parse(drover({"check", "-D", "service.lock=sqlite", "--json"}).output).as_object();
    EXPECT_GE(as_json.at("problems").as_array().size(), 3U);
}

TEST_F(ServerTest, AWrongCommandIsNamedWithTheNearest) {
    for (const auto& [words, part] :
         {std::pair<std::vector<std::string>, std::string>{{"servr"}, "Did you mean server?"},
          {{"plugin", "lst"}, "lst is not a command of plugin. Did you mean list?"}}) {
        const auto refused = tree_.drover(words);
        EXPECT_EQ(refused.ending, (Ending{2, 0}));
        EXPECT_NE(refused.output.find(part), std::string::npos) << refused.output;
    }
}

TEST_F(ServerTest, AProfileRunsItsRolesOnly) {
    const auto server = start_ready({"-D", "server.profile=agent-server"});
    const auto status = json::parse(drover({"status", "--json"}).output).as_array();
    std::string names;
    for (const auto& one : status) names += std::string(one.as_object().at("instance").as_string()) + " ";
    EXPECT_EQ(names.find("api-server"), std::string::npos) << names;
    EXPECT_NE(names.find("agent-server"), std::string::npos) << names;
    EXPECT_NE(names.find("ops"), std::string::npos) << names;
}

TEST_F(ServerTest, APluginMayBeUsedUnderTwoNames) {
    configure("plugin.second.use = drover.memory\n");
    const auto server = start_ready();
    const auto status = drover({"status"});
    EXPECT_TRUE(std::regex_search(status.output, std::regex("second +ready"))) << status.output;
}

TEST_F(ServerTest, LogLinesAreJsonByOption) {
    const auto server = start({"-D", "log.format=json"});
    ASSERT_TRUE(server->wait_for_line(R"("message":"ready")")) << server->output();
    server->signal(SIGTERM);
    ASSERT_TRUE(server->wait());
    std::istringstream lines(server->output());
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count)
        EXPECT_TRUE(json::parse(line).as_object().contains("message")) << line;
    EXPECT_GT(count, 5);
}

}  // namespace
}  // namespace drover::test
