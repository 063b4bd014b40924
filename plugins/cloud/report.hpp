#pragma once

#include <boost/json/array.hpp>

#include <functional>
#include <string>
#include <vector>

#include "cloud.hpp"
#include "drover/engine/extension.hpp"

/// Agents tell which hosts and storage pools they have; rows are made of them.
namespace drover::cloud {

/// One report names at most so many; a larger one is refused whole.
inline constexpr std::size_t kMostReported = 10'000;

/// What a report is carried out with: a process's run, or the engine itself.
struct ReportHands {
    std::function<Async<Result<Page>>(Query query)> query;
    std::function<Async<Result<Committed>>(Batch batch)> commit;
    std::function<Async<Result<void>>(std::string process, std::int64_t id)> schedule;
    const Schema* schema = nullptr;

    static ReportHands of(ProcessRunPtr run);
    static ReportHands of(Hands hands, Clock& clock);
};

/// A row that belongs to a report, made by it or before.
struct Reported {
    std::string type;
    std::int64_t id = 0;
    std::string state;
};

/// Makes the hosts, storage pools and maps between them that do not exist yet, and schedules their create. What
/// names something of another agent, or contradicts what is there, is refused: logged and counted.
/// Errors: invalid (too many), those of the store.
Async<Result<std::vector<Reported>>> take_report(CloudPtr cloud, ReportHands hands, std::int64_t agent_id,
                                                 boost::json::array resources);

/// The values of a new row as the store takes them: columns as they are, everything else in `data.fields`. What
/// does not fit its column is left out.
Assignments row_values(const ResourceType& type, const boost::json::object& values, std::int64_t now);

}  // namespace drover::cloud
