#include "drover/conformance/faults.hpp"
#include "drover/conformance/membership_kit.hpp"
#include "drover/options.hpp"

// What the others see when a member dies, closes, or cannot be reached.
namespace drover::conformance {
namespace {

/// The trait max_expiry, such as "6s".
Result<std::chrono::milliseconds> longest_expiry(const Traits& traits) {
    const auto found = traits.find("max_expiry");
    if (found == traits.end()) return Error(Errc::invalid, "the trait max_expiry is not declared");
    auto parsed = parse_option(duration("max-expiry", std::chrono::milliseconds(0), "The trait."), found->second);
    if (!parsed) return parsed.error();
    return std::get<std::chrono::milliseconds>(*parsed);
}

MEMBERSHIP_CASE(AMemberThatDiedIsGoneWithinMaxExpiry) {
    const auto expiry = longest_expiry(backend().traits(MembershipService::kId));
    ASSERT_TRUE(expiry) << expiry.error();
    join("alice");
    join("bob");
    auto watching = watch("bob");
    read_until(watching, {"alice", "bob"});

    const auto before = std::chrono::steady_clock::now();
    backend().suspend("alice");
    read_until(watching, {"bob"});
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
    EXPECT_LE(took, *expiry + kCancelWithin);
    EXPECT_EQ(ids(seen_by("bob")), std::vector<std::string>{"bob"});
}

MEMBERSHIP_CASE(ASuspendedMemberLearnsItsLossWhenResumedAndJoinsAgain) {
    const auto session = join("alice", "alice", {{"life", "1"}});
    backend().suspend("alice");
    expect_ids("bob", {});
    backend().resume("alice");
    ASSERT_TRUE(run(session->wait_lost(backend().clock("alice"), in(kEnough))));

    const auto anew = join("alice", "alice", {{"life", "2"}});
    EXPECT_NE(anew, session);
    EXPECT_FALSE(anew->lost());
    expect_ids("bob", {"alice"});
    EXPECT_EQ(seen_by("bob").list[0].labels.at("life"), "2");
}

MEMBERSHIP_CASE(TheIdOfAMemberThatDiedMayBeTakenByAnother) {
    const auto session = join("alice", "server-1");
    backend().suspend("alice");
    EXPECT_TRUE(eventually(backend(), [&] {
        const auto taken = try_join("bob", "server-1");
        EXPECT_TRUE(taken || taken.error().code() == Errc::conflict) << taken.error();
        return bool(taken);
    }));
    backend().resume("alice");
    ASSERT_TRUE(run(session->wait_lost(backend().clock("alice"), in(kEnough))));
    const auto refused = try_join("alice", "server-1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::conflict) << refused.error();
    leave("alice", "server-1");
    expect_ids("carol", {"server-1"});
}

MEMBERSHIP_CASE(AMemberStaysWhileItsServerLives) {
    const auto session = join("alice");
    auto watching = watch("bob");
    read_until(watching, {"alice"});
    auto& clock = backend().clock("observer");
    // Several times a short session.
    const auto change = run(watching.next(clock, Deadline::in(clock, 3s)));
    ASSERT_FALSE(change) << "the members changed although nobody did anything";
    EXPECT_EQ(change.error().code(), Errc::timeout) << change.error();
    EXPECT_FALSE(session->lost());
}

MEMBERSHIP_CASE(ClosingAServerTakesItsMembersOutAtOnce) {
    join("bob");
    expect_at_once([&] {
        const auto session = join("alice", "alice");
        join("alice", "alice-2");
        expect_ids("bob", {"alice", "alice-2", "bob"});
        backend().close("alice");
        const auto before = std::chrono::steady_clock::now();
        expect_ids("bob", {"bob"});
        EXPECT_TRUE(session->lost());
        return std::chrono::steady_clock::now() - before;
    });
    join("alice");
    expect_ids("bob", {"alice", "bob"});
}

MEMBERSHIP_CASE(ClosingAServerEndsItsWatchesOnly) {
    auto hers = watch("alice");
    auto his = watch("bob");
    (void)next(hers);
    auto& clock = backend().clock("observer");
    Pending<Members> waiting(backend().executor(), [&] { return hers.next(clock); });
    waiting.wait_begun();
    backend().close("alice");
    const auto ended = waiting.result();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code(), Errc::unavailable) << ended.error();
    join("carol");
    read_until(his, {"carol"});
    auto again = watch("alice");
    read_until(again, {"carol"});
}

MEMBERSHIP_CASE(AJoinWhoseAnswerWasLostMayBeRepeated) {
    FaultPlan plan(case_seed());
    FaultyMembership faulty(members("alice"), plan, backend().clock("alice"));
    const auto try_it = [&] { return run(faulty.join({"alice", {{"try", "1"}}}, in(kEnough))); };
    plan.next(Fault::refuse);
    EXPECT_EQ(try_it().error().code(), Errc::unavailable);
    plan.next(Fault::lose);
    EXPECT_EQ(try_it().error().code(), Errc::timeout);
    expect_ids("bob", {});
    plan.next(Fault::execute_and_time_out);
    EXPECT_EQ(try_it().error().code(), Errc::timeout);
    expect_ids("bob", {"alice"});

    const auto session = try_it();
    ASSERT_TRUE(session) << session.error();
    EXPECT_FALSE((*session)->lost());
    expect_ids("bob", {"alice"});
    plan.next(Fault::execute_and_time_out);
    EXPECT_EQ(run(faulty.leave("alice", in(kEnough))).error().code(), Errc::timeout);
    EXPECT_TRUE(run(faulty.leave("alice", in(kEnough)))) << "it left already, which is no error";
    expect_ids("bob", {});
}

MEMBERSHIP_CASE(AJoinWhoseAnswerWasLostEndsWithItsServer) {
    {
        FaultPlan plan(case_seed());
        FaultyMembership faulty(members("alice"), plan, backend().clock("alice"));
        plan.next(Fault::execute_and_time_out);
        ASSERT_FALSE(run(faulty.join({"alice", {}}, in(kEnough))));
    }
    expect_ids("bob", {"alice"});
    backend().suspend("alice");
    expect_ids("bob", {});
    backend().resume("alice");
}

MEMBERSHIP_CASE(OverAFaultyWayTheMembersAreWhatTheyShouldBe) {
    constexpr int kSteps = 120;
    const auto seed = case_seed();
    std::mt19937_64 random(seed);
    FaultPlan plan(seed, {.refuse = 0.1, .delay = 0.1, .execute_and_time_out = 0.1, .lose = 0.1, .longest_delay = 2ms});
    FaultyMembership faulty(members("alice"), plan, backend().clock("alice"));
    std::map<std::string, Labels> model;
    for (int step = 0; step < kSteps; ++step) {
        const auto id = "server-" + std::to_string(random() % 6);
        const Labels labels{{"step", std::to_string(step)}};
        const bool leaves = random() % 3 == 0;
        // Until it is acknowledged: repeating is harmless.
        Result<void> done = Error(Errc::unavailable, "not tried");
        while (!done && lost_on_the_way(done.error())) {
            if (leaves) {
                done = run(faulty.leave(id, in(kEnough)));
                continue;
            }
            const auto joined = run(faulty.join({id, labels}, in(kEnough)));
            done = joined ? Result<void>(ok) : Result<void>(joined.error());
        }
        ASSERT_TRUE(done) << done.error();
        if (leaves) model.erase(id);
        else model[id] = labels;
    }
    std::vector<Member> expected;
    for (const auto& [id, labels] : model) expected.push_back({id, labels});
    EXPECT_TRUE(eventually(backend(), [&] { return seen_by("bob").list == expected; })) << plan.describe();
}

MEMBERSHIP_CASE(AfterARestartOfTheBackendMembersStayOrLearnThatTheyAreOut) {
    auto session = join("alice");
    auto watching = watch("bob");
    read_until(watching, {"alice"});
    if (!backend().restart_server()) GTEST_SKIP() << "no server stands behind this backend (restart_server)";
    // Either the others see her, or she is told, and joins again.
    EXPECT_TRUE(eventually(backend(), [&] {
        if (session->lost())
            if (const auto anew = try_join("alice", "alice")) session = *anew;
        const auto seen = run(members("bob").members(in(1s, "bob")));
        return seen && find(*seen, "alice") && !session->lost();
    }));
    join("carol");
    auto later = watch("bob");
    read_until(later, {"alice", "carol"});
}

MEMBERSHIP_CASE(WhileTheBackendHangsDeadlinesAndWithdrawalsAreKept) {
    join("alice");
    auto& service = members("bob");
    expect_ids("bob", {"alice"});
    if (!backend().pause_server()) GTEST_SKIP() << "no server stands behind this backend (pause_server)";
    auto& clock = backend().clock("bob");
    const auto before = clock.now();
    (void)run(service.join({"bob", {}}, Deadline(before + 300ms)));
    EXPECT_LE(clock.now() - before, 300ms + kCancelWithin);
    const auto far = in(kEnough, "bob");
    Pending<SessionPtr> joining(backend().executor(), [&] { return service.join({"bob", {}}, far); });
    joining.wait_begun();
    EXPECT_LE(joining.cancel(), kCancelWithin);
    ASSERT_TRUE(backend().resume_server());
    EXPECT_TRUE(eventually(backend(), [&] { return bool(try_join("bob", "bob")); }));
}

}  // namespace
}  // namespace drover::conformance
