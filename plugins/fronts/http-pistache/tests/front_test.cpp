// What is this front's own: where it listens, what it says it cannot do, and what it leaves behind. The rest
// is in the conformance kit.
#include <filesystem>
#include <fstream>
#include <thread>

#include "drover/conformance/http_kit.hpp"

namespace drover::conformance {
namespace {

namespace fs = std::filesystem;

struct PistacheFront final : HttpFrontBackend {
    std::string library() const override { return "http-pistache.so"; }
    Options options(std::string_view) override { return {{"workers", "3"}}; }
};

class PistacheFrontTest : public HttpKit {
protected:
    PistacheFrontTest() {
        set_factory([] { return std::make_unique<PistacheFront>(); });
    }
    void TestBody() override {}
};

/// The threads of this process whose names begin with `prefix`.
std::size_t threads_named(const std::string& prefix) {
    std::size_t count = 0;
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
        std::ifstream in(task.path() / "comm");
        std::string name;
        std::getline(in, name);
        if (name.starts_with(prefix)) ++count;
    }
    return count;
}

/// The open descriptors of this process; only those whose target begins with `kind`.
std::size_t descriptors(const std::string& kind = "") {
    std::size_t count = 0;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        const auto target = fs::read_symlink(entry.path(), gone).string();
        if (!gone && target.starts_with(kind)) ++count;
    }
    return count;
}

HttpListenOptions at(std::string host) { return {.address = {std::move(host), 0}, .name = "pistache"}; }

bool mentions(const std::string& text, const std::string& word) { return text.find(word) != std::string::npos; }

TEST_F(PistacheFrontTest, DoesNotListenWhereOtherMachinesReach) {
    for (const std::string host : {"0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "::ffff:127.0.0.1"}) {
        const auto refused = listen(at(host), describing_handler());
        ASSERT_FALSE(refused) << host;
        EXPECT_EQ(refused.error().code(), Errc::denied) << host << ": " << refused.error();
        EXPECT_TRUE(mentions(refused.error().message(), "other machines can reach")) << refused.error();
        EXPECT_TRUE(mentions(refused.error().message(), Address{host, 0}.to_string())) << refused.error();
        EXPECT_TRUE(mentions(refused.error().hint(), "service.http = http-beast")) << refused.error();
    }
}

TEST_F(PistacheFrontTest, ListensOnEveryNameOfLoopback) {
    for (const std::string host : {"127.0.0.1", "127.8.8.8", "::1", "localhost"}) {
        const auto listening = listen(at(host), fixed_handler("here"));
        ASSERT_TRUE(listening) << host << ": " << listening.error();
        EXPECT_NE((*listening)->address().port, 0);
    }
}

TEST_F(PistacheFrontTest, AHostThatIsNotThereIsInvalid) {
    const auto refused = listen(at("no-such-host.invalid"), describing_handler());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid);
    EXPECT_TRUE(mentions(refused.error().message(), "no-such-host.invalid")) << refused.error();
}

TEST_F(PistacheFrontTest, RefusesTlsAndNamesTheFrontThatHasIt) {
    auto options = at("127.0.0.1");
    const auto certificate = make_certificate(backend().folder());
    options.tls = {certificate.certificate_file, certificate.key_file};
    const auto refused = listen(std::move(options), describing_handler());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unsupported);
    EXPECT_TRUE(mentions(refused.error().hint(), "http-beast")) << refused.error();
}

TEST_F(PistacheFrontTest, AStreamIs501AndNamesTheFrontThatHasIt) {
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        if (request.path == "/plain") co_return HttpReply(HttpResponse{200, {}, "plain"});
        co_return HttpReply(HttpStreamed{200, {}, [](HttpStream&) -> Async<void> {
                                             ADD_FAILURE() << "the stream was begun";
                                             co_return;
                                         }});
    });
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/stream"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 501);
    EXPECT_TRUE(mentions(answer->body, "http-beast")) << answer->body;
    // It was the answer that could not be sent, not the request that was wrong: the connection goes on.
    ASSERT_TRUE(client.get("/plain"));
    EXPECT_EQ(client.answer().value_or(RawAnswer{}).body, "plain");
}

TEST_F(PistacheFrontTest, AWebSocketIs501AndNamesTheFrontThatHasIt) {
    auto& listener = serve([](HttpRequest request) -> Async<Result<HttpReply>> {
        EXPECT_TRUE(request.wants_websocket);
        co_return HttpReply(WebSocketUpgrade{{}, [](std::shared_ptr<WebSocket>) -> Async<void> {
                                                 ADD_FAILURE() << "the session was begun";
                                                 co_return;
                                             }});
    });
    const auto answer = ask(listener,
                            "GET /ws HTTP/1.1\r\nHost: kit\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    EXPECT_EQ(answer.status, 501);
    EXPECT_TRUE(mentions(answer.body, "http-beast")) << answer.body;
}

TEST_F(PistacheFrontTest, NoThreadAndNoSocketIsLeftAfterStop) {
    (void)front();  // the plugin's own thread is there from now on
    const auto threads = threads_named("");
    const auto sockets = descriptors("socket:");
    auto listening = listen(at("127.0.0.1"), describing_handler());
    ASSERT_TRUE(listening) << listening.error();
    std::vector<RawClient> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(connect(**listening));
        ASSERT_TRUE(clients.back().get("/"));
        ASSERT_TRUE(clients.back().answer());
    }
    EXPECT_EQ(threads_named("http pistache"), 3U) << "as many as the option workers says";
    EXPECT_EQ(descriptors("socket:"), sockets + 1 + 2 * clients.size());
    EXPECT_TRUE(stop(**listening, 5s));
    EXPECT_EQ(threads_named(""), threads);
    EXPECT_EQ(descriptors("socket:"), sockets + clients.size()) << "the clients' ends are left, and nothing else";
}

TEST_F(PistacheFrontTest, ClosingThePluginEndsWhatItsUsersForgot) {
    auto listening = listen(at("127.0.0.1"), describing_handler());
    ASSERT_TRUE(listening) << listening.error();
    auto client = connect(**listening);
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(client.answer());
    EXPECT_GT(threads_named("http pistache"), 0U);
    backend().close("alice");
    EXPECT_EQ(threads_named("http pistache"), 0U);
    EXPECT_TRUE(client.ended());
}

/// Pistache forgets an event descriptor or two for each of its threads. That is known, and this is the limit.
TEST_F(PistacheFrontTest, WhatPistacheLeaksWithAListenerIsBounded) {
    (void)front();
    constexpr std::size_t kRounds = 10;
    constexpr std::size_t kLeakEach = 1 + 2 * 3;  // its listener, and the workers of the option above
    std::size_t before = 0;
    // The first round is not counted: it also opens what the process keeps for good, such as the executor's.
    for (std::size_t round = 0; round <= kRounds; ++round) {
        auto listening = listen(at("127.0.0.1"), fixed_handler("x"));
        ASSERT_TRUE(listening) << listening.error();
        EXPECT_EQ(ask(**listening, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").body, "x");
        ASSERT_TRUE(stop(**listening, 5s));
        if (round == 0) before = descriptors();
    }
    EXPECT_LE(descriptors(), before + kRounds * kLeakEach);
}

/// A client may come at the very moment at which the listener ends: it is answered, closed or refused, never
/// left waiting.
TEST_F(PistacheFrontTest, ClientsThatComeWhileItStopsAreNotLeftWaiting) {
    constexpr int kRounds = 30;
    constexpr int kCallers = 4;
    std::atomic<int> answered{0};
    for (int round = 0; round < kRounds; ++round) {
        auto listening = listen(at("127.0.0.1"), fixed_handler("x"));
        ASSERT_TRUE(listening) << listening.error();
        const auto address = (*listening)->address();
        std::atomic<bool> refused{false};
        std::atomic<int> waiting{0};
        std::vector<std::jthread> callers;
        for (int i = 0; i < kCallers; ++i) {
            callers.emplace_back([&] {
                while (!refused) {
                    try {
                        RawClient client(address);
                        client.get("/");
                        if (client.answer()) answered.fetch_add(1);
                        else if (!client.ended()) waiting.fetch_add(1);
                    } catch (const std::runtime_error&) {
                        refused = true;  // nobody listens there any more
                    }
                }
            });
        }
        const auto enough = answered + 20;
        EXPECT_TRUE(until([&] { return answered >= enough; }));
        EXPECT_TRUE(stop(**listening, 5s));
        callers.clear();
        EXPECT_EQ(waiting, 0) << "round " << round;
    }
}

}  // namespace
}  // namespace drover::conformance
