#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <random>

#include "drover/conformance/http_kit.hpp"

// Clients and handlers that are slow, silent, rude or gone.
namespace drover::conformance {
namespace {

constexpr auto kShort = 300ms;

/// Holds on although it was asked to end.
Async<Result<HttpReply>> hold_stubbornly(std::shared_ptr<Gate> door) {
    namespace this_coro = boost::asio::this_coro;
    co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    (void)co_await door->wait();
    co_return HttpReply(HttpResponse{200, {}, "too late"});
}

}  // namespace

HTTP_CASE(HeadersThatTakeTooLongAre408) {
    HTTP_NEEDS(slow_peers);
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.header_timeout = kShort; });
    auto client = connect(listener);
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: k"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 408);
    EXPECT_TRUE(client.ended());
}

HTTP_CASE(HeadersThatDripAreNotGivenMoreTime) {
    HTTP_NEEDS(slow_peers);
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.header_timeout = kShort; });
    auto client = connect(listener);
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: kit\r\nX: "));
    const auto begun = clock().now();
    // One byte each time, much faster than the limit.
    while (client.silent_for(20ms)) {
        ASSERT_TRUE(client.send("x"));
        ASSERT_LT(clock().now() - begun, 20s) << "the front waits as long as something drips";
    }
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 408);
}

HTTP_CASE(ABodyThatTakesTooLongIs408) {
    HTTP_NEEDS(slow_peers);
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.body_timeout = kShort; });
    for (const std::string framing :
         {"Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
        auto client = connect(listener);
        ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: kit\r\n" + framing));
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 408);
        EXPECT_TRUE(client.ended());
    }
}

HTTP_CASE(AnIdleConnectionIsClosedInSilence) {
    HTTP_NEEDS(slow_peers);
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.idle_timeout = kShort; });
    auto never_spoke = connect(listener);
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(client.answer());
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(never_spoke.ended());
}

HTTP_CASE(AClientThatReadsNothingIsCut) {
    HTTP_NEEDS(slow_peers);
    const std::string large(32 << 20, 'L');
    auto& listener =
        serve(fixed_handler(large), [](HttpListenOptions& options) { options.limits.write_timeout = kShort; });
    auto greedy = connect(listener, {.receive_buffer = 4096});
    ASSERT_TRUE(greedy.get("/"));
    EXPECT_TRUE(until([&] { return listener.counters().requests == 1; }));
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; })) << "it is kept although it reads nothing";
}

HTTP_CASE(AClientThatReadsSlowlyGetsEverythingAndHoldsUpNobody) {
    HTTP_NEEDS(slow_peers);
    constexpr std::size_t kSize = 16 << 20;
    constexpr std::size_t kPiece = 512 << 10;
    auto& listener = serve(
        [](HttpRequest request) -> Async<Result<HttpReply>> {
            co_return HttpReply(HttpResponse{200, {}, std::string(request.path == "/large" ? kSize : 10, 'L')});
        },
        [](HttpListenOptions& options) { options.limits.write_timeout = 2s; });
    auto slow = connect(listener, {.receive_buffer = 16 << 10});
    ASSERT_TRUE(slow.get("/large"));
    const auto head = slow.head();
    ASSERT_TRUE(head);
    EXPECT_EQ(head->header("Content-Length"), std::to_string(kSize));
    std::size_t read = 0;
    while (read < kSize) {
        const auto piece = slow.read(kPiece);
        ASSERT_EQ(piece.size(), kPiece) << "after " << read;
        ASSERT_EQ(piece.find_first_not_of('L'), std::string::npos);
        read += piece.size();
        // Meanwhile others are served.
        for (int other = 0; other < 5; ++other)
            ASSERT_EQ(ask(listener, "GET /small HTTP/1.1\r\nHost: kit\r\n\r\n").body.size(), 10U);
    }
}

HTTP_CASE(AClientThatGoesCancelsItsHandler) {
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto& listener = serve(held.handler());
    auto closing = connect(listener);
    auto resetting = connect(listener);
    auto staying = connect(listener);
    ASSERT_TRUE(closing.get("/") && resetting.get("/") && staying.get("/stayed"));
    ASSERT_TRUE(until([&] { return held.entered() == 3; }));
    closing.close();
    EXPECT_TRUE(until([&] { return held.cancelled() == 1; })) << "the client closed, its handler runs on";
    resetting.reset();
    EXPECT_TRUE(until([&] { return held.cancelled() == 2; })) << "the client was reset, its handler runs on";
    EXPECT_TRUE(until([&] { return listener.counters().connections == 1; }));
    held.let_on();
    const auto answer = staying.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "/stayed");
}

HTTP_CASE(AHandlerThatNeverAnswersIs503AndCancelled) {
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto& listener = serve(held.handler(), [](HttpListenOptions& options) { options.limits.handler_timeout = kShort; });
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503);
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(until([&] { return held.cancelled() == 1; }));
}

HTTP_CASE(AHandlerThatWillNotEndIs503AllTheSame) {
    HTTP_NEEDS(waiting_handlers);
    const auto door = std::make_shared<Gate>();  // owners: this case and its handlers
    auto& listener = serve([door](const HttpRequest&) { return hold_stubbornly(door); },
                           [](HttpListenOptions& options) { options.limits.handler_timeout = kShort; });
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503);
    EXPECT_TRUE(client.ended());
    door->open();
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

HTTP_CASE(ManyHandlersMayWaitAtTheSameTime) {
    HTTP_NEEDS(waiting_handlers);
    constexpr int kClients = 300;
    const HeldHandler held;
    auto& listener = serve(held.handler());
    std::vector<RawClient> clients;
    for (int i = 0; i < kClients; ++i) {
        clients.push_back(connect(listener));
        ASSERT_TRUE(clients.back().get("/" + std::to_string(i)));
    }
    ASSERT_TRUE(until([&] { return held.entered() == kClients; }));
    held.let_on();
    for (int i = 0; i < kClients; ++i) {
        const auto answer = clients[static_cast<std::size_t>(i)].answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "/" + std::to_string(i));
    }
}

HTTP_CASE(ClientsThatAbortAtAnyMomentLeaveNothingBehind) {
    HTTP_NEEDS(half_requests);
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        co_return HttpReply(HttpResponse{200, {}, std::string(request.path == "/large" ? 1 << 20 : 100, 'b')});
    });
    std::mt19937_64 random(case_seed());
    const std::vector<std::string> requests{
        "GET /small HTTP/1.1\r\nHost: kit\r\n\r\n",
        "GET /large HTTP/1.1\r\nHost: kit\r\n\r\n",
        "POST /small HTTP/1.1\r\nHost: kit\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'),
        "POST /large HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    };
    constexpr int kClients = 1'000;
    for (int i = 0; i < kClients; ++i) {
        auto client = connect(listener);
        std::string bytes;
        for (auto count = random() % 3 + 1; count > 0; --count) bytes += requests[random() % requests.size()];
        client.send(bytes.substr(0, random() % (bytes.size() + 1)));
        switch (random() % 4) {
            case 0: client.reset(); break;
            case 1: client.close(); break;
            case 2: client.end_sending(); break;
            default:
                (void)client.silent_for(std::chrono::milliseconds(random() % 3));
                client.reset();
                break;
        }
    }
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }))
        << listener.counters().connections << " connections were left behind";
    EXPECT_EQ(ask(listener, requests[0]).status, 200);
}

}  // namespace drover::conformance
