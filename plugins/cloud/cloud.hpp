#pragma once

#include <memory>

#include "allocator/ledger.hpp"
#include "drover/blocking.hpp"
#include "drover/log.hpp"
#include "drover/metrics.hpp"

namespace drover::cloud {

/// What all parts of the plugin share on one server.
/// Thread-safety: every member may be used from any thread.
struct Cloud {
    /// `threads` is for what takes long on a thread: hashing secrets, looking names up.
    Cloud(Clock& with, Logger logger, Metrics& metrics, std::unique_ptr<BlockingPool> threads);

    Clock& clock;
    Logger log;
    Ledger ledger;  ///< placements that are being written at this moment

    /// What agents reported and was refused.
    Counter& refused_reports;
    Counter& reported;
    Counter& placements;
    Counter& placements_failed;
    Counter& placement_conflicts;
    Histogram& placement_seconds;

    std::unique_ptr<BlockingPool> pool;  ///< closed by the plugin's `stop`
};

using CloudPtr = std::shared_ptr<Cloud>;  // owners: the plugin and the logic, filters and reports it has given out

}  // namespace drover::cloud
