#include "drover/conformance/http_kit.hpp"

// Every limit holds exactly, is answered with its status, and closes the connection.
namespace drover::conformance {
namespace {

/// A request whose head has exactly `size` bytes.
std::string head_of(std::size_t size) {
    const std::string before = "GET / HTTP/1.1\r\nHost: kit\r\nX-Fill: ";
    const std::string after = "\r\n\r\n";
    return before + std::string(size - before.size() - after.size(), 'x') + after;
}

/// Headers without end.
std::string endless_head(std::size_t size) {
    std::string head = "GET / HTTP/1.1\r\nHost: kit\r\n";
    while (head.size() < size) head += "X-" + std::to_string(head.size()) + ": x\r\n";
    return head;
}

void expect_refused(RawClient& client, int status, const std::string& what) {
    const auto answer = client.answer();
    ASSERT_TRUE(answer) << what << ": no answer" << (client.was_reset() ? ", but a reset" : "");
    EXPECT_EQ(answer->status, status) << what << ": " << answer->body;
    EXPECT_EQ(answer->header("Connection"), "close") << what;
    EXPECT_FALSE(answer->body.empty()) << what;
    EXPECT_TRUE(client.ended()) << what << ": the connection goes on";
}

}  // namespace

HTTP_CASE(HeadersLargerThanTheLimitAre431) {
    constexpr std::size_t kLimit = 1024;
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.header_bytes = kLimit; });
    EXPECT_EQ(ask(listener, head_of(kLimit)).status, 200);
    for (const auto& request :
         {head_of(kLimit + 1), head_of(kLimit * 50), endless_head(kLimit + 1), endless_head(kLimit * 50)}) {
        auto client = connect(listener);
        client.send(request);
        expect_refused(client, 431, "a head of " + std::to_string(request.size()) + " bytes");
    }
    EXPECT_EQ(listener.counters().refused, 4U);
    EXPECT_EQ(listener.counters().requests, 1U);
}

HTTP_CASE(ATargetLongerThanTheLimitIs414) {
    constexpr std::size_t kLimit = 100;
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.target_bytes = kLimit; });
    const auto request = [](std::size_t size) {
        return "GET /" + std::string(size - 1, 't') + " HTTP/1.1\r\nHost: kit\r\n\r\n";
    };
    EXPECT_EQ(ask(listener, request(kLimit)).status, 200);
    for (const std::size_t size : {kLimit + 1, kLimit * 3, kLimit * 1000}) {
        auto client = connect(listener);
        client.send(request(size));
        expect_refused(client, 414, "a target of " + std::to_string(size) + " bytes");
    }
}

HTTP_CASE(ABodyAnnouncedTooLargeIs413BeforeItIsSent) {
    constexpr std::size_t kLimit = 1000;
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.body_bytes = kLimit; });
    const auto head = [](const std::string& length) {
        return "POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: " + length + "\r\n\r\n";
    };
    EXPECT_EQ(ask(listener, head(std::to_string(kLimit)) + std::string(kLimit, 'b')).status, 200);
    for (const std::string length : {"1001", "1000000000000", "18446744073709551615"}) {
        auto client = connect(listener);
        ASSERT_TRUE(client.send(head(length)));
        expect_refused(client, 413, "Content-Length " + length);
    }
}

HTTP_CASE(AClientThatSendsItsTooLargeBodyAnywayReadsTheAnswer) {
    auto& listener = serve(describing_handler(), [](HttpListenOptions& options) { options.limits.body_bytes = 1000; });
    constexpr std::size_t kBody = 2 << 20;
    auto client = connect(listener);
    client.send("POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n" +
                std::string(kBody, 'b'));
    const auto answer = client.answer();
    ASSERT_TRUE(answer) << "the answer was lost to a reset";
    EXPECT_EQ(answer->status, 413);
}

HTTP_CASE(AChunkedBodyLargerThanTheLimitIs413) {
    constexpr std::size_t kLimit = 1000;
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.body_bytes = kLimit; });
    const std::string head = "POST / HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string half = "1f4\r\n" + std::string(500, 'b') + "\r\n";
    EXPECT_EQ(ask(listener, head + half + half + "0\r\n\r\n").status, 200);
    for (const auto& body : {half + half + "1\r\n", std::string("3e9\r\n"), std::string("ffffffffffffffff\r\n")}) {
        auto client = connect(listener);
        ASSERT_TRUE(client.send(head + body));
        expect_refused(client, 413, "chunks of more than the limit");
    }
}

HTTP_CASE(ChunkExtensionsAndTrailersAreBounded) {
    HTTP_NEEDS_TRAIT("strict_framing");
    auto& listener = serve(describing_handler());
    const std::string head = "POST / HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string many_extensions;
    for (int i = 0; i < 10'000; ++i) many_extensions += "1;extension=" + std::string(20, 'e') + "\r\nx\r\n";
    std::string many_trailers = "0\r\n";
    for (int i = 0; i < 10'000; ++i) many_trailers += "X-Trailer: " + std::string(20, 't') + "\r\n";
    for (const auto& body : {"1;" + std::string(100'000, 'e'), many_extensions, many_trailers,
                             "0\r\nX-Trailer: " + std::string(100'000, 't'), std::string(100'000, '0')}) {
        auto client = connect(listener);
        client.send(head + body);
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_GE(answer->status, 400);
        EXPECT_LT(answer->status, 500);
        EXPECT_TRUE(client.ended());
    }
    EXPECT_EQ(listener.counters().requests, 0U);
}

HTTP_CASE(MoreConnectionsThanTheLimitWaitToBeAccepted) {
    HTTP_NEEDS(slow_peers);
    constexpr std::size_t kLimit = 4;
    auto& listener =
        serve(describing_handler(), [](HttpListenOptions& options) { options.limits.connections = kLimit; });
    std::vector<RawClient> inside;
    for (std::size_t i = 0; i < kLimit; ++i) {
        inside.push_back(connect(listener));
        ASSERT_TRUE(inside.back().get("/"));
        ASSERT_TRUE(inside.back().answer());
    }
    auto waiting = connect(listener);
    ASSERT_TRUE(waiting.get("/waited"));
    EXPECT_TRUE(waiting.silent_for(100ms));
    EXPECT_EQ(listener.counters().connections, kLimit);
    inside.pop_back();
    const auto answer = waiting.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
}

}  // namespace drover::conformance
