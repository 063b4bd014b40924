#pragma once

#include <boost/json/object.hpp>

#include <set>
#include <string>
#include <vector>

#include "cloud.hpp"
#include "drover/engine/run.hpp"

/// Finds places for machines and volumes. A placement is one commit that expects what it saw of the host, so no
/// two servers can give the same room away twice.
namespace drover::cloud {

/// Gives the run's instance a host, and a pool to each of its volumes that has none; nothing when it has all.
/// Errors: is_event_error with "Failed to find a placement"; conflict (another is placing it); those of the store.
Async<Result<void>> allocate_instance(CloudPtr cloud, ProcessRunPtr run);
/// Gives back what the run's instance took of its host; once for each placement.
Async<Result<void>> deallocate_instance(CloudPtr cloud, ProcessRunPtr run);
/// Gives the run's volume a pool when it has none. Errors: as allocate_instance.
Async<Result<void>> allocate_volume(CloudPtr cloud, ProcessRunPtr run);

/// What the kind of a host, or of a pool, must be.
struct KindRule {
    std::vector<std::string> tied;   ///< it must be each of these
    std::vector<std::string> other;  ///< and none of these

    bool allows(std::string_view kind) const;
    bool impossible() const { return tied.size() > 1; }
    /// The same for a query of hosts or pools.
    std::vector<AnyOf> conditions() const;
};

/// Of `kinds`, those of the pools that have the image, and the rest. No image is tied to none.
Async<Result<KindRule>> kind_rule(ProcessRunPtr run, std::optional<std::int64_t> image);

/// The failure that users know; operators find in the log why.
Error no_placement(const ProcessRun& run, std::string_view why);

/// True for a conflict that reading again may solve: the run itself may still write.
bool can_try_again(const Error& error);

}  // namespace drover::cloud
