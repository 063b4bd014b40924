#include "drover/conformance/http_kit.hpp"

// Answers that are produced while they are sent.
namespace drover::conformance {
namespace {

/// A producer that tells the case how it fares.
struct Progress {
    Gate door;
    std::atomic<std::uint64_t> written{0};
    std::atomic<bool> ended{false};
    std::atomic<int> refusal{0};    // the Errc of the write that failed
    std::atomic<bool> left{false};  // by an exception
};
using ProgressPtr = std::shared_ptr<Progress>;  // owners: the case and its producers

/// Notes that a producer ended, however it did.
struct EndNote {
    ProgressPtr progress;
    explicit EndNote(ProgressPtr of) : progress(std::move(of)) {}
    EndNote(const EndNote&) = delete;
    EndNote& operator=(const EndNote&) = delete;
    ~EndNote() { progress->ended = true; }
};

/// Pieces of a known size until `total`, or until a write fails.
Async<void> pour(ProgressPtr progress, HttpStream* stream, std::uint64_t total) {
    const EndNote note(progress);
    constexpr std::size_t kPiece = 64 << 10;
    while (progress->written < total) {
        const auto sent = co_await stream->write(std::string(kPiece, 'p'));
        if (!sent) {
            progress->refusal = static_cast<int>(sent.error().code());
            co_return;
        }
        progress->written += kPiece;
    }
}

/// "one", then waits at the door, then "two".
Async<void> two_pieces(ProgressPtr progress, HttpStream* stream) {
    const EndNote note(progress);
    (void)co_await stream->write("one");
    const auto opened = co_await progress->door.wait();
    if (!opened) co_return;
    (void)co_await stream->write("");
    (void)co_await stream->write("two");
}

Async<void> break_off(HttpStream* stream) {
    (void)co_await stream->write("a part");
    throw std::runtime_error("hidden-text");
}

/// Each piece is written by a task of its own.
Async<void> delegate(std::shared_ptr<TaskGroup> tasks, HttpStream* stream) {
    constexpr int kPieces = 20;
    for (int i = 0; i < kPieces; ++i) {
        OneShot<void> done;
        tasks->spawn("writer", [stream, done, i]() mutable -> Async<void> {
            auto written = co_await stream->write(std::to_string(i) + ",");
            done.set(std::move(written));
        });
        const auto written = co_await done.take();
        if (!written) co_return;
    }
}

HttpHandler streaming(std::function<Async<void>(HttpStream&)> produce) {
    return [produce = std::move(produce)](HttpRequest request) -> Async<Result<HttpReply>> {
        if (request.path == "/plain") co_return HttpReply(HttpResponse{200, {}, "plain"});
        co_return HttpReply(HttpStreamed{200, {{"X-Kind", "stream"}}, produce});
    };
}

}  // namespace

HTTP_CASE(PiecesOfAStreamArriveAsTheyAreWritten) {
    HTTP_NEEDS_TRAIT("stream");
    const auto progress = std::make_shared<Progress>();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return two_pieces(progress, &stream); }));
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    const auto head = client.head();
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_TRUE(head->chunked);
    EXPECT_EQ(head->header("X-Kind"), "stream");
    EXPECT_EQ(head->count("Content-Length"), 0U);
    EXPECT_EQ(client.chunk(), "one");
    EXPECT_TRUE(client.silent_for(50ms));
    progress->door.open();
    EXPECT_EQ(client.chunk(), "two") << "an empty piece must send nothing";
    EXPECT_EQ(client.chunk(), "") << "it ends with an empty chunk and an empty line";
}

HTTP_CASE(AConnectionGoesOnAfterAStream) {
    HTTP_NEEDS_TRAIT("stream");
    const auto progress = std::make_shared<Progress>();
    progress->door.open();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return two_pieces(progress, &stream); }));
    auto client = connect(listener);
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(client.get("/"));
        ASSERT_TRUE(client.get("/plain"));
        auto answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "onetwo");
        answer = client.answer();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "plain");
    }
}

HTTP_CASE(AStreamWaitsForItsReader) {
    HTTP_NEEDS_TRAIT("stream");
    constexpr std::uint64_t kTotal = 64 << 20;
    const auto progress = std::make_shared<Progress>();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return pour(progress, &stream, kTotal); }));
    auto client = connect(listener, {.receive_buffer = 64 << 10});
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(client.head());
    // Nothing is read: the producer comes to a halt, long before the end.
    std::uint64_t before = 0;
    ASSERT_TRUE(until([&] {
        for (int i = 0; i < 20; ++i) (void)ask(listener, "GET /plain HTTP/1.1\r\nHost: kit\r\n\r\n");
        const auto seen = std::exchange(before, progress->written.load());
        return seen > 0 && seen == before;
    }));
    EXPECT_LT(before, kTotal / 2) << "the stream is held in memory";
    std::uint64_t read = 0;
    for (;;) {
        const auto piece = client.chunk();
        ASSERT_TRUE(piece) << "after " << read;
        if (piece->empty()) break;
        read += piece->size();
    }
    EXPECT_EQ(read, kTotal);
    EXPECT_TRUE(until([&] { return progress->ended.load(); }));
}

HTTP_CASE(AProducerIsToldThatItsClientHasGone) {
    HTTP_NEEDS_TRAIT("stream");
    const auto writing = std::make_shared<Progress>();
    const auto waiting = std::make_shared<Progress>();
    auto& listener = serve([writing, waiting](HttpRequest request) -> Async<Result<HttpReply>> {
        if (request.path == "/waiting")
            co_return HttpReply(HttpStreamed{200, {}, [waiting](HttpStream& to) { return two_pieces(waiting, &to); }});
        co_return HttpReply(
            HttpStreamed{200, {}, [writing](HttpStream& to) { return pour(writing, &to, UINT64_MAX); }});
    });
    auto reader = connect(listener);
    ASSERT_TRUE(reader.get("/writing"));
    ASSERT_TRUE(reader.head() && reader.chunk());
    auto waiter = connect(listener);
    ASSERT_TRUE(waiter.get("/waiting"));
    ASSERT_TRUE(waiter.head() && waiter.chunk());
    EXPECT_FALSE(waiting->ended);
    reader.reset();
    EXPECT_TRUE(until([&] { return writing->ended.load(); })) << "it writes on to nobody";
    waiter.close();
    EXPECT_TRUE(until([&] { return waiting->ended.load(); })) << "it waits on for nobody";
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

HTTP_CASE(AStreamThatIsNotReadIsCut) {
    HTTP_NEEDS_TRAIT("stream");
    const auto progress = std::make_shared<Progress>();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return pour(progress, &stream, UINT64_MAX); }),
                           [](HttpListenOptions& options) { options.limits.write_timeout = 300ms; });
    auto client = connect(listener, {.receive_buffer = 4096});
    ASSERT_TRUE(client.get("/"));
    EXPECT_TRUE(until([&] { return progress->ended.load(); }));
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

HTTP_CASE(AStreamForHttp10EndsWithTheConnection) {
    HTTP_NEEDS_TRAIT("stream");
    const auto progress = std::make_shared<Progress>();
    progress->door.open();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return two_pieces(progress, &stream); }));
    auto client = connect(listener);
    ASSERT_TRUE(client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->chunked);
    EXPECT_EQ(answer->header("Connection"), "close");
    EXPECT_EQ(answer->body, "onetwo");
    EXPECT_TRUE(answer->whole);
}

HTTP_CASE(AHeadRequestForAStreamHasNoBody) {
    HTTP_NEEDS_TRAIT("stream");
    const auto progress = std::make_shared<Progress>();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return two_pieces(progress, &stream); }));
    auto client = connect(listener);
    ASSERT_TRUE(client.send("HEAD / HTTP/1.1\r\nHost: kit\r\n\r\n"));
    const auto head = client.answer(true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    ASSERT_TRUE(client.get("/plain"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "plain");
}

HTTP_CASE(APartOfAStreamIsNotTakenForTheWhole) {
    HTTP_NEEDS_TRAIT("stream");
    auto& listener = serve(streaming([](HttpStream& stream) { return break_off(&stream); }));
    auto client = connect(listener);
    ASSERT_TRUE(client.get("/"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "a part");
    EXPECT_FALSE(answer->whole);
    auto old = connect(listener);
    ASSERT_TRUE(old.send("GET / HTTP/1.0\r\n\r\n"));
    const auto cut = old.answer();
    EXPECT_TRUE(!cut || !cut->whole);
}

HTTP_CASE(AStreamMayBeWrittenFromAnotherTask) {
    HTTP_NEEDS_TRAIT("stream");
    const auto tasks = std::make_shared<TaskGroup>(backend().executor());  // owners: this case and its producers
    auto& listener = serve(streaming([tasks](HttpStream& stream) { return delegate(tasks, &stream); }));
    for (int round = 0; round < 20; ++round)
        EXPECT_EQ(ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").body,
                  "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,");
    EXPECT_TRUE(stop(listener, 5s));
    tasks->cancel();
    EXPECT_TRUE(tasks->join(5s));
}

HTTP_CASE(AStreamOfAFrontWithoutStreamsIs501) {
    if (promises("stream")) GTEST_SKIP() << "this front has streams";
    const auto progress = std::make_shared<Progress>();
    progress->door.open();
    auto& listener = serve(streaming([progress](HttpStream& stream) { return two_pieces(progress, &stream); }));
    const auto answer = ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n");
    EXPECT_EQ(answer.status, 501);
    EXPECT_NE(answer.body.find("http-beast"), std::string::npos) << "it does not say which front has them";
}

}  // namespace drover::conformance
