#include "types/types.hpp"

#include <algorithm>
#include <iterator>

#include "types/parts.hpp"

namespace drover::cloud {
namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

}  // namespace

void Declarations::add(Declarations more) {
    append(resources, std::move(more.resources));
    append(api, std::move(more.api));
    append(processes, std::move(more.processes));
}

Declarations all_types() {
    Declarations all;
    all.add(account_types());
    all.add(agent_types());
    all.add(compute_types());
    all.add(storage_types());
    return all;
}

ProcessDefinition process(std::string type, std::string action, StateChange change, std::string delegate) {
    ProcessDefinition made;
    const auto prefix = lower(type) + ".";
    made.name = prefix + action;
    made.resource_type = std::move(type);
    made.changes = {std::move(change)};
    if (!delegate.empty()) made.delegate = prefix + delegate;
    return made;
}

void replace(std::vector<ProcessDefinition>& processes, ProcessDefinition process) {
    const auto found = std::find_if(processes.begin(), processes.end(),
                                    [&](const ProcessDefinition& one) { return one.name == process.name; });
    if (found == processes.end()) processes.push_back(std::move(process));
    else *found = std::move(process);
}

std::vector<ProcessDefinition> allocation_processes(const std::string& type) {
    auto allocate = process(type, "allocate", {{"inactive"}, "activating", "active"});
    auto deallocate = process(type, "deallocate", {{"activating", "active"}, "deactivating", "inactive"});
    allocate.state_field = deallocate.state_field = "allocationState";
    return {std::move(allocate), std::move(deallocate)};
}

}  // namespace drover::cloud
