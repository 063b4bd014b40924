// A power cut at any moment: what was not flushed is lost at random, what was acknowledged is not.
#include <gtest/gtest.h>

#include "drover/test/fault_cases.hpp"
#include "drover/test/process.hpp"
#include "faulty_disk.hpp"
#include "workload.hpp"

namespace drover::sqlite_tests {
namespace {

/// The values that writers were told are committed.
class Ledger {
public:
    void note(std::int64_t writer, std::int64_t value) {
        const std::lock_guard lock(mutex_);
        values_[writer] = value;
        ++count_;
    }
    std::map<std::int64_t, std::int64_t> values() const {
        const std::lock_guard lock(mutex_);
        return values_;
    }
    std::uint64_t count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::int64_t, std::int64_t> values_;  // guarded by mutex_
    std::uint64_t count_ = 0;                      // guarded by mutex_
};

TEST(SqlitePower, ACutTakesNothingThatWasAcknowledged) {
    for (test::FaultCases cases("sqlite: power cut during random workloads", 200); cases.next();) {
        std::mt19937_64 random(cases.seed());
        FaultyDisk disk;
        const test::TemporaryFolder home;
        const test::TemporaryFolder after;
        const auto writers = static_cast<std::int64_t>(1 + random() % 32);
        Ledger ledger;
        std::map<std::int64_t, std::int64_t> least;
        std::map<std::int64_t, std::int64_t> most;
        {
            auto running = RunningStore::start({.home = home.path(), .types = workload_types()});
            ASSERT_TRUE(running) << running.error();
            std::atomic<bool> stop{false};
            TaskGroup group((*running)->executor());
            for (std::int64_t writer = 0; writer < writers; ++writer)
                group.spawn("writer", [&, writer] {
                    return write_on(**running, writer, cases.seed(), stop,
                                    [&ledger](std::int64_t who, std::int64_t value) { ledger.note(who, value); });
                });
            const auto enough = random() % (random() % 3 == 0 ? 4'000 : 200);
            EXPECT_TRUE((*running)->eventually([&] { return ledger.count() >= enough; }));
            least = ledger.values();
            disk.cut_power(after.path(), random);
            most = ledger.values();
            stop.store(true);
            EXPECT_TRUE(group.join(30s));
        }
        auto running = RunningStore::start({.home = after.path(), .types = workload_types()});
        ASSERT_TRUE(running) << running.error();
        for (std::int64_t writer = 0; writer < writers; ++writer)
            expect_whole(**running, writer, least[writer], most[writer] + 1);
        expect_no_poison(**running);
    }
}

TEST(SqlitePower, ACutWhileFlushesFailLeavesTheTruthToBeAskedFor) {
    for (test::FaultCases cases("sqlite: power cut while flushes fail", 200); cases.next();) {
        std::mt19937_64 random(cases.seed());
        FaultyDisk disk;
        const test::TemporaryFolder home;
        const test::TemporaryFolder after;
        std::int64_t kept = 0;
        Errc answered{};
        {
            auto running = RunningStore::start({.home = home.path(), .types = workload_types()});
            ASSERT_TRUE(running) << running.error();
            const auto commits = random() % 20;
            for (kept = 0; kept < static_cast<std::int64_t>(commits); ++kept)
                ASSERT_TRUE((*running)->commit({Create{"step", {{"writer", 1}, {"number", kept}}}}));
            disk.break_it(FaultyDisk::Fault::sync_error, "-wal");
            const auto failed = (*running)->commit(
                {Create{"step", {{"writer", 2}, {"number", 1}}}, Create{"step", {{"writer", 2}, {"number", 2}}}},
                "in-doubt");
            ASSERT_FALSE(failed);
            answered = failed.error().code();
            disk.cut_power(after.path(), random);
            disk.mend();
        }
        EXPECT_EQ(answered, Errc::timeout) << "what was written but not flushed may come back";
        auto running = RunningStore::start({.home = after.path(), .types = workload_types()});
        ASSERT_TRUE(running) << running.error();
        Query query{.type = "step"};
        query.where = {{{"writer", Op::eq, {1}}}};
        EXPECT_EQ((*running)->query(query).value().rows.size(), static_cast<std::size_t>(kept));
        query.where = {{{"writer", Op::eq, {2}}}};
        const auto happened = (*running)->query(query).value().rows.size();
        const auto outcome = (*running)->outcome("in-doubt").value();
        EXPECT_EQ(happened, outcome ? 2u : 0u);
        const auto again = (*running)->commit(
            {Create{"step", {{"writer", 2}, {"number", 1}}}, Create{"step", {{"writer", 2}, {"number", 2}}}},
            "in-doubt");
        ASSERT_TRUE(again) << again.error();
        EXPECT_EQ((*running)->query(query).value().rows.size(), 2u);
    }
}

}  // namespace
}  // namespace drover::sqlite_tests
