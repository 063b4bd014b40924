#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/conformance/http_client.hpp"
#include "drover/test/process.hpp"

/// A whole control plane under test: the `drover` program of this build with every plugin, from
/// config/single.properties, on free ports and a home of its own.
namespace drover::test {

/// A client of the REST API, about as clever as curl. Used by one thread.
class ApiClient {
public:
    struct Answer {
        int status = 0;  ///< 0: no answer came
        boost::json::value body;
        std::string text;
    };
    /// `user` and `password` are sent when `user` is not empty.
    ApiClient(Address address, std::string user = {}, std::string password = {});

    Answer get(const std::string& target) { return send("GET", target, {}); }
    Answer post(const std::string& target, const boost::json::value& body);
    Answer put(const std::string& target, const boost::json::value& body);
    Answer remove(const std::string& target) { return send("DELETE", target, {}); }
    /// Whatever body and header lines (each with its CRLF) one likes.
    Answer send(const std::string& method, const std::string& target, const std::string& body,
                const std::string& more_headers = {});
    /// Listens to the connection for a moment, on which nothing is to come.
    void pause();

private:
    Answer try_send(const std::string& request, bool to_head);
    const Address address_;
    std::string authorization_;
    std::optional<conformance::RawClient> client_;
};

/// The running server. Ended with its owner.
class ControlPlane {
public:
    /// `defines` as of -D: "key=value", on top of config/single.properties.
    explicit ControlPlane(std::vector<std::string> defines = {});

    /// Blocks until it is ready; fails the test and returns false when it does not get there.
    bool start();
    /// SIGKILL, and its end.
    void kill();
    /// SIGTERM; false when it did not leave in an orderly way.
    bool stop();

    ApiClient api(const std::string& user = {}, const std::string& password = {}) const;
    ApiClient agents(const std::string& user = {}, const std::string& password = {}) const;
    const Address& api_address() const { return api_; }
    const Address& agent_address() const { return agent_; }
    /// A line of /metrics, its value; none when it is not there. `series` as it stands before the value.
    std::optional<double> metric(const std::string& series) const;
    Process& process() { return *process_; }
    std::string log() const { return process_ ? process_->output() : std::string(); }
    std::filesystem::path home() const { return folder_ / "home"; }

    /// Makes an agent `uri` and waits until it is active; its id.
    std::string add_agent(const std::string& uri, boost::json::object more = {});

private:
    TemporaryFolder folder_;
    const std::vector<std::string> defines_;
    std::unique_ptr<Process> process_;
    Address api_;
    Address agent_;
    Address ops_;
};

/// Asks `client` for `target` until `good`; the last body. Fails the test when that does not come to pass.
boost::json::value eventually(ApiClient& client, const std::string& target,
                              const std::function<bool(const boost::json::value&)>& good,
                              std::chrono::milliseconds at_most = std::chrono::seconds(30));

/// `body.field` as text; empty when it is no text.
std::string text_of(const boost::json::value& body, std::string_view field);
/// Good for `eventually`: the resource is in this state.
std::function<bool(const boost::json::value&)> in_state(std::string state);

}  // namespace drover::test
