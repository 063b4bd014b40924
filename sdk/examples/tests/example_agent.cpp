#include "example_agent.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/json/parse.hpp>

#include <csignal>
#include <sstream>
#include <stdexcept>

namespace drover::test {

namespace json = boost::json;
using namespace std::chrono_literals;

int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const bool good = socket >= 0 && ::bind(socket, generic, size) == 0 && ::getsockname(socket, generic, &size) == 0;
    ::close(socket);
    if (!good) throw std::runtime_error("no port is free");
    return ntohs(address.sin_port);
}

ExampleAgent::ExampleAgent(ControlPlane& plane, std::string program) : plane_(plane), program_(std::move(program)) {}

ExampleAgent::~ExampleAgent() {
    if (::testing::Test::HasFailure()) ADD_FAILURE() << "the agent said:\n" << said();
    if (process_ && process_->running()) kill();
    const auto stopped = run(command({"--stop-all"}));
    EXPECT_TRUE(stopped.ok()) << to_string(stopped.ending) << "\n" << stopped.output;
}

Command ExampleAgent::command(std::vector<std::string> arguments) const {
    Command command;
    command.words = {std::string(DROVER_SOURCE_DIR) + "/sdk/examples/agents/" + program_};
    command.words.insert(command.words.end(), arguments.begin(), arguments.end());
    command.environment = {{"DROVER_URL", "http://" + plane_.agent_address().to_string() + "/v1"},
                           {"DROVER_ACCESS_KEY", access_key_},
                           {"DROVER_SECRET_KEY", secret_key_},
                           {"DROVER_AGENT_STATE", state().string()},
                           {"DROVER_ACCELERATOR", "tcg"}};
    return command;
}

void ExampleAgent::start() { process_ = std::make_unique<Process>(command()); }

void ExampleAgent::kill() {
    process_->signal(SIGKILL);
    EXPECT_TRUE(process_->wait()) << "it lives on";
}

bool ExampleAgent::begin() {
    auto client = plane_.api();
    const auto made = client.post(
        "/v1/agents", json::object{{"uri", "event://" + folder_.path().filename().string()}, {"managedConfig", false}});
    if (made.status != 201) {
        ADD_FAILURE() << "POST /v1/agents: " << made.status << " " << made.text;
        return false;
    }
    const auto target = "/v1/agents/" + text_of(made.body, "id");
    const auto owned =
        eventually(client, target, [](const auto& agent) { return !text_of(agent, "accountId").empty(); });
    // The secret is shown once: when its credential is active.
    const auto keys = eventually(client, "/v1/credentials?state=active&accountId=" + text_of(owned, "accountId"),
                                 [](const auto& list) { return !list.at("data").as_array().empty(); });
    if (::testing::Test::HasFailure()) return false;
    access_key_ = text_of(keys.at("data").at(0), "publicValue");
    secret_key_ = text_of(keys.at("data").at(0), "secretValue");
    start();
    eventually(client, target, in_state("active"), 60s);
    const auto hosts = client.get(target + "/hosts");
    if (hosts.status != 200 || hosts.body.at("data").as_array().size() != 1) {
        ADD_FAILURE() << "an active agent has its host: " << hosts.status << " " << hosts.text;
        return false;
    }
    host_id_ = text_of(hosts.body.at("data").at(0), "id");
    EXPECT_EQ(text_of(hosts.body.at("data").at(0), "state"), "active") << hosts.text;
    return !::testing::Test::HasFailure();
}

std::vector<json::object> ExampleAgent::ledger() const {
    std::vector<json::object> entries;
    std::istringstream lines(read_file(state() / "ledger.jsonl"));
    for (std::string line; std::getline(lines, line);) entries.push_back(json::parse(line).as_object());
    return entries;
}

std::string make_image(ApiClient& client, const std::string& uuid) {
    const auto made = client.post("/v1/images", json::object{{"uuid", uuid}, {"name", uuid}, {"isPublic", true}});
    EXPECT_EQ(made.status, 201) << made.text;
    const auto id = text_of(made.body, "id");
    eventually(client, "/v1/images/" + id, in_state("active"));
    return id;
}

}  // namespace drover::test
