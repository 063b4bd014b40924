#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>

#include "drover/conformance/faults.hpp"
#include "drover/conformance/lock_kit.hpp"

// Many at once: nobody shares a name, nobody waits for ever.
namespace drover::conformance {
namespace {

/// What the workers of a case do to each other, as seen from outside of the lock service.
class Arena {
public:
    void enter(const Lease& lease) {
        const std::lock_guard lock(mutex_);
        // Who lost its lease, as a server on a very busy machine may, is told before others get the name.
        if (lease.lost()) return;
        auto& room = rooms_[lease.name];
        if (room.inside && !room.inside->lost())
            complain(lease.name + " was held twice at a time: tokens " + describe(room.inside->token) + " and " +
                     describe(lease.token));
        if (!(lease.token > room.last))
            complain(lease.name + ": token " + describe(lease.token) + " came after " + describe(room.last));
        room.last = lease.token;
        room.inside = lease;
        ++entered_;
    }
    void leave(const Lease& lease) {
        const std::lock_guard lock(mutex_);
        auto& room = rooms_[lease.name];
        if (room.inside && room.inside->token == lease.token) room.inside.reset();
    }
    void complain(const std::string& what) {
        if (complaints_.size() < kMostComplaints) complaints_ += what + "\n";
    }
    void unexpected(const Error& error) {
        const std::lock_guard lock(mutex_);
        complain("unexpected: " + std::string(to_string(error.code())) + ": " + error.message());
    }
    std::string complaints() const {
        const std::lock_guard lock(mutex_);
        return complaints_;
    }
    int entered() const {
        const std::lock_guard lock(mutex_);
        return entered_;
    }

private:
    static constexpr std::size_t kMostComplaints = 2'000;
    static std::string describe(FencingToken token) {
        return std::to_string(token.generation) + "." + std::to_string(token.number);
    }
    struct Room {
        std::optional<Lease> inside;
        FencingToken last;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Room> rooms_;  // guarded by mutex_
    std::string complaints_;             // guarded by mutex_
    int entered_ = 0;                    // guarded by mutex_
};

struct Work {
    LockService* locks = nullptr;
    Clock* clock = nullptr;
    std::shared_ptr<Arena> arena;  // owners: the case and its workers
    std::uint64_t seed = 0;
    int rounds = 0;
    bool faulty = false;
};

constexpr int kTurnsOfEach = 3;

/// Takes names at random, stays a moment inside, and leaves.
Async<Result<void>> contend(Work work) {
    constexpr int kNames = 3;
    std::mt19937_64 random(work.seed);
    auto& clock = *work.clock;
    const std::vector<Duration> waits{-1ms, 2ms, 30ms, 20s, 20s};
    for (int round = 0; round < work.rounds; ++round) {
        const auto name = "name-" + std::to_string(random() % kNames);
        const auto deadline = Deadline::in(clock, waits[random() % waits.size()]);
        const auto lease = co_await work.locks->acquire(name, deadline);
        if (!lease) {
            const auto code = lease.error().code();
            const bool lost_way = code == Errc::unavailable || code == Errc::timeout;
            if (code != Errc::busy && !(work.faulty && lost_way)) work.arena->unexpected(lease.error());
            continue;
        }
        work.arena->enter(*lease);
        const auto stayed = co_await sleep_for(clock, std::chrono::microseconds(random() % 400));
        work.arena->leave(*lease);
        if (!stayed) co_return stayed.error();
        // Whoever does not reach the backend tries again: a lease that nobody gives back blocks the others.
        for (;;) {
            const auto released = co_await work.locks->release(*lease);
            if (released) break;
            if (!work.faulty) {
                work.arena->unexpected(released.error());
                break;
            }
        }
    }
    co_return ok;
}

LOCK_CASE(ManyContendersNeverHoldANameTogether) {
    constexpr int kWorkersOfEach = 6;
    constexpr int kRounds = 40;
    const auto seed = case_seed();
    const auto arena = std::make_shared<Arena>();
    std::vector<Pending<void>> workers;
    for (int i = 0; i < kWorkersOfEach; ++i)
        for (const auto* owner : {"alice", "bob", "carol"})
            workers.emplace_back(backend().executor(),
                                 [work = Work{&locks(owner), &backend().clock(owner), arena, seed + workers.size(),
                                              kRounds}] { return contend(work); });
    for (auto& worker : workers) {
        const auto ended = worker.result();
        EXPECT_TRUE(ended) << ended.error();
    }
    EXPECT_EQ(arena->complaints(), "") << "seed " << seed;
    EXPECT_GT(arena->entered(), 0);
}

LOCK_CASE(ContendersOverAFaultyWayNeverHoldANameTogether) {
    constexpr int kWorkersOfEach = 4;
    constexpr int kRounds = 20;
    const auto seed = case_seed();
    const auto arena = std::make_shared<Arena>();
    FaultPlan plan(seed, {.refuse = 0.1, .delay = 0.2, .lose = 0.1, .longest_delay = 3ms});
    std::vector<std::unique_ptr<FaultyLockService>> ways;
    std::vector<Pending<void>> workers;
    for (const auto* owner : {"alice", "bob", "carol"}) {
        auto& clock = backend().clock(owner);
        ways.push_back(std::make_unique<FaultyLockService>(locks(owner), plan, clock));
        for (int i = 0; i < kWorkersOfEach; ++i)
            workers.emplace_back(backend().executor(),
                                 [work = Work{ways.back().get(), &clock, arena, seed + workers.size(), kRounds, true}] {
                                     return contend(work);
                                 });
    }
    for (auto& worker : workers) {
        const auto ended = worker.result();
        EXPECT_TRUE(ended) << ended.error();
    }
    EXPECT_EQ(arena->complaints(), "") << plan.describe();
    EXPECT_GT(plan.count(Fault::refuse) + plan.count(Fault::lose), 0U) << plan.describe();
    for (int i = 0; i < 3; ++i) expect_free("name-" + std::to_string(i));
}

LOCK_CASE(NobodyWaitsForEverBehindLaterOnes) {
    struct Greedy {
        explicit Greedy(std::string name) : owner(std::move(name)) {}
        const std::string owner;
        std::atomic<int> turns{0};
    };
    std::deque<Greedy> all;
    for (const auto* owner : {"alice", "alice", "bob", "bob", "carol", "carol"}) all.emplace_back(owner);
    std::atomic<bool> enough{false};
    std::vector<Pending<void>> workers;
    for (auto& one : all)
        workers.emplace_back(
            backend().executor(),
            [&one, &enough, service = &locks(one.owner), clock = &backend().clock(one.owner)]() -> Async<Result<void>> {
                while (!enough) {
                    const auto lease = co_await service->acquire("jobs", Deadline::in(*clock, kEnough));
                    if (!lease) co_return lease.error();
                    ++one.turns;
                    const auto stayed = co_await sleep_for(*clock, 50us);
                    if (!stayed) co_return stayed.error();
                    const auto released = co_await service->release(*lease);
                    if (!released) co_return released.error();
                }
                co_return ok;
            });
    const bool everybody = eventually(
        backend(),
        [&] { return std::all_of(all.begin(), all.end(), [](const auto& one) { return one.turns >= kTurnsOfEach; }); },
        15s);
    enough = true;
    EXPECT_TRUE(everybody) << "turns: " << testing::PrintToString([&] {
        std::vector<int> turns;
        for (const auto& one : all) turns.push_back(one.turns);
        return turns;
    }());
    for (auto& worker : workers) {
        const auto ended = worker.result();
        EXPECT_TRUE(ended) << ended.error();
    }
}

LOCK_CASE(HundredsOfWaitersAreServedAndHoldNoThread) {
    constexpr int kWaiters = 300;
    const auto held = take("alice", "jobs");
    std::atomic<int> inside{0};
    std::atomic<int> served{0};
    std::vector<Pending<void>> waiters;
    waiters.reserve(kWaiters);
    for (int i = 0; i < kWaiters; ++i) {
        const std::string owner = i % 2 ? "bob" : "carol";
        waiters.emplace_back(
            backend().executor(),
            [&inside, &served, service = &locks(owner), deadline = in(30s, owner)]() -> Async<Result<void>> {
                const auto lease = co_await service->acquire("jobs", deadline);
                if (!lease) co_return lease.error();
                if (inside.fetch_add(1) != 0) co_return Error(Errc::internal, "somebody else was inside");
                ++served;
                inside.fetch_sub(1);
                co_return co_await service->release(*lease);
            });
    }
    for (auto& waiter : waiters) waiter.wait_begun();
    // With so many waiting, everything else goes on.
    expect_free("other");
    EXPECT_EQ(served.load(), 0);
    give_back("alice", held);
    for (auto& waiter : waiters) {
        const auto ended = waiter.result();
        EXPECT_TRUE(ended) << ended.error();
    }
    EXPECT_EQ(served.load(), kWaiters);
    expect_free("jobs");
}

}  // namespace
}  // namespace drover::conformance
