#include <atomic>

#include "drover/conformance/event_bus_kit.hpp"
#include "drover/conformance/faults.hpp"

// Coming and going, faulty ways, and a server that restarts: every possible loss is a gap.
namespace drover::conformance {
namespace {

/// Publishes 0, 1, 2 ... until told to stop. Gives how many it published.
Async<Result<int>> count_up(EventBus* bus, Clock* clock, std::string topic, const std::atomic<bool>* stop) {
    constexpr int kBurst = 32;
    int sent = 0;
    while (!stop->load()) {
        const auto published = co_await bus->publish(topic, std::to_string(sent));
        if (!published) co_return published.error();
        if (++sent % kBurst) continue;
        const auto paused = co_await sleep_for(*clock, 100us);
        if (!paused) co_return paused.error();
    }
    co_return sent;
}

/// Reads numbers, now and then slowly, until `last` or a later one came. Gives how many gaps there were.
/// Errors: internal, when something was lost without a gap, doubled, or out of order.
Async<Result<int>> read_row(Subscription subscription, Clock* clock, std::uint64_t seed, int last) {
    std::mt19937_64 random(seed);
    int expected = 0;
    int gaps = 0;
    bool gap = false;
    while (expected <= last) {
        const auto item = co_await subscription.next(*clock, Deadline::in(*clock, 20s));
        if (!item) co_return item.error();
        if (std::holds_alternative<BusGap>(*item)) {
            gap = true;
            ++gaps;
            continue;
        }
        const auto number = std::stoi(std::get<BusMessage>(*item).payload);
        if (number < expected || (number > expected && !gap))
            co_return Error(Errc::internal, std::to_string(number) + " came where " + std::to_string(expected) +
                                                " was expected, " + (gap ? "after a gap" : "without a gap"));
        expected = number + 1;
        gap = false;
        if (random() % 4 == 0) (void)co_await sleep_for(*clock, std::chrono::microseconds(random() % 500));
    }
    co_return gaps;
}

BUS_CASE(EveryLossOfASlowReaderIsAGapInItsPlace) {
    constexpr int kEvents = 2'000;
    constexpr std::size_t kCapacity = 8;
    const auto seed = case_seed();
    auto subscription = listen("alice", "jobs", kCapacity);
    Pending<int> reader(backend().executor(), [subscription, clock = &backend().clock("alice"), seed] {
        return read_row(subscription, clock, seed, kEvents);
    });
    int sent = 0;
    while (sent < kEvents) publish("bob", "jobs", std::to_string(sent++));
    // The last ones may be dropped as well: on, until the reader has caught up.
    EXPECT_TRUE(eventually(backend(), [&] {
        publish("bob", "jobs", std::to_string(sent++));
        return reader.done();
    }));
    const auto gaps = reader.result();
    ASSERT_TRUE(gaps) << gaps.error();
    EXPECT_EQ(*gaps > 0, subscription.dropped() > 0);
}

BUS_CASE(ListenersThatComeAndGoSeeAnUnbrokenRow) {
    constexpr int kListeners = 200;
    std::mt19937_64 random(case_seed());
    std::atomic<bool> stop{false};
    (void)bus("alice");
    Pending<int> publisher(backend().executor(), [service = &bus("bob"), clock = &backend().clock("bob"), &stop] {
        return count_up(service, clock, "jobs", &stop);
    });
    for (int i = 0; i < kListeners && !HasFailure(); ++i) {
        auto subscription = listen(i % 2 ? "alice" : "bob", "jobs");
        int last = -1;
        for (auto reads = random() % 6; reads > 0; --reads) {
            const auto number = std::stoi(next_payload(subscription));
            if (last >= 0) {
                EXPECT_EQ(number, last + 1) << "lost or doubled";
            }
            last = number;
        }
    }
    stop = true;
    const auto sent = publisher.result();
    ASSERT_TRUE(sent) << sent.error();
    EXPECT_GT(*sent, 0);
}

BUS_CASE(ALossOnTheWayIsAGap) {
    FaultPlan plan(case_seed());
    FaultyEventBus faulty(bus("alice"), plan, backend().clock("alice"), backend().executor());
    auto subscription = run(faulty.subscribe("jobs", kRoomy)).value();
    plan.next_item(Fault::none);
    plan.next_item(Fault::lose);
    for (const auto* payload : {"0", "1", "2"}) publish("bob", "jobs", payload);
    EXPECT_EQ(next_payload(subscription), "0");
    EXPECT_TRUE(std::holds_alternative<BusGap>(next(subscription)));
    EXPECT_EQ(next_payload(subscription), "2");
}

BUS_CASE(APublishWhoseAnswerWasLostMayBeRepeated) {
    FaultPlan plan(case_seed());
    FaultyEventBus faulty(bus("alice"), plan, backend().clock("alice"), backend().executor());
    auto subscription = listen("bob", "jobs");
    plan.next(Fault::execute_and_time_out);
    plan.next(Fault::lose);
    plan.next(Fault::refuse);
    EXPECT_EQ(run(faulty.publish("jobs", "sent")).error().code(), Errc::timeout);
    EXPECT_EQ(run(faulty.publish("jobs", "never sent")).error().code(), Errc::timeout);
    EXPECT_EQ(run(faulty.publish("jobs", "never sent")).error().code(), Errc::unavailable);
    EXPECT_TRUE(run(faulty.publish("jobs", "end")));
    EXPECT_EQ(read_until(subscription, "end"), std::vector<std::string>{"sent"});
}

BUS_CASE(OverAFaultyWayOrderHoldsAndEveryLossIsAGap) {
    constexpr int kEvents = 300;
    const auto seed = case_seed();
    FaultPlan plan(seed,
                   {.refuse = 0.05, .delay = 0.1, .execute_and_time_out = 0.05, .lose = 0.1, .longest_delay = 2ms});
    FaultyEventBus faulty(bus("alice"), plan, backend().clock("alice"), backend().executor());
    Result<Subscription> subscription = Error(Errc::unavailable, "not tried");
    while (!subscription && lost_on_the_way(subscription.error())) subscription = run(faulty.subscribe("jobs", kRoomy));
    ASSERT_TRUE(subscription) << subscription.error();
    for (int i = 0; i < kEvents; ++i) publish("bob", "jobs", std::to_string(i));
    plan.next_item(Fault::none, static_cast<std::size_t>(kEvents) + 1);  // so that the last one arrives
    publish("bob", "jobs", std::to_string(kEvents));
    const auto gaps = run(read_row(*subscription, &backend().clock("alice"), seed, kEvents));
    EXPECT_TRUE(gaps) << plan.describe() << ": " << gaps.error();
}

BUS_CASE(AfterARestartOfTheBackendAGapArrivesAndEventsFlowAgain) {
    auto subscription = listen("alice", "jobs");
    publish("bob", "jobs", "before");
    EXPECT_EQ(next_payload(subscription), "before");
    if (!backend().restart_server()) GTEST_SKIP() << "no server stands behind this backend (restart_server)";
    bool gap = false;
    bool after = false;
    EXPECT_TRUE(eventually(backend(),
                           [&] {
                               (void)run(bus("bob").publish("jobs", "after"));
                               auto& clock = backend().clock("observer");
                               const auto item = run(subscription.next(clock, Deadline::in(clock, 200ms)));
                               if (item && std::holds_alternative<BusGap>(*item)) gap = true;
                               else if (item) after = true;
                               return gap && after;
                           }))
        << (gap ? "no event came" : "no gap came") << " after the restart";
}

BUS_CASE(WhileTheBackendHangsWithdrawalsAreKeptAndNothingIsLostInSilence) {
    auto subscription = listen("alice", "jobs");
    auto& service = bus("bob");
    publish("bob", "jobs", "0");
    EXPECT_EQ(next_payload(subscription), "0");
    if (!backend().pause_server()) GTEST_SKIP() << "no server stands behind this backend (pause_server)";
    Pending<Subscription> pending(backend().executor(), [&] { return service.subscribe("other", kRoomy); });
    pending.wait_begun();
    EXPECT_LE(pending.cancel(), kCancelWithin);
    Pending<void> sending(backend().executor(), [&] { return service.publish("jobs", "1"); });
    sending.wait_begun();
    ASSERT_TRUE(backend().resume_server());
    const auto sent = sending.result();
    EXPECT_TRUE(eventually(backend(), [&] { return bool(run(service.publish("jobs", "end"))); }));
    int gaps = 0;
    const auto seen = read_until(subscription, "end", &gaps);
    if (sent && gaps == 0) {
        EXPECT_EQ(seen, std::vector<std::string>{"1"});
    }
}

}  // namespace
}  // namespace drover::conformance
