#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "cli/client.hpp"
#include "cli/schema.hpp"

namespace drover::cli {

/// When a resource is waited for no longer.
struct Goal {
    /// Fields and the values they must have, such as state=running; empty: until no process moves the resource.
    std::vector<std::pair<std::string, std::string>> conditions;
    std::chrono::milliseconds at_most{std::chrono::minutes(5)};
    bool may_vanish = false;  ///< after a deletion, a resource that is gone has reached the goal
};

inline constexpr std::chrono::milliseconds kUsualWait = std::chrono::minutes(5);

/// Reads words such as state=running. Errors: invalid.
Result<std::vector<std::pair<std::string, std::string>>> parse_conditions(const Schema& schema,
                                                                          const std::vector<std::string>& words);

enum class Progress : unsigned char {
    going,   ///< not yet
    met,     ///< the goal is reached
    failed,  ///< it ended in an error
};
/// What a resource says about the goal.
Progress progress_of(const boost::json::value& resource, const Goal& goal);
/// True when a resource that is gone meets the goal: after a deletion, and for state=removed and state=purged.
bool met_by_absence(const Goal& goal);

/// Asks until the goal is reached, with a line of progress on standard error when that is a terminal. The
/// resource as it was seen last; null when it is gone and should be.
/// Errors carry the status of the program: a transitioning error with its message (3), no time left (4).
Result<boost::json::value> wait_for(Client& client, const Schema& schema, const std::string& id, const Goal& goal);

}  // namespace drover::cli
