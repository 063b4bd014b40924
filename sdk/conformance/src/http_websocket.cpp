#include <random>
#include <thread>

#include "drover/conformance/http_kit.hpp"
#include "http_websocket.hpp"

// WebSocket sessions with peers who keep to RFC 6455.
namespace drover::conformance {

namespace {

/// Sends `count` numbered messages while another task reads.
Async<void> chatter(std::shared_ptr<TaskGroup> tasks, std::shared_ptr<SocketNotes> notes,
                    std::shared_ptr<WebSocket> socket, int count) {
    tasks->spawn("reader", [notes, socket] { return note_all(notes, socket); });
    for (int i = 0; i < count; ++i) {
        auto writing = socket->write({true, "message " + std::to_string(i)});
        const auto sent = co_await std::move(writing);
        if (!sent) co_return;
    }
    (void)co_await notes->ended.wait();
}

/// Writes until it is refused.
Async<void> pour(std::shared_ptr<SocketNotes> notes, std::shared_ptr<WebSocket> socket) {
    constexpr std::size_t kPiece = 64 << 10;
    for (;;) {
        auto writing = socket->write({false, std::string(kPiece, 'p')});
        const auto sent = co_await std::move(writing);
        if (!sent) {
            notes->refused_with(sent.error());
            co_return;
        }
        notes->written += kPiece;
    }
}

Async<void> wait_and_read(std::shared_ptr<SocketNotes> notes, std::shared_ptr<Gate> door,
                          std::shared_ptr<WebSocket> socket) {
    const auto opened = co_await door->wait();
    if (opened) co_await note_all(notes, socket);
}

Async<void> keep(std::shared_ptr<SocketNotes> notes, std::shared_ptr<WebSocket> socket) {
    notes->keep(socket);
    co_await note_all(notes, socket);
}

}  // namespace

WEBSOCKET_CASE(MessagesOfAnySizeAreEchoed) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve(echoing());
    RawWebSocket socket(connect(listener), "/ws");
    EXPECT_EQ(socket.acceptance().status, 101);
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65'535U, 65'536U, 1'000'000U}) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7);
        ASSERT_TRUE(socket.send(kWsBinary, bytes));
        const auto echo = socket.next_data();
        ASSERT_TRUE(echo) << size;
        EXPECT_EQ(echo->opcode, kWsBinary);
        EXPECT_TRUE(echo->final);
        EXPECT_FALSE(echo->masked) << "a server must not mask";
        EXPECT_EQ(echo->reserved, 0);
        EXPECT_TRUE(echo->payload == bytes) << size;
    }
    ASSERT_TRUE(socket.send(kWsText, "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x90\x91"));
    const auto text = socket.next_data();
    ASSERT_TRUE(text);
    EXPECT_EQ(text->opcode, kWsText);
    EXPECT_EQ(text->payload, "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x90\x91");
}

WEBSOCKET_CASE(FramesMayBeCutAnywhere) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve(echoing());
    RawWebSocket socket(connect(listener), "/");
    const std::string text(300, 'c');
    const auto frame = RawWebSocket::frame(kWsText, text);
    for (std::size_t cut = 0; cut <= 12; ++cut) {
        ASSERT_TRUE(socket.client().send(frame.substr(0, cut)));
        EXPECT_TRUE(socket.client().silent_for(2ms));
        ASSERT_TRUE(socket.client().send(frame.substr(cut)));
        const auto echo = socket.next_data();
        ASSERT_TRUE(echo) << cut;
        EXPECT_EQ(echo->payload, text) << cut;
    }
    for (const char c : frame) ASSERT_TRUE(socket.client().send(std::string(1, c)));
    EXPECT_EQ(socket.next_data().value_or(RawFrame{}).payload, text);
}

WEBSOCKET_CASE(AMessageMayComeInFragmentsWithPingsBetween) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve(echoing());
    RawWebSocket socket(connect(listener), "/");
    ASSERT_TRUE(socket.send(kWsText, "on\xc3", {.final = false}));
    ASSERT_TRUE(socket.send(kWsPing, "are you there"));
    const auto pong = socket.next();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->opcode, kWsPong);
    EXPECT_EQ(pong->payload, "are you there");
    ASSERT_TRUE(socket.send(kWsContinuation, "\xa9", {.final = false}));
    ASSERT_TRUE(socket.send(kWsContinuation, "", {.final = false}));
    ASSERT_TRUE(socket.send(kWsPong, "nobody asked"));
    ASSERT_TRUE(socket.send(kWsContinuation, " more"));
    const auto echo = socket.next_data();
    ASSERT_TRUE(echo);
    EXPECT_EQ(echo->payload, "on\xc3\xa9 more");
}

WEBSOCKET_CASE(MessagesSentWithTheUpgradeAreNotLost) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve(echoing());
    auto client = connect(listener);
    ASSERT_TRUE(
        client.send("GET / HTTP/1.1\r\nHost: kit\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
                    RawWebSocket::frame(kWsText, "early")));
    const auto head = client.head();
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 101);
    EXPECT_EQ(client.read(2), "\x81\x05");
    EXPECT_EQ(client.read(5), "early");
}

WEBSOCKET_CASE(HeadersOfTheHandlerGoWithTheAcceptance) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        EXPECT_TRUE(request.wants_websocket);
        co_return HttpReply(WebSocketUpgrade{{{"Sec-WebSocket-Protocol", "drover"}},
                                             [](std::shared_ptr<WebSocket>) -> Async<void> { co_return; }});
    });
    const RawWebSocket socket(connect(listener), "/", "Sec-WebSocket-Protocol: drover\r\n");
    EXPECT_EQ(socket.acceptance().header("Sec-WebSocket-Protocol"), "drover");
    EXPECT_EQ(socket.acceptance().count("Sec-WebSocket-Extensions"), 0U);
}

WEBSOCKET_CASE(OnlyAValidUpgradeWantsAWebSocket) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        if (request.path == "/anyway")
            co_return HttpReply(WebSocketUpgrade{{}, [](std::shared_ptr<WebSocket>) -> Async<void> { co_return; }});
        co_return HttpReply(HttpResponse{200, {}, request.wants_websocket ? "wants" : "does not want"});
    });
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    const std::string version = "Sec-WebSocket-Version: 13\r\n";
    const auto get = [&](const std::string& headers, const std::string& line = "GET / HTTP/1.1") {
        return ask(listener, line + "\r\nHost: kit\r\n" + headers + "\r\n").body;
    };
    EXPECT_EQ(get(upgrade + version + key), "wants");
    EXPECT_EQ(get(upgrade + version), "does not want");
    EXPECT_EQ(get(upgrade + version + "Sec-WebSocket-Key: short\r\n"), "does not want");
    EXPECT_EQ(get(upgrade + "Sec-WebSocket-Version: 8\r\n" + key), "does not want");
    EXPECT_EQ(get(upgrade + key), "does not want");
    EXPECT_EQ(get("Connection: Upgrade\r\nUpgrade: h2c\r\n" + version + key), "does not want");
    EXPECT_EQ(get("Upgrade: websocket\r\n" + version + key), "does not want");
    EXPECT_EQ(get(upgrade + version + key, "POST / HTTP/1.1"), "does not want");
    EXPECT_EQ(get(upgrade + version + key, "GET / HTTP/1.0"), "does not want");
    EXPECT_EQ(ask(listener, "GET /anyway HTTP/1.1\r\nHost: kit\r\n\r\n").status, 426);
}

WEBSOCKET_CASE(ThePeersCloseIsAnsweredAndEndsTheSession) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener = serve(noting(notes));
    RawWebSocket socket(connect(listener), "/");
    ASSERT_TRUE(socket.send(kWsText, "last words"));
    ASSERT_TRUE(socket.send(kWsClose, RawWebSocket::close_payload(4000, "enough")));
    const auto reply = socket.next();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->opcode, kWsClose);
    EXPECT_EQ(reply->close_code(), 4000);
    EXPECT_TRUE(socket.client().ended());
    EXPECT_FALSE(socket.client().was_reset());
    ASSERT_TRUE(until([&] { return notes->ended.is_open(); }));
    EXPECT_EQ(notes->texts(), std::vector<std::string>{"last words"});
    EXPECT_EQ(notes->why().code(), Errc::unavailable);

    RawWebSocket without_code(connect(listener), "/");
    ASSERT_TRUE(without_code.send(kWsClose, ""));
    const auto empty = without_code.next();
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->opcode, kWsClose);
    EXPECT_EQ(empty->payload, "");
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

WEBSOCKET_CASE(ASessionThatReturnsClosesTheConnection) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve([](HttpRequest) -> Async<Result<HttpReply>> {
        co_return HttpReply(WebSocketUpgrade{{}, [](std::shared_ptr<WebSocket> socket) -> Async<void> {
                                                 auto writing = socket->write({true, "bye"});
                                                 (void)co_await std::move(writing);
                                             }});
    });
    RawWebSocket socket(connect(listener), "/");
    EXPECT_EQ(socket.next().value_or(RawFrame{}).payload, "bye");
    const auto goodbye = socket.next();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->opcode, kWsClose);
    EXPECT_EQ(goodbye->close_code(), 1000);
    ASSERT_TRUE(socket.send(kWsClose, goodbye->payload));
    EXPECT_TRUE(socket.client().ended());
}

WEBSOCKET_CASE(CloseFromAnyThreadSaysCodeAndReason) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener =
        serve(upgrading([notes](std::shared_ptr<WebSocket> socket) { return keep(notes, std::move(socket)); }));
    RawWebSocket socket(connect(listener), "/");
    ASSERT_TRUE(until([&] { return notes->kept() != nullptr; }));
    const auto kept = notes->kept();
    std::jthread([&] { kept->close(4321, "because"); }).join();
    const auto goodbye = socket.next();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->close_code(), 4321);
    EXPECT_EQ(goodbye->close_reason(), "because");
    ASSERT_TRUE(until([&] { return notes->ended.is_open(); }));
    EXPECT_EQ(notes->why().code(), Errc::unavailable);
    ASSERT_TRUE(socket.send(kWsClose, goodbye->payload));
    EXPECT_TRUE(socket.client().ended());
    ASSERT_TRUE(until([&] { return listener.counters().connections == 0; }));
    // Whoever still holds it is refused, not crashed.
    EXPECT_EQ(run(kept->write({true, "late"})).error().code(), Errc::unavailable);
    EXPECT_EQ(run(kept->read()).error().code(), Errc::unavailable);
    kept->close(1000, "");
}

WEBSOCKET_CASE(ReadingAndWritingGoOnAtTheSameTime) {
    HTTP_NEEDS_TRAIT("websocket");
    constexpr int kMessages = 3'000;
    const auto tasks = std::make_shared<TaskGroup>(backend().executor());  // owners: this case and its sessions
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener = serve(upgrading([tasks, notes](std::shared_ptr<WebSocket> socket) {
        return chatter(tasks, notes, std::move(socket), kMessages);
    }));
    RawWebSocket socket(connect(listener), "/");
    {
        const std::jthread writer([&] {
            for (int i = 0; i < kMessages; ++i) socket.client().send(RawWebSocket::frame(kWsText, std::to_string(i)));
        });
        for (int i = 0; i < kMessages; ++i) {
            const auto message = socket.next();
            ASSERT_TRUE(message) << "after " << i;
            ASSERT_EQ(message->payload, "message " + std::to_string(i));
        }
    }
    ASSERT_TRUE(until([&] { return notes->count() == static_cast<std::size_t>(kMessages); })) << notes->count();
    const auto texts = notes->texts();
    for (int i = 0; i < kMessages; ++i) ASSERT_EQ(texts[static_cast<std::size_t>(i)], std::to_string(i));
    ASSERT_TRUE(socket.send(kWsClose, RawWebSocket::close_payload(1000)));
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
    tasks->cancel();
    EXPECT_TRUE(tasks->join(5s));
}

WEBSOCKET_CASE(AWriterWaitsForItsPeer) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener =
        serve(upgrading([notes](std::shared_ptr<WebSocket> socket) { return pour(notes, std::move(socket)); }),
              [](HttpListenOptions& options) { options.limits.write_timeout = 1s; });
    RawWebSocket socket(connect(listener, {.receive_buffer = 4096}), "/");
    // Nothing is read: the writer comes to a halt, and at last the peer is cut.
    ASSERT_TRUE(until([&] { return notes->refusal() != 0; }));
    EXPECT_EQ(notes->refusal(), static_cast<int>(Errc::unavailable));
    EXPECT_LT(notes->written.load(), 64U << 20) << "what the peer does not read is held in memory";
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

WEBSOCKET_CASE(APeerWaitsForTheReader) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto notes = std::make_shared<SocketNotes>();
    const auto door = std::make_shared<Gate>();  // owners: this case and its session
    auto& listener = serve(
        upgrading([=](std::shared_ptr<WebSocket> socket) { return wait_and_read(notes, door, std::move(socket)); }),
        [](HttpListenOptions& options) { options.limits.ping_interval = 200ms; });
    RawWebSocket socket(connect(listener), "/");
    constexpr std::size_t kMuch = 64 << 20;
    const auto frame = RawWebSocket::frame(kWsBinary, std::string(60'000, 'p'));
    const auto sent = send_while_taken(socket.client(), frame, kMuch);
    EXPECT_LT(sent, kMuch) << "messages nobody reads are held in memory";
    EXPECT_EQ(notes->count(), 0U);
    // The peer was not cut for a silence that was the reader's fault; and nothing was lost.
    door->open();
    ASSERT_TRUE(socket.client().send(std::string_view(frame).substr(sent % frame.size())));
    ASSERT_TRUE(socket.send(kWsText, "the last"));
    ASSERT_TRUE(until([&] { return !notes->texts().empty(); }));
    EXPECT_EQ(notes->texts().back(), "the last");
}

WEBSOCKET_CASE(ASilentPeerIsPingedAndThenCut) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener = serve(noting(notes), [](HttpListenOptions& options) { options.limits.ping_interval = 200ms; });
    RawWebSocket socket(connect(listener), "/");
    // As long as it answers it is kept.
    for (int i = 0; i < 5; ++i) {
        const auto ping = socket.next();
        ASSERT_TRUE(ping);
        ASSERT_EQ(ping->opcode, kWsPing);
        ASSERT_TRUE(socket.send(kWsPong, ping->payload));
    }
    EXPECT_EQ(listener.counters().connections, 1U);
    const auto last = socket.next();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->opcode, kWsPing);
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; })) << "a peer that is dead is kept";
    ASSERT_TRUE(until([&] { return notes->ended.is_open(); }));
    EXPECT_EQ(notes->why().code(), Errc::unavailable);
}

WEBSOCKET_CASE(APeerThatGoesWithoutAWordEndsTheSession) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto closed = std::make_shared<SocketNotes>();
    const auto reset = std::make_shared<SocketNotes>();
    auto& listener = serve([to_closed = noting(closed), to_reset = noting(reset)](HttpRequest request) {
        const auto& handler = request.path == "/closed" ? to_closed : to_reset;
        return handler(std::move(request));
    });
    RawWebSocket one(connect(listener), "/closed");
    RawWebSocket two(connect(listener), "/reset");
    one.client().close();
    two.client().reset();
    ASSERT_TRUE(until([&] { return closed->ended.is_open() && reset->ended.is_open(); }));
    EXPECT_EQ(closed->why().code(), Errc::unavailable);
    EXPECT_EQ(reset->why().code(), Errc::unavailable);
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

WEBSOCKET_CASE(AReaderWhoWithdrawsReturnsSoon) {
    HTTP_NEEDS_TRAIT("websocket");
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener = serve(upgrading([notes](std::shared_ptr<WebSocket> socket) {
        notes->keep(socket);
        return wait_ended(notes);
    }));
    RawWebSocket socket(connect(listener), "/");
    ASSERT_TRUE(until([&] { return notes->kept() != nullptr; }));
    const auto kept = notes->kept();
    const auto result = expect_quick_cancel<WebSocketMessage>(
        backend(), [kept] { return kept->read(); }, [&] { (void)socket.client().silent_for(10ms); });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::cancelled);
    // What comes later is for the next reader.
    ASSERT_TRUE(socket.send(kWsText, "still here"));
    const auto message = run(kept->read());
    ASSERT_TRUE(message) << message.error();
    EXPECT_EQ(message->data, "still here");
    notes->ended.open();
}

WEBSOCKET_CASE(AWebSocketOfAFrontWithoutThemIs501) {
    if (promises("websocket")) GTEST_SKIP() << "this front has WebSockets";
    auto& listener = serve(echoing());
    const auto answer = ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n");
    EXPECT_EQ(answer.status, 501);
    EXPECT_NE(answer.body.find("http-beast"), std::string::npos) << "it does not say which front has them";
}

}  // namespace drover::conformance
