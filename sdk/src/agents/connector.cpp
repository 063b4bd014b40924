#include "drover/agents/connector.hpp"

namespace drover {
namespace {

using ConnectionPtr = std::shared_ptr<AgentConnection>;  // owners: the connector, and who opened it

/// A connection as its user holds it: its connector's plugin may have stopped since.
class ConnectionFacade final : public AgentConnection {
public:
    ConnectionFacade(std::shared_ptr<Binding> binding, ConnectionPtr connection)
        : binding_(std::move(binding)), connection_(std::move(connection)) {}

    Async<Result<Event>> call(Event command, std::chrono::milliseconds timeout,
                              std::function<void(const Event&)> on_progress) override {
        return guarded<AgentConnector, Event>(*binding_, "call",
                                              [connection = connection_, command = std::move(command), timeout,
                                               on_progress = std::move(on_progress)](AgentConnector&) mutable {
                                                  return connection->call(std::move(command), timeout,
                                                                          std::move(on_progress));
                                              });
    }
    Async<Result<void>> close() override {
        return guarded<AgentConnector, void>(
            *binding_, "close", [connection = connection_](AgentConnector&) { return connection->close(); });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry, its facades, and what they handed out
    ConnectionPtr connection_;
};

class ConnectorFacade final : public AgentConnector {
public:
    explicit ConnectorFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    std::vector<std::string> schemes() override {
        return call_now<AgentConnector>(*binding_, "schemes", [](AgentConnector& plugin) { return plugin.schemes(); });
    }
    Async<Result<ConnectionPtr>> open(AgentTarget agent, DeliverToAgent deliver, Deadline deadline) override {
        const auto binding = binding_;
        auto opening = guarded<AgentConnector, ConnectionPtr>(*binding, "open", [&](AgentConnector& plugin) {
            return plugin.open(std::move(agent), std::move(deliver), deadline);
        });
        auto opened = co_await std::move(opening);
        if (!opened) co_return opened.error();
        if (!*opened) {
            const Error nothing(Errc::internal, binding->instance() + " opened no connection and gave no error");
            binding->report("open", nothing);
            co_return nothing;
        }
        co_return std::make_shared<ConnectionFacade>(binding, std::move(*opened));
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry, its facades, and what they handed out
};

}  // namespace

template <>
std::shared_ptr<AgentConnector> make_facade<AgentConnector>(std::shared_ptr<Binding> binding) {
    return std::make_shared<ConnectorFacade>(std::move(binding));
}

}  // namespace drover
