#pragma once

#include "drover/agents/connector.hpp"
#include "drover/context.hpp"
#include "memory.hpp"
#include "options.hpp"

namespace drover::simulator {

/// sim://: agents without anything behind them. An idle one costs its URI and counts, no timer and no coroutine, so
/// that ten thousand of them fit into one process.
class Simulator final : public AgentConnector {
public:
    Simulator(Context& context, Behaviour behaviour, std::size_t remembered);

    std::vector<std::string> schemes() override { return {"sim"}; }
    Async<Result<std::shared_ptr<AgentConnection>>> open(AgentTarget agent, DeliverToAgent deliver,
                                                         Deadline deadline) override;

    /// What all connections share. It outlives them.
    struct Shared {
        Clock& clock;
        CarriedOut carried_out;
        Counter& commands;
        Counter& repeated;
        Counter& failed;
        Counter& busy;
    };

private:
    const Behaviour behaviour_;
    Shared shared_;
};

}  // namespace drover::simulator
