#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "control_plane.hpp"

namespace drover::test {

/// A port of 127.0.0.1 that nobody listens on now, for a server that must come back under the same address.
int free_port();

/// One of the example agents, registered at a running server and served by it. Its machines end with it.
class ExampleAgent {
public:
    /// `program` is its path below sdk/examples/agents.
    ExampleAgent(ControlPlane& plane, std::string program);
    ~ExampleAgent();
    ExampleAgent(const ExampleAgent&) = delete;
    ExampleAgent& operator=(const ExampleAgent&) = delete;

    /// Makes the agent and its keys, starts it and waits until it is active; false when it does not get there.
    bool begin();
    /// Starts its program, again.
    void start();
    /// SIGKILL. Its machines live on.
    void kill();

    std::string said() const { return process_ ? process_->output() : std::string(); }
    /// As the API knows its host.
    const std::string& host_id() const { return host_id_; }
    std::filesystem::path folder_of(const std::string& instance) const { return state() / "instances" / instance; }
    /// What its ledger says: one JSON object for each command carried out.
    std::vector<boost::json::object> ledger() const;

private:
    std::filesystem::path state() const { return folder_ / "state"; }
    Command command(std::vector<std::string> arguments = {}) const;

    ControlPlane& plane_;
    const std::string program_;
    TemporaryFolder folder_;
    std::string access_key_;
    std::string secret_key_;
    std::string host_id_;
    std::unique_ptr<Process> process_;
};

/// Makes an image that any host of no built-in kind takes; its id.
std::string make_image(ApiClient& client, const std::string& uuid);

}  // namespace drover::test
