#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drover/event.hpp"
#include "drover/facade.hpp"

namespace [[gnu::visibility("default")]] drover {

/// What a connector needs to know of an agent.
struct AgentTarget {
    std::int64_t id = 0;
    std::string uuid;
    std::string uri;           ///< "sim://rack-1", "event://host"
    boost::json::object data;  ///< the agent row's `data`
};

/// How an agent gets commands that it takes from a stream by itself: the agent server delivers `command` to the
/// subscriber that bears this agent's name and awaits the reply.
using DeliverToAgent = std::function<Async<Result<Event>>(Event command, std::chrono::milliseconds timeout,
                                                          std::function<void(const Event&)> on_progress)>;

/// An open way to one agent.
/// Thread-safety: any thread; calls may overlap.
class AgentConnection {
public:
    virtual ~AgentConnection() = default;
    /// One try of one command; the reply as the agent gave it, also when it says "error".
    /// Errors: timeout (whether it was carried out is unknown), unavailable (it was not sent), exhausted (the
    /// agent is busy: send it again later), cancelled.
    virtual Async<Result<Event>> call(Event command, std::chrono::milliseconds timeout,
                                      std::function<void(const Event&)> on_progress) = 0;
    /// Gives everything back. Calls under way end with `unavailable`.
    virtual Async<Result<void>> close() = 0;
};

/// How an agent server reaches agents whose URI has one of its schemes. An extension: every plugin found that
/// provides it is used by every agent server.
class AgentConnector {
public:
    static constexpr std::string_view kId = "drover.agent-connector";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "";
    virtual ~AgentConnector() = default;

    /// "event", "sim": what stands before "://".
    virtual std::vector<std::string> schemes() = 0;
    /// Errors: invalid (the URI), unavailable, timeout.
    virtual Async<Result<std::shared_ptr<AgentConnection>>> open(AgentTarget agent, DeliverToAgent deliver,
                                                                 Deadline deadline) = 0;
};

template <>
std::shared_ptr<AgentConnector> make_facade<AgentConnector>(std::shared_ptr<Binding> binding);

}  // namespace drover
