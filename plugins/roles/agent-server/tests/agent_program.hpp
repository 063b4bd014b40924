#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>

#include "control_plane.hpp"

namespace drover::test {

/// The key of an agent's account.
struct AgentKey {
    std::string agent;  ///< id, as administrators see it: "1a5"
    std::string user;
    std::string secret;
    std::string raw_id() const { return agent.substr(2); }
};

/// Makes an agent and reads the key of its account; the agent waits for its first answer then.
AgentKey make_agent(const ControlPlane& plane, const std::string& uri);

/// An agent of its own: subscribes, and answers commands in a thread.
class AgentProgram {
public:
    using Handler = std::function<void(AgentProgram& self, const boost::json::object& command)>;
    /// Returns once it is subscribed.
    AgentProgram(Address server, AgentKey key, std::vector<std::string> names, Handler handler);
    AgentProgram(const AgentProgram&) = delete;
    AgentProgram& operator=(const AgentProgram&) = delete;
    ~AgentProgram();

    /// What every agent does: reports one host with one pool, and does what it is told.
    static Handler obliging(const AgentKey& key);

    /// From the handler only. The status of the answer.
    int publish(const boost::json::object& event) { return client_.post("/v1/publish", event).status; }
    int reply(const boost::json::object& command, boost::json::object data = {});

    /// Names of all events that came, in order.
    std::vector<std::string> names() const;
    /// Every event that came and is no ping of the stream.
    std::vector<boost::json::object> events() const;

private:
    void run(Address server, AgentKey key, std::vector<std::string> names, Handler handler);
    void take(const std::string& text, const Handler& handler);

    ApiClient client_;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int subscribed_ = 0;                       // guarded by mutex_; the status
    std::vector<std::string> names_;           // guarded by mutex_
    std::vector<boost::json::object> events_;  // guarded by mutex_
    std::thread thread_;
};

/// The reply to a command.
boost::json::object reply_to_command(const boost::json::object& command, boost::json::object data = {});

std::string basic_authorization(const std::string& user, const std::string& secret);

/// Waits until `holds`; fails the test when that does not come to pass.
bool await(const std::function<bool()>& holds, const std::string& what);

}  // namespace drover::test
