// A lock can fail its holder; the store must not. Locks of one plugin, records of another.
#include <gtest/gtest.h>

#include "drover/conformance/waiting.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/store.hpp"

namespace drover {
namespace {

using namespace std::chrono_literals;

struct Locks final : conformance::Backend {
    std::string library() const override { return "memory.so"; }
    conformance::Options options(std::string_view) override { return {{"world", folder()}, {"session-ttl", "500ms"}}; }
};

/// The store of one server; alice and bob work on it as two executors of processes do.
struct Records final : conformance::Backend {
    explicit Records(std::string library_file) : library_(std::move(library_file)) {}
    std::string library() const override { return library_; }
    conformance::Options options(std::string_view) override { return {}; }

private:
    const std::string library_;
};

class SuspendedHolderTest : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        ResourceType job{.name = "job"};
        job.fields = {text_field("state").not_null("pending"), text_field("owner"), integer_field("epoch").not_null(0)};
        run(records_.open<Store>("server").migrate({job}, MigrateMode::apply, Deadline::never())).value();
    }
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(locks_.executor(), std::move(work), 30s);
    }
    Store& store() { return records_.open<Store>("server"); }
    Result<Committed> commit(std::vector<Operation> operations) {
        Batch batch;
        batch.operations = std::move(operations);
        return run(store().commit(std::move(batch), Deadline::never()));
    }
    Result<Lease> lock(std::string_view owner) {
        return run(locks_.open<LockService>(owner).acquire("job", Deadline::in(locks_.clock(owner), 20s)));
    }
    /// Raises the epoch from what the record holds, as the job's next holder.
    std::int64_t claim(std::int64_t job, const std::string& owner) {
        const auto epoch =
            run(store().get("job", job, Consistency::primary(), Deadline::never())).value()["epoch"].integer();
        commit({Update{"job", job, {{"state", "running"}, {"owner", owner}, {"epoch", epoch + 1}}, {{"epoch", epoch}}}})
            .value();
        return epoch + 1;
    }

    Locks locks_;
    Records records_{GetParam()};
};

TEST_P(SuspendedHolderTest, FindsItsClaimGoneAndItsCommitsRefused) {
    const auto job = commit({Create{"job", {}}}).value().changed[0].id;
    const auto alices = lock("alice");
    ASSERT_TRUE(alices) << alices.error();
    const auto alices_epoch = claim(job, "alice");

    locks_.suspend("alice");
    const auto bobs = lock("bob");
    ASSERT_TRUE(bobs) << "the lease of a suspended holder never ended: " << bobs.error();
    EXPECT_GT(bobs->token, alices->token);
    const auto bobs_epoch = claim(job, "bob");
    // Alice wakes up in the middle of her work, before anybody told her.
    const auto late =
        commit({Update{"job", job, {{"state", "done by alice"}}, {{"state", "running"}, {"epoch", alices_epoch}}}});
    ASSERT_FALSE(late) << "a stale write was accepted";
    EXPECT_EQ(late.error().code(), Errc::conflict) << late.error();
    EXPECT_EQ(late.error().detail("field"), "epoch");
    locks_.resume("alice");
    EXPECT_TRUE(conformance::eventually(locks_, [&] { return alices->lost(); })) << "she is never told";
    EXPECT_FALSE(commit({Delete{"job", job, {{"epoch", alices_epoch}}}}));
    EXPECT_FALSE(bobs->lost());
    EXPECT_TRUE(
        commit({Update{"job", job, {{"state", "done by bob"}}, {{"state", "running"}, {"epoch", bobs_epoch}}}}));
    const auto record = run(store().get("job", job, Consistency::primary(), Deadline::never())).value();
    EXPECT_EQ(record["state"], Value("done by bob"));
    EXPECT_EQ(record["owner"], Value("bob"));
}

INSTANTIATE_TEST_SUITE_P(Stores, SuspendedHolderTest, testing::Values("memory.so", "sqlite.so"), [](const auto& param) {
    return std::string(param.param).substr(0, std::string(param.param).find('.'));
});

}  // namespace
}  // namespace drover
