// Deadlines, callers who withdraw, and a backend that is away: an answer in time, always.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Work = std::function<Async<Result<Committed>>()>;

/// Work enough that something must wait for something.
std::vector<Work> heavy_commits(Store& store, Deadline deadline, const std::string& mark) {
    std::vector<Work> works;
    for (int i = 0; i < 16; ++i)
        works.emplace_back([&store, deadline, mark, i] {
            Batch batch{mark + std::to_string(i), {}};
            for (int k = 0; k < 12; ++k)
                batch.operations.push_back(
                    Create{"machine", {{"name", mark}, {"note", std::string(60'000, 'h')}, {"rank", i}}});
            return store.commit(std::move(batch), deadline);
        });
    return works;
}

STORE_CASE(ACallerWhoWithdrawsFromACommitIsFreeAtOnce) {
    constexpr int kAttempts = 5;
    Duration best = Duration::max();
    for (int attempt_number = 0; attempt_number < kAttempts && best > kPromptly; ++attempt_number) {
        const auto mark = unique_name("mark");
        const auto [results, took] = withdraw<Committed>(heavy_commits(alice(), in(kEnough), mark));
        best = std::min(best, took);
        for (std::size_t i = 0; i < results.size(); ++i) {
            const auto became = outcome(mark + std::to_string(i));
            ASSERT_TRUE(became) << became.error();
            Query query{.type = "machine"};
            query.where = {any("name", Op::eq, {mark}), any("rank", Op::eq, {static_cast<std::int64_t>(i)})};
            EXPECT_EQ(ids(query).size(), became->has_value() ? 12u : 0u) << "half a batch, or a wrong outcome";
            if (results[i]) EXPECT_TRUE(became->has_value());
            else EXPECT_EQ(results[i].error().code(), Errc::cancelled) << results[i].error();
        }
    }
    EXPECT_LE(best, kPromptly) << "the quickest of " << kAttempts << " attempts";
}

STORE_CASE(ACallerWhoWithdrawsFromAReadIsFreeAtOnce) {
    for (int i = 0; i < 4; ++i) {
        std::vector<Operation> operations;
        for (int k = 0; k < 1'000; ++k) operations.push_back(Create{"machine", {{"name", "n" + std::to_string(k)}}});
        commit(operations);
    }
    std::vector<std::function<Async<Result<Page>>()>> reads;
    for (int i = 0; i < 24; ++i)
        reads.emplace_back([this] {
            Query query{.type = "machine"};
            query.where = where("name", Op::like, {"%9%9%"});
            query.sort = {{"name", true}};
            query.limit = kLargestPage;
            query.count = true;
            return alice().query(query, Consistency::primary(), in(kEnough));
        });
    constexpr int kAttempts = 5;
    Duration best = Duration::max();
    for (int attempt_number = 0; attempt_number < kAttempts && best > kPromptly; ++attempt_number) {
        const auto [results, took] = withdraw<Page>(reads);
        best = std::min(best, took);
        for (const auto& result : results)
            EXPECT_TRUE(result || result.error().code() == Errc::cancelled) << result.error();
    }
    EXPECT_LE(best, kPromptly) << "the quickest of " << kAttempts << " attempts";
    EXPECT_EQ(machines(where("name", Op::eq, {"n99"})).size(), 4u) << "the store goes on as if nothing was";
}

STORE_CASE(EveryVerbAnswersSoonAfterADeadlineThatHasPassed) {
    const auto id = create("machine", {{"size", 1}});
    const auto passed = Deadline(backend().clock("alice").now());
    const auto answered = [](const auto& result) {
        return result.has_value() || result.error().code() == Errc::timeout ||
               result.error().code() == Errc::unavailable;
    };
    constexpr int kAttempts = 5;
    Duration best = Duration::max();
    for (int i = 0; i < kAttempts && best > kPromptly; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_TRUE(answered(run(alice().get("machine", id, Consistency::primary(), passed))));
        EXPECT_TRUE(answered(run(alice().query(Query{.type = "machine"}, Consistency::primary(), passed))));
        EXPECT_TRUE(answered(run(alice().position(passed))));
        EXPECT_TRUE(answered(run(alice().outcome("nobody's", passed))));
        EXPECT_TRUE(answered(run(alice().migrate(store_kit_types(), MigrateMode::dry_run, passed))));
        const auto batch = unique_name("late");
        const auto late = run(alice().commit(Batch{batch, {Create{"tag", {{"label", batch}}}}}, passed));
        EXPECT_TRUE(answered(late)) << late.error();
        best = std::min<Duration>(best, std::chrono::steady_clock::now() - begun);
        const auto became = outcome(batch);
        ASSERT_TRUE(became) << became.error();
        Query query{.type = "tag"};
        query.where = where("label", Op::eq, {batch});
        EXPECT_EQ(ids(query).size(), became->has_value() ? 1u : 0u);
    }
    EXPECT_LE(best, 6 * kPromptly) << "six verbs, the quickest of " << kAttempts << " attempts";
}

STORE_CASE(DeadlinesOfACrowdAreKept) {
    constexpr int kAttempts = 5;
    constexpr auto kWait = 30ms;
    Duration best = Duration::max();
    for (int i = 0; i < kAttempts && best > kWait + kPromptly; ++i) {
        const auto mark = unique_name("mark");
        const auto begun = std::chrono::steady_clock::now();
        const auto results = together<Committed>(heavy_commits(alice(), in(kWait), mark));
        best = std::min<Duration>(best, std::chrono::steady_clock::now() - begun);
        for (std::size_t k = 0; k < results.size(); ++k) {
            const auto became = outcome(mark + std::to_string(k));
            ASSERT_TRUE(became) << became.error();
            if (results[k]) EXPECT_TRUE(became->has_value());
            else
                EXPECT_TRUE(results[k].error().code() == Errc::timeout || results[k].error().code() == Errc::exhausted)
                    << results[k].error();
        }
    }
    EXPECT_LE(best, kWait + kPromptly) << "the quickest of " << kAttempts << " attempts";
}

STORE_CASE(TheStoreWorksOnAfterManyWithdrew) {
    for (int round = 0; round < 10; ++round)
        (void)withdraw<Committed>(heavy_commits(alice(), in(kEnough), unique_name("mark")));
    const auto id = create("machine", {{"name", "after"}});
    EXPECT_EQ(machines(where("name", Op::eq, {"after"})), std::vector<std::int64_t>{id});
}

STORE_CASE(WhileTheServerStandsStillEveryVerbAnswersByItsDeadline) {
    const auto id = create("machine", {{"size", 1}});
    if (!backend().pause_server()) GTEST_SKIP() << "there is no server behind this backend";
    const auto unanswered = [](const auto& result) {
        return !result && (result.error().code() == Errc::timeout || result.error().code() == Errc::unavailable);
    };
    const auto batch = unique_name("paused");
    const auto begun = std::chrono::steady_clock::now();
    constexpr auto kWait = 300ms;
    EXPECT_TRUE(unanswered(run(alice().get("machine", id, Consistency::primary(), in(kWait)))));
    EXPECT_TRUE(unanswered(run(alice().query(Query{.type = "machine"}, Consistency::primary(), in(kWait)))));
    EXPECT_TRUE(unanswered(run(alice().commit(Batch{batch, {Create{"tag", {{"label", batch}}}}}, in(kWait)))));
    EXPECT_TRUE(unanswered(run(alice().outcome(batch, in(kWait)))));
    EXPECT_LE(std::chrono::steady_clock::now() - begun, 4 * (kWait + kPromptly) + 200ms);
    ASSERT_TRUE(backend().resume_server());
    // What became of it is told as soon as somebody can know.
    auto became = outcome(batch);
    for (int tries = 0; !became && tries < 100; ++tries) became = outcome(batch);
    ASSERT_TRUE(became) << became.error();
    Query query{.type = "tag"};
    query.where = where("label", Op::eq, {batch});
    EXPECT_EQ(ids(query).size(), became->has_value() ? 1u : 0u);
}

STORE_CASE(ARestartOfTheServerIsSurvived) {
    const auto id = create("machine", {{"size", 1}});
    if (!backend().restart_server()) GTEST_SKIP() << "there is no server behind this backend";
    auto read_again = run(alice().get("machine", id, Consistency::primary(), in(kEnough)));
    for (int tries = 0; !read_again && tries < 100; ++tries)
        read_again = run(alice().get("machine", id, Consistency::primary(), in(kEnough)));
    ASSERT_TRUE(read_again) << read_again.error();
    EXPECT_EQ((*read_again)["size"], Value(1));
    auto done = attempt({Update{"machine", id, {{"size", 2}}}});
    for (int tries = 0; !done && tries < 100; ++tries) done = attempt({Update{"machine", id, {{"size", 2}}}});
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(read("machine", id)["size"], Value(2));
}

STORE_CASE(WhatWasAcknowledgedIsThereAfterReopening) {
    STORE_CASE_NEEDS("durable");
    const auto batch = unique_name("durable");
    const auto kept = create("machine", {{"name", "kept"}, {"uuid", "u"}, {"note", std::string(65'535, 'n')}});
    const auto gone = create("machine", {{"name", "gone"}});
    const auto done = attempt(alice(), {Update{"machine", kept, {{"size", 7}}}, Delete{"machine", gone}}, batch);
    ASSERT_TRUE(done) << done.error();
    reopen();
    const auto record = read("machine", kept);
    EXPECT_EQ(record["size"], Value(7));
    EXPECT_EQ(record.version(), 2);
    EXPECT_EQ(record["note"].text().size(), 65'535u);
    EXPECT_EQ(machines({}), std::vector<std::int64_t>{kept});
    EXPECT_EQ(outcome(batch).value(), std::optional<Committed>(*done)) << "batch ids are remembered too";
    const auto again = attempt(alice(), {Update{"machine", kept, {{"size", 8}}}}, batch);
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, *done);
    EXPECT_EQ(read("machine", kept)["size"], Value(7));
    EXPECT_GT(create("machine", {}), gone) << "ids are not used twice, not even over a restart";
    EXPECT_FALSE(attempt({Create{"machine", {{"uuid", "u"}}}})) << "uniqueness came back too";
    EXPECT_TRUE(run(alice().get("machine", kept, Consistency::at_least(done->position), in(kEnough))));
}

}  // namespace
}  // namespace drover::conformance
