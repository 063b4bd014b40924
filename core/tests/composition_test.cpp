#include "composition/composition.hpp"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace drover::core {
namespace {

ProvidedService provides(const std::string& slot, Traits traits = {}) {
    return {"drover." + slot, 0, slot, std::move(traits), nullptr};
}
NeededService needs(const std::string& slot, bool optional = false, Traits traits = {}) {
    return {"drover." + slot, 0, slot, optional, std::move(traits)};
}

PluginInfo plugin(const std::string& id, std::vector<ProvidedService> provided, std::vector<NeededService> needed,
                  const std::string& role = {}) {
    PluginInfo info;
    info.note.id = id;
    info.note.version = "1.0.0";
    info.note.build_id = id + "-build";
    info.summary = id;
    info.file = "/plugins/" + id + ".so";
    info.provides = std::move(provided);
    info.needs = std::move(needed);
    if (!role.empty()) info.roles = {{role, "does " + role, false}};
    return info;
}

/// Two lock backends, a store that wants locks, and two roles.
Catalogue usual() {
    Catalogue catalogue;
    catalogue.plugins = {plugin("drover.api", {}, {needs("store"), needs("events", true)}, "api-server"),
                         plugin("drover.memory", {provides("lock")}, {}),
                         plugin("drover.redis", {provides("lock", {{"distributed", "true"}})}, {}),
                         plugin("drover.sqlite", {provides("store")}, {needs("lock")}),
                         plugin("drover.worker", {}, {needs("lock", false, {{"distributed", "true"}})}, "worker")};
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

TEST(Composition, LoadsWhatTheRolesNeedAndNothingElse) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {"server.profile=api-server", "service.lock=memory"});
    ASSERT_TRUE(composition) << composition.error();
    ASSERT_EQ(composition->instances.size(), 3U);
    EXPECT_EQ(composition->instances[0].name, "memory");
    EXPECT_EQ(composition->instances[1].name, "sqlite");
    EXPECT_EQ(composition->instances[2].name, "api");
    EXPECT_EQ(composition->instances[2].step, 3U);
    EXPECT_EQ(composition->instances[2].bindings.count("drover.events"), 0U) << "an optional need may stay open";
}

TEST(Composition, SeveralProvidersMustBeChosenBetween) {
    EXPECT_EQ(problems_of(usual(), {"server.profile=api-server"}),
              "sqlite needs drover.lock, and service.lock is not set. Set it to one of: memory, redis");
}

TEST(Composition, AProviderWithoutTheTraitIsRefused) {
    const auto text = problems_of(usual(), {"server.profile=worker", "service.lock=memory"});
    EXPECT_NE(text.find("worker needs drover.lock with distributed=true; memory promises nothing"), std::string::npos)
        << text;
}

TEST(Composition, UnknownRolesPluginsAndSlotsAreNamedWithTheNearest) {
    const auto text = problems_of(usual(), {"server.profile=api-sever", "service.lock=memry", "service.store=memory"});
    for (const auto* part :
         {"no plugin has the role api-sever", "Did you mean api-server?", "no plugin memry was found",
          "Did you mean memory?", "drover.memory provides no service for the slot store"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
}

TEST(Composition, ProblemsOfSettingsAndOfTheCompositionAreToldTogether) {
    auto catalogue = usual();
    for (auto& one : catalogue.plugins)
        if (one.note.id == "drover.sqlite")
            one.options = {required_text("file", "Where it is."), integer("readers", 4, 1, 8, "How many."),
                           required_text("user", "Who it is.")};
    const std::vector<std::string> wrong{"server.profile=api-server", "log.levl=debug", "server.threads=many",
                                         "plugin.sqlite.readers=9", "plugin.sqlite.user=me"};
    EXPECT_EQ(problems_of(catalogue, wrong),
              "-D: log.levl: unknown key. Did you mean log.level?\n"
              "-D: plugin.sqlite.readers: \"9\" is not allowed; expected at most 8.\n"
              "-D: server.threads: \"many\" is not allowed; expected a whole number.\n"
              "sqlite needs drover.lock, and service.lock is not set. Set it to one of: memory, redis\n"
              "plugin.sqlite.file: is required by drover.sqlite and not set: Where it is.");
}

TEST(Composition, AWrongValueOfARequiredOptionIsToldOnce) {
    auto catalogue = usual();
    auto port = integer("port", 1, 1, 8, "Which.");
    port.fallback.reset();
    for (auto& one : catalogue.plugins)
        if (one.note.id == "drover.memory") one.options = {port};
    const auto text =
        problems_of(catalogue, {"server.profile=api-server", "service.lock=memory", "plugin.memory.port=9"});
    EXPECT_EQ(text.find("plugin.memory.port"), text.rfind("plugin.memory.port")) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

TEST(Composition, ANeedThatNobodyAnswersIsNamed) {
    auto catalogue = usual();
    std::erase_if(catalogue.plugins, [](const PluginInfo& one) { return one.note.id == "drover.sqlite"; });
    const auto text = problems_of(catalogue, {"server.profile=api-server"});
    EXPECT_NE(text.find("api needs drover.store, and no plugin that was found provides it"), std::string::npos) << text;
}

TEST(Composition, CirclesAreNamedInFull) {
    Catalogue catalogue;
    catalogue.plugins = {plugin("drover.a", {provides("lock")}, {needs("store")}, "a"),
                         plugin("drover.b", {provides("store")}, {needs("lock")})};
    const auto text = problems_of(catalogue, {});
    EXPECT_NE(text.find("a -> b -> a"), std::string::npos) << text;
}

TEST(Composition, TwoBuildsOfOnePluginMustBeChosenBetween) {
    auto catalogue = usual();
    auto second = plugin("drover.memory", {provides("lock")}, {});
    second.note.version = "2.0.0";
    second.note.build_id = "ffff";
    second.file = "/other/memory.so";
    catalogue.plugins.push_back(second);
    const auto text = problems_of(catalogue, {"server.profile=api-server", "service.lock=memory"});
    for (const auto* part : {"plugin drover.memory was found 2 times", "/other/memory.so", "plugin.memory.build=BUILD"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
    for (const auto* build : {"2.0.0", "ff"}) {
        const auto chosen = compose_with(catalogue, {"server.profile=api-server", "service.lock=memory",
                                                     std::string("plugin.memory.build=") + build});
        ASSERT_TRUE(chosen) << chosen.error();
        EXPECT_EQ(chosen->find("memory")->plugin->note.version, "2.0.0");
    }
}

TEST(Composition, VersionsOfAnInterfaceMustAgree) {
    auto catalogue = usual();
    for (auto& one : catalogue.plugins)
        if (one.note.id == "drover.sqlite") one.provides[0].version = 3;
    const auto text = problems_of(catalogue, {"server.profile=api-server", "service.lock=memory"});
    EXPECT_NE(
        text.find("needs drover.store version 0; sqlite (drover.sqlite 1.0.0 (build drover.s)) provides version 3"),
        std::string::npos)
        << text;
}

TEST(Composition, APluginCanBeUsedUnderTwoNames) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {"server.profile=api-server", "plugin.near.use=drover.redis",
                                                      "plugin.far.use=drover.redis", "service.lock=near"});
    ASSERT_TRUE(composition) << composition.error();
    ASSERT_TRUE(composition->find("near"));
    ASSERT_TRUE(composition->find("far"));
    const auto* store = composition->find("sqlite");
    EXPECT_EQ(composition->instances[store->bindings.at("drover.lock")].name, "near");
}

TEST(Composition, ARefusedPluginIsExplainedWhereItIsMissed) {
    auto catalogue = usual();
    std::erase_if(catalogue.plugins, [](const PluginInfo& one) { return one.note.id == "drover.redis"; });
    catalogue.refused.push_back(
        {"/plugins/redis.so", Error(Errc::unsupported, "built with another toolchain", "Rebuild.")});
    const auto text = problems_of(catalogue, {"server.profile=worker", "service.lock=redis"});
    EXPECT_NE(text.find("Refused: built with another toolchain. Rebuild."), std::string::npos) << text;
}

TEST(Composition, ThePlanIsTextPictureAndJson) {
    const auto catalogue = usual();
    const auto composition = compose_with(catalogue, {"server.profile=api-server", "service.lock=memory"});
    ASSERT_TRUE(composition);
    const auto text = plan_as_text(*composition);
    EXPECT_LT(text.find("memory"), text.find("sqlite"));
    EXPECT_NE(text.find("└─ store = sqlite"), std::string::npos) << text;
    EXPECT_NE(plan_as_dot(*composition).find("\"sqlite\" -> \"memory\" [label=\"lock\"]"), std::string::npos);
    const auto parsed = boost::json::parse(plan_as_json(*composition)).as_object();
    EXPECT_EQ(parsed.at("instances").as_array().size(), 3U);
    EXPECT_EQ(parsed.at("instances").as_array()[1].as_object().at("bindings").as_object().at("lock").as_string(),
              "memory");
}

}  // namespace
}  // namespace drover::core
