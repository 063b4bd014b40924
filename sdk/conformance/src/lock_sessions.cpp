#include <algorithm>
#include <atomic>

#include "drover/conformance/faults.hpp"
#include "drover/conformance/lock_kit.hpp"

// What becomes of leases when the session under them ends, and when the way to the backend fails.
namespace drover::conformance {

namespace {

LOCK_CASE(ASuspendedHolderLosesItsLeaseToOthersAndLearnsItWhenResumed) {
    const auto held = take("alice", "jobs");
    backend().suspend("alice");
    const auto taken = attempt("bob", "jobs", kEnough);
    ASSERT_TRUE(taken) << "the session of a server that stands still must end: " << taken.error();
    EXPECT_GT(taken->token, held.token);

    backend().resume("alice");
    ASSERT_TRUE(learns_loss("alice", held.session));
    EXPECT_TRUE(held.lost());
    EXPECT_FALSE(taken->lost());
    EXPECT_EQ(holder("jobs")->member, "bob");
}

LOCK_CASE(ReleasingALostLeaseDoesNotHarmTheLaterHolder) {
    const auto held = take("alice", "jobs");
    backend().suspend("alice");
    const auto taken = take("bob", "jobs");
    backend().resume("alice");
    ASSERT_TRUE(learns_loss("alice", held.session));

    give_back("alice", held);
    EXPECT_EQ(holder("jobs")->token, taken.token);
    EXPECT_FALSE(attempt("carol", "jobs", 100ms));
    EXPECT_FALSE(taken.lost());
}

LOCK_CASE(ASuspendedHolderDoesNotHarmTheLaterHolderByReleasing) {
    const auto held = take("alice", "jobs");
    backend().suspend("alice");
    const auto taken = take("bob", "jobs");
    // It stands still as far as it knows: it releases without having learnt of its loss.
    (void)run(alice().release(held));
    EXPECT_EQ(holder("jobs")->token, taken.token);
    EXPECT_FALSE(attempt("carol", "jobs", 100ms));
}

LOCK_CASE(TheLossOfASessionIsToldOnceToEverybodyWhoAwaitsIt) {
    constexpr int kNames = 10;
    std::vector<Lease> held;
    for (int i = 0; i < kNames; ++i) held.push_back(take("alice", "job-" + std::to_string(i)));
    std::atomic<int> told{0};
    auto& clock = backend().clock("bob");
    std::vector<Pending<void>> watching;
    for (const auto& lease : held) {
        watching.emplace_back(backend().executor(), [session = lease.session, &clock, &told]() -> Async<Result<void>> {
            const auto lost = co_await session->wait_lost(clock, Deadline::in(clock, kEnough));
            if (lost) ++told;
            co_return lost;
        });
        watching.back().wait_begun();
    }
    backend().suspend("alice");
    const auto taken = take("bob", "job-0");
    backend().resume("alice");
    for (auto& one : watching) EXPECT_TRUE(one.result());
    EXPECT_EQ(told.load(), kNames);
    for (const auto& lease : held) EXPECT_TRUE(lease.lost());
    EXPECT_FALSE(held[0].session->lose()) << "it is lost already";
    for (int i = 1; i < kNames; ++i) expect_free("job-" + std::to_string(i));

    // A new session, which the old loss does not touch.
    const auto anew = take("alice", "job-1");
    EXPECT_NE(anew.session, held[0].session);
    EXPECT_FALSE(anew.lost());
    EXPECT_FALSE(taken.lost());
    EXPECT_FALSE(attempt("carol", "job-1", 500ms));
}

LOCK_CASE(AWaiterWhoseSessionEndedHoldsNothingUnawares) {
    const auto own = take("alice", "own");
    const auto held = take("bob", "jobs");
    auto waiter = waiting("alice", "jobs", 5s);
    settle();
    backend().suspend("alice");
    give_back("carol", take("carol", "own"));  // alice's session has ended
    backend().resume("alice");
    ASSERT_TRUE(learns_loss("alice", own.session));
    give_back("bob", held);

    // An error, or a lease that is a real one under a new session.
    const auto lease = waiter.result();
    if (lease) {
        EXPECT_FALSE(lease->lost());
        EXPECT_EQ(holder("jobs")->token, lease->token);
        give_back("alice", *lease);
    } else {
        EXPECT_TRUE(lease.error().code() == Errc::unavailable || lease.error().code() == Errc::timeout ||
                    lease.error().code() == Errc::busy)
            << lease.error();
    }
    expect_free("jobs");
}

LOCK_CASE(WaitersBehindASuspendedOneGetTheName) {
    const auto held = take("bob", "jobs");
    auto first = waiting("alice", "jobs");
    settle();
    auto second = waiting("carol", "jobs");
    settle();
    backend().suspend("alice");
    give_back("bob", held);
    const auto lease = second.result();
    ASSERT_TRUE(lease) << "a waiter that stands still must not keep the others out: " << lease.error();
    EXPECT_EQ(holder("jobs")->member, "carol");
    backend().resume("alice");
}

LOCK_CASE(RefusedCallsChangeNothing) {
    FaultPlan plan(case_seed());
    FaultyLockService faulty(alice(), plan, backend().clock("alice"));
    plan.next(Fault::refuse);
    const auto refused = run(faulty.acquire("jobs", in(kEnough)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unavailable) << refused.error();
    EXPECT_FALSE(holder("jobs"));

    const auto lease = run(faulty.acquire("jobs", in(kEnough)));
    ASSERT_TRUE(lease) << lease.error();
    plan.next(Fault::refuse);
    EXPECT_FALSE(run(faulty.release(*lease)));
    EXPECT_EQ(holder("jobs")->token, lease->token);
    EXPECT_TRUE(run(faulty.release(*lease))) << "a retry works";
    expect_free("jobs");
}

LOCK_CASE(ALeaseWhoseAnswerWasLostIsFreeAgainWhenTheSessionEnds) {
    FaultPlan plan(case_seed());
    FaultyLockService faulty(alice(), plan, backend().clock("alice"));
    plan.next(Fault::execute_and_time_out);
    const auto unknown = run(faulty.acquire("jobs", in(kEnough)));
    ASSERT_FALSE(unknown);
    ASSERT_EQ(unknown.error().code(), Errc::timeout) << unknown.error();
    ASSERT_TRUE(holder("jobs")) << "it did happen";

    backend().suspend("alice");
    const auto taken = attempt("bob", "jobs", kEnough);
    ASSERT_TRUE(taken) << taken.error();
    backend().resume("alice");
    give_back("bob", *taken);

    // Alice may have to learn first that her session ended.
    Result<Lease> retried = Error(Errc::unavailable, "not tried");
    EXPECT_TRUE(eventually(backend(), [&] {
        retried = run(faulty.acquire("jobs", in(1s)));
        return bool(retried);
    })) << retried.error();
    EXPECT_GT(retried->token, taken->token);
    EXPECT_EQ(holder("jobs")->member, "alice");
}

LOCK_CASE(ALeaseWhoseAnswerWasLostIsFreeAgainWhenTheServerCloses) {
    {
        FaultPlan plan(case_seed());
        FaultyLockService faulty(alice(), plan, backend().clock("alice"));
        plan.next(Fault::execute_and_time_out);
        ASSERT_FALSE(run(faulty.acquire("jobs", in(kEnough))));
    }
    backend().close("alice");
    expect_free("jobs");
    expect_free("jobs", "alice");
}

LOCK_CASE(AReleaseThatWasLostCanBeRepeated) {
    FaultPlan plan(case_seed());
    FaultyLockService faulty(alice(), plan, backend().clock("alice"));
    const auto lease = take("alice", "jobs");
    plan.next(Fault::lose);
    plan.next(Fault::execute_and_time_out);
    EXPECT_EQ(run(faulty.release(lease)).error().code(), Errc::timeout);
    EXPECT_EQ(holder("jobs")->token, lease.token) << "it did not happen";
    EXPECT_EQ(run(faulty.release(lease)).error().code(), Errc::timeout);
    const auto taken = take("bob", "jobs");
    EXPECT_TRUE(run(faulty.release(lease))) << "it happened already, which is no error";
    EXPECT_EQ(holder("jobs")->token, taken.token);
}

LOCK_CASE(AfterARestartOfTheBackendLeasesAreKeptOrLostButNeverShared) {
    const auto held = take("alice", "jobs");
    if (!backend().restart_server()) GTEST_SKIP() << "no server stands behind this backend (restart_server)";
    EXPECT_TRUE(eventually(backend(), [&] { return bool(attempt("bob", "other", 1s)); }))
        << "it must work again by itself";
    // Either she still has it, or she lost it and was told.
    ASSERT_TRUE(eventually(backend(), [&] {
        if (held.lost()) return true;
        const auto seen = run(bob().holder("jobs"));
        return seen && *seen && (*seen)->token == held.token;
    })) << "the lease is gone in silence";
    if (!held.lost()) {
        EXPECT_FALSE(attempt("bob", "jobs", 300ms));
        give_back("alice", held);
    }
    const auto next = take("bob", "jobs");
    if (promises("monotonic_tokens")) {
        EXPECT_GT(next.token, held.token);
    }
    EXPECT_TRUE(eventually(backend(), [&] { return bool(attempt("alice", "third", 1s)); }));
}

LOCK_CASE(WhileTheBackendHangsDeadlinesAndWithdrawalsAreKept) {
    const auto held = take("alice", "jobs");
    auto& service = bob();
    auto& clock = backend().clock("bob");
    (void)run(service.acquire("settle", in(kEnough, "bob")));
    if (!backend().pause_server()) GTEST_SKIP() << "no server stands behind this backend (pause_server)";
    auto result = expect_deadline_kept<Lease>(
        backend(), 300ms, [&](Deadline deadline) { return service.acquire("other", deadline); }, clock);
    EXPECT_FALSE(result);
    const auto far = in(kEnough, "bob");
    (void)expect_quick_cancel<Lease>(
        backend(), [&] { return service.acquire("third", far); }, [] {});
    ASSERT_TRUE(backend().resume_server());
    EXPECT_TRUE(eventually(backend(), [&] {
        const auto lease = attempt("bob", "other", 1s);
        return lease && run(service.release(*lease));
    }));
    expect_free("third");
}

}  // namespace
}  // namespace drover::conformance
