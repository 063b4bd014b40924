// Locks save work; the store is what correctness rests on: whoever lost a lock without noticing has its
// writes refused.
#include <gtest/gtest.h>

#include "drover/conformance/waiting.hpp"
#include "drover/services/lock.hpp"
#include "running_store.hpp"

namespace drover::sqlite_tests {
namespace {

struct MemoryLocks final : conformance::Backend {
    std::string library() const override { return "memory.so"; }
    conformance::Options options(std::string_view) override { return {{"world", folder()}, {"session-ttl", "300ms"}}; }
};

struct SqliteWorld final : conformance::Backend {
    std::string library() const override { return "sqlite.so"; }
    conformance::Options options(std::string_view) override { return {}; }
};

ResourceType job_type() {
    ResourceType job{.name = "job"};
    job.fields = {text_field("state").not_null("requested"), integer_field("epoch").not_null(0), text_field("owner")};
    return job;
}

/// Two process servers that share the lock service and the store.
class SqliteFence : public testing::Test {
protected:
    void SetUp() override {
        Store& store = world_.open<Store>("store");
        ASSERT_TRUE(run(store.migrate({job_type()}, MigrateMode::apply, soon())));
        job_ = commit({Create{"job", {}}}).value().changed.at(0).id;
    }
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(world_.executor(), std::move(work), 30s);
    }
    Deadline soon() { return Deadline::in(world_.clock("store"), 20s); }
    Result<Committed> commit(std::vector<Operation> operations) {
        return run(world_.open<Store>("store").commit(Batch{{}, std::move(operations)}, soon()));
    }
    Record job() { return run(world_.open<Store>("store").get("job", job_, Consistency::primary(), soon())).value(); }
    Result<Lease> acquire(std::string_view server) {
        auto& clock = locks_.clock(server);
        return run(locks_.open<LockService>(server).acquire("job/1", Deadline::in(clock, 20s)));
    }
    /// Takes the job over from whoever holds it, as a process server does under its lock.
    Result<Committed> claim(const std::string& server) {
        const auto epoch = job()["epoch"].integer();
        return commit({Update{
            "job", job_, {{"state", "running"}, {"owner", server}, {"epoch", epoch + 1}}, {{"epoch", epoch}}, {}}});
    }
    Result<Committed> finish(std::int64_t epoch) {
        return commit({Update{"job", job_, {{"state", "done"}}, {{"state", "running"}, {"epoch", epoch}}, {}}});
    }

    MemoryLocks locks_;
    SqliteWorld world_;
    std::int64_t job_ = 0;
};

TEST_F(SqliteFence, AHolderSuspendedPastItsLeaseHasItsCommitsRefusedWhenItGoesOn) {
    (void)locks_.open<LockService>("bob");
    const auto alices = acquire("alice");
    ASSERT_TRUE(alices) << alices.error();
    ASSERT_TRUE(claim("alice"));
    locks_.suspend("alice");
    const auto bobs = acquire("bob");
    ASSERT_TRUE(bobs) << bobs.error();
    EXPECT_GT(bobs->token, alices->token);
    ASSERT_TRUE(claim("bob"));

    // Alice does not know yet, and goes on where she was.
    const auto stale = finish(1);
    ASSERT_FALSE(stale) << "the claim of a suspended holder was honoured";
    EXPECT_EQ(stale.error().code(), Errc::conflict) << stale.error();
    EXPECT_EQ(stale.error().detail("field"), "epoch");
    EXPECT_EQ(stale.error().detail("seen"), "2");
    EXPECT_EQ(job()["state"], Value("running"));
    EXPECT_EQ(job()["owner"], Value("bob"));

    locks_.resume("alice");
    EXPECT_TRUE(conformance::eventually(locks_, [&] { return alices->lost(); }))
        << "her claim is gone, and she is told";
    EXPECT_FALSE(finish(1)) << "later is no better";
    EXPECT_TRUE(finish(2));
    EXPECT_EQ(job()["state"], Value("done"));
}

TEST_F(SqliteFence, ACommitThatWasUnderWayWhenTheLeaseWasLostIsRefusedAsAWhole) {
    ASSERT_TRUE(claim("alice"));
    ASSERT_TRUE(claim("bob"));
    const auto stale = commit({Create{"job", {{"owner", "left behind by alice"}}},
                               Update{"job", job_, {{"state", "done"}}, {{"epoch", 1}}, {}}});
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().detail("operation"), "1");
    auto all = run(world_.open<Store>("store").query(Query{.type = "job"}, Consistency::primary(), soon()));
    EXPECT_EQ(all.value().rows.size(), 1u);
}

}  // namespace
}  // namespace drover::sqlite_tests
