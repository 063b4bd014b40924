#include "command_ledger.hpp"

#include <gtest/gtest.h>

namespace drover::rest {
namespace {

using namespace std::chrono_literals;
using Verdict = CommandLedger::Verdict;

Event command(const std::string& id, std::int64_t agent, std::optional<std::int64_t> timeout = 1'000) {
    Event event;
    event.id = id;
    event.name = "compute.instance.activate;agent=" + std::to_string(agent);
    event.reply_to = "reply.42";
    event.timeout_millis = timeout;
    return event;
}

Event reply(const std::string& to, std::optional<Transitioning> transitioning = {}) {
    Event event;
    event.name = "reply.42";
    event.previous_ids = {to};
    event.transitioning = transitioning;
    return event;
}

struct CommandLedgerTest : ::testing::Test {
    CommandLedger ledger{3};
    TimePoint now{1h};
};

TEST(AgentOfEvent, IsReadFromTheWholeQualifierOnly) {
    EXPECT_EQ(agent_of_event("ping;agent=5"), 5);
    for (const auto* name : {"ping", "ping;agent=", "ping;agent=0", "ping;agent=-5", "ping;agent=05", "ping;agent=5x",
                             "ping;agent=5;agent=6", "ping;account=5;agent=6", "ping;agent=99999999999999999999"})
        EXPECT_FALSE(agent_of_event(name)) << name;
}

TEST_F(CommandLedgerTest, TheAgentThatWasAskedMayAnswerOnce) {
    ledger.sent(command("a", 5), now);
    EXPECT_EQ(ledger.answer(reply("a", Transitioning::yes), {5}, now), Verdict::open);
    EXPECT_EQ(ledger.answer(reply("a", Transitioning::yes), {5}, now), Verdict::open);
    EXPECT_EQ(ledger.answer(reply("a"), {4, 5}, now), Verdict::open);
    EXPECT_EQ(ledger.answer(reply("a"), {5}, now), Verdict::duplicate);
    ledger.sent(command("a", 5), now);  // asked again: the answer may have been lost
    EXPECT_EQ(ledger.answer(reply("a"), {5}, now), Verdict::open);
}

TEST_F(CommandLedgerTest, NobodyElseMayAndNothingElseIsAnswered) {
    ledger.sent(command("a", 5), now);
    EXPECT_EQ(ledger.answer(reply("a"), {6}, now), Verdict::foreign);
    EXPECT_EQ(ledger.answer(reply("a"), {}, now), Verdict::foreign);
    EXPECT_EQ(ledger.answer(reply("b"), {5}, now), Verdict::unknown);
    auto elsewhere = reply("a");
    elsewhere.name = "reply.43";
    EXPECT_EQ(ledger.answer(elsewhere, {5}, now), Verdict::misnamed);
    auto hidden = reply("b");
    hidden.previous_ids = {"b", "a"};
    EXPECT_EQ(ledger.answer(hidden, {5}, now), Verdict::unknown);
    hidden.previous_ids.clear();
    EXPECT_EQ(ledger.answer(hidden, {5}, now), Verdict::unknown);
    EXPECT_EQ(ledger.answer(reply("a"), {5}, now), Verdict::open) << "the attempts closed it";
}

TEST_F(CommandLedgerTest, LateAnswersAreUnknown) {
    ledger.sent(command("a", 5), now);
    EXPECT_EQ(ledger.answer(reply("a"), {5}, now + 7s), Verdict::unknown);
    EXPECT_EQ(ledger.size(), 0U);
    ledger.sent(command("a", 5, std::nullopt), now);
    EXPECT_EQ(ledger.answer(reply("a", Transitioning::yes), {5}, now + 16s), Verdict::open);
    ledger.sent(command("b", 5, INT64_MAX), now);
    EXPECT_EQ(ledger.answer(reply("b"), {5}, now + 2h), Verdict::unknown);
}

TEST_F(CommandLedgerTest, OneIdSentToTwoAgentsMayBeAnsweredByBoth) {
    ledger.sent(command("a", 5), now);
    ledger.sent(command("a", 6), now);
    EXPECT_EQ(ledger.answer(reply("a"), {5}, now), Verdict::open);
    EXPECT_EQ(ledger.answer(reply("a"), {6}, now), Verdict::open);
    EXPECT_EQ(ledger.answer(reply("a"), {7}, now), Verdict::foreign);
}

TEST_F(CommandLedgerTest, WhatIsNoCommandIsNotKept) {
    auto event = command("a", 5);
    event.reply_to.clear();
    ledger.sent(event, now);
    event.reply_to = "state.change";
    ledger.sent(event, now);
    event = command("", 5);
    ledger.sent(event, now);
    event = command("a", 5);
    event.name = "ping";
    ledger.sent(event, now);
    EXPECT_EQ(ledger.size(), 0U);
}

TEST_F(CommandLedgerTest, IsBounded) {
    for (int i = 0; i < 100; ++i) ledger.sent(command("c" + std::to_string(i), 5), now + std::chrono::milliseconds(i));
    EXPECT_EQ(ledger.size(), 3U);
    EXPECT_EQ(ledger.answer(reply("c99"), {5}, now), Verdict::open);
    EXPECT_EQ(ledger.answer(reply("c0"), {5}, now), Verdict::unknown);
}

}  // namespace
}  // namespace drover::rest
