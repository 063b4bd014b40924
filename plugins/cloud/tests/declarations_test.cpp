// The declarations as a whole, and what they let whom do: the tables of the wire contract.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "drover/model/model.hpp"
#include "drover/options.hpp"
#include "seeds.hpp"
#include "settings.hpp"
#include "types/types.hpp"

namespace drover::cloud {
namespace {

const Model& model() {
    static const auto made = [] {
        auto all = all_types();
        return Model::make(std::move(all.resources), std::move(all.api), std::move(all.processes)).value();
    }();
    return *made;
}

const ApiField* declared(const ApiType& type, std::string_view name) {
    for (const auto& field : type.fields)
        if (field.name == name) return &field;
    if (!type.base.empty() && type.inherits) return declared(*model().find(type.base), name);
    return nullptr;
}

/// What `kind` may do with a field in the end.
std::string may(std::string_view type_name, std::string_view name, std::string_view kind) {
    const auto* type = model().find(type_name);
    if (!type) return "no such type";
    const auto* field = declared(*type, name);
    if (!field) {
        const auto* resource = model().resource(*type);
        if (name != "id" && (!resource || !resource->find(name))) return "no such field";
        return std::string(default_access(kind, name));
    }
    const auto found = field->access.find(kind);
    return found == field->access.end() ? std::string(default_access(kind, name)) : found->second;
}

std::string may(std::string_view type_name, std::string_view kind) {
    const auto* type = model().find(type_name);
    const auto found = type ? type->access.find(kind) : AccessByKind::const_iterator();
    return type && found != type->access.end() ? found->second : "not declared";
}

TEST(Declarations, FitTogether) {
    auto all = all_types();
    const auto made = Model::make(std::move(all.resources), std::move(all.api), std::move(all.processes));
    ASSERT_TRUE(made) << made.error();
}

TEST(Declarations, TypesAreOpenToTheKindsThatTheContractNames) {
    const std::vector<std::array<const char*, 3>> table{{"account", "crud", ""},
                                                        {"agent", "crud", ""},
                                                        {"agentGroup", "crud", ""},
                                                        {"configItem", "crud", ""},
                                                        {"configItemStatus", "crud", ""},
                                                        {"credential", "crud", "crud"},
                                                        {"data", "crud", ""},
                                                        {"host", "crud", ""},
                                                        {"image", "cru", "r"},
                                                        {"imageStoragePoolMap", "crud", ""},
                                                        {"instance", "r", "r"},
                                                        {"container", "crud", "crud"},
                                                        {"virtualMachine", "crud", "crud"},
                                                        {"instanceStop", "crud", "cr"},
                                                        {"instanceHostMap", "crud", ""},
                                                        {"offering", "", ""},
                                                        {"storagePool", "crud", ""},
                                                        {"storagePoolHostMap", "crud", ""},
                                                        {"volume", "r", "r"},
                                                        {"volumeStoragePoolMap", "crud", ""},
                                                        {"zone", "", ""}};
    for (const auto& [type, admin, user] : table) {
        EXPECT_EQ(may(type, "admin"), admin) << type;
        EXPECT_EQ(may(type, "user"), user) << type;
        const std::string name = type;
        EXPECT_EQ(may(type, "agent"), name == "agent" ? "r" : "") << type;
        EXPECT_EQ(may(type, "agentRegister"), name == "agent" ? "cr" : "") << type;
    }
}

TEST(Declarations, FieldsAreOpenToTheKindsThatTheContractNames) {
    const std::vector<std::array<const char*, 4>> table{{"account", "kind", "cr", ""},
                                                        {"agent", "accountId", "cru", ""},
                                                        {"agent", "uri", "cru", ""},
                                                        {"agent", "managedConfig", "cru", ""},
                                                        {"agent", "user", "cr", ""},
                                                        {"agent", "zoneId", "", ""},
                                                        {"credential", "publicValue", "cru", "cru"},
                                                        {"credential", "secretValue", "cru", "cru"},
                                                        {"credential", "secretOnce", "", ""},
                                                        {"credential", "kind", "cr", "r"},
                                                        {"data", "visible", "r", ""},
                                                        {"data", "value", "cru", ""},
                                                        {"host", "uri", "r", ""},
                                                        {"host", "computeFree", "cru", ""},
                                                        {"host", "computeTotal", "cru", ""},
                                                        {"host", "agentId", "cru", "r"},
                                                        {"host", "state", "r", "r"},
                                                        {"host", "removeTime", "ru", ""},
                                                        {"image", "url", "cr", "r"},
                                                        {"image", "isPublic", "cru", "r"},
                                                        {"image", "physicalSizeMb", "r", ""},
                                                        {"image", "checksum", "cr", "r"},
                                                        {"image", "format", "r", ""},
                                                        {"image", "instanceKind", "cru", "r"},
                                                        {"instance", "allocationState", "r", ""},
                                                        {"instance", "compute", "r", ""},
                                                        {"instance", "memoryMb", "r", ""},
                                                        {"instance", "hostname", "r", ""},
                                                        {"instance", "requestedHostId", "cru", "r"},
                                                        {"container", "uuid", "r", "r"},
                                                        {"container", "kind", "r", "r"},
                                                        {"container", "imageId", "cr", "r"},
                                                        {"container", "imageUuid", "cr", "cr"},
                                                        {"container", "startOnCreate", "cr", "cr"},
                                                        {"container", "compute", "cr", ""},
                                                        {"container", "requestedHostId", "cru", "r"},
                                                        {"container", "environment", "cr", "cr"},
                                                        {"container", "command", "cr", "cr"},
                                                        {"container", "commandArgs", "cr", "cr"},
                                                        {"container", "dockerPorts", "r", ""},
                                                        {"container", "dockerIp", "r", ""},
                                                        {"container", "allocationState", "r", ""},
                                                        {"virtualMachine", "imageId", "cr", "cr"},
                                                        {"virtualMachine", "memoryMb", "cr", "cr"},
                                                        {"virtualMachine", "vcpu", "cr", "cr"},
                                                        {"virtualMachine", "compute", "cr", "cr"},
                                                        {"virtualMachine", "libvirtVncPassword", "r", ""},
                                                        {"instanceStop", "remove", "cr", "cr"},
                                                        {"storagePool", "external", "cru", ""},
                                                        {"volume", "deviceNumber", "r", "r"},
                                                        {"volume", "virtualSizeMb", "r", "r"},
                                                        {"volume", "physicalSizeMb", "", ""},
                                                        {"volume", "format", "r", ""},
                                                        {"volume", "attachedState", "r", ""}};
    for (const auto& [type, field, admin, user] : table) {
        EXPECT_EQ(may(type, field, "admin"), admin) << type << "." << field;
        EXPECT_EQ(may(type, field, "user"), user) << type << "." << field;
    }
}

TEST(Declarations, AgentsSeeNothingButTheirNames) {
    for (const auto& type : model().types()) {
        if (type.name == "agent") continue;
        for (const auto& field : type.fields) EXPECT_EQ(may(type.name, field.name, "agent"), "") << type.name;
    }
    EXPECT_EQ(may("agent", "id", "agent"), "r");
    EXPECT_EQ(may("agent", "name", "agent"), "r");
    EXPECT_EQ(may("agent", "user", "agent"), "r");
    EXPECT_EQ(may("agent", "uri", "agent"), "");
    EXPECT_EQ(may("agent", "id", "agentRegister"), "");
    EXPECT_EQ(may("agent", "uri", "agentRegister"), "cr");
    EXPECT_EQ(may("agent", "user", "agentRegister"), "cr");
}

TEST(Declarations, GiveEveryTypeOfTheContractItsProcesses) {
    const std::vector<std::string> usual{"create", "activate", "deactivate", "remove", "purge", "update", "restore"};
    for (const std::string type :
         {"account", "agentgroup", "credential", "host", "image", "imagestoragepoolmap", "instancehostmap",
          "storagepool", "storagepoolhostmap", "volumestoragepoolmap", "volume", "agent"})
        for (const auto& action : usual) EXPECT_TRUE(model().process(type + "." + action)) << type << "." << action;
    for (const std::string action :
         {"create", "start", "stop", "remove", "purge", "restore", "update", "migrate", "allocate", "deallocate"})
        EXPECT_TRUE(model().process("instance." + action)) << action;
    EXPECT_FALSE(model().process("instance.activate"));
    EXPECT_TRUE(model().process("agent.reconnect"));
    EXPECT_EQ(model().process("agent.reconnect")->priority, 100);
    EXPECT_TRUE(model().process("agent.deactivate")->starting_at("reconnecting"));
    EXPECT_EQ(model().process("agent.deactivate")->delegate, "agent.remove");
    EXPECT_EQ(model().process("instance.create")->delegate, "instance.start");
    EXPECT_EQ(model().process("volume.allocate")->state_field, "allocationState");
    EXPECT_EQ(model().process("volume.detach")->state_field, "attachedState");
    EXPECT_FALSE(model().process("host.remove")->starting_at("active"));
    EXPECT_FALSE(model().process("instance.remove")->starting_at("running"));
}

TEST(Declarations, UpdateKeepsTheStateItBeganIn) {
    const auto* update = model().process("instance.update");
    ASSERT_TRUE(update);
    EXPECT_EQ(update->starting_at("stopped")->transitioning, "updating-stopped");
    EXPECT_EQ(update->starting_at("stopped")->done, "stopped");
    EXPECT_EQ(update->starting_at("running")->transitioning, "updating-running");
    EXPECT_EQ(update->starting_at("running")->done, "running");
}

TEST(Declarations, GiveTheLinksOfTheContract) {
    const auto link = [](const char* type, const char* name) { return model().schema().link(type, name); };
    for (const auto& [type, name, target] :
         std::vector<std::array<const char*, 3>>{{"instance", "hosts", "host"},
                                                 {"host", "instances", "instance"},
                                                 {"image", "storagePools", "storagePool"},
                                                 {"storagePool", "images", "image"},
                                                 {"host", "storagePools", "storagePool"},
                                                 {"storagePool", "hosts", "host"},
                                                 {"volume", "storagePools", "storagePool"},
                                                 {"storagePool", "volumes", "volume"}}) {
        ASSERT_TRUE(link(type, name)) << type << "." << name;
        EXPECT_EQ(link(type, name)->kind, Link::Kind::map) << type << "." << name;
        EXPECT_EQ(link(type, name)->target, target);
    }
    for (const auto& [type, name] : std::vector<std::array<const char*, 2>>{{"account", "agents"},
                                                                            {"account", "credentials"},
                                                                            {"account", "volumes"},
                                                                            {"agentGroup", "agents"},
                                                                            {"agent", "hosts"},
                                                                            {"agent", "storagePools"},
                                                                            {"agent", "configItemStatuses"},
                                                                            {"host", "instanceHostMaps"},
                                                                            {"host", "storagePoolHostMaps"},
                                                                            {"image", "instances"},
                                                                            {"image", "volumes"},
                                                                            {"image", "imageStoragePoolMaps"},
                                                                            {"instance", "volumes"},
                                                                            {"instance", "instanceHostMaps"},
                                                                            {"volume", "volumeStoragePoolMaps"}}) {
        ASSERT_TRUE(link(type, name)) << type << "." << name;
        EXPECT_EQ(link(type, name)->kind, Link::Kind::child) << type << "." << name;
    }
}

TEST(Declarations, ShowInstancesAsWhatTheyAre) {
    EXPECT_EQ(model().children("instance").size(), 2u);
    ASSERT_TRUE(model().find("container"));
    EXPECT_EQ(model().find("VIRTUALMACHINES")->name, "virtualMachine");
    const auto& actions = model().find("instance")->actions;
    ASSERT_EQ(actions.size(), 1u);
    EXPECT_EQ(actions[0].name, "stop");
    EXPECT_EQ(actions[0].input, "instanceStop");
}

TEST(Declarations, OptionsHaveAKeyOfTheirOwnAndADefaultThatFits) {
    std::set<std::string> keys;
    std::set<std::string> names;
    for (const auto& option : options()) {
        EXPECT_TRUE(keys.insert(option.key).second) << option.key;
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
        EXPECT_TRUE(option.is_live) << option.key;
        ASSERT_TRUE(option.fallback) << option.key;
        EXPECT_TRUE(parse_option(option, *option.fallback)) << option.key;
    }
    EXPECT_TRUE(keys.contains("event.data.instanceHostMap"));
    EXPECT_TRUE(keys.contains("activate.by.default.storagePoolHostMap"));
}

TEST(Declarations, SeedsAreTheRowsOfTheContractAndFitTheirTypes) {
    const auto all = seeds();
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].values.at("uuid"), "admin");
    EXPECT_EQ(all[0].values.at("state"), "active");
    EXPECT_EQ(all[1].values.at("state"), "inactive");
    EXPECT_EQ(all[3].type, "zone");
    for (const auto& seed : all) {
        const auto* type = model().schema().find(seed.type);
        ASSERT_TRUE(type);
        for (const auto& [key, value] : seed.values) EXPECT_TRUE(type->find(key)) << key;
    }
}

TEST(Settings, AreReadForWhatTheyMean) {
    EXPECT_TRUE(is_on("TRUE", false));
    EXPECT_TRUE(is_on("", true));
    EXPECT_FALSE(is_on("off", true));
    EXPECT_TRUE(is_on("perhaps", true));
    EXPECT_EQ(to_number("12", 3), 12);
    EXPECT_EQ(to_number("12x", 3), 3);
    EXPECT_EQ(to_number("", 3), 3);
    EXPECT_EQ(to_words(" sim, docker,,libvirt "), (std::vector<std::string>{"sim", "docker", "libvirt"}));
}

}  // namespace
}  // namespace drover::cloud
