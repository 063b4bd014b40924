// What machines are made from and write to: images, volumes, the pools that hold them, and the maps between.
#include "types/parts.hpp"

namespace drover::cloud {
namespace {

Declarations image() {
    Declarations all;
    all.resources = {resource("image",
                              standard_fields({
                                  account_id(),
                                  text_field("url"),
                                  boolean_field("isPublic").not_null(false),
                                  integer_field("physicalSizeMb"),
                                  integer_field("virtualSizeMb"),
                                  text_field("checksum"),
                                  text_field("format"),
                                  text_field("instanceKind"),
                              }),
                              "What a machine's first volume begins as.")};
    auto kind = column("instanceKind", "cru", "r");
    kind.type = "enum";
    kind.options = {"container", "virtualMachine"};
    kind.nullable = true;
    kind.about = "The only kind of machine that can be made from it; null: any.";
    all.api = {
        api_type("image", access("cru", "r"),
                 {column("url", "cr", "r"), about(column("isPublic", "cru", "r"), "Whether every account may use it."),
                  column("physicalSizeMb", "r"), column("virtualSizeMb", "r"), column("checksum", "cr", "r"),
                  column("format", "r"), std::move(kind)},
                 "What a machine's first volume begins as.")};
    all.processes = generic_processes("image");
    return all;
}

Declarations storage_pool() {
    Declarations all;
    auto type = resource("storagePool",
                         standard_fields({
                             account_id(),
                             boolean_field("external")
                                 .not_null(false)
                                 .with_index()
                                 .about("Holds images that come from outside the deployment, by their uuid."),
                             reference_field("agentId", "agent").with_index(),
                             zone_id(),
                         }),
                         "Where volumes and images are kept.");
    all.resources = {std::move(type)};
    all.api = {
        api_type("storagePool", access("crud"), {column("external", "cru")}, "Where volumes and images are kept.")};
    all.processes = generic_processes("storagePool");
    return all;
}

Declarations volume() {
    Declarations all;
    all.resources = {resource("volume",
                              standard_fields({
                                  account_id(),
                                  integer_field("physicalSizeMb"),
                                  integer_field("virtualSizeMb"),
                                  integer_field("deviceNumber").about("0 is the one a machine starts from."),
                                  text_field("format"),
                                  otherwise(text_field("allocationState", 128), "inactive"),
                                  text_field("attachedState", 128),
                                  reference_field("instanceId", "instance").with_index(),
                                  reference_field("imageId", "image").with_index(),
                                  reference_field("offeringId", "offering"),
                                  zone_id(),
                              }),
                              "A disk of a machine.")};
    all.api = {api_type(
        "volume", access("r", "r"),
        {hidden("physicalSizeMb"), column("virtualSizeMb", "r", "r"), column("deviceNumber", "r", "r"),
         column("format", "r"), column("allocationState", "r"), column("attachedState", "r"), hidden("offeringId")},
        "A disk of a machine.")};
    all.processes = generic_processes("volume");
    for (auto& one : allocation_processes("volume")) all.processes.push_back(std::move(one));
    auto detach = process("volume", "detach", {{"active", "attaching"}, "detaching", "inactive"});
    detach.state_field = "attachedState";
    all.processes.push_back(std::move(detach));
    return all;
}

Declarations map(std::string name, std::vector<Field> ends, const std::string& sentence) {
    Declarations all;
    all.processes = generic_processes(name);
    all.api = {api_type(name, access("crud"), {}, sentence)};
    all.resources = {resource(std::move(name), standard_fields(std::move(ends)), sentence)};
    return all;
}

Field to(std::string name, std::string type) { return reference_field(std::move(name), std::move(type)).with_index(); }

}  // namespace

Declarations storage_types() {
    auto all = image();
    all.add(storage_pool());
    all.add(volume());
    all.add(map("imageStoragePoolMap", {to("imageId", "image"), to("storagePoolId", "storagePool")},
                "That a storage pool has an image, or can get it."));
    all.add(map("storagePoolHostMap", {to("storagePoolId", "storagePool"), to("hostId", "host")},
                "That a host reaches a storage pool."));
    all.add(map("volumeStoragePoolMap", {to("volumeId", "volume"), to("storagePoolId", "storagePool")},
                "That a volume is kept in a storage pool."));
    return all;
}

}  // namespace drover::cloud
