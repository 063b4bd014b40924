#pragma once

#include <memory>

#include "allocator/ledger.hpp"
#include "drover/context.hpp"

namespace drover::cloud {

/// What all parts of the plugin share on one server.
/// Thread-safety: every member may be used from any thread.
struct Cloud {
    explicit Cloud(Context& context);

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

    /// For what takes long on a thread: hashing secrets, looking names up. Closed by the plugin's `stop`.
    std::unique_ptr<BlockingPool> pool;
};

using CloudPtr = std::shared_ptr<Cloud>;  // owners: the plugin and the logic, filters and reports it has given out

}  // namespace drover::cloud
