// The way between caller and store goes wrong on purpose: a caller who keeps to the rules loses nothing.
#include "drover/conformance/faults.hpp"
#include "drover/conformance/store_kit.hpp"
#include "drover/conformance/waiting.hpp"

namespace drover::conformance {
namespace {

constexpr int kMostRefused = 10'000;

/// What a careful caller does: a batch with an id, and when it is unclear what became of it, ask.
Async<Result<Committed>> commit_surely(Store& store, Batch batch, Deadline deadline) {
    for (int tries = 0;; ++tries) {
        auto done = co_await store.commit(batch, deadline);
        if (done || tries > kMostRefused) co_return done;
        if (done.error().code() == Errc::unavailable) continue;
        if (!outcome_unknown(done.error().code())) co_return done;
        auto became = co_await store.outcome(batch.id, deadline);
        for (; !became && tries <= kMostRefused; ++tries) became = co_await store.outcome(batch.id, deadline);
        if (!became) co_return became.error();
        if (*became) co_return **became;
    }
}

STORE_CASE(OutcomeTellsTheTruthWhenTheAnswerWasLost) {
    FaultPlan plan(1);
    FaultyStore store(alice(), plan, backend().clock("alice"));
    for (const auto fault : {Fault::execute_and_time_out, Fault::lose, Fault::refuse}) {
        const auto id = unique_name("batch");
        plan.next(fault);
        const auto answered = run(store.commit(Batch{id, {Create{"machine", {{"uuid", id}}}}}, in(kEnough)));
        ASSERT_FALSE(answered);
        EXPECT_EQ(outcome_unknown(answered.error().code()), fault != Fault::refuse) << answered.error();
        const auto became = run(store.outcome(id, in(kEnough)));
        ASSERT_TRUE(became) << became.error();
        EXPECT_EQ(became->has_value(), fault == Fault::execute_and_time_out) << to_string(fault);
        const auto found = machines(where("uuid", Op::eq, {id}));
        EXPECT_EQ(found.size(), became->has_value() ? 1u : 0u);
        if (*became) {
            EXPECT_EQ((*became)->changed.at(0).id, found.at(0));
        }
    }
}

STORE_CASE(CarefulCallersLoseNothingAndDoNothingTwice) {
    const auto seed = case_seed();
    FaultPlan plan(seed,
                   {.refuse = 0.1, .delay = 0.1, .execute_and_time_out = 0.15, .lose = 0.15, .longest_delay = 2ms});
    FaultyStore store(alice(), plan, backend().clock("alice"));
    const auto job = create("job", {});
    constexpr int kCallers = 12;
    constexpr int kEach = 8;
    std::vector<std::function<Async<Result<Committed>>()>> works;
    for (int i = 0; i < kCallers; ++i)
        works.emplace_back(
            [&store, job, i, deadline = in(kEnough), name = unique_name("caller")]() -> Async<Result<Committed>> {
                for (int k = 0; k < kEach; ++k) {
                    const auto id = name + "-" + std::to_string(k);
                    Batch batch{id, {Update{"job", job, {{"total", i}}}, Create{"machine", {{"name", id}}}}};
                    auto done = co_await commit_surely(store, std::move(batch), deadline);
                    if (!done) co_return done;
                }
                co_return Committed{};
            });
    for (const auto& result : together<Committed>(works))
        EXPECT_TRUE(result) << result.error() << "; " << plan.describe();
    EXPECT_EQ(read("job", job).version(), 1 + kCallers * kEach) << plan.describe();
    std::set<std::string> names;
    Query query{.type = "machine"};
    query.limit = kLargestPage;
    const auto page = find(query);
    for (const auto& row : page.rows)
        EXPECT_TRUE(names.insert(std::string(row.record["name"].text())).second)
            << row.record["name"] << " was made twice";
    EXPECT_EQ(names.size(), static_cast<std::size_t>(kCallers * kEach)) << plan.describe();
}

STORE_CASE(ACompareAndSetSurvivesLostAnswers) {
    // Each claimer takes the epoch from what it read; one whose answer was lost finds out by reading.
    const auto seed = case_seed();
    FaultPlan plan(seed, {.refuse = 0.1, .delay = 0.1, .execute_and_time_out = 0.2, .lose = 0.1, .longest_delay = 2ms});
    FaultyStore store(alice(), plan, backend().clock("alice"));
    const auto job = create("job", {});
    constexpr int kClaimers = 6;
    constexpr int kEach = 6;
    std::vector<std::function<Async<Result<Committed>>()>> works;
    for (int i = 0; i < kClaimers; ++i)
        works.emplace_back(
            [&store, job, deadline = in(kEnough), name = unique_name("claimer")]() -> Async<Result<Committed>> {
                int refused = 0;
                for (int claimed = 0; claimed < kEach;) {
                    auto record = co_await store.get("job", job, Consistency::primary(), deadline);
                    if (!record) {
                        if (++refused > kMostRefused) co_return record.error();
                        continue;
                    }
                    const auto epoch = (*record)["epoch"].integer();
                    Batch batch{name + "-" + std::to_string(epoch),
                                {Update{"job", job, {{"epoch", epoch + 1}, {"owner", name}}, {{"epoch", epoch}}}}};
                    auto done = co_await commit_surely(store, std::move(batch), deadline);
                    if (done) ++claimed;
                    else if (done.error().code() != Errc::conflict) co_return done;
                }
                co_return Committed{};
            });
    for (const auto& result : together<Committed>(works))
        EXPECT_TRUE(result) << result.error() << "; " << plan.describe();
    EXPECT_EQ(read("job", job)["epoch"], Value(kClaimers * kEach)) << plan.describe();
}

STORE_CASE(ReadsUnderFaultsAnswerRightOrNotAtAll) {
    const auto seed = case_seed();
    FaultPlan plan(seed, {.refuse = 0.2, .delay = 0.2, .execute_and_time_out = 0.2, .lose = 0.2, .longest_delay = 1ms});
    FaultyStore store(alice(), plan, backend().clock("alice"));
    for (int i = 0; i < 20; ++i) create("machine", {{"rank", i}});
    int answered = 0;
    for (int i = 0; i < 60; ++i) {
        Query query{.type = "machine"};
        query.where = where("rank", Op::gte, {10});
        query.count = true;
        const auto page = run(store.query(query, Consistency::primary(), in(kEnough)));
        if (!page) {
            EXPECT_TRUE(page.error().code() == Errc::unavailable || page.error().code() == Errc::timeout)
                << page.error();
            continue;
        }
        ++answered;
        EXPECT_EQ(page->count, 10u);
        EXPECT_EQ(page->rows.size(), 10u);
    }
    plan.heal();
    const auto page = run(store.query(Query{.type = "machine"}, Consistency::primary(), in(kEnough)));
    ASSERT_TRUE(page) << page.error() << "; " << plan.describe();
    EXPECT_EQ(page->rows.size(), 20u) << answered << " of 60 were answered";
}

}  // namespace
}  // namespace drover::conformance
