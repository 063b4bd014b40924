// Who carries commands out: agents and their groups. Beside them the small tables that belong to no other type.
#include "types/parts.hpp"

namespace drover::cloud {
namespace {

/// What accounts of agents see of agents, and those that may only register one.
ApiField for_agents(ApiField field, std::string agent, std::string registering) {
    field.access["agent"] = std::move(agent);
    field.access["agentRegister"] = std::move(registering);
    return field;
}

Declarations agent() {
    Declarations all;
    auto managed = otherwise(boolean_field("managedConfig"), true);
    auto type = resource("agent",
                         standard_fields({
                             account_id(),
                             text_field("uri").with_index().about("How it is reached: event://, sim://."),
                             std::move(managed),
                             reference_field("agentGroupId", "agentGroup").with_index(),
                             zone_id(),
                         }),
                         "What carries commands out on hosts and storage pools.");
    // Agent servers page through the active agents of their groups with every ping.
    type.indexes = {Index{{"state", "agentGroupId"}}};
    all.resources = {std::move(type)};

    auto who = access("crud");
    who["agent"] = "r";
    who["agentRegister"] = "cr";
    auto account = column("accountId", "cru");
    account.nullable = true;
    auto uri = for_agents(column("uri", "cru"), "", "cr");
    uri.unique = true;
    uri.about = "How it is reached: event://NAME for one that subscribes, sim://NAME for a simulated one.";
    auto id = for_agents(column("id", "r"), "r", "");
    auto name = for_agents(column("name", "cru"), "r", "");
    auto user = for_agents(virtual_column("user", "string", "cr"), "r", "cr");
    user.about = "The user of the ssh URI that an agent without one is given.";
    all.api = {api_type("agent", std::move(who),
                        {std::move(id), std::move(name), std::move(account), std::move(uri),
                         column("managedConfig", "cru"), column("agentGroupId", "cru"), std::move(user)},
                        "What carries commands out on hosts and storage pools.")};

    all.processes = generic_processes("agent");
    const std::vector<std::string> stoppable{"active", "activating", "reconnecting", "updating-active",
                                             "updating-inactive"};
    replace(all.processes, process("agent", "deactivate", {stoppable, "deactivating", "inactive"}, "remove"));
    auto reconnect = process("agent", "reconnect", {{"active", "activating"}, "reconnecting", "active"});
    reconnect.priority = 100;  // everything else that an agent is to do waits for it
    replace(all.processes, std::move(reconnect));
    return all;
}

Declarations agent_group() {
    Declarations all;
    all.resources = {
        resource("agentGroup", standard_fields({account_id()}), "Agents that one agent server looks after together.")};
    all.api = {api_type("agentGroup", access("crud"), {}, "Agents that one agent server looks after together.")};
    all.processes = generic_processes("agentGroup");
    return all;
}

Declarations config_items() {
    Declarations all;
    auto item = resource("configItem", {text_field("name").is_unique(), text_field("sourceVersion", 1'024)},
                         "Something that agents download and apply.");
    auto status = resource("configItemStatus",
                           {text_field("name"), integer_field("requestedVersion").not_null(0),
                            integer_field("appliedVersion").not_null(-1), text_field("sourceVersion", 1'024),
                            date_field("requestedUpdated"), date_field("appliedUpdated"),
                            reference_field("agentId", "agent").with_index()},
                           "How far one agent is with one config item.");
    status.indexes = {Index{{"name", "agentId"}, true}};
    all.resources = {std::move(item), std::move(status)};
    all.api = {api_type("configItem", access("crud"), {}, "Something that agents download and apply."),
               api_type("configItemStatus", access("crud"), {}, "How far one agent is with one config item.")};
    return all;
}

Declarations data() {
    Declarations all;
    auto value = text_field("value", 65'535);
    all.resources = {
        resource("data", {text_field("name").is_unique(), boolean_field("visible").not_null(true), std::move(value)},
                 "A value that servers share, by name.")};
    all.api = {api_type("data", access("crud"), {column("visible", "r"), column("value", "cru")},
                        "A value that servers share, by name. Rows that are not visible are not listed.")};
    return all;
}

Declarations zone() {
    Declarations all;
    all.resources = {resource("zone", standard_fields({account_id()}), "A part of the deployment.")};
    all.api = {api_type("zone", access(""), {}, "A part of the deployment.")};
    return all;
}

}  // namespace

Declarations agent_types() {
    auto all = agent();
    all.add(agent_group());
    all.add(config_items());
    all.add(data());
    all.add(zone());
    return all;
}

}  // namespace drover::cloud
