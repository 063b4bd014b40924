#pragma once

#include <vector>

#include "drover/model/declaration.hpp"

/// What this plugin declares: the cloud's resource types, how the API shows them, and the processes that change
/// their state.
namespace drover::cloud {

/// Declarations of one kind of thing, to be joined into the descriptor.
struct Declarations {
    std::vector<ResourceType> resources;
    std::vector<ApiType> api;
    std::vector<ProcessDefinition> processes;

    void add(Declarations more);
};

Declarations account_types();  ///< account, credential
Declarations agent_types();    ///< agent, agentGroup, configItem, configItemStatus, data, zone
Declarations compute_types();  ///< instance with container and virtualMachine, host, instanceHostMap, offering
Declarations storage_types();  ///< image, storagePool, volume and the maps between them

/// All of it, in the order in which the contract lists it.
Declarations all_types();

/// The rows that every deployment begins with have the first ids of their types.
inline constexpr const char* kAdminAccount = "admin";
inline constexpr const char* kSystemAccount = "system";
inline constexpr const char* kFirstZone = "zone1";

}  // namespace drover::cloud
