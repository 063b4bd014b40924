// The plan behind the fault wrappers: what it decides, how often, and the same again for the same seed.
#include "drover/conformance/faults.hpp"

#include <gtest/gtest.h>

namespace drover::conformance {
namespace {

using namespace std::chrono_literals;

constexpr FaultOdds kOdds{
    .refuse = 0.1, .delay = 0.2, .execute_and_time_out = 0.15, .lose = 0.05, .longest_delay = 7ms};

TEST(FaultPlan, TheSameSeedDecidesTheSameAgain) {
    FaultPlan one(17, kOdds);
    FaultPlan again(17, kOdds);
    FaultPlan other(18, kOdds);
    int differences = 0;
    for (int i = 0; i < 500; ++i) {
        const auto drawn = one.draw();
        const auto same = again.draw();
        EXPECT_EQ(drawn.fault, same.fault);
        EXPECT_EQ(drawn.delay, same.delay);
        differences += drawn.fault != other.draw().fault;
    }
    EXPECT_GT(differences, 50);
}

TEST(FaultPlan, EachKindHappensAboutAsOftenAsAsked) {
    constexpr int kCalls = 20'000;
    FaultPlan plan(1, kOdds);
    for (int i = 0; i < kCalls; ++i) {
        const auto drawn = plan.draw();
        if (drawn.fault != Fault::delay) {
            EXPECT_EQ(drawn.delay, 0ms);
        }
        EXPECT_LE(drawn.delay, kOdds.longest_delay);
    }
    const auto share = [&](Fault fault) { return static_cast<double>(plan.count(fault)) / kCalls; };
    EXPECT_NEAR(share(Fault::refuse), kOdds.refuse, 0.02);
    EXPECT_NEAR(share(Fault::delay), kOdds.delay, 0.02);
    EXPECT_NEAR(share(Fault::execute_and_time_out), kOdds.execute_and_time_out, 0.02);
    EXPECT_NEAR(share(Fault::lose), kOdds.lose, 0.02);
    EXPECT_NEAR(share(Fault::none), 0.5, 0.02);
}

TEST(FaultPlan, ItemsOfAStreamAreOnlyLateOrLost) {
    FaultPlan plan(1, {.refuse = 0.3, .delay = 0.2, .execute_and_time_out = 0.3, .lose = 0.2});
    for (int i = 0; i < 1'000; ++i) (void)plan.draw_item();
    EXPECT_EQ(plan.count(Fault::refuse), 0U);
    EXPECT_EQ(plan.count(Fault::execute_and_time_out), 0U);
    EXPECT_GT(plan.count(Fault::delay), 0U);
    EXPECT_GT(plan.count(Fault::lose), 0U);
}

TEST(FaultPlan, CertainFaultsComeFirstAndInTheirOrder) {
    FaultPlan plan(1);
    plan.next(Fault::refuse, 2);
    plan.next(Fault::lose);
    plan.next_item(Fault::delay);
    for (const auto expected : {Fault::refuse, Fault::refuse, Fault::lose, Fault::none, Fault::none})
        EXPECT_EQ(plan.draw().fault, expected);
    EXPECT_EQ(plan.draw_item().fault, Fault::delay);
    EXPECT_EQ(plan.draw_item().fault, Fault::none);
}

TEST(FaultPlan, AHealedPlanLetsEverythingThrough) {
    FaultPlan plan(1, {.refuse = 1});
    plan.next(Fault::lose);
    plan.heal();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(plan.draw().fault, Fault::none);
    EXPECT_EQ(plan.describe(), "seed 1: 100 calls, 0 refuse, 0 delay, 0 execute-and-time-out, 0 lose");
}

}  // namespace
}  // namespace drover::conformance
