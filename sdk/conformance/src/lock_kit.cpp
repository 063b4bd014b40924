#include "drover/conformance/lock_kit.hpp"

#include <boost/asio/this_coro.hpp>

#include <future>

namespace drover::conformance {

std::vector<Case>& lock_cases() {
    static std::vector<Case> cases;
    return cases;
}

bool LockKit::promises(const std::string& trait) {
    const auto traits = backend().traits(LockService::kId);
    const auto found = traits.find(trait);
    return found != traits.end() && found->second == "true";
}

Lease LockKit::take(std::string_view owner, std::string name) {
    return attempt(owner, std::move(name), kEnough).value();
}

Result<Lease> LockKit::attempt(std::string_view owner, std::string name, Duration wait) {
    auto& service = locks(owner);
    return run(service.acquire(std::move(name), in(wait, owner)));
}

void LockKit::give_back(std::string_view owner, Lease lease) {
    const auto released = run(locks(owner).release(std::move(lease)));
    EXPECT_TRUE(released) << released.error();
}

Pending<Lease> LockKit::waiting(std::string_view owner, std::string name, Duration wait) {
    auto* const service = &locks(owner);
    const auto deadline = in(wait, owner);
    Pending<Lease> pending(backend().executor(),
                           [service, name = std::move(name), deadline] { return service->acquire(name, deadline); });
    pending.wait_begun();
    return pending;
}

LockKit::Watchful LockKit::watchful(std::string_view owner, std::string name) {
    auto* const service = &locks(owner);
    const auto deadline = in(kEnough, owner);
    const auto strand = std::make_shared<std::promise<Executor>>();  // owners: this call and the caller's coroutine
    Pending<Lease> pending(backend().executor(), [service, name, deadline, strand]() -> Async<Result<Lease>> {
        strand->set_value(co_await boost::asio::this_coro::executor);
        auto lease = co_await service->acquire(name, deadline);
        const auto caller = co_await boost::asio::this_coro::cancellation_state;
        if (lease && caller.cancelled() != boost::asio::cancellation_type::none)
            co_return Error(Errc::internal, "a caller who had withdrawn was given a lease, which he will not use");
        co_return lease;
    });
    auto known = strand->get_future().get();
    settle();
    return {std::move(pending), std::move(known)};
}

std::optional<LockHolder> LockKit::holder(std::string name, std::string_view asked_by) {
    return run(locks(asked_by).holder(std::move(name))).value();
}

bool LockKit::learns_loss(std::string_view owner, const SessionPtr& session) {
    return bool(run(session->wait_lost(backend().clock(owner), in(kEnough, owner))));
}

void LockKit::expect_free(std::string name, std::string_view asked_by) {
    auto lease = attempt(asked_by, name, kEnough);
    ASSERT_TRUE(lease) << "nobody should hold " << name << ": " << lease.error();
    give_back(asked_by, *lease);
}

void LockKit::settle(int round_trips) {
    for (int i = 0; i < round_trips; ++i) (void)holder("settle-" + std::to_string(i));
}

namespace {

LOCK_CASE(TokenGrowsWithEveryLease) {
    FencingToken last;
    for (const auto* owner : {"alice", "bob", "alice", "alice", "carol"}) {
        const auto lease = take(owner, "jobs");
        EXPECT_GT(lease.token, last);
        EXPECT_EQ(lease.name, "jobs");
        EXPECT_FALSE(lease.lost());
        last = lease.token;
        give_back(owner, lease);
    }
}

LOCK_CASE(ASecondAcquireWaitsUntilTheNameIsReleased) {
    const auto first = take("alice", "jobs");
    auto second = waiting("bob", "jobs");
    settle();
    EXPECT_FALSE(second.done());
    EXPECT_EQ(holder("jobs")->member, "alice");

    give_back("alice", first);
    const auto lease = second.result();
    ASSERT_TRUE(lease) << lease.error();
    EXPECT_GT(lease->token, first.token);
    EXPECT_EQ(holder("jobs")->member, "bob");
}

LOCK_CASE(ANameThatItsHolderTakesAgainIsBusyForHimToo) {
    const auto held = take("alice", "jobs");
    const auto again = attempt("alice", "jobs", 100ms);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::busy) << again.error();
    EXPECT_FALSE(held.lost());
}

LOCK_CASE(ADeadlineInThePastTriesOnce) {
    const Deadline past(backend().clock("alice").now() - 1s);
    const auto lease = run(alice().acquire("jobs", past));
    ASSERT_TRUE(lease) << "a free name needs no wait: " << lease.error();

    const auto before = std::chrono::steady_clock::now();
    const auto refused = run(bob().acquire("jobs", past));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::busy) << refused.error();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 2s) << "it waited";

    give_back("alice", *lease);
    EXPECT_TRUE(run(bob().acquire("jobs", past)));
}

LOCK_CASE(AWaitEndsWithItsDeadline) {
    const auto held = take("alice", "jobs");
    (void)bob();
    auto result = expect_deadline_kept<Lease>(
        backend(), 200ms, [&](Deadline deadline) { return bob().acquire("jobs", deadline); }, backend().clock("bob"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::busy) << result.error();
    give_back("alice", held);
    expect_free("jobs");
}

LOCK_CASE(ACallerWhoWithdrawsReturnsWithin100MillisecondsAndHoldsNothing) {
    const auto held = take("alice", "jobs");
    auto& service = bob();
    const auto deadline = in(kEnough, "bob");
    const auto result = expect_quick_cancel<Lease>(
        backend(), [&] { return service.acquire("jobs", deadline); }, [&] { settle(); });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::cancelled) << result.error();

    give_back("alice", held);
    expect_free("jobs");
}

LOCK_CASE(AGrantThatArrivesAfterTheCallerWithdrewIsGivenBack) {
    const auto held = take("alice", "jobs");
    auto [waiter, strand] = watchful("bob", "jobs");
    {
        // The withdrawal waits in front of him, then comes the name, then he goes on.
        Standstill still(strand);
        still.wait_reached();
        waiter.begin_cancel();
        give_back("alice", held);
    }
    const auto lease = waiter.result();
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code(), Errc::cancelled) << lease.error();
    expect_free("jobs");
}

LOCK_CASE(ANameIsNotGivenToACallerWhoHasWithdrawnButDoesNotKnowItYet) {
    const auto held = take("alice", "jobs");
    auto [waiter, strand] = watchful("bob", "jobs");
    {
        // His wait has ended, but he cannot go on before the name is released.
        waiter.begin_cancel();
        Standstill still(strand);
        still.wait_reached();
        give_back("alice", held);
    }
    const auto lease = waiter.result();
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code(), Errc::cancelled) << lease.error();
    expect_free("jobs");
}

LOCK_CASE(ACallerWhoWithdrawsAtTheMomentOfTheGrantLeavesNothingHeld) {
    constexpr int kRounds = 60;
    std::mt19937_64 random(case_seed());
    for (int round = 0; round < kRounds; ++round) {
        const auto held = take("alice", "jobs");
        auto waiter = waiting("bob", "jobs");
        settle(static_cast<int>(random() % 2));
        auto* const service = &alice();
        Pending<void> release(backend().executor(), [service, held] { return service->release(held); });
        if (random() % 2) release.wait_begun();
        waiter.cancel();
        ASSERT_TRUE(release.result());
        // Either he has it, and knows; or he has not, and then nobody has.
        if (const auto lease = waiter.result()) give_back("bob", *lease);
        expect_free("jobs");
        if (HasFailure()) return;
    }
}

LOCK_CASE(AWaitThatTimesOutAtTheMomentOfTheGrantLeavesNothingHeld) {
    constexpr int kRounds = 40;
    std::mt19937_64 random(case_seed());
    for (int round = 0; round < kRounds; ++round) {
        const auto held = take("alice", "jobs");
        const auto wait = std::chrono::microseconds(random() % 6'000);
        auto waiter = waiting("bob", "jobs", wait);
        auto& clock = backend().clock("alice");
        (void)run(sleep_until(clock, Deadline::in(clock, wait)));
        give_back("alice", held);
        const auto lease = waiter.result();
        if (lease) give_back("bob", *lease);
        ASSERT_TRUE(lease || lease.error().code() == Errc::busy) << lease.error();
        expect_free("jobs");
        if (HasFailure()) return;
    }
}

LOCK_CASE(WaitersWhoGaveUpArePassedOver) {
    const auto held = take("alice", "jobs");
    auto first = waiting("bob", "jobs");
    settle();
    auto second = waiting("carol", "jobs");
    settle();
    first.cancel();
    give_back("alice", held);
    const auto lease = second.result();
    ASSERT_TRUE(lease) << lease.error();
    EXPECT_EQ(holder("jobs")->member, "carol");
}

LOCK_CASE(ReleasingTwiceHarmsNobody) {
    const auto first = take("alice", "jobs");
    give_back("alice", first);
    const auto second = take("bob", "jobs");
    give_back("alice", first);

    EXPECT_EQ(holder("jobs")->member, "bob");
    const auto third = attempt("carol", "jobs", 100ms);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code(), Errc::busy) << third.error();
    give_back("bob", second);
}

LOCK_CASE(ReleasingAnOldLeaseOfOneServerDoesNotTakeItsNewOneAway) {
    const auto first = take("alice", "jobs");
    give_back("alice", first);
    const auto second = take("alice", "jobs");
    give_back("alice", first);
    EXPECT_FALSE(attempt("bob", "jobs", 100ms));
    EXPECT_EQ(holder("jobs")->token, second.token);
}

LOCK_CASE(TheHolderAndItsTokenCanBeAskedFor) {
    EXPECT_FALSE(holder("jobs"));
    const auto lease = take("alice", "jobs");
    for (const auto* asks : {"alice", "bob"}) {
        const auto seen = holder("jobs", asks);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->member, "alice");
        EXPECT_EQ(seen->token, lease.token);
    }
    give_back("alice", lease);
    EXPECT_FALSE(holder("jobs"));
}

LOCK_CASE(NamesDoNotTouchEachOther) {
    const std::vector<std::string> names{"a",
                                         "A",
                                         "a.",
                                         ".",
                                         "..",
                                         "a/b",
                                         "a//b",
                                         "/a/b",
                                         "a b",
                                         " a",
                                         "a%b",
                                         "a\\b",
                                         "a'b",
                                         "a\"b",
                                         "{a}",
                                         "{b}",
                                         "*",
                                         "?",
                                         "[a]",
                                         "a:b",
                                         "-",
                                         "~",
                                         "$(a)",
                                         "%s",
                                         "a/b/",
                                         std::string(255, 'x'),
                                         std::string(254, 'x')};
    std::vector<Lease> leases;
    for (const auto& name : names) {
        auto lease = attempt("alice", name, 0s);
        ASSERT_TRUE(lease) << '"' << name << "\": " << lease.error();
        EXPECT_EQ(lease->name, name);
        leases.push_back(*lease);
    }
    for (const auto& lease : leases) {
        EXPECT_FALSE(attempt("bob", lease.name, 0s)) << lease.name;
        EXPECT_EQ(holder(lease.name)->token, lease.token) << lease.name;
    }
    for (const auto& lease : leases) give_back("alice", lease);
    for (const auto& lease : leases) EXPECT_FALSE(holder(lease.name)) << lease.name;
}

LOCK_CASE(InvalidNamesAreRefused) {
    for (const auto& name : {std::string(), std::string(256, 'x'), std::string("a\nb"), std::string("a\0b", 3),
                             std::string("\x7f"), std::string("\xc3\xa4")}) {
        const auto lease = attempt("alice", name, 1s);
        ASSERT_FALSE(lease) << name;
        EXPECT_EQ(lease.error().code(), Errc::invalid) << lease.error();
    }
}

LOCK_CASE(AllLeasesOfAServerHangOnOneSession) {
    constexpr int kLeases = 200;
    const auto first = take("alice", "job-0");
    for (int i = 1; i < kLeases; ++i) {
        const auto lease = take("alice", "job-" + std::to_string(i));
        EXPECT_EQ(lease.session, first.session);
    }
    EXPECT_FALSE(first.lost());
    EXPECT_NE(take("bob", "other").session, first.session);
}

LOCK_CASE(ALeaseLastsWhileItsServerLives) {
    const auto held = take("alice", "jobs");
    // Several times a short session; whoever does not renew loses it in that time.
    const auto other = attempt("bob", "jobs", 3s);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), Errc::busy) << other.error();
    EXPECT_FALSE(held.lost());
    EXPECT_EQ(holder("jobs")->token, held.token);
}

LOCK_CASE(ClosingAServerReleasesAllItHeld) {
    constexpr int kLeases = 20;
    std::vector<Lease> leases;
    for (int i = 0; i < kLeases; ++i) leases.push_back(take("alice", "job-" + std::to_string(i)));
    auto waiter = waiting("bob", "job-0");
    backend().close("alice");

    const auto lease = waiter.result();
    ASSERT_TRUE(lease) << lease.error();
    EXPECT_GT(lease->token, leases[0].token);
    for (const auto& held : leases) EXPECT_TRUE(held.lost());
    for (int i = 1; i < kLeases; ++i) expect_free("job-" + std::to_string(i));

    give_back("bob", *lease);
    const auto again = attempt("alice", "job-0", kEnough);
    ASSERT_TRUE(again) << "started anew, it must work again: " << again.error();
    EXPECT_GT(again->token, lease->token);
}

LOCK_CASE(ClosingAServerReleasesAtOnce) {
    expect_at_once([&] {
        take("alice", "jobs");
        auto waiter = waiting("bob", "jobs");
        settle();
        backend().close("alice");
        const auto before = std::chrono::steady_clock::now();
        const auto lease = waiter.result();
        const auto took = std::chrono::steady_clock::now() - before;
        EXPECT_TRUE(lease) << lease.error();
        if (lease) give_back("bob", *lease);
        return took;
    });
}

LOCK_CASE(ClosingAServerEndsItsWaits) {
    const auto held = take("bob", "jobs");
    auto waiter = waiting("alice", "jobs");
    settle();
    backend().close("alice");
    ASSERT_FALSE(waiter.result());
    give_back("bob", held);
    expect_free("jobs");
}

}  // namespace
}  // namespace drover::conformance
