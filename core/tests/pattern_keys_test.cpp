#include <gtest/gtest.h>

#include "config/settings.hpp"
#include "drover/test/process.hpp"

// Keys with a star, and settings that the store holds.
namespace drover::core {
namespace {

/// An engine whose options stand under keys of the whole server.
Catalogue engine_catalogue() {
    PluginInfo engine;
    engine.note.id = "drover.engine";
    engine.note.version = "1.0.0";
    engine.summary = "Engine";
    engine.options = {
        integer("priority", 0, -1000, 1000, "Which process goes first.").at_key("process.*.priority").live(),
        integer("schedule", 60, 0, 86'400, "Seconds between runs.").at_key("task.*.schedule").live(),
        choice("account", "user", {"user", "admin"}, "What accounts are.").at_key("account.type.*"),
        integer("pool", 4, 1, 64, "Workers.").at_key("process.pool.priority"),
        text("greeting", "hello", "What it says.").live(),
        secret("token", "A secret.").live(),
    };
    Catalogue catalogue;
    catalogue.plugins.push_back(engine);
    return catalogue;
}

const Catalogue kCatalogue = engine_catalogue();
const PluginInfo& kEngine = kCatalogue.plugins.front();

Result<Settings> make(const GivenSettings::Sources& sources) {
    auto given = GivenSettings::read(sources);
    if (!given) return given.error();
    return Settings::make(std::move(*given), kCatalogue);
}

std::string problems_of(const GivenSettings::Sources& sources) {
    const auto settings = make(sources);
    return settings ? "" : settings.error().message();
}

TEST(PatternKeys, AStarTakesWhatIsGivenDotsIncluded) {
    const auto settings = make({{},
                                {"process.instance.start.priority=5", "process.host.remove.priority=-7",
                                 "task.purge.resources.schedule=30", "account.type.service=admin"},
                                {}});
    ASSERT_TRUE(settings) << settings.error();
    const auto config = settings->config_of("engine", kEngine);
    ASSERT_TRUE(config) << config.error();
    EXPECT_EQ(config->matches("priority"), (Matches{{"host.remove", "-7"}, {"instance.start", "5"}}));
    EXPECT_EQ(config->matches("schedule"), (Matches{{"purge.resources", "30"}}));
    EXPECT_EQ(config->matches("account"), (Matches{{"service", "admin"}}));
    EXPECT_EQ(settings->all().at("task.purge.resources.schedule").source, "-D");
}

TEST(PatternKeys, NothingGivenIsNoMatchAndNoProblem) {
    const auto settings = make({});
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_TRUE(settings->config_of("engine", kEngine)->matches("priority").empty());
    EXPECT_FALSE(settings->all().contains("process.*.priority")) << "a pattern is no key";
}

TEST(PatternKeys, AKeyOfItsOwnIsNoMatchOfThePattern) {
    const auto settings = make({{}, {"process.pool.priority=9"}, {}});
    ASSERT_TRUE(settings) << settings.error();
    const auto config = settings->config_of("engine", kEngine);
    EXPECT_EQ(config->integer("pool"), 9);
    EXPECT_TRUE(config->matches("priority").empty());
}

TEST(PatternKeys, AValueIsCheckedAgainstTheOptionsType) {
    const auto text = problems_of({{}, {"process.instance.start.priority=high", "account.type.x=usr"}, {}});
    EXPECT_NE(text.find("process.instance.start.priority: \"high\" is not allowed"), std::string::npos) << text;
    EXPECT_NE(text.find("account.type.x: \"usr\" is not allowed"), std::string::npos) << text;
    EXPECT_NE(text.find("Did you mean user?"), std::string::npos) << text;
}

TEST(PatternKeys, AWrongWordIsNamedWithTheNearest) {
    EXPECT_EQ(problems_of({{}, {"proces.instance.start.priority=1"}, {}}),
              "-D: proces.instance.start.priority: unknown key. Did you mean process.instance.start.priority?");
    EXPECT_EQ(problems_of({{}, {"task.purge.scedule=1"}, {}}),
              "-D: task.purge.scedule: unknown key. Did you mean task.purge.schedule?");
    EXPECT_NE(problems_of({{}, {"process..priority=1"}, {}}), "") << "a star stands for something";
    EXPECT_EQ(problems_of({{"DROVER_TASK_PURGE_SCEDULE=1"}, {}, {}}),
              "environment: DROVER_TASK_PURGE_SCEDULE: unknown key. Did you mean DROVER_TASK_PURGE_SCHEDULE?");
}

TEST(PatternKeys, InTheEnvironmentAStarIsLowerCaseWithDotsUnlessAFileSaysHowItIsWritten) {
    const auto alone = make({{"DROVER_TASK_PURGE_OLD_RESOURCES_SCHEDULE=30"}, {}, {}});
    ASSERT_TRUE(alone) << alone.error();
    EXPECT_EQ(alone->config_of("engine", kEngine)->matches("schedule"), (Matches{{"purge.old.resources", "30"}}));
    EXPECT_EQ(alone->all().at("task.purge.old.resources.schedule").source,
              "environment DROVER_TASK_PURGE_OLD_RESOURCES_SCHEDULE");

    const auto written =
        make({{"DROVER_TASK_PURGE_OLD_RESOURCES_SCHEDULE=30"}, {"task.purge.old-Resources.schedule=5"}, {}});
    ASSERT_TRUE(written) << written.error();
    EXPECT_EQ(written->config_of("engine", kEngine)->matches("schedule"), (Matches{{"purge.old-Resources", "30"}}));
}

TEST(SharedKeys, EveryPluginHasItsOwnDefaultAndChecks) {
    PluginInfo cloud;
    cloud.note.id = "drover.cloud";
    cloud.note.version = "1.0.0";
    cloud.summary = "Cloud";
    cloud.options = {integer("delay", 30, 0, 99, "How long.").at_key("remove.delay").live(),
                     integer("schedule", 7, 0, 50, "The same as the engine's.").at_key("task.*.schedule")};
    auto catalogue = kCatalogue;
    catalogue.plugins.push_back(cloud);
    catalogue.plugins[0].options.push_back(integer("delay", 60, 0, 1000, "How long.").at_key("remove.delay").live());
    const auto make_shared_keys = [&](const std::vector<std::string>& defines) {
        return Settings::make(GivenSettings::read({{}, defines, {}}).value(), catalogue);
    };
    const auto untold = make_shared_keys({}).value();
    EXPECT_EQ(untold.config_of("engine", catalogue.plugins[0])->integer("delay"), 60);
    EXPECT_EQ(untold.config_of("cloud", catalogue.plugins[1])->integer("delay"), 30);
    const auto told = make_shared_keys({"remove.delay=5", "task.a.schedule=9"}).value();
    for (const auto& [name, index] : {std::pair("engine", 0U), std::pair("cloud", 1U)}) {
        EXPECT_EQ(told.config_of(name, catalogue.plugins[index])->integer("delay"), 5);
        EXPECT_EQ(told.config_of(name, catalogue.plugins[index])->matches("schedule"), (Matches{{"a", "9"}}));
    }
    const auto wrong = make_shared_keys({"remove.delay=500", "task.a.schedule=60"});
    ASSERT_FALSE(wrong) << "one of them cannot take it";
    EXPECT_NE(wrong.error().message().find("remove.delay: \"500\" is not allowed"), std::string::npos) << wrong.error();
    EXPECT_NE(wrong.error().message().find("task.a.schedule: \"60\" is not allowed"), std::string::npos)
        << wrong.error();

    std::vector<IgnoredSetting> ignored;
    const auto stored = untold.with_stored({{"remove.delay", "50"}, {"task.a.schedule", "5"}}, catalogue, ignored);
    EXPECT_EQ(stored.config_of("cloud", catalogue.plugins[1])->integer("delay"), 50);
    ASSERT_EQ(ignored.size(), 1U) << "what one of them cannot change while it runs, none changes";
    EXPECT_EQ(ignored[0].key, "task.a.schedule");
}

TEST(PatternKeys, WhatAStarStandsFor) {
    EXPECT_EQ(star_of("a.*.b", "a.x.b"), "x");
    EXPECT_EQ(star_of("a.*.b", "a.x.y.b"), "x.y");
    EXPECT_EQ(star_of("*.b", "x.b"), "x");
    EXPECT_EQ(star_of("a.*", "a.x"), "x");
    for (const auto* key : {"a..b", "a.b", "b.x.b", "a.x.c", ""}) EXPECT_EQ(star_of("a.*.b", key), std::nullopt) << key;
    EXPECT_EQ(star_of("a.b", "a.b"), std::nullopt) << "it has no star";
}

// --- settings that the store holds ---

struct Taken {
    Settings settings;
    std::vector<IgnoredSetting> ignored;
};

Taken with_stored(const GivenSettings::Sources& sources, const StoredSettings& stored) {
    Taken taken;
    taken.settings = make(sources).value().with_stored(stored, kCatalogue, taken.ignored);
    return taken;
}

TEST(StoredSettings, ComeAfterTheFileAndBeforeTheProfile) {
    const test::TemporaryFolder folder;
    std::filesystem::create_directories(folder / "profiles");
    test::write_file(folder / "profiles/all.properties",
                     "server.profile = all\ntask.a.schedule = 1\ntask.b.schedule = 1\ntask.c.schedule = 1\n"
                     "task.d.schedule = 1\ntask.e.schedule = 1\n");
    test::write_file(folder / "a.properties", "server.profile = all\ntask.a.schedule = 2\n");
    test::write_file(folder / "drover-local.properties", "task.b.schedule = 3\n");
    const auto taken = with_stored({{"DROVER_TASK_C_SCHEDULE=4"}, {"task.d.schedule=5"}, folder / "a.properties"},
                                   {{"task.a.schedule", "9"},
                                    {"task.b.schedule", "9"},
                                    {"task.c.schedule", "9"},
                                    {"task.d.schedule", "9"},
                                    {"task.e.schedule", "9"},
                                    {"task.f.schedule", "9"},
                                    {"plugin.engine.greeting", "hi"}});
    EXPECT_TRUE(taken.ignored.empty()) << taken.ignored.front().key << taken.ignored.front().why;
    EXPECT_EQ(taken.settings.config_of("engine", kEngine)->matches("schedule"),
              (Matches{{"a", "2"}, {"b", "3"}, {"c", "4"}, {"d", "5"}, {"e", "9"}, {"f", "9"}}));
    EXPECT_EQ(taken.settings.text("plugin.engine.greeting"), "hi");
    EXPECT_EQ(taken.settings.all().at("task.e.schedule").source, "database");
    EXPECT_EQ(taken.settings.all().at("plugin.engine.greeting").source, "database");
    EXPECT_EQ(taken.settings.all().at("task.c.schedule").source, "environment DROVER_TASK_C_SCHEDULE");
}

TEST(StoredSettings, OnlyLiveKeysThatAreKnownAndParseTakeEffect) {
    const auto taken = with_stored({}, {{"account.type.x", "admin"},
                                        {"nobody.knows", "hunter2"},
                                        {"process.a.priority", "high"},
                                        {"server.threads", "9"},
                                        {"task.a.schedule", "7"}});
    std::map<std::string, std::string> why;
    for (const auto& one : taken.ignored) why[one.key] = one.why;
    ASSERT_EQ(why.size(), 4U);
    EXPECT_NE(why["account.type.x"].find("cannot change while the server runs"), std::string::npos);
    EXPECT_NE(why["server.threads"].find("cannot change while the server runs"), std::string::npos);
    EXPECT_EQ(why["nobody.knows"], "nobody declares it");
    EXPECT_NE(why["process.a.priority"].find("a whole number"), std::string::npos) << why["process.a.priority"];
    EXPECT_EQ(taken.settings.text("server.threads"), "2");
    EXPECT_EQ(taken.settings.text("task.a.schedule"), "7");
    EXPECT_FALSE(taken.settings.all().contains("nobody.knows"));
    EXPECT_FALSE(taken.settings.all().contains("process.a.priority"));
}

TEST(StoredSettings, WhatIsNotHeldAnyMoreFallsBack) {
    const auto first = with_stored({}, {{"plugin.engine.greeting", "hi"}, {"task.a.schedule", "7"}}).settings;
    std::vector<IgnoredSetting> ignored;
    const auto second = first.with_stored({}, kCatalogue, ignored);
    EXPECT_EQ(second.text("plugin.engine.greeting"), "hello");
    EXPECT_EQ(second.all().at("plugin.engine.greeting").source, "default");
    EXPECT_FALSE(second.all().contains("task.a.schedule"));
    const auto merged = first.with_live_of(second);
    EXPECT_EQ(merged.text("plugin.engine.greeting"), "hello");
    EXPECT_FALSE(merged.all().contains("task.a.schedule"));
}

TEST(StoredSettings, WithoutARestartOnlyLiveKeysChange) {
    const auto before =
        make({{}, {"server.threads=3", "plugin.engine.greeting=a", "account.type.x=admin"}, {}}).value();
    const auto after = make({{}, {"server.threads=4", "plugin.engine.greeting=b"}, {}}).value();
    const auto merged = before.with_live_of(after);
    EXPECT_EQ(merged.text("server.threads"), "3");
    EXPECT_EQ(merged.text("plugin.engine.greeting"), "b");
    EXPECT_EQ(merged.text("account.type.x"), "admin") << "it is no live key";
}

TEST(StoredSettings, ASecretIsTakenAndNotShown) {
    const auto taken = with_stored({}, {{"plugin.engine.token", "hunter2"}});
    EXPECT_EQ(taken.settings.config_of("engine", kEngine)->secret("token").reveal(), "hunter2");
    EXPECT_EQ(taken.settings.all().at("plugin.engine.token").shown(), "(hidden)");
}

}  // namespace
}  // namespace drover::core
