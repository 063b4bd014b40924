#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "drover/blocking.hpp"
#include "drover/host/runtime.hpp"
#include "drover/sync.hpp"
#include "drover/task_group.hpp"
#include "drover/testing/manual_clock.hpp"

namespace drover {
namespace {

using namespace std::chrono_literals;

/// Two executor threads, real time and a clock that the test moves.
class ExecutorTest : public ::testing::Test {
protected:
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(runtime_.executor(), std::move(work), 20s);
    }
    /// Waits until `condition` holds; the test fails when it never does.
    static void eventually(const std::function<bool()>& condition) {
        const auto until = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), until) << "the condition never held";
            std::this_thread::yield();
        }
    }
    Clock& clock() { return runtime_.clock(); }

    host::Runtime runtime_{2};
    testing::ManualClock manual_{runtime_.executor()};
    TaskGroup tasks_{runtime_.executor()};
};

Async<Result<int>> answer(int value) { co_return value; }
Async<Result<int>> refuse() { co_return Error(Errc::conflict, "no"); }
Async<Result<int>> throw_text() {
    throw std::runtime_error("broken");
    co_return 1;
}
Async<Result<int>> through(Async<Result<int>> inner) {
    auto result = co_await std::move(inner);
    if (!result) co_return result.error().in("through");
    co_return *result + 1;
}

TEST_F(ExecutorTest, ResultsTravelThroughCoroutines) {
    EXPECT_EQ(run(through(answer(41))).value(), 42);
    const auto refused = run(through(refuse()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::conflict);
    EXPECT_EQ(refused.error().message(), "through: no");
}

TEST_F(ExecutorTest, AnExceptionThatLeavesACoroutineBecomesAnInternalError) {
    const auto result = run(through(throw_text()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::internal);
    EXPECT_NE(result.error().message().find("broken"), std::string::npos);
}

TEST_F(ExecutorTest, AChoiceOfAwaitablesIsSafeWhenNamedFirst) {
    // g++ 12 miscompiles `co_await (b ? f() : g())`; naming the awaitable is the house rule.
    for (const bool first : {true, false}) {
        const auto result = run([](bool choice) -> Async<Result<int>> {
            auto chosen = choice ? answer(1) : answer(2);
            co_return co_await std::move(chosen);
        }(first));
        ASSERT_TRUE(result);
        EXPECT_EQ(*result, first ? 1 : 2);
    }
}

TEST_F(ExecutorTest, AGateLetsAllThroughOnceItIsOpen) {
    Gate gate;
    std::atomic<int> through_gate{0};
    for (int i = 0; i < 100; ++i)
        tasks_.spawn("waiter", [&]() -> Async<void> {
            if (co_await gate.wait()) ++through_gate;
        });
    EXPECT_EQ(through_gate, 0);
    EXPECT_TRUE(gate.open());
    EXPECT_FALSE(gate.open());
    EXPECT_TRUE(tasks_.join(20s));
    EXPECT_EQ(through_gate, 100);
    EXPECT_TRUE(run(gate.wait()));
}

TEST_F(ExecutorTest, AWaitEndsAtItsDeadlineOnTheClockItWasGiven) {
    Gate gate;
    std::promise<Result<void>> ended;
    tasks_.spawn("waiter",
                 [&]() -> Async<void> { ended.set_value(co_await gate.wait(manual_, Deadline::in(manual_, 1h))); });
    eventually([&] { return manual_.waiting() == 1; });
    manual_.advance(59min);
    EXPECT_EQ(manual_.waiting(), 1U);
    manual_.advance(1min);
    const auto result = ended.get_future().get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::timeout);
}

TEST_F(ExecutorTest, CancellingAGroupEndsEveryWaitWithinAHundredMilliseconds) {
    Gate never;
    Mailbox<int> empty(1);
    Semaphore none(0);
    OneShot<int> unset;
    std::atomic<int> began{0};
    std::atomic<int> cancelled{0};
    const auto count = [&](const auto& result) {
        if (!result && result.error().code() == Errc::cancelled) ++cancelled;
    };
    tasks_.spawn("gate", [&]() -> Async<void> {
        ++began;
        count(co_await never.wait());
    });
    tasks_.spawn("mailbox", [&]() -> Async<void> {
        ++began;
        count(co_await empty.next(clock()));
    });
    tasks_.spawn("semaphore", [&]() -> Async<void> {
        ++began;
        count(co_await none.acquire(clock()));
    });
    tasks_.spawn("one shot", [&]() -> Async<void> {
        ++began;
        count(co_await unset.take());
    });
    tasks_.spawn("sleep", [&]() -> Async<void> {
        ++began;
        count(co_await sleep_for(clock(), 1h));
    });
    eventually([&] { return began == 5; });
    const auto begin = std::chrono::steady_clock::now();
    tasks_.cancel();
    ASSERT_TRUE(tasks_.join(20s));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 100ms);
    EXPECT_EQ(cancelled, 5);
    EXPECT_FALSE(tasks_.spawn("late", []() -> Async<void> { co_return; })) << "a cancelled group starts nothing";
}

TEST_F(ExecutorTest, AWaitBegunAfterTheCancellationEndsToo) {
    Gate started;
    Gate go_on;
    std::promise<Errc> second;
    tasks_.spawn("stubborn", [&]() -> Async<void> {
        started.open();
        (void)co_await go_on.wait();
        const auto again = co_await []() -> Async<Result<void>> {
            Gate never;
            co_return co_await never.wait();
        }();
        second.set_value(again ? Errc::internal : again.error().code());
    });
    ASSERT_TRUE(run(started.wait()));
    tasks_.cancel();
    EXPECT_TRUE(tasks_.join(20s)) << "a task cannot wait on after it was cancelled";
}

TEST_F(ExecutorTest, APermitGoesToOneWaiterAtATimeAndNoneIsLost) {
    Semaphore one(1);
    std::atomic<int> inside{0};
    std::atomic<int> done{0};
    std::atomic<bool> overlap{false};
    for (int i = 0; i < 200; ++i)
        tasks_.spawn("worker", [&, i]() -> Async<void> {
            // Some give up early: their place must go to another.
            const auto wait = i % 3 == 0 ? Duration(1ms) : Duration(20s);
            auto permit = co_await one.acquire(clock(), Deadline::in(clock(), wait));
            if (!permit) co_return;
            if (++inside != 1) overlap = true;
            (void)co_await sleep_for(clock(), 10us);
            --inside;
            ++done;
        });
    ASSERT_TRUE(tasks_.join(20s));
    EXPECT_FALSE(overlap);
    EXPECT_GE(done, 133);
    EXPECT_TRUE(one.try_acquire().has_value());
}

TEST_F(ExecutorTest, AMailboxKeepsOrderRefusesOverflowAndSaysWhyItClosed) {
    Mailbox<int> box(2);
    EXPECT_TRUE(box.push(1));
    EXPECT_TRUE(box.push(2));
    EXPECT_FALSE(box.push(3));
    EXPECT_EQ(run(box.next(clock())).value(), 1);
    box.close(Error(Errc::unavailable, "gone"));
    EXPECT_FALSE(box.push(4));
    EXPECT_EQ(run(box.next(clock())).value(), 2) << "what is in it can still be taken";
    const auto closed = run(box.next(clock()));
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().message(), "gone");
}

TEST_F(ExecutorTest, EverythingPushedFromManyThreadsArrivesOnce) {
    Mailbox<int> box(100'000);
    std::atomic<long> sum{0};
    std::atomic<int> taken{0};
    constexpr int kEach = 5'000;
    for (int i = 0; i < 4; ++i)
        tasks_.spawn("reader", [&]() -> Async<void> {
            while (auto item = co_await box.next(clock())) {
                sum += *item;
                ++taken;
            }
        });
    std::vector<std::thread> writers;
    for (int t = 0; t < 4; ++t)
        writers.emplace_back([&] {
            for (int i = 1; i <= kEach; ++i) EXPECT_TRUE(box.push(i));
        });
    for (auto& writer : writers) writer.join();
    eventually([&] { return taken == 4 * kEach; });
    box.close(Error(Errc::unavailable, "done"));
    ASSERT_TRUE(tasks_.join(20s));
    EXPECT_EQ(sum, 4L * kEach * (kEach + 1) / 2);
}

TEST_F(ExecutorTest, BlockOnCancelsWhatDoesNotEndInTime) {
    Gate never;
    const auto begin = std::chrono::steady_clock::now();
    const auto result = block_on(runtime_.executor(), never.wait(), 20ms);
    ASSERT_FALSE(result);
    EXPECT_TRUE(outcome_unknown(result.error().code()));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_F(ExecutorTest, BlockingWorkRunsElsewhereAndItsCallerMayLeave) {
    BlockingPool pool("pool", 1, 1);
    EXPECT_EQ(run(blocking(pool, clock(), Deadline::never(), [] { return Result<int>(7); })).value(), 7);

    std::promise<void> release;
    const auto released = release.get_future().share();
    std::atomic<bool> running{false};
    std::promise<Errc> left;
    tasks_.spawn("caller", [&]() -> Async<void> {
        const auto result = co_await blocking(pool, clock(), Deadline::never(), [&running, &released] {
            running = true;
            released.wait();
            return Result<int>(1);
        });
        left.set_value(result ? Errc::internal : result.error().code());
    });
    eventually([&] { return running.load(); });
    // The one thread is busy and the queue holds one: the third is refused, not queued without bound.
    EXPECT_TRUE(pool.submit([] {}));
    const auto refused = run(blocking(pool, clock(), Deadline::never(), [] { return Result<int>(1); }));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::exhausted);

    tasks_.cancel();
    EXPECT_TRUE(tasks_.join(1s)) << "the caller leaves although the work goes on";
    EXPECT_EQ(left.get_future().get(), Errc::cancelled);
    EXPECT_FALSE(pool.close(10ms)) << "close tells that a thread still works";
    release.set_value();
    EXPECT_TRUE(pool.close(20s));
}

TEST_F(ExecutorTest, WorkThatThrowsBecomesAnError) {
    BlockingPool pool("pool", 1, 1);
    const auto result = run(
        blocking(pool, clock(), Deadline::never(), []() -> Result<int> { throw std::runtime_error("in the pool"); }));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::internal);
    EXPECT_NE(result.error().message().find("in the pool"), std::string::npos);
}

TEST_F(ExecutorTest, AGroupNamesWhatStillRuns) {
    Gate gate;
    tasks_.spawn("lock.keeper", [&]() -> Async<void> { (void)co_await gate.wait(); });
    EXPECT_EQ(tasks_.running(), std::vector<std::string>{"lock.keeper"});
    EXPECT_FALSE(tasks_.join(1ms));
    const auto late = run(tasks_.ended(clock(), Deadline::in(clock(), 1ms)));
    ASSERT_FALSE(late);
    gate.open();
    EXPECT_TRUE(run(tasks_.ended(clock(), Deadline::never())));
    EXPECT_TRUE(tasks_.running().empty());
}

}  // namespace
}  // namespace drover
