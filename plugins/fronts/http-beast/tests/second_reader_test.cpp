#include "second_reader.hpp"

#include <gtest/gtest.h>

#include "http1/message_head.hpp"

namespace drover::http_beast {
namespace {

HttpRequest read(std::string_view head) {
    http1::MessageHead facts;
    HttpRequest request;
    const auto refusal = http1::read_head(head, HttpLimits{}, facts, request);
    EXPECT_FALSE(refusal) << head << refusal->why;
    return request;
}

constexpr std::string_view kPlain =
    "POST /things?a=1 HTTP/1.1\r\nHost: here\r\nX-Note:  two words \r\nX-Empty:\r\n\r\n";

TEST(SecondReaderTest, AgreesWithTheFirst) {
    for (const auto* head :
         {"GET / HTTP/1.1\r\nHost: here\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
          "GET / HTTP/1.1\r\nhost: [::1]:80\r\nCookie: a=b; c=\"d\"\r\nX-High: \xC3\xA4\r\n\r\n"})
        EXPECT_EQ(read_by_beast(head, read(head)), SecondReading::same) << head;
    EXPECT_EQ(read_by_beast(kPlain, read(kPlain)), SecondReading::same);
}

TEST(SecondReaderTest, KnowsThatTheTargetsHostReplacesTheHeader) {
    for (const auto* head : {"GET http://there/x HTTP/1.1\r\nHost: here\r\nX-After: 1\r\n\r\n",
                             "GET http://there/x HTTP/1.1\r\nX-Before: 1\r\nHost: here\r\n\r\n",
                             "GET http://there/x HTTP/1.0\r\nX-Alone: 1\r\n\r\n"}) {
        auto request = read(head);
        EXPECT_EQ(request.headers.get("Host"), "there");
        EXPECT_EQ(read_by_beast(head, request), SecondReading::same) << head;
        request.headers.set("X-Other", "1");
        EXPECT_EQ(read_by_beast(head, request), SecondReading::different) << head;
    }
}

TEST(SecondReaderTest, NoticesEveryDifference) {
    const auto differs = [](auto change) {
        auto request = read(kPlain);
        change(request);
        return read_by_beast(kPlain, request) == SecondReading::different;
    };
    EXPECT_TRUE(differs([](HttpRequest& r) { r.method = "PUT"; }));
    EXPECT_TRUE(differs([](HttpRequest& r) { r.target = "/things?a=2"; }));
    EXPECT_TRUE(differs([](HttpRequest& r) { r.headers.add("X-More", "1"); }));
    EXPECT_TRUE(differs([](HttpRequest& r) { r.headers.set("X-Note", "two  words"); }));
    EXPECT_TRUE(differs([](HttpRequest& r) { r.headers = {{"Host", "here"}, {"X-Note", "two words"}}; }));
    EXPECT_TRUE(differs([](HttpRequest& r) {
        r.headers = {{"Host", "elsewhere"}, {"X-Note", "two words"}, {"X-Empty", ""}};
    }));
    EXPECT_FALSE(differs([](HttpRequest& r) {
        r.headers = {{"Host", "here"}, {"X-Note", "two words"}, {"X-Empty", ""}};
    }));
}

TEST(SecondReaderTest, RefusesWhatBeastCannotRead) {
    HttpRequest request;
    request.method = "GET";
    request.target = "/";
    EXPECT_EQ(read_by_beast("GET / HTTP/1.1\r\nno colon\r\n\r\n", request), SecondReading::refused);
    EXPECT_EQ(read_by_beast("GET / HTTP/1.1\r\nConnection: no: list\r\n\r\n", request), SecondReading::refused);
    EXPECT_EQ(read_by_beast("GET / HTTP/1.1\r\n", request), SecondReading::refused) << "not a whole head";
    EXPECT_EQ(read_by_beast("GET / HTTP/1.1\r\n\r\nmore", request), SecondReading::refused) << "more than a head";
    EXPECT_EQ(read_by_beast("GET / HTTP/1.1\r\n\r\n", request), SecondReading::same);
}

TEST(ReasonPhraseTest, IsThereForWhatIsSentAndHarmlessForTheRest) {
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(426), "Upgrade Required");
    EXPECT_EQ(reason_phrase(799).find_first_of("\r\n"), std::string_view::npos);
}

}  // namespace
}  // namespace drover::http_beast
