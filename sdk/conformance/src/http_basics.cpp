#include <numeric>

#include "drover/conformance/http_kit.hpp"

// Requests and answers between a front and clients who mean well.
namespace drover::conformance {
namespace {

/// The part of a described request that begins with `key `.
std::string told(const RawAnswer& answer, const std::string& key) {
    const auto text = "\n" + answer.body;
    const auto at = text.find("\n" + key + " ");
    if (at == std::string::npos) return "(not told)";
    const auto begin = at + key.size() + 2;
    return text.substr(begin, key == "body" ? std::string::npos : text.find('\n', begin) - begin);
}

/// A body with every byte value, of any size.
std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    std::iota(bytes.begin(), bytes.end(), '\0');
    return bytes;
}

std::string post(const std::string& body) {
    return "POST /there HTTP/1.1\r\nHost: kit\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

HTTP_CASE(ARequestComesToTheHandlerAsItWasSent) {
    auto& listener = serve(describing_handler());
    const auto answer =
        ask(listener, "POST /a%20b/c?x=1&y=%26 HTTP/1.1\r\nHost: kit:80\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(answer.version, "HTTP/1.1");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "text/plain");
    EXPECT_EQ(answer.count("Content-Length"), 1U);
    EXPECT_EQ(answer.count("Date"), 1U);
    EXPECT_EQ(told(answer, "method"), "POST");
    EXPECT_EQ(told(answer, "target"), "/a%20b/c?x=1&y=%26");
    EXPECT_EQ(told(answer, "path"), "/a%20b/c");
    EXPECT_EQ(told(answer, "query"), "x=1&y=%26");
    EXPECT_EQ(told(answer, "remote"), "127.0.0.1");
    EXPECT_EQ(told(answer, "tls"), "no");
    EXPECT_EQ(told(answer, "body"), "hello");
}

HTTP_CASE(EveryUsualMethodComesToTheHandler) {
    auto& listener = serve(describing_handler());
    for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        const auto answer = ask(listener, method + " / HTTP/1.1\r\nHost: kit\r\nContent-Length: 0\r\n\r\n");
        EXPECT_EQ(answer.status, 200) << method;
        EXPECT_EQ(told(answer, "method"), method);
    }
}

HTTP_CASE(HeadersKeepTheirOrderAndTheirDuplicates) {
    auto& listener = serve(describing_handler());
    const auto answer = ask(listener,
                            "GET / HTTP/1.1\r\nHost: kit\r\nX-One: 1\r\nx-two:2\r\nX-One:  again \t\r\nX-Empty:\r\n"
                            "X-High: \xc3\xa9\r\n\r\n");
    if (promises("strict_framing")) {
        EXPECT_NE(answer.body.find("header Host=kit\nheader X-One=1\nheader x-two=2\nheader X-One=again\n"
                                   "header X-Empty=\nheader X-High=\xc3\xa9\n"),
                  std::string::npos)
            << answer.body;
    } else {
        EXPECT_NE(answer.body.find("header x-two=2\n"), std::string::npos) << answer.body;
    }
}

HTTP_CASE(AnAnswerHasTheStatusHeadersAndBodyOfTheHandler) {
    auto& listener = serve([](HttpRequest) -> Async<Result<HttpReply>> {
        co_return HttpReply(HttpResponse{201, {{"X-One", "1"}, {"X-Two", "2"}, {"X-One", "3"}}, "made"});
    });
    const auto answer = ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n");
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.body, "made");
    EXPECT_EQ(answer.header("X-Two"), "2");
    EXPECT_EQ(answer.count("X-One"), promises("strict_framing") ? 2U : answer.count("X-One"));
}

HTTP_CASE(BodiesOfAnySizeComeAndGoUnchanged) {
    auto& listener = serve(
        [](HttpRequest request) -> Async<Result<HttpReply>> {
            co_return HttpReply(HttpResponse{200, {}, std::move(request.body)});
        },
        [](HttpListenOptions& options) { options.limits.body_bytes = 4 << 20; });
    auto client = connect(listener);
    for (const std::size_t size : {0U, 1U, 125U, 4095U, 16'384U, 65'536U, 65'537U, 3'000'000U}) {
        const auto body = pattern(size);
        ASSERT_TRUE(client.send(post(body)));
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << size;
        EXPECT_EQ(answer->status, 200) << size;
        EXPECT_TRUE(answer->body == body) << "a body of " << size << " bytes came back changed";
    }
}

HTTP_CASE(AHeadRequestIsAnsweredWithoutItsBody) {
    auto& listener = serve(describing_handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.send("HEAD / HTTP/1.1\r\nHost: kit\r\n\r\n"));
    const auto answer = client.answer(true);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_NE(answer->header("Content-Length"), "0");
    // What follows is the next answer, not a body.
    ASSERT_TRUE(client.get("/next"));
    const auto next = client.answer();
    ASSERT_TRUE(next);
    EXPECT_EQ(told(*next, "target"), "/next");
}

HTTP_CASE(StatusesWithoutABodyHaveNone) {
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        const int status = request.path == "/204" ? 204 : 304;
        co_return HttpReply(HttpResponse{status, {}, "HTTP/1.1 not sent"});
    });
    auto client = connect(listener);
    for (const int status : {204, 304}) {
        ASSERT_TRUE(client.get("/" + std::to_string(status)));
        const auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, status);
    }
    ASSERT_TRUE(client.get("/204"));
    ASSERT_TRUE(client.answer()) << "bytes of a body were taken for an answer";
}

HTTP_CASE(AConnectionServesManyRequests) {
    auto& listener = serve(describing_handler());
    auto client = connect(listener);
    constexpr int kRequests = 200;
    for (int i = 0; i < kRequests; ++i) {
        ASSERT_TRUE(client.get("/" + std::to_string(i)));
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << "after " << i;
        EXPECT_EQ(told(*answer, "target"), "/" + std::to_string(i));
    }
    EXPECT_EQ(listener.counters().requests, static_cast<std::uint64_t>(kRequests));
    EXPECT_EQ(listener.counters().connections, 1U);
    EXPECT_EQ(listener.counters().refused, 0U);
    client.close();
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

HTTP_CASE(RequestsSentAheadAreAnsweredInOrder) {
    HTTP_NEEDS(pipelining);
    auto& listener = serve(describing_handler(), [](HttpListenOptions& options) { options.limits.pipelined = 4; });
    auto client = connect(listener);
    constexpr int kRequests = 100;
    std::string all;
    for (int i = 0; i < kRequests; ++i) {
        const auto body = std::to_string(i);
        all += "POST /" + body + " HTTP/1.1\r\nHost: kit\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
    }
    ASSERT_TRUE(client.send(all));
    for (int i = 0; i < kRequests; ++i) {
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << "after " << i;
        EXPECT_EQ(told(*answer, "target"), "/" + std::to_string(i));
        EXPECT_EQ(told(*answer, "body"), std::to_string(i));
    }
}

HTTP_CASE(RequestsSentAheadWaitForTheOneBeforeThem) {
    HTTP_NEEDS(pipelining);
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto& listener = serve(held.handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/first") && client.get("/second") && client.get("/third"));
    ASSERT_TRUE(until([&] { return held.entered() == 1; }));
    EXPECT_TRUE(client.silent_for(50ms));
    EXPECT_EQ(held.entered(), 1) << "a second request of one connection was begun before the first was answered";
    held.let_on();
    for (const std::string target : {"/first", "/second", "/third"}) {
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << target;
        EXPECT_EQ(answer->body, target);
    }
}

HTTP_CASE(ReadingAheadIsBounded) {
    HTTP_NEEDS(pipelining);
    HTTP_NEEDS(waiting_handlers);
    const HeldHandler held;
    auto& listener = serve(held.handler(), [](HttpListenOptions& options) { options.limits.pipelined = 4; });
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/first"));
    ASSERT_TRUE(until([&] { return held.entered() == 1; }));
    // Far more than sockets buffer: a front that reads it all holds it in memory.
    constexpr std::size_t kMuch = 64 << 20;
    const std::string one = "GET /more HTTP/1.1\r\nHost: kit\r\nX-Fill: " + std::string(900, 'x') + "\r\n\r\n";
    const auto sent = send_while_taken(client, one, kMuch);
    EXPECT_LT(sent, kMuch) << "the front read on while its first request was not answered";
    held.let_on();
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "/first");
}

HTTP_CASE(AClientThatSaysCloseIsAnsweredAndClosed) {
    auto& listener = serve(describing_handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/last", "Connection: close\r\n"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->header("Connection"), "close");
    EXPECT_TRUE(client.ended());
    EXPECT_FALSE(client.was_reset());
}

HTTP_CASE(Http10IsClosedUnlessItAsksToBeKept) {
    auto& listener = serve(describing_handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.send("GET /kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(told(*answer, "target"), "/kept");
    EXPECT_EQ(answer->header("Connection"), "keep-alive");
    ASSERT_TRUE(client.send("GET /closed HTTP/1.0\r\n\r\n"));
    answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(told(*answer, "target"), "/closed");
    EXPECT_TRUE(client.ended());
}

HTTP_CASE(ARequestMayComeInPiecesCutAnywhere) {
    auto& listener = serve(describing_handler());
    const std::string request = "POST /cut HTTP/1.1\r\nHost: kit\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody";
    for (std::size_t cut = 1; cut < request.size(); ++cut) {
        auto client = connect(listener);
        ASSERT_TRUE(client.send(request.substr(0, cut)));
        ASSERT_TRUE(client.send(request.substr(cut)));
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << "cut at " << cut;
        EXPECT_EQ(told(*answer, "target"), "/cut") << "cut at " << cut;
        EXPECT_EQ(told(*answer, "body"), "body") << "cut at " << cut;
    }
}

HTTP_CASE(AChunkedBodyIsPutTogether) {
    auto& listener = serve(describing_handler());
    const auto answer = ask(listener,
                            "POST / HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\none\r\n6;ext=\"x\"\r\n, two,\r\n00a\r\n and three\r\n0\r\nX-Trailer: t\r\n\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(told(answer, "body"), "one, two, and three");
    EXPECT_EQ(answer.body.find("X-Trailer"), std::string::npos) << "a trailer was taken for a header";
}

HTTP_CASE(AChunkedBodyMayBeCutAtEveryByte) {
    HTTP_NEEDS(half_requests);
    auto& listener = serve(describing_handler());
    const std::string head = "POST / HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string body = "4\r\nfour\r\na\r\n0123456789\r\n0\r\n\r\n";
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        auto client = connect(listener);
        ASSERT_TRUE(client.send(head + body.substr(0, cut)));
        // The pieces must arrive apart: the front has read the first before the second is sent.
        EXPECT_TRUE(client.silent_for(2ms)) << "cut at " << cut;
        ASSERT_TRUE(client.send(body.substr(cut)));
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << "cut at " << cut;
        EXPECT_EQ(told(*answer, "body"), "four0123456789") << "cut at " << cut;
    }
    auto client = connect(listener);
    for (const char c : head + body) ASSERT_TRUE(client.send(std::string(1, c)));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(told(*answer, "body"), "four0123456789");
}

HTTP_CASE(WhatFollowsAChunkedBodyIsTheNextRequest) {
    HTTP_NEEDS(pipelining);
    auto& listener = serve(describing_handler());
    auto client = connect(listener);
    ASSERT_TRUE(
        client.send("POST /one HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\nx\r\n0\r\n\r\nGET /two HTTP/1.1\r\nHost: kit\r\n\r\n"));
    EXPECT_EQ(told(client.answer().value_or(RawAnswer{}), "target"), "/one");
    EXPECT_EQ(told(client.answer().value_or(RawAnswer{}), "target"), "/two");
}

HTTP_CASE(AnAbsoluteTargetNamesTheHost) {
    HTTP_NEEDS_TRAIT("strict_framing");
    auto& listener = serve(describing_handler());
    const auto answer = ask(listener, "GET http://other:81/path?q=1 HTTP/1.1\r\nHost: kit\r\n\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(told(answer, "path"), "/path");
    EXPECT_EQ(told(answer, "query"), "q=1");
    EXPECT_NE(answer.body.find("header Host=other:81\n"), std::string::npos) << answer.body;
    EXPECT_EQ(answer.body.find("header Host=kit\n"), std::string::npos) << answer.body;
    EXPECT_EQ(told(ask(listener, "GET http://other HTTP/1.1\r\nHost: kit\r\n\r\n"), "path"), "/");
    EXPECT_EQ(told(ask(listener, "OPTIONS * HTTP/1.1\r\nHost: kit\r\n\r\n"), "path"), "*");
}

HTTP_CASE(AClientThatExpectsToContinueIsToldTo) {
    HTTP_NEEDS(expectations);
    auto& listener = serve(describing_handler());
    auto client = connect(listener);
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
    const auto interim = client.answer();
    ASSERT_TRUE(interim);
    EXPECT_EQ(interim->status, 100);
    ASSERT_TRUE(client.send("body"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(told(*answer, "body"), "body");
}

HTTP_CASE(AClientThatExpectsTooMuchIsNotToldToContinue) {
    HTTP_NEEDS(expectations);
    auto& listener = serve(describing_handler(), [](HttpListenOptions& options) { options.limits.body_bytes = 100; });
    auto client = connect(listener);
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 413);
    EXPECT_TRUE(client.ended());

    const auto unknown =
        ask(listener, "POST / HTTP/1.1\r\nHost: kit\r\nContent-Length: 0\r\nExpect: a-miracle\r\n\r\n");
    EXPECT_EQ(unknown.status, 417);
}

HTTP_CASE(AFailureOfAHandlerIsAnsweredWithoutItsText) {
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        if (request.path == "/error") co_return Error(Errc::internal, "hidden-text", "hidden-hint");
        if (request.path == "/throw") throw std::runtime_error("hidden-text");
        if (request.path == "/strange") throw 17;
        if (request.path == "/split")
            co_return HttpReply(HttpResponse{200, {{"X", "hidden-text\r\nSet-Cookie: a=b"}}, ""});
        co_return HttpReply(HttpResponse{200, {}, "well"});
    });
    auto client = connect(listener);
    for (const std::string path : {"/error", "/throw", "/strange", "/split"}) {
        ASSERT_TRUE(client.get(path));
        const auto answer = client.answer();
        ASSERT_TRUE(answer) << path;
        EXPECT_EQ(answer->status, 500) << path;
        EXPECT_EQ(answer->body.find("hidden"), std::string::npos) << answer->body;
        EXPECT_EQ(answer->count("Set-Cookie"), 0U) << path;
    }
    ASSERT_TRUE(client.get("/well"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "well");
}

HTTP_CASE(ATakenPortIsRefusedWithASentence) {
    auto& listener = serve(describing_handler());
    const auto second = listen({.address = listener.address(), .name = "second"}, describing_handler());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::unavailable);
    EXPECT_NE(second.error().message().find(std::to_string(listener.address().port)), std::string::npos)
        << second.error();
    EXPECT_FALSE(second.error().hint().empty());
    EXPECT_EQ(ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").status, 200);
}

HTTP_CASE(APortIsFreeAgainAfterStop) {
    auto& first = serve(describing_handler());
    const auto address = first.address();
    ASSERT_TRUE(stop(first, 5s));
    auto& second = serve(describing_handler(), [&](HttpListenOptions& options) { options.address = address; });
    EXPECT_EQ(ask(second, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").status, 200);
}

HTTP_CASE(ListenersDoNotShareTheirHandlers) {
    auto& one = serve(fixed_handler("one"));
    auto& two = serve(fixed_handler("two"));
    EXPECT_NE(one.address().port, two.address().port);
    EXPECT_EQ(ask(one, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").body, "one");
    EXPECT_EQ(ask(two, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").body, "two");
}

HTTP_CASE(Ipv6IsServedToo) {
    auto listening = listen({.address = {"::1", 0}, .name = "six"}, describing_handler());
    ASSERT_TRUE(listening) << listening.error();
    EXPECT_EQ(told(ask(**listening, "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), "remote"), "::1");
    EXPECT_TRUE(stop(**listening, 5s));
}

}  // namespace drover::conformance
