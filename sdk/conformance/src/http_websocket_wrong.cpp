#include <random>

#include "http_websocket.hpp"

// WebSocket peers who break RFC 6455 are told so, and closed.
namespace drover::conformance {
namespace {

using namespace std::string_literals;
using Shape = RawWebSocket::Shape;

struct Wrong {
    std::string what;
    std::string bytes;
    int code = 1002;
};

std::string frame(int opcode, std::string_view payload, Shape shape = {}) {
    return RawWebSocket::frame(opcode, payload, shape);
}
std::string close(int code, std::string_view reason = {}) {
    return frame(kWsClose, RawWebSocket::close_payload(code, reason));
}

std::vector<Wrong> wrong_frames() {
    const auto first = frame(kWsText, "a", {.final = false});
    return {
        {"a frame without a mask", frame(kWsText, "hello", {.masked = false})},
        {"a ping without a mask", frame(kWsPing, "", {.masked = false})},
        {"reserved bit 1", frame(kWsText, "hello", {.reserved = 4})},
        {"reserved bit 2", frame(kWsText, "hello", {.reserved = 2})},
        {"reserved bit 3", frame(kWsText, "hello", {.reserved = 1})},
        {"operation code 3", frame(3, "hello")},
        {"operation code 7", frame(7, "")},
        {"operation code 11", frame(11, "")},
        {"operation code 15", frame(15, "hello")},
        {"a fragmented ping", frame(kWsPing, "", {.final = false})},
        {"a fragmented close", frame(kWsClose, "", {.final = false})},
        {"a ping of 126 bytes", frame(kWsPing, std::string(126, 'p'))},
        {"a close of 126 bytes", frame(kWsClose, RawWebSocket::close_payload(1000, std::string(124, 'c')))},
        {"a continuation of nothing", frame(kWsContinuation, "hello")},
        {"a continuation after a whole message", frame(kWsText, "x") + frame(kWsContinuation, "hello")},
        {"a message inside another", first + frame(kWsText, "b")},
        {"a length in more bytes than needed", frame(kWsText, "hello", {.length_bytes = 2})},
        {"a length in eight bytes instead of two", frame(kWsText, std::string(200, 'x'), {.length_bytes = 8})},
        {"a length with the highest bit", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04"s},
        {"a close with half a code", frame(kWsClose, "\x03")},
        {"close code 0", close(0)},
        {"close code 999", close(999)},
        {"close code 1004", close(1004)},
        {"close code 1005", close(1005)},
        {"close code 1006", close(1006)},
        {"close code 1015", close(1015)},
        {"close code 2999", close(2999)},
        {"close code 5000", close(5000)},
        {"a close with a reason that is no UTF-8", close(1000, "\xff\xfe"), 1007},
    };
}

std::vector<Wrong> wrong_texts() {
    const std::vector<std::pair<std::string, std::string>> texts{
        {"a lone continuation byte", "\x80"},
        {"a byte that is never used", "a\xff"},
        {"an overlong slash", "\xc0\xaf"},
        {"an overlong NUL in three bytes", "\xe0\x80\x80"},
        {"an overlong form in four bytes", "\xf0\x8f\xbf\xbf"},
        {"a surrogate", "\xed\xa0\x80"},
        {"beyond the last code point", "\xf4\x90\x80\x80"},
        {"a cut character at the end", "caf\xc3"},
        {"a cut character before another",
         "\xe2\x82"
         "A"},
    };
    std::vector<Wrong> all;
    for (const auto& [what, text] : texts) {
        all.push_back({what, frame(kWsText, text), 1007});
        all.push_back({what + ", in fragments",
                       frame(kWsText, text.substr(0, 1), {.final = false}) + frame(kWsContinuation, text.substr(1)),
                       1007});
    }
    // Said before the message ends: nobody has to hold the rest of it.
    all.push_back({"a wrong byte in the first of many fragments", frame(kWsText, "\xff", {.final = false}), 1007});
    return all;
}

}  // namespace

class HttpWrongSocketKit : public HttpKit {
protected:
    void expect_all_closed(const std::vector<Wrong>& all) {
        HTTP_NEEDS_TRAIT("websocket");
        for (const auto& wrong : all) {
            const auto notes = std::make_shared<SocketNotes>();
            auto& listener = serve(noting(notes));
            RawWebSocket socket(connect(listener), "/");
            ASSERT_TRUE(socket.client().send(wrong.bytes)) << wrong.what;
            const auto goodbye = socket.next();
            if (!goodbye) {
                ADD_FAILURE() << wrong.what << ": the connection ended without a Close";
                continue;
            }
            EXPECT_EQ(goodbye->opcode, kWsClose) << wrong.what;
            EXPECT_EQ(goodbye->close_code(), wrong.code) << wrong.what << ": " << goodbye->close_reason();
            EXPECT_TRUE(socket.client().ended()) << wrong.what;
            EXPECT_TRUE(until([&] { return notes->ended.is_open(); })) << wrong.what;
            EXPECT_EQ(notes->why().code(), Errc::unavailable) << wrong.what;
        }
        std::cout << all.size() << " wrong peers were closed" << std::endl;
    }
};

#define WRONG_SOCKET_CASE(case_name) DROVER_KIT_CASE(HttpWrongSocketKit, http_cases, case_name)

WRONG_SOCKET_CASE(WrongFramesAreClosedWithTheirCode) { expect_all_closed(wrong_frames()); }
WRONG_SOCKET_CASE(WrongTextsAreClosedWith1007) { expect_all_closed(wrong_texts()); }

WRONG_SOCKET_CASE(AMessageLargerThanTheLimitIsClosedWith1009) {
    HTTP_NEEDS_TRAIT("websocket");
    constexpr std::size_t kLimit = 1000;
    const auto notes = std::make_shared<SocketNotes>();
    auto& listener = serve(noting(notes), [](HttpListenOptions& options) { options.limits.message_bytes = kLimit; });
    const std::string half(kLimit / 2, 'm');
    {
        RawWebSocket fits(connect(listener), "/");
        ASSERT_TRUE(fits.send(kWsText, half, {.final = false}) && fits.send(kWsContinuation, half));
        EXPECT_TRUE(until([&] { return notes->count() == 1; }));
    }
    const std::vector<std::string> too_large{
        frame(kWsText, half + half + "x"),
        frame(kWsText, half, {.final = false}) + frame(kWsContinuation, half, {.final = false}) +
            frame(kWsContinuation, "x"),
        // The announcement is enough.
        "\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00\x01\x02\x03\x04"s,
    };
    for (const auto& bytes : too_large) {
        const auto told = std::make_shared<SocketNotes>();
        auto& strict = serve(noting(told), [](HttpListenOptions& options) { options.limits.message_bytes = kLimit; });
        RawWebSocket socket(connect(strict), "/");
        ASSERT_TRUE(socket.client().send(bytes));
        const auto goodbye = socket.next();
        ASSERT_TRUE(goodbye);
        EXPECT_EQ(goodbye->close_code(), 1009);
        EXPECT_TRUE(socket.client().ended());
        ASSERT_TRUE(until([&] { return told->ended.is_open(); }));
        EXPECT_EQ(told->why().code(), Errc::exhausted);
    }
}

WRONG_SOCKET_CASE(RandomFramesHarmNobody) {
    HTTP_NEEDS_TRAIT("websocket");
    auto& listener = serve(echoing());
    std::mt19937_64 random(case_seed());
    RawWebSocket witness(connect(listener), "/");
    constexpr int kRounds = 300;
    for (int round = 0; round < kRounds; ++round) {
        RawWebSocket socket(connect(listener), "/");
        std::string bytes;
        for (auto count = random() % 5 + 1; count > 0; --count) {
            std::string payload(random() % 300, '\0');
            for (auto& byte : payload) byte = static_cast<char>(random());
            bytes += frame(
                static_cast<int>(random() % 16), payload,
                {.final = random() % 4 != 0, .reserved = random() % 10 == 0 ? 1 : 0, .masked = random() % 10 != 0});
        }
        if (random() % 2 == 0) bytes[random() % bytes.size()] = static_cast<char>(random());
        socket.client().send(std::string_view(bytes).substr(0, random() % (bytes.size() + 1)));
        if (random() % 2 == 0) socket.client().reset();
        else socket.client().end_sending();
        if (socket.client().is_open()) (void)socket.client().rest();
    }
    ASSERT_TRUE(witness.send(kWsText, "untouched"));
    EXPECT_EQ(witness.next_data().value_or(RawFrame{}).payload, "untouched");
    witness.client().close();
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

}  // namespace drover::conformance
