// Simulated agents: a fleet without machines, for trying Drover out and for load.
#include "drover/plugin.hpp"

#include "connector.hpp"

namespace drover::simulator {
namespace {

class SimulatorPlugin final : public Plugin {
public:
    SimulatorPlugin(Context& context, Behaviour behaviour, std::size_t remembered)
        : simulator_(context, behaviour, remembered) {}
    std::vector<Offer> offers() override { return {offer<AgentConnector>(simulator_)}; }

private:
    Simulator simulator_;
};

std::vector<Option> options() {
    auto all = behaviour_options();
    all.push_back(integer("remembered", 100'000, 0, 10'000'000,
                          "How many commands the simulated agents together know to have carried out."));
    return all;
}

}  // namespace
}  // namespace drover::simulator

DROVER_PLUGIN("drover.simulator", "0.1.0",
              {
                  .summary = "Simulated agents (sim://)",
                  .options = drover::simulator::options(),
                  .extends = {drover::extension<drover::AgentConnector>()},
                  .create = [](const drover::Config& config,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      auto behaviour = drover::simulator::behaviour_of(config);
                      if (!behaviour) return behaviour.error();
                      const auto remembered = static_cast<std::size_t>(config.integer("remembered"));
                      return std::unique_ptr<drover::Plugin>(
                          new drover::simulator::SimulatorPlugin(context, *behaviour, remembered));
                  },
              });
