// A server composed with this front instead of the default one.
#include <gtest/gtest.h>

#include <regex>

#include "drover/test/process.hpp"

namespace drover::test {
namespace {

class PistacheServer : public ::testing::Test {
protected:
    PistacheServer() {
        for (const auto* name : {"memory", "sqlite", "http-pistache", "ops", "api-server", "engine", "cloud"})
            tree_.add_own(name);
    }
    static std::vector<std::string> defines(const std::string& api) {
        return {"server.profile=api-server", "service.lock=memory",   "service.events=memory",
                "service.membership=memory", "service.store=sqlite",  "service.http=http-pistache",
                "api.listen=" + api,         "ops.listen=127.0.0.1:0"};
    }
    /// The address that a role says it listens on.
    static std::string address_of(ServerProcess& server, const std::string& role) {
        const std::regex line(role + R"( +listening address=(\S+))");
        std::smatch match;
        const auto log = server.log();
        return std::regex_search(log, match, line) ? match[1].str() : std::string();
    }
    static std::string get(const std::string& url) {
        return run({.words = {"curl", "--silent", "--show-error", "--max-time", "10", url}}).output;
    }
    DroverTree tree_;
};

TEST_F(PistacheServer, AnswersAndLeavesInOrder) {
    ServerProcess server(tree_, defines("127.0.0.1:0"));
    ASSERT_TRUE(server.wait_ready()) << server.log();
    const auto api = "http://" + address_of(server, "api-server");
    const auto ops = "http://" + address_of(server, "ops");
    EXPECT_EQ(get(api + "/ping"), "pong");
    EXPECT_NE(get(api + "/v1").find("apiVersion"), std::string::npos);
    EXPECT_EQ(get(ops + "/healthz"), "ok\n");
    EXPECT_EQ(get(ops + "/readyz").substr(0, 7), "ready: ") << get(ops + "/readyz");
    EXPECT_NE(get(ops + "/metrics").find("drover_plugin_ready{plugin=\"http-pistache\"} 1"), std::string::npos);
    EXPECT_EQ(server.stop(), (Ending{0, 0})) << server.log();
    EXPECT_NE(server.log().find("stopped orderly=true"), std::string::npos) << server.log();
}

TEST_F(PistacheServer, DoesNotStartWhereOtherMachinesReach) {
    ServerProcess server(tree_, defines("0.0.0.0:0"));
    EXPECT_EQ(server.process().wait(), (Ending{1, 0})) << server.log();
    EXPECT_NE(server.log().find("0.0.0.0"), std::string::npos) << server.log();
}

}  // namespace
}  // namespace drover::test
