#include "drover/conformance/event_bus_kit.hpp"

#include <stdexcept>

namespace drover::conformance {

std::vector<Case>& event_bus_cases() {
    static std::vector<Case> cases;
    return cases;
}

Subscription EventBusKit::listen(std::string_view owner, std::string topic, std::size_t capacity) {
    return run(bus(owner).subscribe(std::move(topic), capacity)).value();
}

void EventBusKit::publish(std::string_view owner, std::string topic, std::string payload) {
    run(bus(owner).publish(std::move(topic), std::move(payload))).value();
}

BusItem EventBusKit::next(Subscription& subscription, Duration patience) {
    auto& clock = backend().clock("observer");
    return run(subscription.next(clock, Deadline::in(clock, patience))).value();
}

std::string EventBusKit::next_payload(Subscription& subscription) {
    const auto item = next(subscription);
    if (const auto* gap = std::get_if<BusGap>(&item)) throw std::runtime_error("a gap without need: " + gap->reason);
    return std::get<BusMessage>(item).payload;
}

std::vector<std::string> EventBusKit::read_until(Subscription& subscription, const std::string& last, int* gaps) {
    std::vector<std::string> seen;
    for (;;) {
        const auto item = next(subscription);
        const auto* message = std::get_if<BusMessage>(&item);
        if (!message) {
            if (!gaps) throw std::runtime_error("a gap without need: " + std::get<BusGap>(item).reason);
            ++*gaps;
            continue;
        }
        if (message->payload == last) return seen;
        seen.push_back(message->payload);
    }
}

namespace {

BUS_CASE(AnEventReachesEveryServerThatListens) {
    std::vector<Subscription> listening;
    for (const auto* owner : {"alice", "bob", "carol"}) listening.push_back(listen(owner, "jobs"));
    for (const auto* owner : {"alice", "bob"}) {
        publish(owner, "jobs", std::string("from ") + owner);
        for (auto& one : listening) {
            const auto item = next(one);
            const auto* message = std::get_if<BusMessage>(&item);
            ASSERT_TRUE(message);
            EXPECT_EQ(message->topic, "jobs");
            EXPECT_EQ(message->payload, std::string("from ") + owner);
        }
    }
}

BUS_CASE(AReaderWhoWaitsIsWoken) {
    auto subscription = listen("alice", "jobs");
    auto& clock = backend().clock("alice");
    const auto deadline = in(kEnough);
    Pending<BusItem> reader(backend().executor(), [&] { return subscription.next(clock, deadline); });
    reader.wait_begun();
    (void)run(bus("bob").publish("other", "nothing"));
    EXPECT_FALSE(reader.done());
    publish("bob", "jobs", "now");
    const auto item = reader.result();
    ASSERT_TRUE(item) << item.error();
    EXPECT_EQ(std::get<BusMessage>(*item).payload, "now");
}

BUS_CASE(EventsOfOnePublisherAndTopicArriveInOrder) {
    constexpr int kEvents = 300;
    auto subscription = listen("carol", "jobs");
    std::vector<Pending<void>> publishers;
    for (const auto* owner : {"alice", "bob", "carol"})
        publishers.emplace_back(backend().executor(),
                                [service = &bus(owner), name = std::string(owner)]() -> Async<Result<void>> {
                                    for (int i = 0; i < kEvents; ++i) {
                                        const auto sent = co_await service->publish("jobs", name + std::to_string(i));
                                        if (!sent) co_return sent.error();
                                    }
                                    co_return ok;
                                });
    std::map<std::string, int> expected{{"alice", 0}, {"bob", 0}, {"carol", 0}};
    for (int i = 0; i < 3 * kEvents; ++i) {
        const auto payload = next_payload(subscription);
        const auto digits = payload.find_first_of("0123456789");
        const auto name = payload.substr(0, digits);
        ASSERT_EQ(payload, name + std::to_string(expected[name])) << "out of order, doubled or lost";
        ++expected[name];
    }
    for (auto& publisher : publishers) {
        const auto sent = publisher.result();
        EXPECT_TRUE(sent) << sent.error();
    }
}

BUS_CASE(ASlowReaderGetsWhatFitsThenOneGapAndTheCount) {
    constexpr std::size_t kCapacity = 4;
    auto slow = listen("alice", "jobs", kCapacity);
    auto roomy = listen("alice", "jobs");
    for (int i = 0; i < 10; ++i) publish("bob", "jobs", std::to_string(i));
    EXPECT_EQ(read_until(roomy, "9").size(), 9U) << "one slow reader takes nothing from the others";
    ASSERT_TRUE(eventually(backend(), [&] { return slow.dropped() == 6; })) << slow.dropped() << " were dropped";

    for (int i = 0; i < 4; ++i) EXPECT_EQ(next_payload(slow), std::to_string(i));
    const auto item = next(slow);
    const auto* gap = std::get_if<BusGap>(&item);
    ASSERT_TRUE(gap) << std::get<BusMessage>(item).payload;
    EXPECT_NE(gap->reason, "");

    publish("bob", "jobs", "after");
    EXPECT_EQ(next_payload(slow), "after");
    EXPECT_EQ(slow.dropped(), 6U);
}

BUS_CASE(TopicsAreExactNames) {
    const std::vector<std::string> topics{"a",   "A",  "a.b", "a.b.c", "a-b",
                                          "a_b", "ab", "b",   ".",     std::string(200, 't')};
    std::vector<Subscription> listening;
    for (const auto& topic : topics) listening.push_back(listen("alice", topic));
    for (const auto& topic : topics) publish("bob", topic, "to " + topic);
    for (const auto& topic : topics) publish("bob", topic, "end");
    for (std::size_t i = 0; i < topics.size(); ++i)
        EXPECT_EQ(read_until(listening[i], "end"), std::vector<std::string>{"to " + topics[i]});
}

BUS_CASE(InvalidTopicsAreRefused) {
    for (const auto& topic : {std::string(), std::string(201, 't'), std::string("a b"), std::string("a/b"),
                              std::string("a*"), std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("a\n")}) {
        const auto sent = run(bus("alice").publish(topic, "x"));
        ASSERT_FALSE(sent) << topic;
        EXPECT_EQ(sent.error().code(), Errc::invalid) << sent.error();
        const auto listened = run(bus("alice").subscribe(topic, 1));
        ASSERT_FALSE(listened) << topic;
        EXPECT_EQ(listened.error().code(), Errc::invalid) << listened.error();
    }
}

BUS_CASE(PayloadsOfAnyBytesArriveUnchanged) {
    auto subscription = listen("alice", "jobs");
    std::mt19937_64 random(case_seed());
    std::string every_byte;
    for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
    std::vector<std::string> payloads{"",        std::string(1, '\0'), every_byte, "\r\n$5\r\n*3\r\n", "{\"a\":1}",
                                      "\xff\xfe"};
    for (std::size_t size : {1U, 1'000U, 65'535U, 65'536U, 300'000U}) {
        std::string noise(size, ' ');
        for (auto& byte : noise) byte = static_cast<char>(random());
        payloads.push_back(noise);
    }
    for (const auto& payload : payloads) publish("bob", "jobs", payload);
    for (const auto& payload : payloads)
        EXPECT_TRUE(next_payload(subscription) == payload) << "of " << payload.size() << " bytes";
}

BUS_CASE(ThePayloadLimitIsExact) {
    auto subscription = listen("alice", "jobs");
    const std::string largest(EventBus::kLargestPayload, 'x');
    publish("bob", "jobs", largest);
    EXPECT_TRUE(next_payload(subscription) == largest);

    const auto refused = run(bus("bob").publish("jobs", largest + "x"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    publish("bob", "jobs", "after");
    EXPECT_EQ(next_payload(subscription), "after") << "the bus goes on after a refusal";
}

BUS_CASE(PublishingToNobodyIsNoError) {
    for (int i = 0; i < 100; ++i) publish("alice", "nobody-" + std::to_string(i), "x");
}

BUS_CASE(ManySubscribersOfOneTopicAllGetIt) {
    constexpr int kOfEach = 100;
    std::vector<Subscription> listening;
    for (int i = 0; i < kOfEach; ++i)
        for (const auto* owner : {"alice", "bob"}) listening.push_back(listen(owner, "jobs"));
    publish("carol", "jobs", "one");
    publish("carol", "jobs", "two");
    for (auto& one : listening) {
        EXPECT_EQ(next_payload(one), "one");
        EXPECT_EQ(next_payload(one), "two");
    }
}

BUS_CASE(ManyTopicsOfOneServer) {
    constexpr int kTopics = 200;
    std::vector<Subscription> listening;
    for (int i = 0; i < kTopics; ++i) listening.push_back(listen("alice", "topic-" + std::to_string(i)));
    for (int i = kTopics; i-- > 0;) publish("bob", "topic-" + std::to_string(i), std::to_string(i));
    for (int i = 0; i < kTopics; ++i)
        EXPECT_EQ(next_payload(listening[static_cast<std::size_t>(i)]), std::to_string(i));
}

BUS_CASE(DroppingASubscriptionUnsubscribesItAlone) {
    auto stays = listen("alice", "jobs");
    {
        auto goes = listen("alice", "jobs");
        publish("bob", "jobs", "both");
        EXPECT_EQ(next_payload(goes), "both");
    }
    publish("bob", "jobs", "one");
    auto comes = listen("alice", "jobs");
    publish("bob", "jobs", "two");
    EXPECT_EQ(next_payload(stays), "both");
    EXPECT_EQ(next_payload(stays), "one");
    EXPECT_EQ(next_payload(stays), "two");
    EXPECT_EQ(read_until(comes, "two").size() < 2, true) << "more than was published";
}

BUS_CASE(ACopyOfASubscriptionKeepsItAlive) {
    auto first = std::make_unique<Subscription>(listen("alice", "jobs"));
    auto copy = *first;
    first.reset();
    publish("bob", "jobs", "still here");
    EXPECT_EQ(next_payload(copy), "still here");
}

BUS_CASE(SubscribingAndDroppingForLongLeavesTheBusAsItWas) {
    constexpr int kRounds = 1'000;
    auto stays = listen("alice", "jobs");
    for (int i = 0; i < kRounds; ++i) {
        const auto brief = listen("alice", i % 2 ? "jobs" : "reply-" + std::to_string(i));
        if (i % 100 == 0) publish("bob", "jobs", std::to_string(i));
    }
    publish("bob", "jobs", "end");
    EXPECT_EQ(read_until(stays, "end").size(), static_cast<std::size_t>(kRounds / 100));
}

BUS_CASE(AReaderWhoWithdrawsReturnsWithin100MillisecondsAndMissesNothing) {
    auto subscription = listen("alice", "jobs");
    auto& clock = backend().clock("alice");
    const auto result = expect_quick_cancel<BusItem>(
        backend(), [&] { return subscription.next(clock); }, [&] { publish("bob", "other", "x"); });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::cancelled) << result.error();
    publish("bob", "jobs", "kept");
    EXPECT_EQ(next_payload(subscription), "kept");
}

BUS_CASE(AReadersDeadlineIsKept) {
    auto subscription = listen("alice", "jobs");
    auto& clock = backend().clock("alice");
    const auto result = expect_deadline_kept<BusItem>(
        backend(), 150ms, [&](Deadline deadline) { return subscription.next(clock, deadline); }, clock);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::timeout) << result.error();
    publish("bob", "jobs", "kept");
    EXPECT_EQ(next_payload(subscription), "kept");
}

BUS_CASE(ClosingAServerEndsItsSubscriptionsOnly) {
    auto hers = listen("alice", "jobs");
    auto his = listen("bob", "jobs");
    publish("bob", "jobs", "before");
    EXPECT_EQ(next_payload(hers), "before");
    auto& clock = backend().clock("observer");
    Pending<BusItem> reader(backend().executor(), [&] { return hers.next(clock); });
    reader.wait_begun();
    backend().close("alice");

    const auto ended = reader.result();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code(), Errc::unavailable) << ended.error();
    publish("carol", "jobs", "after");
    EXPECT_EQ(next_payload(his), "before");
    EXPECT_EQ(next_payload(his), "after");

    auto again = listen("alice", "jobs");
    publish("bob", "jobs", "anew");
    EXPECT_EQ(next_payload(again), "anew");
}

BUS_CASE(ASubscriptionMayOutliveItsServer) {
    auto orphan = std::make_unique<Subscription>(listen("alice", "jobs"));
    publish("alice", "jobs", "before");
    backend().close("alice");
    publish("bob", "jobs", "after");
    orphan.reset();
    publish("bob", "jobs", "nobody");
}

}  // namespace
}  // namespace drover::conformance
