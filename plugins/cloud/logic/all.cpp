#include "logic/all.hpp"

namespace drover::cloud {

std::vector<Logic> all_logic(CloudPtr cloud) {
    std::vector<Logic> all;
    add_account_logic(all);
    add_agent_logic(all, cloud);
    add_instance_logic(all);
    add_start_logic(all);
    add_allocation_logic(all, cloud);
    add_volume_logic(all);
    add_command_logic(all);
    add_pool_logic(all);
    return all;
}

}  // namespace drover::cloud
