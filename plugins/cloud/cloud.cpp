#include "cloud.hpp"

namespace drover::cloud {
Cloud::Cloud(Clock& with, Logger logger, Metrics& metrics, std::unique_ptr<BlockingPool> threads)
    : clock(with),
      log(std::move(logger)),
      refused_reports(metrics.counter("drover_agent_reports_refused_total",
                                      "What agents reported and was refused: others' rows, too many.")),
      reported(metrics.counter("drover_agent_reported_rows_total", "Hosts and storage pools made of agents' reports.")),
      placements(metrics.counter("drover_placements_total", "Machines and volumes placed.")),
      placements_failed(metrics.counter("drover_placements_failed_total", "Machines for which no host was found.")),
      placement_conflicts(
          metrics.counter("drover_placement_conflicts_total", "Placements tried again because another was faster.")),
      placement_seconds(metrics.histogram("drover_placement_seconds", "How long placing a machine took.")),
      pool(std::move(threads)) {}

}  // namespace drover::cloud
