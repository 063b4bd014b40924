#include "drover/options.hpp"

#include <gtest/gtest.h>

namespace drover {
namespace {

using namespace std::chrono_literals;

const std::vector<Option>& declared() {
    static const std::vector<Option> options{
        required_text("endpoint", "Server to use."),
        duration("session-ttl", 4s, "How long.").between(1000, 60'000),
        integer("pool", 4, 1, 64, "Connections."),
        boolean("tls", false, "Encrypt."),
        size("buffer", 64 * 1024, "Bytes."),
        secret("password", "Secret."),
        choice("mode", "fast", {"fast", "safe"}, "Which."),
        list("hosts", "", "Where."),
        address("listen", "127.0.0.1:80", "Where.").optional(),
    };
    return options;
}

TEST(Options, DefaultsAndGivenValuesAreTyped) {
    const auto config = Config::make(declared(), {{"endpoint", "host:1"},
                                                  {"session-ttl", "1500ms"},
                                                  {"buffer", "2m"},
                                                  {"password", "s3cret"},
                                                  {"hosts", " a, b ,,c "},
                                                  {"tls", "Yes"}});
    ASSERT_TRUE(config) << config.error();
    EXPECT_EQ(config->text("endpoint"), "host:1");
    EXPECT_EQ(config->duration("session-ttl"), 1500ms);
    EXPECT_EQ(config->integer("pool"), 4);
    EXPECT_TRUE(config->boolean("tls"));
    EXPECT_EQ(config->size("buffer"), 2 * 1024 * 1024);
    EXPECT_EQ(config->secret("password").reveal(), "s3cret");
    EXPECT_EQ(config->list("hosts"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(config->address("listen").port, 80);
}

TEST(Options, EveryProblemIsToldAtOnceWithTheNearestName) {
    const auto config =
        Config::make(declared(), {{"sesion-ttl", "4s"}, {"pool", "65"}, {"mode", "saef"}, {"tls", "maybe"}});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), Errc::invalid);
    const auto& text = config.error().message();
    for (const auto* part : {"endpoint: is required", "Did you mean session-ttl?", "at most 64", "Did you mean safe?",
                             "expected true or false"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in: " << text;
}

TEST(Options, ASecretIsNotShownInItsOwnError) {
    auto option = secret("password", "Secret.");
    option.type = OptionType::secret;
    EXPECT_TRUE(parse_option(option, "anything at all"));
    const auto config = Config::make({secret("key", "Secret.")}, {{"key", "hunter2"}, {"kez", "x"}});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().message().find("hunter2"), std::string::npos);
}

TEST(Options, AskingForWhatWasNotDeclaredIsABugOfThePlugin) {
    const auto config = Config::make(declared(), {{"endpoint", "x"}});
    ASSERT_TRUE(config);
    EXPECT_THROW((void)config->text("other"), std::logic_error);
    EXPECT_THROW((void)config->integer("endpoint"), std::logic_error);
    EXPECT_FALSE(config->has("password"));
}

struct BadValue {
    OptionType type;
    const char* text;
};
TEST(Options, ValuesOfTheWrongKindAreRefusedWithWhatWasExpected) {
    for (const auto& [type, text] :
         {BadValue{OptionType::integer, ""}, BadValue{OptionType::integer, "1x"},
          BadValue{OptionType::integer, "99999999999999999999"}, BadValue{OptionType::duration, "4"},
          BadValue{OptionType::duration, "s"}, BadValue{OptionType::duration, "9223372036854775807h"},
          BadValue{OptionType::size, "1t"}, BadValue{OptionType::size, "1.5k"}, BadValue{OptionType::boolean, "2"},
          BadValue{OptionType::address, "8080"}, BadValue{OptionType::address, "host:"},
          BadValue{OptionType::address, "host:65536"}, BadValue{OptionType::address, "::1:80"},
          BadValue{OptionType::address, ":80"}, BadValue{OptionType::address, "http://host:80"}}) {
        Option option;
        option.type = type;
        const auto value = parse_option(option, text);
        ASSERT_FALSE(value) << text;
        EXPECT_NE(value.error().message().find("expected"), std::string::npos) << value.error();
    }
}

TEST(Options, AddressesKnowLoopback) {
    EXPECT_TRUE(parse_address("127.0.0.1:0")->is_loopback());
    EXPECT_TRUE(parse_address("[::1]:8080")->is_loopback());
    EXPECT_TRUE(parse_address("localhost:8080")->is_loopback());
    EXPECT_FALSE(parse_address("0.0.0.0:8080")->is_loopback());
    EXPECT_EQ(parse_address("[::1]:8080")->to_string(), "[::1]:8080");
}

TEST(Options, TheNearestNameIsNearOrNone) {
    EXPECT_EQ(nearest("servr.home", {"server.home", "server.profile"}), "server.home");
    EXPECT_EQ(nearest("zzz", {"server.home", "server.profile"}), "");
    EXPECT_EQ(nearest("", {}), "");
}

}  // namespace
}  // namespace drover
