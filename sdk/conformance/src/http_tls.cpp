#include <fstream>

#include "drover/conformance/http_kit.hpp"

// The same under TLS.
namespace drover::conformance {
namespace {

Async<Result<HttpReply>> echo(HttpRequest request) {
    co_return HttpReply(HttpResponse{200, {{"X-Tls", request.tls ? "yes" : "no"}}, std::move(request.body)});
}

}  // namespace

class HttpTlsKit : public HttpKit {
protected:
    HttpListener& serve_tls(HttpHandler handler, const Tweak& tweak = {}) {
        const auto made = make_certificate(backend().folder());
        return serve(std::move(handler), [&](HttpListenOptions& options) {
            options.tls = {made.certificate_file, made.key_file};
            if (tweak) tweak(options);
        });
    }
};

#define TLS_CASE(case_name) DROVER_KIT_CASE(HttpTlsKit, http_cases, case_name)

TLS_CASE(RequestsAndAnswersGoThroughTls) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(echo, [](HttpListenOptions& options) { options.limits.body_bytes = 4 << 20; });
    auto client = connect(listener, {.tls = true, .alpn = "http/1.1"});
    EXPECT_EQ(client.alpn(), "http/1.1");
    for (const std::size_t size : {0U, 1U, 16'383U, 16'384U, 16'385U, 100'000U, 3'000'000U}) {
        const std::string body(size, 't');
        ASSERT_TRUE(
            client.send("POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n"));
        ASSERT_TRUE(client.send(body));
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << size;
        EXPECT_EQ(answer->header("X-Tls"), "yes");
        EXPECT_TRUE(answer->body == body) << size;
    }
}

TLS_CASE(PipelinedRequestsInOneRecordAreAllAnswered) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(echo);
    auto client = connect(listener, {.tls = true});
    std::string all;
    constexpr int kRequests = 50;
    for (int i = 0; i < kRequests; ++i)
        all += "POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: 2\r\n\r\n" + std::to_string(10 + i);
    ASSERT_TRUE(client.send(all));
    for (int i = 0; i < kRequests; ++i) {
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << i;
        EXPECT_EQ(answer->body, std::to_string(10 + i));
    }
}

TLS_CASE(ATlsConnectionEndsWithAGoodbye) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(echo);
    auto client = connect(listener, {.tls = true});
    ASSERT_TRUE(client.get("/", "Connection: close\r\n"));
    ASSERT_TRUE(client.answer());
    EXPECT_TRUE(client.ended());
    EXPECT_FALSE(client.was_reset()) << "no close_notify: a client cannot tell it from a cut";
}

TLS_CASE(PlainBytesToATlsPortAreTurnedAway) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(echo);
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    const auto rest = client.rest();
    EXPECT_EQ(rest.find("200"), std::string::npos) << rest;
    EXPECT_EQ(listener.counters().requests, 0U);
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
    auto proper = connect(listener, {.tls = true});
    ASSERT_TRUE(proper.get("/"));
    EXPECT_TRUE(proper.answer());
}

TLS_CASE(AHandshakeThatStallsIsCut) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(echo, [](HttpListenOptions& options) { options.limits.header_timeout = 300ms; });
    auto silent = connect(listener);
    auto half = connect(listener);
    // The first bytes of a ClientHello, and no more.
    ASSERT_TRUE(half.send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
    (void)silent.rest();
    (void)half.rest();
    EXPECT_TRUE(silent.ended());
    EXPECT_TRUE(half.ended());
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

TLS_CASE(AnUnknownProtocolIsRefusedInTheHandshake) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(echo);
    EXPECT_THROW(connect(listener, {.tls = true, .alpn = "h2"}), std::runtime_error);
}

TLS_CASE(ATlsClientThatReadsNothingIsCut) {
    HTTP_NEEDS_TRAIT("tls");
    auto& listener = serve_tls(fixed_handler(std::string(32 << 20, 'L')),
                               [](HttpListenOptions& options) { options.limits.write_timeout = 300ms; });
    auto greedy = connect(listener, {.receive_buffer = 4096, .tls = true});
    ASSERT_TRUE(greedy.get("/"));
    EXPECT_TRUE(until([&] { return listener.counters().requests == 1; }));
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

TLS_CASE(AWebSocketWorksUnderTls) {
    HTTP_NEEDS_TRAIT("tls");
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve_tls([](HttpRequest) -> Async<Result<HttpReply>> {
        co_return HttpReply(WebSocketUpgrade{{}, [](std::shared_ptr<WebSocket> socket) -> Async<void> {
                                                 for (;;) {
                                                     auto message = co_await socket->read();
                                                     if (!message) co_return;
                                                     const auto sent = co_await socket->write(std::move(*message));
                                                     if (!sent) co_return;
                                                 }
                                             }});
    });
    RawWebSocket socket(connect(listener, {.tls = true}), "/");
    for (const std::size_t size : {0U, 125U, 126U, 20'000U, 200'000U}) {
        const std::string text(size, 'w');
        ASSERT_TRUE(socket.send(kWsText, text));
        const auto echoed = socket.next_data();
        ASSERT_TRUE(echoed) << size;
        EXPECT_TRUE(echoed->payload == text) << size;
    }
}

TLS_CASE(ABadCertificateIsRefusedWithASentence) {
    HTTP_NEEDS_TRAIT("tls");
    const auto one = make_certificate(backend().folder(), "one");
    const auto two = make_certificate(backend().folder(), "two");
    const auto garbage = backend().folder() + "/garbage.crt";
    std::ofstream(garbage) << "this is no certificate\n";
    const std::vector<std::pair<HttpTls, std::string>> wrong{
        {{backend().folder() + "/missing.crt", one.key_file}, "missing.crt"},
        {{garbage, one.key_file}, "garbage.crt"},
        {{one.certificate_file, two.key_file}, "two.key"},
        {{one.certificate_file, ""}, "key"},
    };
    for (const auto& [tls, named] : wrong) {
        const auto listening = listen({.address = {"127.0.0.1", 0}, .tls = tls, .name = "tls"}, echo);
        ASSERT_FALSE(listening) << named;
        EXPECT_EQ(listening.error().code(), Errc::invalid) << listening.error();
        EXPECT_NE(listening.error().message().find(named), std::string::npos) << listening.error();
    }
}

TLS_CASE(TlsOfAFrontWithoutTlsIsRefused) {
    if (promises("tls")) GTEST_SKIP() << "this front has TLS";
    const auto made = make_certificate(backend().folder());
    const auto listening =
        listen({.address = {"127.0.0.1", 0}, .tls = {made.certificate_file, made.key_file}, .name = "tls"}, echo);
    ASSERT_FALSE(listening);
    EXPECT_EQ(listening.error().code(), Errc::unsupported);
}

}  // namespace drover::conformance
