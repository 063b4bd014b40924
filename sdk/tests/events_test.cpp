// Events over the memory bus: names, patterns, queues and gaps, requests and replies.
#include "drover/events/events.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "drover/conformance/waiting.hpp"
#include "drover/testing/manual_clock.hpp"

namespace drover {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using conformance::eventually;
using conformance::Pending;

struct MemoryBus : conformance::Backend {
    std::string library() const override { return "memory.so"; }
    conformance::Options options(std::string_view) override { return {{"world", folder()}}; }
};

/// Two plugins on one bus: one asks, the other answers. Time moves when the case says so.
class EventsTest : public ::testing::Test {
protected:
    ~EventsTest() override {
        asker_.close();
        answerer_.close();
        tasks_.cancel();
        EXPECT_TRUE(tasks_.join(20s)) << "a pump outlives its events";
    }
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(backend_.executor(), std::move(work), 20s);
    }
    Event next(EventSubscription& from) {
        auto item = run(from.next(backend_.clock("bus"), Deadline::in(backend_.clock("bus"), 10s)));
        if (!item) {
            ADD_FAILURE() << item.error();
            return {};
        }
        if (const auto* gap = std::get_if<EventGap>(&*item)) {
            ADD_FAILURE() << "a gap: " << gap->reason;
            return {};
        }
        return std::get<Event>(*item);
    }
    /// What came until now; then an event that ends the list is sent and awaited.
    std::vector<std::string> names_until_marker(EventSubscription& from) {
        std::vector<std::string> names;
        for (;;) {
            const auto event = next(from);
            if (event.name.empty() || event.name == "misc.marker") return names;
            names.push_back(event.name);
        }
    }
    static Event named(std::string name) {
        Event event;
        event.name = std::move(name);
        return event;
    }
    void answer(const Event& request, std::optional<Transitioning> transitioning = {}, json::object data = {}) {
        auto reply = reply_to(request, "r-" + request.id);
        reply.transitioning = transitioning;
        reply.data = std::move(data);
        ASSERT_TRUE(run(answerer_.publish(std::move(reply))));
    }
    Pending<Event> ask(Event event, RequestOptions options) {
        return Pending<Event>(backend_.executor(), [this, event, options] { return asker_.request(event, options); });
    }
    static RequestOptions tries(int count, std::chrono::milliseconds timeout) {
        RequestOptions options;
        options.timeout = timeout;
        options.retries = count;
        return options;
    }

    MemoryBus backend_;
    EventBus& bus_ = backend_.open<EventBus>("bus");
    testing::ManualClock clock_{backend_.executor()};
    TaskGroup tasks_{backend_.executor()};
    Logger log_{make_null_log_sink(), "test"};
    Events asker_{bus_, clock_, tasks_, log_, {.server_id = "one"}};
    Events answerer_{bus_, clock_, tasks_, log_, {.server_id = "two"}};
};

TEST(EventNames, PatternsMatchAnyRunOfCharacters) {
    EXPECT_TRUE(event_matches("ping", "ping"));
    EXPECT_TRUE(event_matches("resource.*", "resource.change"));
    EXPECT_TRUE(event_matches("*", "ping;agent=5"));
    EXPECT_TRUE(event_matches("*;agent=5", "compute.instance.activate;agent=5"));
    EXPECT_TRUE(event_matches("*.*.activate", "storage.image.activate"));
    EXPECT_TRUE(event_matches("a*b*c", "aXbXbXc"));
    EXPECT_TRUE(event_matches("ping**", "ping"));
    EXPECT_FALSE(event_matches("ping", "ping;agent=5"));
    EXPECT_FALSE(event_matches("*;agent=5", "ping;agent=57"));
    EXPECT_FALSE(event_matches("*;agent=5", "ping;agent=15x"));
    EXPECT_FALSE(event_matches("resource.*", "resource"));
    EXPECT_FALSE(event_matches("", "ping"));
    EXPECT_FALSE(event_matches("a*b", "ac"));
}

TEST(EventNames, TopicsAreThoseOfAFewFamilies) {
    EXPECT_EQ(topic_of_event("resource.change"), "drover.ev.resource");
    EXPECT_EQ(topic_of_event("ping;agent=5"), "drover.ev.ping");
    EXPECT_EQ(topic_of_event("ping.reply;agent=5"), "drover.ev.ping");
    EXPECT_EQ(topic_of_event("pre.instance.start;handler=x"), "drover.ev.misc");
    EXPECT_EQ(topic_of_event("pingpong"), "drover.ev.misc");
    EXPECT_EQ(topic_of_event("reply.42"), "drover.reply.42");
    EXPECT_EQ(topic_of_event("reply"), "drover.ev.misc");
    EXPECT_EQ(topic_of_event("reply.4*"), "drover.ev.misc");
    for (const auto& name : {std::string(255, 'a'), "reply." + std::string(249, 'a'), std::string("a=b;c")})
        EXPECT_TRUE(check_topic(topic_of_event(name))) << name;
    EXPECT_TRUE(check_topic(topic_of_server("host name:1/ä")));
}

TEST_F(EventsTest, ASubscriberGetsWhatMatchesAndNothingElse) {
    auto exact = run(asker_.subscribe({"ping;agent=5", "misc.marker"})).value();
    auto agent = run(asker_.subscribe({"*;agent=5", "misc.marker"})).value();
    auto all = run(asker_.subscribe({"*", "ping*"})).value();
    for (const auto* name : {"ping;agent=5", "ping;agent=57", "ping", "compute.instance.activate;agent=5"})
        ASSERT_TRUE(run(answerer_.publish(named(name))));
    // Topics are pumped side by side: the marker of one may pass the events of another. So both are awaited.
    EXPECT_EQ(next(exact).name, "ping;agent=5");
    std::set<std::string> of_agent{next(agent).name, next(agent).name};
    EXPECT_EQ(of_agent, (std::set<std::string>{"ping;agent=5", "compute.instance.activate;agent=5"}));
    std::multiset<std::string> of_all{next(all).name, next(all).name, next(all).name, next(all).name};
    EXPECT_EQ(of_all, (std::multiset<std::string>{"ping;agent=5", "ping;agent=57", "ping",
                                                  "compute.instance.activate;agent=5"}));
    ASSERT_TRUE(run(answerer_.publish(named("misc.marker"))));
    EXPECT_TRUE(names_until_marker(exact).empty());
    EXPECT_TRUE(names_until_marker(agent).empty());
    EXPECT_EQ(next(all).name, "misc.marker") << "an event came twice to who has two patterns for it";
}

TEST_F(EventsTest, PublishedEventsGetAnIdAndATimeAndKeepTheirOrder) {
    auto reader = run(asker_.subscribe({"state.change"})).value();
    for (int i = 0; i < 100; ++i) {
        auto event = named("state.change");
        event.resource_id = std::to_string(i);
        ASSERT_TRUE(run(answerer_.publish(std::move(event))));
    }
    std::set<std::string> ids;
    for (int i = 0; i < 100; ++i) {
        const auto event = next(reader);
        EXPECT_EQ(event.resource_id, std::to_string(i));
        EXPECT_TRUE(event.time.has_value());
        ids.insert(event.id);
    }
    EXPECT_EQ(ids.size(), 100U);
}

TEST_F(EventsTest, ASlowReaderFindsAGapWhereEventsWereDropped) {
    auto slow = run(asker_.subscribe({"state.change"}, 2)).value();
    auto quick = run(asker_.subscribe({"state.change"}, 10)).value();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(run(answerer_.publish(named("state.change"))));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(next(quick).name, "state.change");
    ASSERT_TRUE(eventually(backend_, [&] { return slow.dropped() == 3; }));
    EXPECT_EQ(next(slow).name, "state.change");
    EXPECT_EQ(next(slow).name, "state.change");
    const auto third = run(slow.next(clock_));
    ASSERT_TRUE(third) << third.error();
    EXPECT_TRUE(std::holds_alternative<EventGap>(*third));
}

TEST_F(EventsTest, WhatIsTooLargeIsRefusedByNameAndSize) {
    auto event = named("compute.instance.activate");
    event.data = json::object{{"text", std::string(EventBus::kLargestPayload, 'x')}};
    const auto refused = run(asker_.publish(std::move(event)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid);
    EXPECT_NE(refused.error().message().find("compute.instance.activate"), std::string::npos);
    const auto pattern = run(asker_.publish(named("ping.*")));
    ASSERT_FALSE(pattern);
    EXPECT_EQ(pattern.error().code(), Errc::invalid);
    EXPECT_FALSE(run(asker_.subscribe({})));
    EXPECT_FALSE(run(asker_.subscribe({"with space"})));
}

TEST_F(EventsTest, AServersTopicReachesThatServerOnly) {
    auto first = run(asker_.subscribe_server()).value();
    auto second = run(answerer_.subscribe_server()).value();
    auto by_name = run(asker_.subscribe({"agent.request"})).value();
    ASSERT_TRUE(run(answerer_.publish_to(topic_of_server("one"), named("agent.request"))));
    ASSERT_TRUE(run(asker_.publish_to(topic_of_server("two"), named("agent.close"))));
    EXPECT_EQ(next(first).name, "agent.request");
    EXPECT_EQ(next(second).name, "agent.close");
    ASSERT_TRUE(run(answerer_.publish(named("agent.request"))));
    EXPECT_EQ(next(by_name).name, "agent.request");
    EXPECT_EQ(run(by_name.next(backend_.clock("bus"), Deadline(TimePoint{}))).error().code(), Errc::timeout);
}

TEST_F(EventsTest, ARequestGetsItsReplyAndObserversSeeIt) {
    auto requests = run(answerer_.subscribe({"ping;agent=5"})).value();
    auto observer = run(answerer_.subscribe({"ping.reply;agent=5"})).value();
    auto event = named("ping;agent=5");
    event.id = "given";
    event.resource_id = "5";
    auto asked = ask(std::move(event), tries(3, 15s));
    const auto request = next(requests);
    EXPECT_EQ(request.id, "given");
    EXPECT_EQ(request.timeout_millis, 15'000);
    EXPECT_TRUE(request.reply_to.starts_with("reply.")) << request.reply_to;
    EXPECT_EQ(request.reply_to.find_first_not_of("0123456789", 6), std::string::npos) << request.reply_to;
    answer(request, {}, {{"resources", json::array{}}});
    const auto reply = asked.result();
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->name, request.reply_to);
    EXPECT_EQ(reply->resource_id, "5");
    EXPECT_TRUE(reply->answers(request));
    const auto seen = next(observer);
    EXPECT_EQ(seen.id, reply->id);
    EXPECT_EQ(seen.data, reply->data);
}

TEST_F(EventsTest, AnErrorReplyIsAnErrorThatCarriesIt) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    auto asked = ask(named("ping"), tries(1, 15s));
    auto reply = reply_to(next(requests), "r");
    reply.transitioning = Transitioning::error;
    reply.transitioning_message = "no disk";
    reply.transitioning_internal_message = "ENOSPC";
    ASSERT_TRUE(run(answerer_.publish(reply)));
    const auto failed = asked.result();
    ASSERT_FALSE(failed);
    EXPECT_TRUE(is_event_error(failed.error()));
    EXPECT_EQ(failed.error().message(), "ENOSPC");
    EXPECT_EQ(failed.error().detail("transitioningMessage"), "no disk");
    EXPECT_EQ(parse_event(failed.error().detail("reply")).value().id, "r");
    EXPECT_FALSE(is_event_error(Error(Errc::timeout, "nobody")));
}

TEST_F(EventsTest, TheSameEventIsSentAgainUntilTheTriesAreUsedUp) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    auto asked = ask(named("ping"), tries(3, 10s));
    std::set<std::string> ids;
    for (int i = 0; i < 3; ++i) {
        ids.insert(next(requests).id);
        ASSERT_TRUE(eventually(backend_, [&] { return clock_.waiting() > 0; }));
        EXPECT_FALSE(asked.done());
        clock_.advance(10s);
    }
    const auto failed = asked.result();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), Errc::timeout);
    EXPECT_FALSE(is_event_error(failed.error()));
    EXPECT_EQ(ids.size(), 1U);
    auto marker = named("ping");
    marker.id = "marker";
    ASSERT_TRUE(run(answerer_.publish(std::move(marker))));
    EXPECT_EQ(next(requests).id, "marker") << "it was sent a fourth time";
}

TEST_F(EventsTest, NoRetriesAreOneTryAndTheEventsOwnTimeoutCounts) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    auto event = named("ping");
    event.timeout_millis = 100;
    auto asked = ask(std::move(event), tries(0, 1h));
    (void)next(requests);
    ASSERT_TRUE(eventually(backend_, [&] { return clock_.waiting() > 0; }));
    clock_.advance(100ms);
    EXPECT_EQ(asked.result().error().code(), Errc::timeout);
}

TEST_F(EventsTest, ProgressIsToldAndDoesNotExtendTheTimeout) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    std::atomic<int> told{0};
    auto options = tries(1, 10s);
    options.on_progress = [&told](const Event& event) { told += event.transitioning == Transitioning::yes ? 1 : 100; };
    auto asked = ask(named("ping"), options);
    const auto request = next(requests);
    for (int i = 0; i < 3; ++i) answer(request, Transitioning::yes);
    ASSERT_TRUE(eventually(backend_, [&] { return told == 3 && clock_.waiting() > 0; }));
    clock_.advance(9s);
    answer(request, Transitioning::yes);
    ASSERT_TRUE(eventually(backend_, [&] { return told == 4 && clock_.waiting() > 0; }));
    EXPECT_FALSE(asked.done());
    clock_.advance(1s);
    EXPECT_EQ(asked.result().error().code(), Errc::timeout);
}

TEST_F(EventsTest, TheFirstReplyCountsWhateverElseComes) {
    auto requests = run(answerer_.subscribe({"ping", "ping.reply"})).value();
    // What was never asked, what names nobody, and another's reply under this address.
    auto asked = ask(named("ping"), tries(1, 1h));
    const auto request = next(requests);
    auto stray = reply_to(request, "stray");
    stray.previous_ids = {"somebody-else", request.id};
    ASSERT_TRUE(run(answerer_.publish(stray)));
    stray.previous_ids.clear();
    ASSERT_TRUE(run(answerer_.publish(stray)));
    ASSERT_TRUE(run(bus_.publish(topic_of_event(request.reply_to), "{ not an event")));
    EXPECT_FALSE(asked.done());
    answer(request, {}, {{"which", 1}});
    answer(request, {}, {{"which", 2}});
    answer(request, Transitioning::error, {{"which", 3}});
    const auto reply = asked.result();
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->data.at("which"), 1);
    // A late one disturbs nobody who asks next; observers saw one reply.
    auto second = ask(named("ping"), tries(1, 1h));
    EXPECT_EQ(next(requests).data.at("which"), 1);
    const auto again = next(requests);
    EXPECT_EQ(again.name, "ping");
    answer(request, {}, {{"which", 4}});
    answer(again, {}, {{"which", 5}});
    EXPECT_EQ(second.result().value().data.at("which"), 5);
}

TEST_F(EventsTest, TwoRequestsWithOneIdBothGetTheReply) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    auto event = named("ping");
    event.id = "repeated";
    auto first = ask(event, tries(1, 1h));
    (void)next(requests);
    auto second = ask(event, tries(1, 1h));
    answer(next(requests), {}, {{"which", 1}});
    EXPECT_EQ(first.result().value().data.at("which"), 1);
    EXPECT_EQ(second.result().value().data.at("which"), 1);
}

TEST_F(EventsTest, AFloodOfProgressDoesNotLoseTheReply) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    auto options = tries(1, 1h);
    options.on_progress = [](const Event&) {};
    auto asked = ask(named("ping"), options);
    const auto request = next(requests);
    for (int i = 0; i < 500; ++i) answer(request, Transitioning::yes);
    answer(request, Transitioning::no, {{"which", 1}});
    EXPECT_EQ(asked.result().value().data.at("which"), 1);
}

TEST_F(EventsTest, ACallerMayWithdraw) {
    auto requests = run(answerer_.subscribe({"ping"})).value();
    auto asked = ask(named("ping"), tries(1, 1h));
    const auto request = next(requests);
    asked.cancel();
    EXPECT_EQ(asked.result().error().code(), Errc::cancelled);
    answer(request);
    auto reading = Pending<EventItem>(backend_.executor(), [&] { return requests.next(clock_); });
    reading.wait_begun();
    reading.cancel();
    EXPECT_EQ(reading.result().error().code(), Errc::cancelled);
}

TEST_F(EventsTest, ClosingEndsEveryWait) {
    auto reader = run(asker_.subscribe({"ping"})).value();
    auto server = run(asker_.subscribe_server()).value();
    auto requests = run(answerer_.subscribe({"agent.request"})).value();
    auto asked = ask(named("agent.request"), tries(3, 1h));
    (void)next(requests);
    auto reading = Pending<EventItem>(backend_.executor(), [&] { return reader.next(clock_); });
    reading.wait_begun();
    asker_.close();
    EXPECT_EQ(asked.result().error().code(), Errc::unavailable);
    EXPECT_EQ(reading.result().error().code(), Errc::unavailable);
    EXPECT_EQ(run(server.next(clock_)).error().code(), Errc::unavailable);
    EXPECT_EQ(run(asker_.publish(named("ping"))).error().code(), Errc::unavailable);
    EXPECT_EQ(run(asker_.subscribe({"ping"})).error().code(), Errc::unavailable);
    EXPECT_EQ(run(asker_.request(named("ping"), tries(1, 1h))).error().code(), Errc::unavailable);
}

TEST_F(EventsTest, TopicsThatNobodyReadsAnyMoreAreGivenUp) {
    {
        auto one = run(asker_.subscribe({"reply.77"})).value();
        auto two = run(asker_.subscribe({"reply.77"})).value();
        ASSERT_TRUE(run(answerer_.publish(named("reply.77"))));
        EXPECT_EQ(next(one).name, "reply.77");
        EXPECT_EQ(next(two).name, "reply.77");
        const auto running = tasks_.running();
        EXPECT_EQ(std::count(running.begin(), running.end(), "events.drover.reply.77"), 1);
    }
    EXPECT_TRUE(eventually(backend_, [&] {
        const auto running = tasks_.running();
        return std::count(running.begin(), running.end(), "events.drover.reply.77") == 0;
    }));
    auto again = run(asker_.subscribe({"reply.77"})).value();
    ASSERT_TRUE(run(answerer_.publish(named("reply.77"))));
    EXPECT_EQ(next(again).name, "reply.77");
}

TEST_F(EventsTest, ABusThatStopsAndComesBackIsAGapNotAnEnd) {
    auto reader = run(asker_.subscribe({"ping"})).value();
    backend_.close("bus");
    auto item = run(reader.next(backend_.clock("bus"), Deadline::in(backend_.clock("bus"), 10s)));
    ASSERT_TRUE(item) << item.error();
    EXPECT_TRUE(std::holds_alternative<EventGap>(*item));
    EXPECT_FALSE(run(asker_.publish(named("ping"))));
}

}  // namespace
}  // namespace drover
