#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "composition/composition.hpp"

// Interfaces that many plugins extend and one collects: who is drawn in, in which order, and what is refused.
namespace drover::core {
namespace {

PluginInfo plugin(const std::string& id) {
    PluginInfo info;
    info.note.id = id;
    info.note.version = "1.0.0";
    info.note.build_id = id + "-build";
    info.summary = id;
    info.file = "/plugins/" + id + ".so";
    return info;
}

PluginInfo extender(const std::string& id, int version = 0) {
    auto info = plugin(id);
    info.extends = {{"drover.model-extension", version, "", {}, nullptr}};
    return info;
}

PluginInfo collector(const std::string& id) {
    auto info = plugin(id);
    info.collects = {{"drover.model-extension", 0}};
    info.roles = {{info.short_name(), "collects", false}};
    return info;
}

/// An engine that collects, two plugins that extend what it collects, one of which needs a lock.
Catalogue usual() {
    auto cloud = extender("drover.cloud");
    cloud.needs = {{"drover.lock", 0, "lock", false, {}}};
    auto memory = plugin("drover.memory");
    memory.provides = {{"drover.lock", 0, "lock", {}, nullptr}};
    Catalogue catalogue;
    catalogue.plugins = {cloud, collector("drover.engine"), memory, extender("drover.sim")};
    return catalogue;
}

Result<Composition> compose_with(const Catalogue& catalogue, const std::vector<std::string>& defines) {
    auto given = GivenSettings::read({{}, defines, {}});
    if (!given) return given.error();
    auto composed = compose(std::move(*given), catalogue);
    if (!composed) return composed.error();
    return std::move(composed->second);
}

std::string problems_of(const Catalogue& catalogue, const std::vector<std::string>& defines) {
    const auto composition = compose_with(catalogue, defines);
    return composition ? "" : composition.error().message();
}

/// What `name` collects, in the order in which it sees it.
std::vector<std::string> collected_by(const Composition& composition, const std::string& name) {
    std::vector<std::string> names;
    for (const auto& [id, extensions] : composition.find(name)->collected)
        for (const auto i : extensions) names.push_back(composition.instances[i].name);
    return names;
}

using Names = std::vector<std::string>;

TEST(Extensions, EveryPluginFoundThatExtendsWhatIsCollectedIsDrawnInWithWhatItNeeds) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {});
    ASSERT_TRUE(composition) << composition.error();
    EXPECT_EQ(collected_by(*composition, "engine"), (Names{"cloud", "sim"}));
    EXPECT_EQ(composition->find("cloud")->why, "extends drover.model-extension for engine");
    const auto lock = composition->find("cloud")->bindings.at("drover.lock");
    EXPECT_EQ(composition->instances[lock].name, "memory");
}

TEST(Extensions, NobodyIsDrawnInWhereNobodyCollects) {
    auto catalogue = usual();
    catalogue.plugins[2].roles = {{"memory", "remembers", false}};
    const auto composition = compose_with(catalogue, {"server.profile=memory"});
    ASSERT_TRUE(composition) << composition.error();
    EXPECT_EQ(composition->instances.size(), 1U);
}

TEST(Extensions, TheCollectorStartsAfterAllOfThem) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {});
    ASSERT_TRUE(composition) << composition.error();
    EXPECT_EQ(composition->find("sim")->step, 1U);
    EXPECT_EQ(composition->find("cloud")->step, 2U);
    EXPECT_EQ(composition->find("engine")->step, 3U);
    EXPECT_EQ(composition->instances.back().name, "engine");
    EXPECT_EQ(composition->used_by(composition->instances.size() - 1).size(), 2U);
}

TEST(Extensions, APluginIsKeptOutByUseOff) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {"plugin.cloud.use=off", "plugin.cloud.build=1.0.0"});
    ASSERT_TRUE(composition) << composition.error() << " (its other keys are still known)";
    EXPECT_EQ(collected_by(*composition, "engine"), Names{"sim"});
    EXPECT_FALSE(composition->find("cloud"));
    EXPECT_FALSE(composition->find("memory")) << "nobody needs it";
    EXPECT_EQ(composition->kept_out, (KeptOut{{"cloud", "-D"}}));
    EXPECT_NE(plan_as_text(*composition).find("kept out: cloud (-D: plugin.cloud.use=off)"), std::string::npos)
        << plan_as_text(*composition);
    const auto json = boost::json::parse(plan_as_json(*composition)).as_object();
    EXPECT_EQ(json.at("keptOut").as_array().at(0).as_object().at("name").as_string(), "cloud");
}

TEST(Extensions, AVariableOfTheEnvironmentKeepsOutToo) {
    const auto catalogue = usual();
    auto given = GivenSettings::read({{"DROVER_PLUGIN_SIM_USE=off"}, {}, {}});
    ASSERT_TRUE(given) << given.error();
    const auto composed = compose(std::move(*given), catalogue);
    ASSERT_TRUE(composed) << composed.error();
    EXPECT_EQ(collected_by(composed->second, "engine"), Names{"cloud"});
}

TEST(Extensions, KeepingOutWhatIsAskedForIsAContradiction) {
    EXPECT_EQ(problems_of(usual(), {"plugin.memory.use=off", "service.lock=memory"}),
              "-D: service.lock=memory: memory is kept out: -D: plugin.memory.use=off. Remove one of the two.");
    const auto text = problems_of(usual(), {"plugin.engine.use=off", "server.profile=engine"});
    EXPECT_EQ(text, "role engine: engine is kept out: -D: plugin.engine.use=off. Remove one of the two.");
    const auto missed = problems_of(usual(), {"plugin.memory.use=off"});
    EXPECT_NE(missed.find("cloud needs drover.lock, and no plugin that was found provides it. Kept out by "
                          "plugin.memory.use=off: drover.memory."),
              std::string::npos)
        << missed;
}

TEST(Extensions, KeepingOutAPluginThatIsNotThereIsRefusedWithTheNearest) {
    EXPECT_EQ(problems_of(usual(), {"plugin.cluod.use=off"}),
              "-D: plugin.cluod.use: no plugin is called cluod and no plugin.use names one. Did you mean "
              "plugin.cloud.use?");
}

TEST(Extensions, ASecondInstanceIsCollectedAsWell) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {"plugin.other.use=sim"});
    ASSERT_TRUE(composition) << composition.error();
    EXPECT_EQ(collected_by(*composition, "engine"), (Names{"cloud", "other", "sim"}));
    const auto alone = compose_with(catalogue, {"plugin.other.use=sim", "plugin.sim.use=off"});
    ASSERT_TRUE(alone) << alone.error();
    EXPECT_EQ(collected_by(*alone, "engine"), (Names{"cloud", "other"}));
}

TEST(Extensions, VersionsMustAgreeAndTheRemedyIsNamed) {
    auto catalogue = usual();
    catalogue.plugins[3] = extender("drover.sim", 4);
    EXPECT_EQ(problems_of(catalogue, {}),
              "engine (drover.engine 1.0.0 (build drover.e)) collects drover.model-extension version 0; sim "
              "(drover.sim 1.0.0 (build drover.s)) extends version 4. Take builds that agree, or keep it out with "
              "plugin.sim.use=off");
    EXPECT_EQ(problems_of(catalogue, {"plugin.sim.use=off"}), "");
}

TEST(Extensions, TwoBuildsOfOnePluginMustBeChosenBetween) {
    auto catalogue = usual();
    auto second = extender("drover.sim");
    second.note.version = "2.0.0";
    second.note.build_id = "ffff";
    catalogue.plugins.push_back(second);
    const auto text = problems_of(catalogue, {});
    EXPECT_NE(text.find("plugin drover.sim was found 2 times"), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << "it is told once: " << text;
    const auto chosen = compose_with(catalogue, {"plugin.sim.build=ff"});
    ASSERT_TRUE(chosen) << chosen.error();
    EXPECT_EQ(chosen->find("sim")->plugin->note.version, "2.0.0");
    EXPECT_EQ(collected_by(*chosen, "engine"), (Names{"cloud", "sim"}));
}

TEST(Extensions, TwoPluginsOfOneNameAreNotMistakenForEachOther) {
    auto catalogue = usual();
    catalogue.plugins.push_back(extender("example.sim"));
    const auto text = problems_of(catalogue, {});
    EXPECT_NE(text.find("example.sim 1.0.0"), std::string::npos) << text;
    EXPECT_NE(text.find("Name it with plugin.NAME.use=example.sim"), std::string::npos) << text;
    const auto named = compose_with(catalogue, {"plugin.theirs.use=example.sim"});
    ASSERT_TRUE(named) << named.error();
    EXPECT_EQ(collected_by(*named, "engine"), (Names{"cloud", "sim", "theirs"}));
}

TEST(Extensions, AnInstanceThatExtendsWhatItCollectsDoesNotWaitForItself) {
    auto catalogue = usual();
    catalogue.plugins[1].extends = {{"drover.model-extension", 0, "", {}, nullptr}};
    const auto composition = compose_with(catalogue, {});
    ASSERT_TRUE(composition) << composition.error();
    EXPECT_EQ(collected_by(*composition, "engine"), (Names{"cloud", "engine", "sim"}));
    EXPECT_EQ(composition->find("engine")->step, 3U);
}

TEST(Extensions, ACircleOfTwoIsNamedInFull) {
    auto catalogue = usual();
    catalogue.plugins[1].extends = {{"drover.model-extension", 0, "", {}, nullptr}};
    catalogue.plugins[3].collects = {{"drover.model-extension", 0}};
    const auto text = problems_of(catalogue, {});
    EXPECT_NE(text.find("engine -> sim -> engine"), std::string::npos) << text;
    EXPECT_NE(text.find("plugin.NAME.use=off"), std::string::npos) << text;
}

TEST(Extensions, ThePlanShowsThem) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {});
    ASSERT_TRUE(composition) << composition.error();
    const auto text = plan_as_text(*composition);
    EXPECT_NE(text.find("└─ collects drover.model-extension: cloud, sim"), std::string::npos) << text;
    EXPECT_NE(plan_as_dot(*composition).find("\"engine\" -> \"sim\" [style=dashed label=\"drover.model-extension\"]"),
              std::string::npos);
    const auto json = boost::json::parse(plan_as_json(*composition)).as_object();
    const auto engine = json.at("instances").as_array().back().as_object();
    EXPECT_EQ(boost::json::serialize(engine.at("collects")), R"({"drover.model-extension":["cloud","sim"]})");
    const auto sim = json.at("instances").as_array().at(1).as_object();
    EXPECT_EQ(sim.at("name").as_string(), "sim");
    EXPECT_EQ(boost::json::serialize(sim.at("extends")), R"(["drover.model-extension"])");
}

TEST(Extensions, WhatAPluginDeclaresSurvivesTheWayThroughJson) {
    auto info = extender("drover.sim", 3);
    info.collects = {{"drover.agent-connector", 2}};
    info.resource_types = {"instance"};
    info.api_types = {"container", "virtualMachine"};
    info.processes = {"instance.start"};
    const auto read = plugin_from_json(to_json(info));
    ASSERT_TRUE(read) << read.error();
    ASSERT_EQ(read->extends.size(), 1U);
    EXPECT_EQ(read->extends[0].id, "drover.model-extension");
    EXPECT_EQ(read->extends[0].version, 3);
    EXPECT_EQ(read->extends[0].slot, "");
    ASSERT_EQ(read->collects.size(), 1U);
    EXPECT_EQ(read->collects[0].id, "drover.agent-connector");
    EXPECT_EQ(read->collects[0].version, 2);
    EXPECT_EQ(read->api_types, info.api_types);
    EXPECT_EQ(read->processes, info.processes);
    EXPECT_EQ(to_json(*read), to_json(info));
}

}  // namespace
}  // namespace drover::core
