#include "kernel/live_settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

// Settings that change while a server runs: who is told what, in which order, and what the log says.
namespace drover::core {
namespace {

Catalogue usual_catalogue() {
    PluginInfo engine;
    engine.note.id = "drover.engine";
    engine.note.version = "1.0.0";
    engine.summary = "Engine";
    engine.roles = {{"engine", "does", false}};
    engine.options = {integer("schedule", 60, 0, 86'400, "Seconds.").at_key("task.*.schedule").live(),
                      text("greeting", "hello", "What it says.").live(), secret("token", "A secret.").live(),
                      text("name", "x", "Fixed.")};
    PluginInfo other;
    other.note.id = "drover.other";
    other.note.version = "1.0.0";
    other.summary = "Other";
    other.roles = {{"other", "does", false}};
    other.options = {text("colour", "red", "What it looks like.").live()};
    Catalogue catalogue;
    catalogue.plugins = {engine, other};
    return catalogue;
}

std::unique_ptr<Prepared> prepare_with(const std::vector<std::string>& defines) {
    auto prepared = std::make_unique<Prepared>();
    prepared->catalogue = usual_catalogue();
    auto composed = compose(GivenSettings::read({{}, defines, {}}).value(), prepared->catalogue);
    auto [settings, composition] = std::move(composed).value();
    prepared->settings = std::move(settings);
    prepared->composition = std::move(composition);
    return prepared;
}

/// Keeps lines as "message key=value ...".
class KeptLog final : public LogSink {
public:
    void write(LogLevel, std::string_view, std::string_view message, std::initializer_list<LogField> fields) override {
        std::string line(message);
        for (const auto& field : fields)
            if (const auto* text = std::get_if<std::string_view>(&field.value))
                line += " " + std::string(field.name) + "=" + std::string(*text);
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    std::size_t count(std::string_view part) const {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(std::count_if(
            lines_.begin(), lines_.end(), [&](const auto& line) { return line.find(part) != std::string::npos; }));
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;  // guarded by mutex_
};

struct LiveSettingsTest : testing::Test {
    std::unique_ptr<LiveSettings> live_with(const std::vector<std::string>& defines = {}) {
        prepared = prepare_with(defines);
        return std::make_unique<LiveSettings>(
            *prepared,
            LiveSettings::Instances{.is_ready = [this](std::size_t i) { return ready[i].load(); },
                                    .reconfigure =
                                        [this](std::size_t i, Config config) {
                                            const std::lock_guard lock(mutex);
                                            told.emplace_back(prepared->composition.instances[i].name,
                                                              std::move(config));
                                            if (refusing) return Result<void>(Error(Errc::invalid, "not this"));
                                            return Result<void>(ok);
                                        }},
            Logger(log, "kernel"));
    }
    std::optional<KnownSetting> find(const LiveSettings& live, const std::string& key) const {
        for (const auto& one : live.known())
            if (one.key == key) return one;
        return std::nullopt;
    }
    static Result<std::string> reload(LiveSettings& live, const std::vector<std::string>& defines) {
        return live.reload([&]() -> Result<std::unique_ptr<Prepared>> { return prepare_with(defines); });
    }

    std::shared_ptr<KeptLog> log = std::make_shared<KeptLog>();  // owners: this and the loggers
    std::unique_ptr<Prepared> prepared;
    std::atomic<bool> ready[2] = {true, true};
    std::mutex mutex;
    std::vector<std::pair<std::string, Config>> told;  // guarded by mutex
    bool refusing = false;                             // guarded by mutex
};

TEST_F(LiveSettingsTest, WhatTheStoreHoldsIsInForceAndOnlyWhoUsesItIsTold) {
    const auto live = live_with();
    live->offer({{"plugin.engine.greeting", "hi"}, {"task.purge.schedule", "5"}});
    live->settle();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].first, "engine");
    EXPECT_EQ(told[0].second.text("greeting"), "hi");
    EXPECT_EQ(told[0].second.text("name"), "x") << "it is given all of its options";
    EXPECT_EQ(told[0].second.matches("schedule"), (Matches{{"purge", "5"}}));
    const auto known = find(*live, "task.purge.schedule");
    ASSERT_TRUE(known);
    EXPECT_EQ(known->value, "5");
    EXPECT_EQ(known->fallback, "60");
    EXPECT_EQ(known->source, "database");
    EXPECT_TRUE(known->is_live);

    live->offer({{"plugin.engine.greeting", "hi"}, {"task.purge.schedule", "5"}});
    live->settle();
    EXPECT_EQ(told.size(), 1U) << "nothing changed";

    live->offer({});
    live->settle();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1].second.text("greeting"), "hello");
    EXPECT_TRUE(told[1].second.matches("schedule").empty());
    EXPECT_FALSE(find(*live, "task.purge.schedule"));
}

TEST_F(LiveSettingsTest, TheConfigurationIsStrongerThanTheStore) {
    const auto live = live_with({"plugin.engine.greeting=given"});
    live->offer({{"plugin.engine.greeting", "stored"}});
    live->settle();
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->value, "given");
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->source, "-D");
}

TEST_F(LiveSettingsTest, AReloadKeepsWhatTheStoreHolds) {
    const auto live = live_with({"plugin.other.colour=blue"});
    live->offer({{"plugin.engine.greeting", "stored"}});
    live->settle();
    const auto reloaded = reload(*live, {"plugin.other.colour=green", "plugin.engine.name=y"});
    ASSERT_TRUE(reloaded) << reloaded.error();
    EXPECT_EQ(*reloaded, "applied: plugin.other.colour\nafter a restart: plugin.engine.name");
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1].first, "other");
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->value, "stored");
    EXPECT_EQ(find(*live, "plugin.engine.name")->value, "x") << "it is not in force before a restart";
    EXPECT_EQ(*reload(*live, {"plugin.other.colour=green", "plugin.engine.name=y"}),
              "applied: nothing\nafter a restart: plugin.engine.name");

    // A key that the configuration no longer gives is the store's again.
    ASSERT_TRUE(reload(*live, {"plugin.engine.greeting=given"}));
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->value, "given");
    ASSERT_TRUE(reload(*live, {}));
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->value, "stored");
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->source, "database");
}

TEST_F(LiveSettingsTest, APatternKeyThatComesAndGoesIsApplied) {
    const auto live = live_with();
    EXPECT_EQ(*reload(*live, {"task.a.schedule=1"}), "applied: task.a.schedule");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].second.matches("schedule"), (Matches{{"a", "1"}}));
    EXPECT_EQ(*reload(*live, {}), "applied: task.a.schedule");
    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(told[1].second.matches("schedule").empty());
}

TEST_F(LiveSettingsTest, WhatIsIgnoredIsNamedOnceAndItsValueNever) {
    const auto live = live_with();
    for (int round = 0; round < 3; ++round) {
        live->offer({{"nobody.knows", "hunter2"}, {"plugin.engine.name", "y"}, {"task.a.schedule", "-1"}});
        live->settle();
    }
    EXPECT_EQ(log->count("stored setting ignored key=nobody.knows"), 1U);
    EXPECT_EQ(log->count("stored setting ignored key=plugin.engine.name"), 1U);
    EXPECT_EQ(log->count("stored setting ignored key=task.a.schedule"), 1U);
    EXPECT_EQ(log->count("hunter2"), 0U);
    EXPECT_TRUE(told.empty());
}

TEST_F(LiveSettingsTest, ASecretIsToldButNotShownToOthers) {
    const auto live = live_with();
    live->offer({{"plugin.engine.token", "hunter2"}});
    live->settle();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].second.secret("token").reveal(), "hunter2");
    EXPECT_TRUE(find(*live, "plugin.engine.token")->is_secret);
    EXPECT_EQ(find(*live, "plugin.engine.token")->value, std::nullopt);
    EXPECT_EQ(log->count("hunter2"), 0U);
}

TEST_F(LiveSettingsTest, AnInstanceThatIsNotReadyIsToldWhenItIs) {
    ready[0] = false;
    const auto live = live_with();
    live->offer({{"plugin.engine.greeting", "hi"}});
    live->settle();
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->value, "hi");
    ready[0] = true;
    live->catch_up();
    live->settle();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].second.text("greeting"), "hi");
}

TEST_F(LiveSettingsTest, AnInstanceThatRefusesIsNamedAndToldAgainAtTheNextChange) {
    const auto live = live_with();
    refusing = true;
    const auto refused = reload(*live, {"plugin.engine.greeting=hi", "plugin.other.colour=blue"});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("not this"), std::string::npos);
    EXPECT_EQ(told.size(), 2U) << "the others are told all the same";
    EXPECT_EQ(log->count("plugin did not take its new options plugin=engine"), 1U);
    refusing = false;
    ASSERT_TRUE(reload(*live, {"plugin.engine.greeting=hi", "plugin.other.colour=blue"}));
    EXPECT_EQ(told.size(), 4U);
}

TEST_F(LiveSettingsTest, AConfigurationThatCannotBeReadChangesNothing) {
    const auto live = live_with({"plugin.engine.greeting=a"});
    const auto failed =
        live->reload([]() -> Result<std::unique_ptr<Prepared>> { return Error(Errc::invalid, "line 3 is no line"); });
    ASSERT_FALSE(failed);
    EXPECT_EQ(find(*live, "plugin.engine.greeting")->value, "a");
    EXPECT_EQ(log->count("configuration not applied; the old one stays error=line 3"), 1U);
}

TEST_F(LiveSettingsTest, OnceClosedNothingChanges) {
    const auto live = live_with();
    live->close();
    live->offer({{"plugin.engine.greeting", "hi"}});
    live->settle();
    const auto refused = reload(*live, {"plugin.engine.greeting=hi"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unavailable);
    EXPECT_TRUE(told.empty());
    live->close();
}

TEST_F(LiveSettingsTest, AnOfferFromInsideAReconfigureHoldsUpNobody) {
    prepared = prepare_with({});
    LiveSettings* self = nullptr;
    std::atomic<int> calls{0};
    LiveSettings live(*prepared,
                      LiveSettings::Instances{.is_ready = [](std::size_t i) { return i == 0; },
                                              .reconfigure =
                                                  [&](std::size_t, Config config) {
                                                      if (++calls == 1)
                                                          self->offer({{"plugin.engine.greeting", "two"}});
                                                      EXPECT_EQ(config.text("greeting"), calls == 1 ? "one" : "two");
                                                      EXPECT_FALSE(self->known().empty());
                                                      return Result<void>(ok);
                                                  }},
                      Logger(log, "kernel"));
    self = &live;
    live.offer({{"plugin.engine.greeting", "one"}});
    live.settle();
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace drover::core
