#include <random>

#include "drover/conformance/http_kit.hpp"

// Requests that two parsers may read differently are refused, before any handler runs.
namespace drover::conformance {
namespace {

using namespace std::string_literals;

struct Shape {
    std::string what;
    std::string request;
    int status = 400;
};

/// Where a parser that read the shape another way would see a request of its own.
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: kit\r\n\r\n";

std::string with_headers(const std::string& lines) { return "POST / HTTP/1.1\r\nHost: kit\r\n" + lines + "\r\n"; }

std::string chunked(const std::string& body) { return with_headers("Transfer-Encoding: chunked\r\n") + body; }

std::vector<Shape> length_shapes() {
    return {
        {"both lengths", with_headers("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
        {"both lengths, the other way round",
         with_headers("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n"},
        {"two lengths", with_headers("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello"},
        {"the same length twice", with_headers("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello"},
        {"a list of lengths", with_headers("Content-Length: 5, 5\r\n") + "hello"},
        {"a length with a plus", with_headers("Content-Length: +5\r\n") + "hello"},
        {"a negative length", with_headers("Content-Length: -5\r\n")},
        {"a hexadecimal length", with_headers("Content-Length: 0x5\r\n") + "hello"},
        {"a length with a letter", with_headers("Content-Length: 5a\r\n") + "hello"},
        {"a length with a point", with_headers("Content-Length: 5.0\r\n") + "hello"},
        {"a length with a blank inside", with_headers("Content-Length: 1 0\r\n") + "hello"},
        {"an empty length", with_headers("Content-Length:\r\n")},
        {"a length that overflows", with_headers("Content-Length: 18446744073709551617\r\n") + "x"},
        {"a length of many digits", with_headers("Content-Length: 99999999999999999999999999\r\n")},
        {"an unknown coding", with_headers("Transfer-Encoding: gzip\r\n"), 501},
        {"a coding before chunked", with_headers("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 501},
        {"a coding after chunked", with_headers("Transfer-Encoding: chunked, identity\r\n") + "0\r\n\r\n", 501},
        {"chunked twice", with_headers("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n", 501},
        {"chunked in two headers",
         with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
        {"two codings in two headers",
         with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n") + "0\r\n\r\n"},
        {"identity", with_headers("Transfer-Encoding: identity\r\n"), 501},
        {"an almost chunked", with_headers("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n", 501},
        {"a quoted chunked", with_headers("Transfer-Encoding: \"chunked\"\r\n") + "0\r\n\r\n", 501},
        {"chunked with a vertical tab", with_headers("Transfer-Encoding: \x0b"s + "chunked\r\n") + "0\r\n\r\n"},
        {"an empty coding", with_headers("Transfer-Encoding:\r\n"), 501},
        {"a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    };
}

std::vector<Shape> line_shapes() {
    return {
        {"a folded header", with_headers("X-A: b\r\n c\r\n")},
        {"a header folded with a tab", with_headers("Transfer-Encoding:\r\n\tchunked\r\n") + "0\r\n\r\n", 501},
        {"a first header with a blank before it", "GET / HTTP/1.1\r\n Host: kit\r\n\r\n"},
        {"a blank before the colon", with_headers("Content-Length : 5\r\n") + "hello"},
        {"a tab before the colon", with_headers("Transfer-Encoding\t: chunked\r\n") + "0\r\n\r\n"},
        {"a blank inside a name", with_headers("Content Length: 5\r\n")},
        {"no colon", with_headers("Content-Length\r\n")},
        {"an empty name", with_headers(": x\r\n")},
        {"a control in a name", with_headers("X-\x01: b\r\n")},
        {"a bracket in a name", with_headers("X[1]: b\r\n")},
        {"an eighth bit in a name", with_headers("X-\xe9: b\r\n")},
        {"a NUL in a name", with_headers("X\0Y: b\r\n"s)},
        {"a NUL in a value", with_headers("X: a\0b\r\n"s)},
        {"a control in a value", with_headers("X: a\x08"s + "b\r\n")},
        {"a DEL in a value", with_headers("X: a\x7f"s + "b\r\n")},
        {"a bare CR in a value", with_headers("X: a\rContent-Length: 5\r\n") + "hello"},
        {"a bare LF after a header", with_headers("X: a\nContent-Length: 5\r\n") + "hello"},
        {"a bare LF after the request line", "GET / HTTP/1.1\nHost: kit\r\n\r\n"},
        {"bare LFs everywhere", "GET / HTTP/1.1\nHost: kit\n\n"},
        {"a bare LF as the empty line", "GET / HTTP/1.1\r\nHost: kit\r\n\n"},
        {"CR CR LF", with_headers("X: a\r\r\n")},
        {"a bare CR in the request line", "GET / HTTP/1.1\rX\r\nHost: kit\r\n\r\n"},
        {"no Host", "GET / HTTP/1.1\r\n\r\n"},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: kit\r\nHost: other\r\n\r\n"},
        {"the same Host twice", "GET / HTTP/1.1\r\nHost: kit\r\nHost: kit\r\n\r\n"},
        {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: kit\r\nHost: other\r\n\r\n"},
        {"a list of Hosts", "GET / HTTP/1.1\r\nHost: kit, other\r\n\r\n"},
        {"a Host with a path", "GET / HTTP/1.1\r\nHost: kit/path\r\n\r\n"},
        {"a Host with a user", "GET / HTTP/1.1\r\nHost: me@kit\r\n\r\n"},
        {"a Host with a wrong port", "GET / HTTP/1.1\r\nHost: kit:80x\r\n\r\n"},
        {"a Host with half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    };
}

std::vector<Shape> request_line_shapes() {
    const std::string rest = "\r\nHost: kit\r\n\r\n";
    return {
        {"HTTP/0.9", "GET /\r\n\r\n"},
        {"two blanks", "GET  / HTTP/1.1" + rest},
        {"a blank in the target", "GET /a b HTTP/1.1" + rest},
        {"a tab instead of a blank", "GET\t/ HTTP/1.1" + rest},
        {"a blank at the end", "GET / HTTP/1.1 " + rest},
        {"a blank before the method", " GET / HTTP/1.1" + rest},
        {"no target", "GET HTTP/1.1" + rest},
        {"a control in the target", "GET /\x01 HTTP/1.1" + rest},
        {"an eighth bit in the target", "GET /\xc3\xa9 HTTP/1.1" + rest},
        {"a fragment", "GET /#top HTTP/1.1" + rest},
        {"a target that is no path", "GET there HTTP/1.1" + rest},
        {"another scheme", "GET ftp://kit/ HTTP/1.1" + rest},
        {"an absolute target with a user", "GET http://me@kit/ HTTP/1.1" + rest},
        {"an absolute target without a host", "GET http:///path HTTP/1.1" + rest},
        {"a star for another method than OPTIONS", "GET * HTTP/1.1" + rest},
        {"CONNECT", "CONNECT kit:80 HTTP/1.1" + rest, 501},
        {"a method in lower case", "get / HTTP/1.1" + rest, 501},
        {"a method with a control", "GE\x01T / HTTP/1.1" + rest},
        {"an endless method", std::string(5000, 'A')},
        {"an unknown protocol", "GET / HTP/1.1" + rest},
        {"a protocol in lower case", "GET / http/1.1" + rest},
        {"a version with too many digits", "GET / HTTP/1.10" + rest},
        {"a version without a point", "GET / HTTP/11" + rest},
        {"HTTP/2.0", "GET / HTTP/2.0" + rest, 505},
        {"HTTP/1.2", "GET / HTTP/1.2" + rest, 505},
        {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"a TLS greeting", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(200, '\x55')},
    };
}

std::vector<Shape> chunk_shapes() {
    return {
        {"a chunk size that is no number", chunked("x\r\n")},
        {"a chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n")},
        {"a chunk size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n")},
        {"a negative chunk size", chunked("-1\r\n")},
        {"a blank before a chunk size", chunked(" 5\r\nhello\r\n0\r\n\r\n")},
        {"a blank after a chunk size", chunked("5 \r\nhello\r\n0\r\n\r\n")},
        {"an empty chunk size", chunked("\r\n\r\n")},
        {"a chunk size without digits", chunked(";ext\r\n")},
        {"a chunk size that overflows to five", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 413},
        {"a chunk size with an underscore", chunked("1_0\r\n")},
        {"a bare LF after a chunk size", chunked("5\nhello\r\n0\r\n\r\n")},
        {"a bare CR after a chunk size", chunked("5\rhello\r\n0\r\n\r\n")},
        {"a bare LF inside an extension", chunked("5;a\nhello\r\n0\r\n\r\n")},
        {"a NUL inside an extension", chunked("5;a\0b\r\nhello\r\n0\r\n\r\n"s)},
        {"a bare LF after chunk data", chunked("5\r\nhello\n0\r\n\r\n")},
        {"chunk data longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n")},
        {"no CRLF after chunk data", chunked("5\r\nhello0\r\n\r\n")},
        {"a bare LF at the end", chunked("5\r\nhello\r\n0\r\n\n")},
        {"a folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n")},
        {"a trailer without a colon", chunked("0\r\nX\r\n\r\n")},
        {"a trailer with a blank before its colon", chunked("0\r\nX : a\r\n\r\n")},
        {"a bare LF in a trailer", chunked("0\r\nX: a\n\r\n")},
    };
}

}  // namespace

/// Sends each shape, followed by a request that must not be seen.
class HttpFramingKit : public HttpKit {
protected:
    void expect_all_refused(const std::vector<Shape>& shapes) {
        HTTP_NEEDS_TRAIT("strict_framing");
        auto& listener = serve(describing_handler());
        for (const auto& shape : shapes) {
            auto client = connect(listener);
            client.send(shape.request + kSmuggled);
            const auto answer = client.answer();
            if (!answer) {
                ADD_FAILURE() << shape.what << ": no answer" << (client.was_reset() ? ", but a reset" : "");
                continue;
            }
            EXPECT_TRUE(answer->status == shape.status || (answer->status == 400 && shape.status == 413))
                << shape.what << ": " << answer->status << " " << answer->body;
            EXPECT_EQ(answer->header("Connection"), "close") << shape.what;
            EXPECT_EQ(client.rest(), "") << shape.what << ": something followed the refusal";
        }
        EXPECT_EQ(listener.counters().requests, 0U) << "a handler saw one of them";
        EXPECT_EQ(listener.counters().refused, shapes.size());
        EXPECT_EQ(ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").status, 200);
        std::cout << shapes.size() << " shapes refused" << std::endl;
    }
};

#define FRAMING_CASE(case_name) DROVER_KIT_CASE(HttpFramingKit, http_cases, case_name)

FRAMING_CASE(AmbiguousLengthsAreRefused) { expect_all_refused(length_shapes()); }
FRAMING_CASE(AmbiguousHeaderLinesAreRefused) { expect_all_refused(line_shapes()); }
FRAMING_CASE(AmbiguousRequestLinesAreRefused) { expect_all_refused(request_line_shapes()); }
FRAMING_CASE(AmbiguousChunksAreRefused) { expect_all_refused(chunk_shapes()); }

HTTP_CASE(GarbageIsRefusedAndForgotten) {
    auto& listener = serve(describing_handler());
    std::mt19937_64 random(case_seed());
    constexpr int kRounds = 200;
    const std::string valid =
        "POST /x HTTP/1.1\r\nHost: kit\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    const bool mangled = abilities().half_requests;
    for (int round = 0; round < kRounds; ++round) {
        std::string bytes;
        if (mangled && random() % 2 == 0) {
            bytes = valid;
            for (auto changes = random() % 4 + 1; changes > 0; --changes)
                bytes[random() % bytes.size()] = static_cast<char>(random());
        } else {
            bytes.resize(random() % 2000 + 1);
            for (auto& byte : bytes) byte = static_cast<char>(random());
        }
        auto client = connect(listener);
        client.send(bytes);
        client.end_sending();
        // Whatever it answers, it ends; and it goes on with others.
        (void)client.rest();
        EXPECT_TRUE(client.ended()) << "round " << round;
    }
    EXPECT_EQ(ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").status, 200);
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
}

}  // namespace drover::conformance
