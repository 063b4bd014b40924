#include "config/settings.hpp"

#include <gtest/gtest.h>

#include "drover/test/process.hpp"

namespace drover::core {
namespace {

/// A folder for configuration files that goes away with the test.
class ConfigFolder {
public:
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        auto file = folder_ / name;
        std::filesystem::create_directories(file.parent_path());
        test::write_file(file, text);
        return file;
    }

private:
    test::TemporaryFolder folder_;
};

/// A catalogue with one lock plugin, as if it had been found.
Catalogue locks_catalogue() {
    PluginInfo plugin;
    plugin.note.id = "drover.redis";
    plugin.note.version = "1.0.0";
    plugin.summary = "Locks";
    plugin.provides = {{"drover.lock", 0, "lock", {}, nullptr}};
    plugin.options = {
        required_text("endpoint", "Server to use."),
        duration("session-ttl", std::chrono::seconds(4), "How long.").live(),
        secret("password", "Secret."),
    };
    Catalogue catalogue;
    catalogue.plugins.push_back(plugin);
    return catalogue;
}

Result<Settings> make(const GivenSettings::Sources& sources) {
    auto given = GivenSettings::read(sources);
    if (!given) return given.error();
    return Settings::make(std::move(*given), locks_catalogue());
}

std::string problems_of(const GivenSettings::Sources& sources) {
    const auto settings = make(sources);
    return settings ? "" : settings.error().message();
}

TEST(Properties, LinesCommentsAndContinuationsAreRead) {
    const auto values = parse_properties("# a comment\n! another\na.b = 1\n\nc: two words \nd = x,\\\n  y\n", "f");
    ASSERT_TRUE(values) << values.error();
    ASSERT_EQ(values->size(), 3U);
    EXPECT_EQ((*values)[0].first, "a.b");
    EXPECT_EQ((*values)[0].second.value, "1");
    EXPECT_EQ((*values)[0].second.source, "f:3");
    EXPECT_EQ((*values)[1].second.value, "two words");
    EXPECT_EQ((*values)[2].second.value, "x,  y") << "the next line is taken as it stands";
}

TEST(Properties, NoKeyIsLostWhateverEndsTheLineBefore) {
    // Found by the fuzzer: an escaped backslash, or one before a blank, continues nothing; CR alone ends a line.
    for (const std::string before :
         {"a=x\\\\\n", "a=x\\ \n", "a=x\r", "a=x\r\n", "# comment \\\n", "a=x\\\\\\\n y\n"}) {
        const auto values = parse_properties(before + "server.home = here\n", "f");
        ASSERT_TRUE(values) << before << values.error();
        ASSERT_FALSE(values->empty()) << before;
        EXPECT_EQ(values->back().first, "server.home") << before;
        EXPECT_EQ(values->back().second.value, "here") << before;
        EXPECT_EQ(values->size(), before.front() == '#' ? 1U : 2U) << before;
    }
}

TEST(Properties, WhatCannotBeMeantIsRefusedWithItsLine) {
    for (const auto& [text, part] :
         {std::pair<std::string, std::string>{"a=1\na=2\n", "f:2: a is given twice, first in line 1"},
          {"bad key!=1\n", "f:1: \"bad key!\" is not a key"},
          {std::string("a=\0", 3), "zero byte"},
          {std::string(2 * 1024 * 1024, '#'), "at most"}}) {
        const auto values = parse_properties(text, "f");
        ASSERT_FALSE(values) << text.substr(0, 40);
        EXPECT_NE(values.error().message().find(part), std::string::npos) << values.error();
    }
}

TEST(Settings, TheStrongestSourceWinsAndIsNamed) {
    const ConfigFolder folder;
    const auto file =
        folder.write("a.properties", "server.name = file\nserver.threads = 3\nlog.level = debug\nlog.format = json\n");
    folder.write("drover-local.properties", "server.threads = 4\nlog.level = warning\nlog.format = text\n");
    const auto settings = make({{"DROVER_LOG_FORMAT=json", "PATH=/bin"}, {"log.level=error"}, file});
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_EQ(settings->text("server.name"), "file");
    EXPECT_EQ(settings->text("server.threads"), "4");
    EXPECT_EQ(settings->text("log.level"), "error");
    EXPECT_EQ(settings->text("log.format"), "json");
    EXPECT_EQ(settings->text("server.home"), "drover-home");
    EXPECT_EQ(settings->all().at("server.name").source, file.string() + ":1");
    EXPECT_NE(settings->all().at("server.threads").source.find("drover-local.properties:1"), std::string::npos);
    EXPECT_EQ(settings->all().at("log.level").source, "-D");
    EXPECT_EQ(settings->all().at("log.format").source, "environment DROVER_LOG_FORMAT");
    EXPECT_EQ(settings->all().at("server.home").source, "default");
}

TEST(Settings, AProfileBringsItsOwnFileWeakerThanTheRest) {
    const ConfigFolder folder;
    const auto file = folder.write("a.properties", "server.profile = edge, other\nserver.threads = 3\n");
    folder.write("profiles/edge.properties", "server.threads = 9\nserver.name = edge\n");
    const auto settings = make({{}, {}, file});
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_EQ(settings->text("server.threads"), "3");
    EXPECT_EQ(settings->text("server.name"), "edge");
}

TEST(Settings, EnvironmentNamesFoldDotsAndDashes) {
    const auto settings = make({{"DROVER_PLUGIN_REDIS_SESSION_TTL=9s"}, {"plugin.redis.endpoint=h:1"}, {}});
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_EQ(settings->text("plugin.redis.session-ttl"), "9s");
}

TEST(Settings, AnUnknownOptionNamesThePluginTheNearestAndWhereToRead) {
    const ConfigFolder folder;
    const auto file = folder.write("dev.properties", "plugin.locks.use = drover.redis\nplugin.locks.sesion-ttl = 5s\n");
    EXPECT_EQ(problems_of({{}, {}, file}),
              file.string() +
                  ":2: plugin.locks.sesion-ttl: unknown option of drover.redis. Did you mean session-ttl? "
                  "See: drover plugin inspect drover.redis");
}

TEST(Settings, EveryProblemIsToldAtOnce) {
    const auto text = problems_of(
        {{"DROVER_SERVR_HOME=/x"},
         {"server.profil=all", "plugin.redis.session-ttl=soon", "server.threads=0", "plugin.nobody.endpoint=x"},
         {}});
    for (const auto* part : {"server.profil: unknown key. Did you mean server.profile?",
                             "DROVER_SERVR_HOME: unknown key. Did you mean DROVER_SERVER_HOME?",
                             "plugin.redis.session-ttl: \"soon\" is not allowed",
                             "server.threads: \"0\" is not allowed; expected at least 1", "no plugin is called nobody"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
}

TEST(Settings, VariablesOfTheClientAreNoKeys) {
    EXPECT_EQ(problems_of({{"DROVER_URL=http://h/v1", "DROVER_ACCESS_KEY=k", "DROVER_SECRET_KEY=s"},
                           {"plugin.redis.endpoint=h:1"},
                           {}}),
              "");
    EXPECT_NE(problems_of({{"DROVER_URLS=http://h/v1"}, {"plugin.redis.endpoint=h:1"}, {}}).find("DROVER_URLS"),
              std::string::npos);
}

TEST(Settings, ASecretIsNeverShown) {
    const auto settings = make({{}, {"plugin.redis.password=hunter2"}, {}});
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_EQ(settings->all().at("plugin.redis.password").shown(), "(hidden)");
    const auto config = settings->config_of("redis", locks_catalogue().plugins.front());
    ASSERT_FALSE(config) << "the endpoint is required";
    EXPECT_NE(config.error().message().find("plugin.redis.endpoint: is required by drover.redis"), std::string::npos);
    EXPECT_EQ(config.error().message().find("hunter2"), std::string::npos);
}

TEST(Settings, AMissingFileSaysWhereToBegin) {
    const auto text = make({{}, {}, "/nowhere/x.properties"});
    ASSERT_FALSE(text);
    EXPECT_NE(text.error().describe().find("config/single.properties"), std::string::npos);
}

TEST(Settings, OnePluginUnderTwoNamesHasTwoSetsOfOptions) {
    const auto settings =
        make({{},
              {"plugin.a.use=drover.redis", "plugin.b.use=redis", "plugin.a.endpoint=a:1", "plugin.b.endpoint=b:1"},
              {}});
    ASSERT_TRUE(settings) << settings.error();
    const auto catalogue = locks_catalogue();
    EXPECT_EQ(settings->config_of("a", catalogue.plugins.front())->text("endpoint"), "a:1");
    EXPECT_EQ(settings->config_of("b", catalogue.plugins.front())->text("endpoint"), "b:1");
}

}  // namespace
}  // namespace drover::core
