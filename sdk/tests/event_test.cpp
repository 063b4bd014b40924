#include "drover/event.hpp"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace drover {
namespace {

namespace json = boost::json;

Event full_event() {
    Event event;
    event.id = "e-1";
    event.name = "compute.instance.activate;agent=5";
    event.reply_to = "reply.42";
    event.resource_id = "17";
    event.resource_type = "instanceHostMap";
    event.publisher = "server-1";
    event.transitioning = Transitioning::yes;
    event.transitioning_message = "pulling \"image\"\n";
    event.transitioning_internal_message = "layer 2";
    event.transitioning_progress = 40;
    event.previous_ids = {"b", "a"};
    event.previous_names = {"x"};
    event.data = json::object{{"instance", json::object{{"id", 5}}}};
    event.time = WallTime(std::chrono::milliseconds(1'400'000'000'123));
    event.timeout_millis = 15'000;
    event.context = json::object{{"logicPath", "instance.start"}};
    return event;
}

TEST(EventJson, ReadsBackWhatItWrote) {
    const auto text = to_json(full_event());
    const auto again = parse_event(text);
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(to_json(*again), text);
    EXPECT_EQ(again->transitioning, Transitioning::yes);
    EXPECT_EQ(again->time, full_event().time);
}

TEST(EventJson, WritesEveryKeyAndNullForWhatIsUnset) {
    Event event;
    event.name = "ping";
    const auto parsed = json::parse(to_json(event)).as_object();
    for (const auto* key : {"id", "name", "replyTo", "resourceId", "resourceType", "publisher", "transitioning",
                            "transitioningMessage", "transitioningInternalMessage", "transitioningProgress",
                            "previousIds", "previousNames", "data", "time", "timeoutMillis", "context"})
        EXPECT_TRUE(parsed.contains(key)) << key;
    EXPECT_TRUE(parsed.at("replyTo").is_null());
    EXPECT_TRUE(parsed.at("transitioning").is_null());
    EXPECT_TRUE(parsed.at("previousIds").is_array());
}

TEST(EventJson, UnknownKeysAreIgnoredAndAgentsMaySendNumbers) {
    const auto event = parse_event(R"({"name":"ping","resourcetype":"x","resourceId":5,"time":"12","extra":[1]})");
    ASSERT_TRUE(event) << event.error();
    EXPECT_EQ(event->resource_id, "5");
    EXPECT_EQ(event->time->time_since_epoch().count(), 12);
}

TEST(EventJson, WhatIsNoEventIsRefusedNamingTheKey) {
    for (const auto& [text, named] :
         {std::pair{"", "not JSON"}, std::pair{"[]", "an array"}, std::pair{"{}", "name"},
          std::pair{R"({"name":5})", "name"}, std::pair{R"({"name":"a b"})", "event name"},
          std::pair{R"({"name":"a","previousIds":"x"})", "previousIds"},
          std::pair{R"({"name":"a","previousIds":[1]})", "previousIds"}, std::pair{R"({"name":"a","data":[]})", "data"},
          std::pair{R"({"name":"a","time":1.5})", "time"},
          std::pair{R"({"name":"a","time":99999999999999999999999})", "time"},
          std::pair{R"({"name":"a","transitioning":"perhaps"})", "transitioning"},
          std::pair{"{\"name\":\"\xff\"}", "not JSON"}}) {
        const auto event = parse_event(text);
        ASSERT_FALSE(event) << text;
        EXPECT_EQ(event.error().code(), Errc::invalid);
        EXPECT_NE(event.error().message().find(named), std::string::npos) << event.error();
    }
}

TEST(EventJson, DepthAndSizeAreBounded) {
    std::string deep = R"({"name":"a","data":)";
    for (int i = 0; i < 100; ++i) deep += R"({"x":)";
    EXPECT_FALSE(parse_event(deep + "1" + std::string(101, '}')));
    EXPECT_FALSE(parse_event(R"({"name":"a","publisher":")" + std::string(kLargestEvent, 'x') + "\"}"));
}

TEST(Events, AReplyAnswersItsRequestByIdNotByName) {
    auto request = full_event();
    const auto reply = reply_to(request, "r-1");
    EXPECT_EQ(reply.name, "reply.42");
    EXPECT_TRUE(reply.answers(request));
    EXPECT_EQ(reply.previous_ids, (std::vector<std::string>{"e-1", "b", "a"}));
    request.id = "another";
    EXPECT_FALSE(reply.answers(request));
    EXPECT_FALSE(Event{}.answers(Event{}));
}

TEST(Events, SuffixesGoBeforeTheQualifier) {
    EXPECT_EQ(with_suffix("ping;agent=5", ".reply"), "ping.reply;agent=5");
    EXPECT_EQ(with_suffix("ping", ".reply"), "ping.reply");
    EXPECT_EQ(base_name("ping;agent=5"), "ping");
}

}  // namespace
}  // namespace drover
