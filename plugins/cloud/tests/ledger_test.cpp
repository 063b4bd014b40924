#include "allocator/ledger.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace drover::cloud {
namespace {

using Offers = std::vector<Ledger::Offer>;

TEST(Ledger, ChoosesTheHostWithMostFree) {
    Ledger ledger;
    const Offers offers{{1, 5}, {2, 9}, {3, 7}};
    const auto entry = ledger.reserve(offers, 1, true);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->host, 2);
    EXPECT_EQ(entry->index, 1u);
    EXPECT_EQ(entry->expected, 9);
    EXPECT_EQ(entry->next, 8);
}

TEST(Ledger, ChoosesTheFullestThatHasRoomWhenTold) {
    Ledger ledger;
    const Offers offers{{1, 5}, {2, 1}, {3, 7}};
    const auto entry = ledger.reserve(offers, 2, false);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->host, 1);
}

TEST(Ledger, RefusesWhatFitsNowhere) {
    Ledger ledger;
    EXPECT_FALSE(ledger.reserve({{1, 5}, {2, 9}}, 10, true));
    EXPECT_FALSE(ledger.reserve({}, 0, true));
}

TEST(Ledger, TakesAHostWithoutLimitOnlyWhenNoOtherHasRoom) {
    Ledger ledger;
    const auto counted = ledger.reserve({{1, std::nullopt}, {2, 1}}, 1, true);
    ASSERT_TRUE(counted);
    EXPECT_EQ(counted->host, 2);
    const auto unlimited = ledger.reserve({{1, std::nullopt}, {2, 1}}, 5, true);
    ASSERT_TRUE(unlimited);
    EXPECT_EQ(unlimited->host, 1);
    EXPECT_FALSE(unlimited->expected);
}

TEST(Ledger, SecondPlacementExpectsWhatTheFirstWrites) {
    Ledger ledger;
    const auto first = ledger.reserve({{1, 10}}, 3, true);
    const auto second = ledger.reserve({{1, 10}}, 3, true);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(second->expected, 7);
    EXPECT_EQ(second->next, 4);
    EXPECT_FALSE(ledger.reserve({{1, 10}}, 5, true)) << "what is promised is not free";
}

TEST(Ledger, ForgetsWhatIsWritten) {
    Ledger ledger;
    {
        const auto entry = ledger.reserve({{1, 10}}, 3, true);
        EXPECT_EQ(ledger.size(), 1u);
    }
    EXPECT_EQ(ledger.size(), 0u);
    EXPECT_EQ(ledger.reserve({{1, 7}}, 1, true)->expected, 7);
}

TEST(Ledger, BelievesTheRowAfterAWriteWasRefused) {
    Ledger ledger;
    auto first = ledger.reserve({{1, 10}}, 3, true);
    first->failed();
    const auto second = ledger.reserve({{1, 4}}, 1, true);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->expected, 4);
}

TEST(Ledger, GivesBackToWhatIsForeseen) {
    Ledger ledger;
    const auto taken = ledger.reserve({{1, 10}}, 3, true);
    const auto given = ledger.release({1, 10}, 2);
    EXPECT_EQ(given.expected, 7);
    EXPECT_EQ(given.next, 9);
}

TEST(Ledger, StopsAtTheGreatestNumber) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    Ledger ledger;
    EXPECT_EQ(ledger.release({1, kMost - 1}, 5).next, kMost);
}

TEST(Ledger, SpreadsOverEqualHosts) {
    Ledger ledger;
    Offers offers;
    for (std::int64_t host = 1; host <= 10; ++host) offers.push_back({host, 100});
    std::vector<Ledger::Entry> open;
    std::set<std::int64_t> hosts;
    for (int i = 0; i < 10; ++i) {
        auto entry = ledger.reserve(offers, 1, true);
        ASSERT_TRUE(entry);
        hosts.insert(entry->host);
        open.push_back(std::move(*entry));
    }
    EXPECT_EQ(hosts.size(), 10u) << "ten placements at the same moment, ten hosts";
}

}  // namespace
}  // namespace drover::cloud
