#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include "drover/conformance/http_kit.hpp"

// How a listener ends.
namespace drover::conformance {
namespace {

Async<Result<HttpReply>> hold_stubbornly(std::shared_ptr<Gate> door, std::shared_ptr<std::atomic<int>> entered) {
    namespace this_coro = boost::asio::this_coro;
    entered->fetch_add(1);
    co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    (void)co_await door->wait();
    co_return HttpReply(HttpResponse{200, {}, "too late"});
}

Async<void> hold_stream(std::shared_ptr<std::atomic<bool>> ended, HttpStream* stream) {
    (void)co_await stream->write("begun");
    Gate never;
    (void)co_await never.wait();
    *ended = true;
}

Async<void> read_all(std::shared_ptr<std::atomic<int>> ended, std::shared_ptr<WebSocket> socket) {
    for (;;) {
        const auto message = co_await socket->read();
        if (!message) break;
    }
    ended->fetch_add(1);
}

}  // namespace

HTTP_CASE(ARequestUnderWayIsAnsweredBeforeTheEnd) {
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto& listener = serve(held.handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/under-way"));
    ASSERT_TRUE(until([&] { return held.entered() == 1; }));
    auto stopped = stopping(listener, 20s);
    // The door to the port is shut before the answer is given.
    EXPECT_TRUE(until([&] {
        try {
            RawClient late(listener.address());
            return late.ended();
        } catch (const std::runtime_error&) {
            return true;
        }
    }));
    EXPECT_FALSE(stopped.done());
    held.let_on();
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "/under-way");
    EXPECT_EQ(answer->header("Connection"), "close");
    EXPECT_TRUE(client.ended());
    const auto result = stopped.result();
    EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(listener.counters().connections, 0U);
}

HTTP_CASE(IdleConnectionsAreClosedAtOnce) {
    auto& listener = serve(describing_handler());
    std::vector<RawClient> idle;
    for (int i = 0; i < 20; ++i) {
        idle.push_back(connect(listener));
        if (i % 2 == 0) continue;
        ASSERT_TRUE(idle.back().get("/"));
        ASSERT_TRUE(idle.back().answer());
    }
    const auto before = clock().now();
    const auto stopped = stop(listener, 20s);
    EXPECT_TRUE(stopped) << stopped.error();
    EXPECT_LT(clock().now() - before, 5s) << "it waited for clients that say nothing";
    for (auto& client : idle) EXPECT_TRUE(client.ended());
}

HTTP_CASE(StopKeepsItsDeadline) {
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto& listener = serve(held.handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(until([&] { return held.entered() == 1; }));
    const auto before = clock().now();
    (void)stop(listener, 300ms);
    EXPECT_LT(clock().now() - before, 5s);
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(until([&] { return held.cancelled() == 1; }));
    EXPECT_EQ(held.entered(), 1);
}

HTTP_CASE(AStopThatLeavesHandlersBehindSaysSo) {
    HTTP_NEEDS(waiting_handlers);
    const auto door = std::make_shared<Gate>();                  // owners: this case and its handlers
    const auto entered = std::make_shared<std::atomic<int>>(0);  // the same
    auto& listener = serve([=](const HttpRequest&) { return hold_stubbornly(door, entered); });
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(until([&] { return entered->load() == 1; }));
    const auto stopped = stop(listener, 300ms);
    EXPECT_TRUE(client.ended());
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code(), Errc::timeout);
    door->open();
    EXPECT_TRUE(until([&] { return stop(listener, 100ms).has_value(); }));
}

HTTP_CASE(StreamsEndWhenTheServerDrains) {
    HTTP_NEEDS_TRAIT("stream");
    const auto ended = std::make_shared<std::atomic<bool>>(false);  // owners: this case and its producer
    auto& listener = serve([ended](HttpRequest) -> Async<Result<HttpReply>> {
        co_return HttpReply(HttpStreamed{200, {}, [ended](HttpStream& stream) { return hold_stream(ended, &stream); }});
    });
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(client.head());
    EXPECT_EQ(client.chunk(), "begun");
    const auto stopped = stop(listener, 20s);
    EXPECT_TRUE(stopped) << stopped.error();
    EXPECT_TRUE(ended->load());
    EXPECT_EQ(client.chunk(), "") << "a producer that returns ends its stream well";
}

HTTP_CASE(WebSocketsAreClosedWith1001) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto ended = std::make_shared<std::atomic<int>>(0);  // owners: this case and its sessions
    auto& listener = serve([ended](HttpRequest) -> Async<Result<HttpReply>> {
        co_return HttpReply(WebSocketUpgrade{
            {}, [ended](std::shared_ptr<WebSocket> socket) { return read_all(ended, std::move(socket)); }});
    });
    RawWebSocket polite(connect(listener), "/");
    RawWebSocket deaf(connect(listener), "/");
    const auto before = clock().now();
    auto stopped = stopping(listener, 2s);
    const auto goodbye = polite.next();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->opcode, kWsClose);
    EXPECT_EQ(goodbye->close_code(), 1001);
    ASSERT_TRUE(polite.send(kWsClose, RawWebSocket::close_payload(1001)));
    EXPECT_TRUE(polite.client().ended());
    EXPECT_TRUE(until([&] { return ended->load() == 2; })) << "a session reads on";
    // The other one says nothing: the deadline cuts it.
    const auto result = stopped.result();
    EXPECT_TRUE(result) << result.error();
    EXPECT_LT(clock().now() - before, 10s);
    EXPECT_EQ(listener.counters().connections, 0U);
}

HTTP_CASE(AListenerThatIsDestroyedClosesEverything) {
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto listening = listen({.address = {"127.0.0.1", 0}, .name = "brief"}, held.handler());
    ASSERT_TRUE(listening) << listening.error();
    auto idle = connect(**listening);
    auto busy = connect(**listening);
    ASSERT_TRUE(busy.get("/"));
    ASSERT_TRUE(until([&] { return held.entered() == 1; }));
    listening.value().reset();
    EXPECT_TRUE(idle.ended());
    EXPECT_TRUE(busy.ended());
    EXPECT_TRUE(until([&] { return held.cancelled() == 1; }));
}

}  // namespace drover::conformance
