// What runs and where: instances, the hosts they run on, and the maps between them.
#include <algorithm>

#include "types/parts.hpp"

namespace drover::cloud {
namespace {

/// The generic processes under the names that a machine's states bear.
std::vector<ProcessDefinition> instance_processes() {
    const std::string type = "instance";
    const std::vector<std::string> removable{"requested", "stopped",          "starting",        "stopping",
                                             "creating",  "updating-running", "updating-stopped"};
    std::vector<ProcessDefinition> all{
        process(type, "create", {{"requested"}, "creating", "stopped"}, "start"),
        process(type, "start", {{"stopped", "creating", "restoring"}, "starting", "running"}),
        process(type, "stop", {{"running", "starting", "updating-running", "updating-stopped"}, "stopping", "stopped"},
                "remove"),
        process(type, "remove", {removable, "removing", "removed"}),
        process(type, "purge", {{"removed"}, "purging", "purged"}),
        process(type, "restore", {{"removed"}, "restoring", "stopped"}),
        process(type, "update", {{"stopped"}, "updating-stopped", "stopped"}),
        process(type, "migrate", {{"running"}, "migrating", "running"}),
    };
    for (auto& one : all)
        if (one.name == "instance.update") one.changes.push_back({{"running"}, "updating-running", "running"});
    auto allocation = allocation_processes(type);
    std::move(allocation.begin(), allocation.end(), std::back_inserter(all));
    return all;
}

ApiField requested_host(std::string admin, std::string user) {
    auto field = virtual_column("requestedHostId", "reference[host]", std::move(admin), std::move(user));
    field.nullable = true;
    field.about = "The host on which it shall run, and no other.";
    return field;
}

ApiField image_uuid(std::string admin, std::string user) {
    return about(virtual_column("imageUuid", "string", std::move(admin), std::move(user)),
                 "The image by its uuid. One that begins with the kind of an external pool, as docker:, is registered "
                 "when it is first asked for.");
}

ApiField start_on_create(std::string admin, std::string user) {
    return with_fallback(virtual_column("startOnCreate", "boolean", std::move(admin), std::move(user)), true);
}

ApiType child(std::string name, std::vector<ApiField> fields, std::string sentence) {
    auto type = api_type(std::move(name), access("crud", "crud"), std::move(fields), std::move(sentence));
    type.base = "instance";
    return type;
}

ApiType container() {
    auto command = virtual_column("command", "string", "cr", "cr");
    command.min_length = 1;
    command.about = "What runs in it, instead of what the image says.";
    return child(
        "container",
        {column("kind", "r", "r"), column("uuid", "r", "r"), column("imageId", "cr", "r"), image_uuid("cr", "cr"),
         start_on_create("cr", "cr"), at_least(column("compute", "cr"), 0), requested_host("cru", "r"),
         virtual_column("environment", "map[string]", "cr", "cr"), std::move(command),
         about(virtual_column("commandArgs", "array[string]", "cr", "cr"), "The arguments of the command."),
         virtual_column("directory", "string", "cr", "cr"), virtual_column("user", "string", "cr", "cr"),
         column("hostname", "r"), virtual_column("tcpPorts", "array[int]", "cr", "cr"),
         virtual_column("udpPorts", "array[int]", "cr", "cr"), virtual_column("dockerPorts", "map[string]", "r"),
         virtual_column("dockerHostIp", "string", "r"), virtual_column("dockerIp", "string", "r")},
        "A container.");
}

ApiType virtual_machine() {
    return child("virtualMachine",
                 {column("kind", "r", "r"), column("imageId", "cr", "cr"), image_uuid("cr", "cr"),
                  at_least(column("compute", "cr", "cr"), 0), at_least(column("memoryMb", "cr", "cr"), 0),
                  at_least(virtual_column("vcpu", "int", "cr", "cr"), 1), start_on_create("cr", "cr"),
                  requested_host("cru", "r"), virtual_column("libvirtVncAddress", "string", "r"),
                  virtual_column("libvirtVncPassword", "string", "r")},
                 "A virtual machine.");
}

Declarations instance() {
    Declarations all;
    all.resources = {resource("instance",
                              standard_fields({
                                  account_id(),
                                  otherwise(text_field("allocationState", 128), "inactive").with_index(),
                                  integer_field("compute"),
                                  integer_field("memoryMb"),
                                  reference_field("imageId", "image").with_index(),
                                  reference_field("offeringId", "offering"),
                                  text_field("hostname"),
                                  zone_id(),
                              }),
                              "A machine: a container or a virtual machine.")};
    all.resources.back().indexes = {Index{{"kind", "state"}}};

    auto type = api_type(
        "instance", access("r", "r"),
        {column("allocationState", "r"), column("compute", "r"), column("memoryMb", "r"), hidden("offeringId"),
         column("hostname", "r"), requested_host("cru", "r"), image_uuid("cr", "cr"), start_on_create("cr", "cr")},
        "A machine: a container or a virtual machine.");
    type.actions = {{"stop", "instanceStop", "instance"}};
    auto stop = api_type("instanceStop", access("crud", "cr"),
                         {about(virtual_column("remove", "boolean", "cr", "cr"), "Remove it once it has stopped.")},
                         "What the stop of an instance takes.");
    all.api = {std::move(type), container(), virtual_machine(), std::move(stop)};
    all.processes = instance_processes();
    return all;
}

Declarations host() {
    Declarations all;
    constexpr std::int64_t kPlenty = 1'000'000;
    auto type = resource("host",
                         standard_fields({
                             account_id(),
                             text_field("uri"),
                             otherwise(integer_field("computeFree"), kPlenty).about("Null is without limit."),
                             otherwise(integer_field("computeTotal"), kPlenty),
                             reference_field("agentId", "agent").with_index(),
                             zone_id(),
                         }),
                         "Where machines run.");
    // The allocator asks for the hosts that have most free, of one kind or of any.
    type.indexes = {Index{{"state", "kind", "computeFree"}}, Index{{"state", "computeFree"}}};
    all.resources = {std::move(type)};
    all.api = {api_type(
        "host", access("crud"),
        {column("uri", "r"), about(column("computeFree", "cru"), "What is left for machines; null is without limit."),
         column("computeTotal", "cru")},
        "Where machines run.")};
    all.processes = generic_processes("host");

    auto map = resource("instanceHostMap",
                        standard_fields({reference_field("instanceId", "instance").with_index(),
                                         reference_field("hostId", "host").with_index()}),
                        "That an instance is placed on a host.");
    all.resources.push_back(std::move(map));
    all.api.push_back(api_type("instanceHostMap", access("crud"), {}, "That an instance is placed on a host."));
    auto processes = generic_processes("instanceHostMap");
    std::move(processes.begin(), processes.end(), std::back_inserter(all.processes));
    return all;
}

Declarations offering() {
    Declarations all;
    auto shared = boolean_field("isPublic").not_null(false);
    all.resources = {resource("offering", standard_fields({account_id(), std::move(shared)}),
                              "A size or a sort that machines and volumes are made of.")};
    all.api = {api_type("offering", access(""), {}, "A size or a sort that machines and volumes are made of.")};
    return all;
}

}  // namespace

Declarations compute_types() {
    auto all = instance();
    all.add(host());
    all.add(offering());
    return all;
}

}  // namespace drover::cloud
