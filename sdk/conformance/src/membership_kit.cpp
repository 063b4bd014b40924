#include "drover/conformance/membership_kit.hpp"

#include <algorithm>

namespace drover::conformance {

std::vector<Case>& membership_cases() {
    static std::vector<Case> cases;
    return cases;
}

Result<SessionPtr> MembershipKit::try_join(std::string_view owner, std::string id, Labels labels) {
    auto& service = members(owner);
    return run(service.join(Member{std::move(id), std::move(labels)}, in(kEnough, owner)));
}

SessionPtr MembershipKit::join(std::string_view owner, std::string id, Labels labels) {
    return try_join(owner, std::move(id), std::move(labels)).value();
}

void MembershipKit::leave(std::string_view owner, std::string id) {
    const auto left = run(members(owner).leave(std::move(id), in(kEnough, owner)));
    EXPECT_TRUE(left) << left.error();
}

Members MembershipKit::seen_by(std::string_view owner) {
    auto& service = members(owner);
    return run(service.members(in(kEnough, owner))).value();
}

MembershipWatch MembershipKit::watch(std::string_view owner) { return run(members(owner).watch()).value(); }

Members MembershipKit::next(MembershipWatch& watch) {
    auto& clock = backend().clock("observer");
    return run(watch.next(clock, Deadline::in(clock, kEnough))).value();
}

void MembershipKit::expect_ids(std::string_view owner, const std::vector<std::string>& expected) {
    std::vector<std::string> seen;
    EXPECT_TRUE(eventually(backend(), [&] { return (seen = ids(seen_by(owner))) == expected; }))
        << owner << " sees " << testing::PrintToString(seen) << " instead of " << testing::PrintToString(expected);
}

Members MembershipKit::read_until(MembershipWatch& watch, const std::vector<std::string>& expected) {
    auto members = next(watch);
    while (ids(members) != expected) {
        auto later = next(watch);
        EXPECT_GT(later.revision, members.revision);
        members = std::move(later);
    }
    return members;
}

std::vector<std::string> MembershipKit::ids(const Members& members) {
    std::vector<std::string> list;
    for (const auto& member : members.list) list.push_back(member.id);
    return list;
}

const Member* MembershipKit::find(const Members& members, std::string_view id) {
    for (const auto& member : members.list)
        if (member.id == id) return &member;
    return nullptr;
}

namespace {

MEMBERSHIP_CASE(AMemberThatJoinedIsSeenByAllWithItsLabels) {
    EXPECT_TRUE(seen_by("bob").list.empty());
    const Labels labels{{"name", "host-1"}, {"roles", "api,process"}, {"draining", "false"}};
    const auto session = join("alice", "alice", labels);
    ASSERT_TRUE(session);
    EXPECT_FALSE(session->lost());
    for (const auto* owner : {"alice", "bob"}) {
        expect_ids(owner, {"alice"});
        EXPECT_EQ(seen_by(owner).list[0], (Member{"alice", labels}));
    }
}

MEMBERSHIP_CASE(LabelsHoldAnyText) {
    const Labels labels{{"empty", ""},
                        {"comma", "a,b;c=d"},
                        {"quote", "\"'\\"},
                        {"space", " a  b "},
                        {"lines", "a\nb\r\nc"},
                        {"slash", "/a/b"},
                        {"utf-8", "\xc3\xa4\xe2\x82\xac"},
                        {"a=b", "x"},
                        {"a.b/c d", "y"},
                        {"json", "{\"a\":[1]}"}};
    join("alice", "alice", labels);
    expect_ids("bob", {"alice"});
    EXPECT_EQ(seen_by("bob").list[0].labels, labels);
}

MEMBERSHIP_CASE(JoiningAgainReplacesTheLabels) {
    const auto first = join("alice", "alice", {{"draining", "false"}, {"old", "1"}});
    expect_ids("bob", {"alice"});
    const auto before = seen_by("bob").revision;
    const auto second = join("alice", "alice", {{"draining", "true"}});
    EXPECT_EQ(first, second) << "it is the same life";
    EXPECT_TRUE(eventually(backend(), [&] { return seen_by("bob").list[0].labels == Labels{{"draining", "true"}}; }));
    EXPECT_GT(seen_by("bob").revision, before);
    EXPECT_EQ(seen_by("bob").list.size(), 1U);
}

MEMBERSHIP_CASE(MembersAreSortedById) {
    for (const auto* id : {"m", "b", "z", "a", "B", "10", "9"}) join("alice", id);
    expect_ids("bob", {"10", "9", "B", "a", "b", "m", "z"});
}

MEMBERSHIP_CASE(AMemberThatLeavesIsGoneAtOnce) {
    join("bob");
    expect_at_once([&] {
        join("alice");
        expect_ids("carol", {"alice", "bob"});
        const auto before = std::chrono::steady_clock::now();
        leave("alice", "alice");
        expect_ids("carol", {"bob"});
        return std::chrono::steady_clock::now() - before;
    });
    join("alice");
    expect_ids("carol", {"alice", "bob"});
}

MEMBERSHIP_CASE(LeavingWithoutHavingJoinedIsNoErrorAndHarmsNobody) {
    leave("alice", "alice");
    join("bob");
    leave("alice", "bob");  // is not hers
    leave("alice", "nobody");
    join("carol");
    expect_ids("alice", {"bob", "carol"});
    leave("bob", "bob");
    leave("bob", "bob");
    expect_ids("alice", {"carol"});
}

MEMBERSHIP_CASE(AnIdThatIsJoinedElsewhereIsAConflict) {
    join("alice", "server-1", {{"from", "alice"}});
    const auto refused = try_join("bob", "server-1", {{"from", "bob"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::conflict) << refused.error();
    expect_ids("bob", {"server-1"});
    EXPECT_EQ(seen_by("bob").list[0].labels.at("from"), "alice");

    leave("alice", "server-1");
    EXPECT_TRUE(try_join("bob", "server-1", {{"from", "bob"}}));
    EXPECT_TRUE(eventually(backend(), [&] {
        const auto members = seen_by("carol");
        return members.list.size() == 1 && members.list[0].labels.at("from") == "bob";
    }));
}

MEMBERSHIP_CASE(InvalidMembersAreRefused) {
    const std::vector<Member> invalid{
        {"", {}}, {std::string(256, 'x'), {}}, {"alice", {{"large", std::string(8 * 1024, 'x')}}}};
    for (const auto& member : invalid) {
        const auto refused = try_join("alice", member.id, member.labels);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    }
    join("alice", std::string(255, 'x'), {{"large", std::string(8 * 1024 - 5, 'x')}});
    expect_ids("bob", {std::string(255, 'x')});
}

MEMBERSHIP_CASE(RevisionsGrowWithEveryChange) {
    auto last = seen_by("alice").revision;
    const auto grown = [&] {
        const bool did = eventually(backend(), [&] { return seen_by("alice").revision > last; });
        last = seen_by("alice").revision;
        return did;
    };
    join("alice");
    EXPECT_TRUE(grown());
    join("bob");
    EXPECT_TRUE(grown());
    join("bob", "bob", {{"draining", "true"}});
    EXPECT_TRUE(grown());
    leave("bob", "bob");
    EXPECT_TRUE(grown());
}

MEMBERSHIP_CASE(AWatchGivesWhatIsAtOnceAndThenWhatChanges) {
    join("alice");
    expect_ids("bob", {"alice"});
    auto watching = watch("bob");
    EXPECT_EQ(ids(next(watching)), std::vector<std::string>{"alice"});

    auto& clock = backend().clock("observer");
    Pending<Members> waiting(backend().executor(), [&] { return watching.next(clock, Deadline::in(clock, kEnough)); });
    waiting.wait_begun();
    join("carol", "carol", {{"name", "host-3"}});
    const auto changed = waiting.result();
    ASSERT_TRUE(changed) << changed.error();
    EXPECT_EQ(ids(*changed), (std::vector<std::string>{"alice", "carol"}));
    EXPECT_EQ(changed->list[1].labels.at("name"), "host-3");

    leave("alice", "alice");
    read_until(watching, {"carol"});
    leave("carol", "carol");
    read_until(watching, {});
}

MEMBERSHIP_CASE(AWatchOfNobodyGivesAnEmptySnapshot) {
    auto watching = watch("alice");
    EXPECT_TRUE(next(watching).list.empty());
}

MEMBERSHIP_CASE(ASlowWatcherMissesThoseInBetweenNeverTheLast) {
    constexpr int kChanges = 100;
    auto watching = watch("bob");
    for (int i = 1; i <= kChanges; ++i) join("alice", "alice", {{"number", std::to_string(i)}});
    auto members = next(watching);
    int snapshots = 1;
    while (members.list.empty() || members.list[0].labels.at("number") != std::to_string(kChanges)) {
        const auto later = next(watching);
        ASSERT_GT(later.revision, members.revision);
        members = later;
        ++snapshots;
    }
    EXPECT_LE(snapshots, kChanges + 1);
    // Nothing is left to be told.
    auto& clock = backend().clock("observer");
    const auto more = run(watching.next(clock, Deadline::in(clock, 100ms)));
    EXPECT_FALSE(more) << "a snapshot without a change";
}

MEMBERSHIP_CASE(AWatcherWhoWithdrawsReturnsWithin100MillisecondsAndMissesNothing) {
    auto watching = watch("bob");
    (void)next(watching);
    auto& clock = backend().clock("bob");
    const auto result = expect_quick_cancel<Members>(
        backend(), [&] { return watching.next(clock); }, [&] { (void)seen_by("bob"); });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::cancelled) << result.error();
    join("alice");
    EXPECT_EQ(ids(next(watching)), std::vector<std::string>{"alice"});
}

MEMBERSHIP_CASE(AWatchersDeadlineIsKept) {
    auto watching = watch("bob");
    (void)next(watching);
    auto& clock = backend().clock("bob");
    const auto result = expect_deadline_kept<Members>(
        backend(), 150ms, [&](Deadline deadline) { return watching.next(clock, deadline); }, clock);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::timeout) << result.error();
}

MEMBERSHIP_CASE(ManyWatchersAllSeeTheLastSnapshot) {
    constexpr int kWatchers = 50;
    std::vector<MembershipWatch> watching;
    for (int i = 0; i < kWatchers; ++i) watching.push_back(watch(i % 2 ? "alice" : "bob"));
    join("alice");
    join("carol");
    for (auto& one : watching) read_until(one, {"alice", "carol"});
}

MEMBERSHIP_CASE(ManyMembersComeAndGo) {
    constexpr int kSteps = 150;
    constexpr int kIds = 12;
    std::mt19937_64 random(case_seed());
    const std::vector<std::string> owners{"alice", "bob", "carol"};
    std::map<std::string, Labels> model;
    auto watching = watch("alice");
    for (int step = 0; step < kSteps; ++step) {
        const auto number = random() % kIds;
        const auto id = "server-" + std::to_string(number);
        const auto& owner = owners[number % owners.size()];
        if (random() % 3 == 0) {
            leave(owner, id);
            model.erase(id);
        } else {
            const Labels labels{{"step", std::to_string(step)}};
            join(owner, id, labels);
            model[id] = labels;
        }
    }
    std::vector<Member> expected;
    for (const auto& [id, labels] : model) expected.push_back({id, labels});
    for (const auto& owner : owners)
        EXPECT_TRUE(eventually(backend(), [&] { return seen_by(owner).list == expected; })) << owner;
    auto members = next(watching);
    while (members.list != expected) members = next(watching);
}

}  // namespace
}  // namespace drover::conformance
