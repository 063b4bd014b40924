#pragma once

#include <string_view>
#include <vector>

#include "drover/model/declaration.hpp"

/// The resource types that the engine itself keeps: processes and their history, external handlers, tasks,
/// settings.
namespace drover::engine {

/// Pending processes are spread over so many slots, the slots over the servers that execute.
inline constexpr int kSlots = 64;

namespace phase {
inline constexpr std::string_view kStarted = "STARTED";
inline constexpr std::string_view kDone = "DONE";
}  // namespace phase

std::vector<ResourceType> resource_types();
std::vector<ApiType> api_types();
std::vector<ProcessDefinition> process_definitions();

}  // namespace drover::engine
