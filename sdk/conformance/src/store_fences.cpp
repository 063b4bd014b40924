// What correctness rests on when locks fail: a claim raises the epoch, and every later write expects it.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

class FenceKit : public StoreKit {
protected:
    /// Takes the job as its next holder.
    Result<Committed> claim(Store& store, std::int64_t job, const std::string& owner, std::int64_t seen_epoch) {
        return attempt(store, {Update{"job",
                                      job,
                                      {{"state", "running"}, {"owner", owner}, {"epoch", seen_epoch + 1}},
                                      {{"epoch", seen_epoch}}}});
    }
    void expect_fenced(const Result<Committed>& answered) {
        ASSERT_FALSE(answered) << "a fenced write was accepted";
        EXPECT_EQ(answered.error().code(), Errc::conflict) << answered.error();
        EXPECT_EQ(answered.error().detail("field"), "epoch") << answered.error();
        EXPECT_EQ(answered.error().detail("seen"), "2") << answered.error();
    }
};

#define FENCE_CASE(case_name) DROVER_KIT_CASE(FenceKit, store_cases, case_name)

FENCE_CASE(AHolderWhoWasSuspendedAndReplacedHasItsCommitsRefused) {
    const auto job = create("job", {});
    const auto other = create("machine", {{"name", "untouched"}});
    ASSERT_TRUE(claim(alice(), job, "alice", 0));
    auto& replacement = bob();
    const bool separate = bob_name() != "alice";
    if (separate) backend().suspend("alice");
    ASSERT_TRUE(run(replacement.commit(
        Batch{{}, {Update{"job", job, {{"owner", "bob"}, {"epoch", 2}}, {{"epoch", 1}, {"owner", "alice"}}}}},
        in(kEnough, bob_name()))));
    if (separate) backend().resume("alice");

    // All that alice still had in mind to do.
    expect_fenced(attempt({Update{"job", job, {{"state", "done"}}, {{"epoch", 1}}}}));
    expect_fenced(attempt({Update{"job", job, {{"state", "done"}}, {{"state", "running"}, {"epoch", 1}}}}));
    expect_fenced(attempt({Delete{"job", job, {{"epoch", 1}}}}));
    expect_fenced(attempt({Check{"job", job, {{"epoch", 1}}}, Update{"machine", other, {{"name", "stale"}}}}));
    expect_fenced(attempt(alice(), {Check{"job", job, {{"epoch", 1}}}, Create{"tag", {{"label", "stale"}}}},
                          unique_name("late")));

    EXPECT_EQ(read("job", job)["owner"], Value("bob"));
    EXPECT_EQ(read("job", job)["state"], Value("running"));
    EXPECT_EQ(read("machine", other)["name"], Value("untouched"));
    EXPECT_TRUE(ids(Query{.type = "tag"}).empty());
    EXPECT_TRUE(attempt(replacement, {Update{"job", job, {{"state", "done"}}, {{"epoch", 2}}}}));
}

FENCE_CASE(AMergeOfFieldsDoesNotDisturbTheHolder) {
    const auto job = create("job", {});
    ASSERT_TRUE(claim(alice(), job, "alice", 0));
    const auto seen = read("job", job);
    // A user's update expects the version it read; the holder expects state and epoch only.
    ASSERT_TRUE(attempt(bob(), {Update{"job", job, {{"total", 5}}, {}, seen.version()}}));
    ASSERT_TRUE(attempt({Update{"job", job, {{"state", "done"}}, {{"state", "running"}, {"epoch", 1}}}}));
    const auto late = attempt(bob(), {Update{"job", job, {{"total", 6}}, {}, seen.version()}});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().detail("field"), "version");
    EXPECT_EQ(read("job", job)["total"], Value(5));
    EXPECT_EQ(read("job", job)["state"], Value("done"));
}

FENCE_CASE(EpochsNeverGoBackHoweverManyContend) {
    const auto job = create("job", {});
    std::vector<std::function<Async<Result<Committed>>()>> contenders;
    for (int i = 0; i < 16; ++i) {
        auto& store = i % 2 == 0 ? alice() : bob();
        contenders.emplace_back([&store, job, i, deadline = in(kEnough)]() -> Async<Result<Committed>> {
            std::int64_t last = -1;
            for (int turn = 0; turn < 10;) {
                auto record = co_await store.get("job", job, Consistency::primary(), deadline);
                if (!record) co_return record.error();
                const auto epoch = (*record)["epoch"].integer();
                if (epoch < last) co_return Error(Errc::internal, "the epoch went back");
                last = epoch;
                Batch batch;
                batch.operations = {Update{"job",
                                           job,
                                           {{"epoch", epoch + 1}, {"owner", "contender " + std::to_string(i)}},
                                           {{"epoch", epoch}}}};
                auto done = co_await store.commit(std::move(batch), deadline);
                if (done) ++turn;
                else if (done.error().code() != Errc::conflict) co_return done;
            }
            co_return Committed{};
        });
    }
    for (const auto& result : together<Committed>(contenders)) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(read("job", job)["epoch"], Value(160));
    EXPECT_EQ(read("job", job).version(), 161);
}

}  // namespace
}  // namespace drover::conformance
