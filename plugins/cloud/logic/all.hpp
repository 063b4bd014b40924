#pragma once

#include <vector>

#include "cloud.hpp"
#include "logic/support.hpp"

/// Everything that the processes of the cloud's types do, each by its idea.
namespace drover::cloud {

void add_account_logic(std::vector<Logic>& all);                     ///< accounts and their keys
void add_agent_logic(std::vector<Logic>& all, CloudPtr cloud);       ///< agents: accounts, pings, connections
void add_instance_logic(std::vector<Logic>& all);                    ///< create, stop, remove, restore
void add_start_logic(std::vector<Logic>& all);                       ///< start, and what follows when it fails
void add_allocation_logic(std::vector<Logic>& all, CloudPtr cloud);  ///< places of instances and volumes
void add_volume_logic(std::vector<Logic>& all);                      ///< volumes and their maps
void add_command_logic(std::vector<Logic>& all);                     ///< maps whose processes are agents' commands
void add_pool_logic(std::vector<Logic>& all);                        ///< external pools that new pools bring along

/// All of the above.
std::vector<Logic> all_logic(CloudPtr cloud);

/// What stopping an instance does, removal too: maps and volumes inactive, its place given back.
Async<Result<void>> stop_instance(ProcessRunPtr run);

}  // namespace drover::cloud
