#include <gtest/gtest.h>

#include <atomic>

#include "drover/agents/connector.hpp"
#include "drover/conformance/waiting.hpp"

namespace drover::event_agents {
namespace {

using namespace std::chrono_literals;
using conformance::Pending;
using ConnectionPtr = std::shared_ptr<AgentConnection>;

struct EventBackend : conformance::Backend {
    std::string library() const override { return "event.so"; }
    conformance::Options options(std::string_view) override { return {}; }
};

class EventConnectionTest : public ::testing::Test {
protected:
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(backend_.executor(), std::move(work), 20s);
    }
    ConnectionPtr open(DeliverToAgent deliver) {
        AgentTarget target;
        target.id = 5;
        target.uri = "event://host";
        auto& connector = backend_.open<AgentConnector>("server");
        return run(connector.open(std::move(target), std::move(deliver), Deadline::never())).value();
    }
    static Event ping() {
        Event event;
        event.id = "p";
        event.name = "ping";
        return event;
    }
    EventBackend backend_;
};

TEST_F(EventConnectionTest, HandsCommandsOnAndGivesBackWhatCame) {
    std::atomic<int> told{0};
    const auto agent = open([](Event command, std::chrono::milliseconds timeout,
                               std::function<void(const Event&)> on_progress) -> Async<Result<Event>> {
        EXPECT_EQ(timeout, 7s);
        on_progress(command);
        auto reply = reply_to(command, "r");
        reply.transitioning = Transitioning::error;
        co_return reply;
    });
    const auto reply = run(agent->call(ping(), 7s, [&told](const Event&) { ++told; }));
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->transitioning, Transitioning::error);
    EXPECT_EQ(told, 1);
    const auto lost =
        open([](Event, std::chrono::milliseconds, std::function<void(const Event&)>) -> Async<Result<Event>> {
            co_return Error(Errc::timeout, "nobody");
        });
    EXPECT_EQ(run(lost->call(ping(), 1s, {})).error().code(), Errc::timeout);
}

/// A delivery that never ends by itself, and tells when it was ended.
struct Endless {
    std::shared_ptr<std::atomic<int>> begun = std::make_shared<std::atomic<int>>(0);
    std::shared_ptr<std::atomic<int>> ended = std::make_shared<std::atomic<int>>(0);

    DeliverToAgent deliver(Clock& clock) const {
        return [begun = begun, ended = ended, &clock](Event, std::chrono::milliseconds,
                                                      std::function<void(const Event&)>) {
            return wait(begun, ended, &clock);
        };
    }
    static Async<Result<Event>> wait(std::shared_ptr<std::atomic<int>> begun, std::shared_ptr<std::atomic<int>> ended,
                                     Clock* clock) {
        ++*begun;
        auto slept = co_await sleep_until(*clock, Deadline::never());
        ++*ended;
        co_return slept.error();
    }
};

TEST_F(EventConnectionTest, ClosingEndsCallsUnderWay) {
    const Endless endless;
    const auto agent = open(endless.deliver(backend_.clock("server")));
    Pending<Event> waiting(backend_.executor(), [&] { return agent->call(ping(), 1h, {}); });
    ASSERT_TRUE(conformance::eventually(backend_, [&] { return *endless.begun == 1; }));
    ASSERT_TRUE(run(agent->close()));
    EXPECT_EQ(waiting.result().error().code(), Errc::unavailable);
    EXPECT_TRUE(conformance::eventually(backend_, [&] { return *endless.ended == 1; }));
    EXPECT_EQ(run(agent->call(ping(), 1h, {})).error().code(), Errc::unavailable);
}

TEST_F(EventConnectionTest, ACallerWhoWithdrawsEndsTheDelivery) {
    const Endless endless;
    const auto agent = open(endless.deliver(backend_.clock("server")));
    Pending<Event> waiting(backend_.executor(), [&] { return agent->call(ping(), 1h, {}); });
    ASSERT_TRUE(conformance::eventually(backend_, [&] { return *endless.begun == 1; }));
    waiting.cancel();
    EXPECT_EQ(waiting.result().error().code(), Errc::cancelled);
    EXPECT_TRUE(conformance::eventually(backend_, [&] { return *endless.ended == 1; }));
}

}  // namespace
}  // namespace drover::event_agents
