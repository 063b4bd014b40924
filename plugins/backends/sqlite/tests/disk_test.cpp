// A disk that is full or fails: reported, refused, recovered from, and the truth told about what was under way.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "drover/test/process.hpp"
#include "faulty_disk.hpp"
#include "running_store.hpp"

namespace drover::sqlite_tests {
namespace {

using Fault = FaultyDisk::Fault;

Operation step(std::int64_t number) { return Create{"step", {{"writer", 7}, {"number", number}}}; }

/// Each case has a new disk, a new store on it, and some records that must stay whatever happens.
class SqliteDisk : public testing::Test {
protected:
    void SetUp() override {
        start();
        for (std::int64_t number = 0; number < kKept; ++number) ASSERT_TRUE(running_->commit({step(number)}));
    }
    void start() {
        running_.reset();
        auto started = RunningStore::start({.home = home_.path(), .types = workload_types()});
        ASSERT_TRUE(started) << started.error();
        running_ = std::move(*started);
    }
    std::int64_t steps() {
        Query query{.type = "step"};
        query.limit = kLargestPage;
        const auto found = running_->query(query);
        EXPECT_TRUE(found) << found.error();
        return found ? static_cast<std::int64_t>(found->rows.size()) : 0;
    }
    bool is_well() {
        return running_->eventually([&] { return running_->health().state == Health::State::ok; });
    }
    /// Whatever is broken now: refused with `code`, told to operators, and all of it over after `mend`.
    void expect_refused_and_recovered(Errc code, const std::function<void()>& mend) {
        const auto refused = running_->commit({step(kKept)}, "refused");
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), code) << refused.error();
        EXPECT_FALSE(refused.error().hint().empty());
        EXPECT_EQ(running_->health().state, Health::State::degraded);
        EXPECT_FALSE(running_->health().reason.empty());
        EXPECT_EQ(steps(), kKept) << "reads go on";
        mend();
        EXPECT_TRUE(is_well()) << "it does not recover by itself: " << running_->health().reason;
        EXPECT_EQ(running_->health().reason, "");
        const auto outcome = running_->outcome("refused");
        ASSERT_TRUE(outcome) << outcome.error();
        EXPECT_FALSE(*outcome) << "what was refused happened";
        EXPECT_EQ(steps(), kKept);
        const auto again = running_->commit({step(kKept)}, "refused");
        ASSERT_TRUE(again) << again.error();
        EXPECT_EQ(steps(), kKept + 1);
        ASSERT_NO_FATAL_FAILURE(start());
        EXPECT_EQ(steps(), kKept + 1);
    }

    static constexpr std::int64_t kKept = 5;
    FaultyDisk disk_;
    test::TemporaryFolder home_;
    std::unique_ptr<RunningStore> running_;
};

TEST_F(SqliteDisk, WhenItIsFullCommitsAreRefusedUntilThereIsSpace) {
    disk_.break_it(Fault::full);
    expect_refused_and_recovered(Errc::exhausted, [&] { disk_.mend(); });
}

TEST_F(SqliteDisk, WhenWritingFailsCommitsAreRefusedUntilItWorks) {
    disk_.break_it(Fault::write_error);
    expect_refused_and_recovered(Errc::unavailable, [&] { disk_.mend(); });
}

TEST_F(SqliteDisk, AFlushThatFailsOnceIsAnErrorAndNotACommit) {
    disk_.break_it(Fault::sync_error, "-wal", 1);
    const auto refused = running_->commit({step(kKept)}, "refused");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unavailable) << refused.error();
    EXPECT_EQ(disk_.shown(), 1);
    EXPECT_FALSE(running_->outcome("refused").value());
    EXPECT_EQ(steps(), kKept);
    EXPECT_TRUE(is_well());
    ASSERT_NO_FATAL_FAILURE(start());
    EXPECT_EQ(steps(), kKept) << "what was refused came back with the restart";
    EXPECT_TRUE(running_->commit({step(kKept)}, "refused"));
}

TEST_F(SqliteDisk, WhileFlushesFailTheOutcomeIsUnknownAndAfterwardsItIsTold) {
    disk_.break_it(Fault::sync_error, "-wal");
    const auto unknown = running_->commit({step(kKept)}, "unknown");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code(), Errc::timeout) << unknown.error();
    EXPECT_EQ(running_->health().state, Health::State::degraded);
    const auto asked = running_->outcome("unknown");
    ASSERT_FALSE(asked) << "nobody can know yet";
    EXPECT_EQ(asked.error().code(), Errc::unavailable) << asked.error();
    const auto next = running_->commit({step(kKept + 1)}, "next");
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), Errc::unavailable) << next.error();
    EXPECT_EQ(steps(), kKept);
    disk_.mend();
    EXPECT_TRUE(is_well()) << running_->health().reason;
    const auto told = running_->outcome("unknown");
    ASSERT_TRUE(told) << told.error();
    EXPECT_EQ(steps(), kKept + (*told ? 1 : 0));
    EXPECT_FALSE(running_->outcome("next").value());
    ASSERT_NO_FATAL_FAILURE(start());
    EXPECT_EQ(steps(), kKept + (*told ? 1 : 0)) << "the truth changed with the restart";
    ASSERT_TRUE(running_->commit({step(kKept)}, "unknown"));
    EXPECT_EQ(steps(), kKept + 1);
}

TEST_F(SqliteDisk, WhenReadingFailsReadsSayUnavailableUntilItWorks) {
    disk_.break_it(Fault::read_error);
    const auto found = running_->query(Query{.type = "cell"});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::unavailable) << found.error();
    EXPECT_GT(disk_.shown(), 0);
    disk_.mend();
    EXPECT_EQ(steps(), kKept);
    EXPECT_TRUE(running_->commit({step(kKept)}));
}

TEST_F(SqliteDisk, ACheckpointThatFailsLosesNothingAndIsToldAndMadeUpFor) {
    std::vector<Operation> large;
    for (int i = 0; i < 1'000; ++i)
        large.push_back(Create{"cell", {{"writer", i}, {"half", 0}, {"filler", std::string(4'000, 'c')}}});
    disk_.break_it(Fault::write_error, "store.db");
    for (int round = 0; round < 3; ++round) {
        for (auto& operation : large) std::get<Create>(operation).values[1].second = Value(round);
        const auto done = running_->commit(large);
        ASSERT_TRUE(done) << done.error();
    }
    EXPECT_TRUE(running_->eventually([&] { return running_->health().state == Health::State::degraded; }))
        << "the log grows and nobody is told";
    EXPECT_NE(running_->health().reason.find("write-ahead log"), std::string::npos) << running_->health().reason;
    Query query{.type = "cell"};
    query.count = true;
    EXPECT_EQ(running_->query(query).value().count, 3'000u);
    disk_.mend();
    for (int round = 3; round < 6; ++round) {
        for (auto& operation : large) std::get<Create>(operation).values[1].second = Value(round);
        ASSERT_TRUE(running_->commit(large));
    }
    EXPECT_TRUE(is_well()) << running_->health().reason;
    ASSERT_NO_FATAL_FAILURE(start());
    EXPECT_EQ(running_->query(query).value().count, 6'000u);
}

TEST_F(SqliteDisk, EveryCommitIsFlushedBeforeItIsAcknowledged) {
    for (std::int64_t number = 0; number < 20; ++number) {
        const auto before = disk_.flushes("-wal");
        ASSERT_TRUE(running_->commit({step(100 + number)}));
        EXPECT_GT(disk_.flushes("-wal"), before);
    }
}

TEST_F(SqliteDisk, ManyWritersShareAFlush) {
    constexpr int kWriters = 64;
    constexpr int kEach = 50;
    const auto before = disk_.flushes("-wal");
    TaskGroup group(running_->executor());
    std::atomic<int> done{0};
    for (int writer = 0; writer < kWriters; ++writer)
        group.spawn("writer", [&, writer]() -> Async<void> {
            for (int i = 0; i < kEach; ++i) {
                Batch batch;
                batch.operations.push_back(step(1'000 + writer * kEach + i));
                auto committing = running_->store().commit(std::move(batch), running_->in(20s));
                if (co_await std::move(committing)) ++done;
            }
        });
    ASSERT_TRUE(group.join(60s));
    EXPECT_EQ(done.load(), kWriters * kEach);
    EXPECT_LT(disk_.flushes("-wal") - before, std::uint64_t{kWriters * kEach / 4});
}

/// The real thing: a file may grow no further. The kernel says EFBIG, as it says EDQUOT for a quota.
TEST_F(SqliteDisk, AtALimitOfFileSizeLargeBatchesAreRefusedAndSmallOnesGoOn) {
    struct rlimit before {};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit lowered = before;
    lowered.rlim_cur = 2 * 1024 * 1024;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &lowered), 0);

    Batch large;
    for (int i = 0; i < 1'000; ++i)
        large.operations.push_back(Create{"cell", {{"writer", i}, {"half", 0}, {"filler", std::string(4'000, 'l')}}});
    Batch small;
    small.operations.push_back(step(kKept));
    auto committing_large = running_->store().commit(large, running_->in(20s));
    auto committing_small = running_->store().commit(small, running_->in(20s));
    Result<Committed> large_done = Error(Errc::internal, "did not end");
    Result<Committed> small_done = Error(Errc::internal, "did not end");
    TaskGroup group(running_->executor());
    group.spawn("large", [&]() -> Async<void> { large_done = co_await std::move(committing_large); });
    group.spawn("small", [&]() -> Async<void> { small_done = co_await std::move(committing_small); });
    EXPECT_TRUE(group.join(30s));
    EXPECT_FALSE(large_done);
    EXPECT_EQ(large_done.error().code(), Errc::exhausted) << large_done.error();
    EXPECT_TRUE(small_done) << small_done.error();
    EXPECT_EQ(steps(), kKept + 1);
    EXPECT_TRUE(running_->query(Query{.type = "cell"}).value().rows.empty());

    // Until the log itself has reached the limit.
    Result<Committed> last = Committed{};
    for (std::int64_t number = 100; last && number < 5'000; ++number) last = running_->commit({step(number)});
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code(), Errc::exhausted) << last.error();
    const auto held = steps();
    EXPECT_EQ(running_->health().state, Health::State::degraded);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(is_well()) << running_->health().reason;
    EXPECT_EQ(steps(), held);
    EXPECT_TRUE(running_->run(running_->store().commit(large, running_->in(20s))));
    std::signal(SIGXFSZ, handler);
}

/// The real thing again: a file system of three megabytes.
TEST(SqliteRealDisk, AFullFileSystemIsReportedRefusedAndRecoveredFrom) {
    const test::TemporaryFolder folder;
    if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=3m") != 0)
        GTEST_SKIP() << "this user may not mount: " << std::strerror(errno);
    struct Unmount {
        std::filesystem::path path;
        ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
    } const unmount{folder.path()};
    auto running = RunningStore::start({.home = folder.path(), .types = workload_types()}).value();
    ASSERT_TRUE(running->commit({step(0)}));
    const auto ballast = folder / "ballast";
    {
        std::ofstream file(ballast, std::ios::binary);
        const std::string block(4096, 'b');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
    }
    Result<Committed> last = Error(Errc::internal, "not tried");
    std::int64_t number = 1;
    do {
        last = running->commit({step(number)}, "batch-" + std::to_string(number));
    } while (last && ++number < 5'000);
    ASSERT_FALSE(last) << "the disk did not fill up";
    EXPECT_EQ(last.error().code(), Errc::exhausted) << last.error();
    EXPECT_NE(last.error().describe().find("space"), std::string::npos) << last.error();
    EXPECT_EQ(running->health().state, Health::State::degraded);
    Query query{.type = "step"};
    query.count = true;
    EXPECT_EQ(running->query(query).value().count, static_cast<std::uint64_t>(number));
    std::filesystem::remove(ballast);
    EXPECT_TRUE(running->eventually([&] { return running->health().state == Health::State::ok; }));
    EXPECT_FALSE(running->outcome("batch-" + std::to_string(number)).value());
    EXPECT_TRUE(running->commit({step(number)}, "batch-" + std::to_string(number)));
    running.reset();
    running = RunningStore::start({.home = folder.path(), .types = workload_types()}).value();
    EXPECT_EQ(running->query(query).value().count, static_cast<std::uint64_t>(number + 1));
    running.reset();
}

}  // namespace
}  // namespace drover::sqlite_tests
