// Batches with an id: done once however often they are sent, and afterwards nobody doubts what became of them.
#include <array>

#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Ids = std::vector<std::int64_t>;

STORE_CASE(ABatchWithAnIdIsDoneOnce) {
    const auto id = unique_name("batch");
    const auto first = attempt(alice(), {Create{"machine", {{"name", "once"}}}}, id);
    ASSERT_TRUE(first) << first.error();
    const auto again = attempt(alice(), {Create{"machine", {{"name", "once"}}}}, id);
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, *first);
    const auto from_another = attempt(bob(), {Create{"machine", {{"name", "once"}}}}, id);
    ASSERT_TRUE(from_another) << from_another.error();
    EXPECT_EQ(*from_another, *first);
    EXPECT_EQ(machines({}), Ids{first->changed[0].id});
}

STORE_CASE(ARepeatedBatchAnswersAsItDidWhateverHappenedSince) {
    const auto machine = create("machine", {{"size", 1}});
    const auto id = unique_name("batch");
    const auto first = attempt(
        alice(), {Update{"machine", machine, {{"size", 2}}, {{"size", 1}}, 1}, Create{"tag", {{"label", "t"}}}}, id);
    ASSERT_TRUE(first) << first.error();
    commit({Delete{"machine", machine}, Delete{"tag", first->changed[1].id}});
    const auto again = attempt(
        alice(), {Update{"machine", machine, {{"size", 2}}, {{"size", 1}}, 1}, Create{"tag", {{"label", "t"}}}}, id);
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, *first);
    EXPECT_TRUE(ids(Query{.type = "tag"}).empty());
}

STORE_CASE(BatchesWithoutAnIdAreDoneEachTime) {
    create("machine", {});
    create("machine", {});
    EXPECT_EQ(machines({}).size(), 2u);
    const auto nothing = outcome("");
    ASSERT_TRUE(nothing) << nothing.error();
    EXPECT_FALSE(nothing->has_value());
}

STORE_CASE(OutcomeTellsWhatABatchDid) {
    const auto id = unique_name("batch");
    const auto before = outcome(id);
    ASSERT_TRUE(before) << before.error();
    EXPECT_FALSE(before->has_value());
    const auto done = attempt(alice(), {Create{"machine", {}}, Create{"tag", {{"label", "t"}}}}, id);
    ASSERT_TRUE(done) << done.error();
    const auto after = outcome(id);
    ASSERT_TRUE(after && *after);
    EXPECT_EQ(**after, *done);
    const auto elsewhere = run(bob().outcome(id, in(kEnough)));
    ASSERT_TRUE(elsewhere && *elsewhere);
    EXPECT_EQ(**elsewhere, *done);
}

STORE_CASE(AFailedBatchLeavesItsIdFree) {
    const auto machine = create("machine", {{"size", 1}, {"uuid", "u"}});
    const std::vector<std::vector<Operation>> failing = {
        {Create{"tag", {{"label", "t"}}}, Check{"machine", machine, {{"size", 2}}}},
        {Create{"tag", {{"label", "t"}}}, Create{"machine", {{"uuid", "u"}}}},
        {Create{"tag", {{"label", "t"}}}, Delete{"machine", 987'654}},
        {Create{"tag", {{"label", 5}}}},
    };
    for (const auto& operations : failing) {
        const auto id = unique_name("batch");
        ASSERT_FALSE(attempt(alice(), operations, id));
        const auto became = outcome(id);
        ASSERT_TRUE(became) << became.error();
        EXPECT_FALSE(became->has_value());
        const auto later = attempt(alice(), {Update{"machine", machine, {}}}, id);
        EXPECT_TRUE(later) << later.error();
    }
    EXPECT_TRUE(ids(Query{.type = "tag"}).empty());
}

STORE_CASE(ABatchIdIsUpTo64CharactersOfPrintableAscii) {
    const std::string longest(kLongestBatchId, 'b');
    EXPECT_TRUE(attempt(alice(), {Create{"machine", {}}}, longest));
    EXPECT_TRUE(outcome(longest).value().has_value());
    for (const auto& wrong :
         {longest + "b", std::string("two words"), std::string("\xC3\xA4"), std::string("a\0b", 3)}) {
        const auto refused = attempt(alice(), {Create{"machine", {}}}, wrong);
        ASSERT_FALSE(refused) << Value(wrong);
        EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    }
    EXPECT_EQ(machines({}).size(), 1u);
}

STORE_CASE(BatchIdsDifferInEveryByte) {
    for (const auto* id : {"abc", "ABC", "abc-", "ab", "'", "%", "a_c"}) {
        EXPECT_FALSE(outcome(id).value().has_value()) << id;
        EXPECT_TRUE(attempt(alice(), {Create{"machine", {{"name", id}}}}, id)) << id;
    }
    EXPECT_EQ(machines({}).size(), 7u);
}

STORE_CASE(AnEmptyBatchWithAnIdIsRememberedToo) {
    const auto id = unique_name("batch");
    const auto done = attempt(alice(), {}, id);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(outcome(id).value(), std::optional<Committed>(*done));
}

STORE_CASE(OneBatchSentManyTimesAtOnceIsDoneOnce) {
    for (int round = 0; round < 5; ++round) {
        const auto id = unique_name("batch");
        std::vector<std::function<Async<Result<Committed>>()>> sends;
        for (int i = 0; i < 16; ++i) {
            auto& store = i % 2 == 0 ? alice() : bob();
            sends.emplace_back([&store, id, this] {
                return store.commit(Batch{id, {Create{"machine", {{"uuid", id}}}, Create{"tag", {{"label", id}}}}},
                                    in(kEnough));
            });
        }
        const auto results = together<Committed>(std::move(sends));
        for (const auto& result : results) {
            ASSERT_TRUE(result) << result.error();
            EXPECT_EQ(*result, *results[0]);
        }
        EXPECT_EQ(machines(where("uuid", Op::eq, {id})).size(), 1u);
    }
    EXPECT_EQ(ids(Query{.type = "tag"}).size(), 5u);
}

STORE_CASE(AfterNothingWasAnsweredTheBatchDoesNotHappen) {
    auto random = seeded();
    constexpr int kRounds = 60;
    int unclear = 0;
    std::vector<std::pair<std::string, bool>> told;
    for (int round = 0; round < kRounds; ++round) {
        const auto id = unique_name("batch");
        // Some callers withdraw, some have a deadline too short or none left; each leaves open what happened.
        const std::array<Duration, 3> patiences = {kEnough, std::chrono::microseconds(random() % 800),
                                                   Duration::zero()};
        const auto patience = patiences[random() % 3];
        const auto trips = random() % 3;
        auto [results, took] = withdraw<Committed>(
            {[&, id, patience] {
                return alice().commit(Batch{id, {Create{"machine", {{"uuid", id}, {"note", std::string(9'000, 'n')}}}}},
                                      in(patience));
            }},
            [&] {
                for (std::size_t i = 0; i < trips; ++i) EXPECT_TRUE(run(alice().position(in(kEnough))));
            });
        const auto became = outcome(id);
        ASSERT_TRUE(became) << became.error();
        if (results[0]) {
            ASSERT_TRUE(*became) << "an acknowledged batch is forgotten";
            EXPECT_EQ(**became, *results[0]);
        } else {
            EXPECT_TRUE(outcome_unknown(results[0].error().code())) << results[0].error();
            ++unclear;
        }
        told.emplace_back(id, became->has_value());
    }
    commit({Create{"tag", {{"label", "commits are serialised, so all before this one are done"}}}});
    for (const auto& [id, happened] : told)
        EXPECT_EQ(machines(where("uuid", Op::eq, {id})).size(), happened ? 1u : 0u) << id;
    std::cout << unclear << " of " << kRounds << " callers did not learn it from the commit itself\n";
}

STORE_CASE(WhatWasAnsweredNothingMayBeCommittedAgain) {
    for (int round = 0; round < 10; ++round) {
        const auto id = unique_name("batch");
        const std::vector<Operation> operations = {Create{"machine", {{"uuid", id}}}};
        (void)withdraw<Committed>({[&] { return alice().commit(Batch{id, operations}, in(kEnough)); }});
        const auto became = outcome(id);
        ASSERT_TRUE(became) << became.error();
        const auto again = attempt(alice(), operations, id);
        ASSERT_TRUE(again) << again.error();
        EXPECT_EQ(machines(where("uuid", Op::eq, {id})), Ids{again->changed[0].id});
        EXPECT_EQ(became->value_or(*again), *again);
    }
}

}  // namespace
}  // namespace drover::conformance
