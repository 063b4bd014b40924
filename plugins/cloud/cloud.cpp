#include "cloud.hpp"

namespace drover::cloud {
namespace {

constexpr std::size_t kThreads = 2;
constexpr std::size_t kQueue = 256;

}  // namespace

Cloud::Cloud(Context& context)
    : clock(context.clock()),
      log(context.log()),
      refused_reports(context.metrics().counter("drover_agent_reports_refused_total",
                                                "What agents reported and was refused: others' rows, too many.")),
      reported(context.metrics().counter("drover_agent_reported_rows_total",
                                         "Hosts and storage pools made of agents' reports.")),
      placements(context.metrics().counter("drover_placements_total", "Machines and volumes placed.")),
      placements_failed(context.metrics().counter("drover_placements_failed_total",
                                                  "Machines for which no host was found.")),
      placement_conflicts(context.metrics().counter("drover_placement_conflicts_total",
                                                    "Placements tried again because another was faster.")),
      placement_seconds(context.metrics().histogram("drover_placement_seconds", "How long placing a machine took.")),
      pool(context.make_blocking_pool(kThreads, kQueue)) {}

}  // namespace drover::cloud
