// What comes in: paths, parameters, bodies, dates, keys.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <random>

#include "auth.hpp"
#include "errors.hpp"
#include "field_values.hpp"
#include "json_text.hpp"
#include "parameters.hpp"
#include "request.hpp"

namespace drover::rest {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

int status_of(const Error& error) { return refusal_of(error).status; }

ApiRequest request_of(std::string method, std::string query, std::string type, std::string body) {
    ApiRequest request;
    request.http.method = std::move(method);
    request.http.query = std::move(query);
    if (!type.empty()) request.http.headers.add("Content-Type", std::move(type));
    request.http.body = std::move(body);
    return request;
}

TEST(Parameters, AreDecodedAndKeepEveryValue) {
    Parameters parameters;
    ASSERT_TRUE(add_urlencoded("a=1&a=2&b=x+y%21&removed_null&&c=", parameters));
    EXPECT_EQ(parameters, (Parameters{{"a", {"1", "2"}}, {"b", {"x y!"}}, {"removed_null", {""}}, {"c", {""}}}));
}

TEST(Parameters, RefuseBrokenEscapesAndTextThatIsNoUtf8) {
    for (const auto* text : {"a=%", "a=%4", "a=%zz", "%ff=1", "a=%c3%28", "a=%ed%a0%80"}) {
        Parameters parameters;
        const auto read = add_urlencoded(text, parameters);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(status_of(read.error()), 400) << text;
    }
}

TEST(Parameters, AreAtMostAThousand) {
    std::string many;
    for (int i = 0; i < 100'000; ++i) many += "name=x&";
    Parameters parameters;
    const auto read = add_urlencoded(many, parameters);
    ASSERT_FALSE(read);
    EXPECT_EQ(status_of(read.error()), 422);
    EXPECT_EQ(refusal_of(read.error()).code, "MaxLimitExceeded");
}

TEST(Body, IsReadAsJsonWhateverItsType) {
    for (const auto* type : {"", "text/plain", "application/json", "application/x-www-form-urlencoded"}) {
        auto request = request_of("POST", "name=query&kind=k", type, R"( {"name":"body"})");
        ASSERT_TRUE(read_content(request)) << type;
        EXPECT_EQ(request.body, (json::object{{"kind", "k"}, {"name", "body"}})) << type;
    }
}

TEST(Body, OfAFormIsItsParameters) {
    auto request = request_of("POST", "a=1", "application/x-www-form-urlencoded; charset=utf-8", "a=2&b=3");
    ASSERT_TRUE(read_content(request));
    EXPECT_EQ(request.body, (json::object{{"a", json::array{"1", "2"}}, {"b", "3"}}));
}

TEST(Body, OfAnArrayIsItsObjectsTogether) {
    EXPECT_EQ(parse_body(R"([{"a":1},2,{"b":3,"a":4}])").value(), (json::object{{"a", 4}, {"b", 3}}));
    EXPECT_EQ(parse_body("12").value(), json::object());
    EXPECT_EQ(parse_body("").value(), json::object());
}

TEST(Body, ThatIsBrokenIsRefusedWithItsCode) {
    const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
    for (const std::string& text : {std::string("{"), std::string("nonsense"), deep, std::string("{\"a\":\"\xff\"}"),
                                    std::string("{\"a\":1e999}"), std::string("{\"a\":1}x")}) {
        const auto parsed = parse_body(text);
        ASSERT_FALSE(parsed) << text.substr(0, 40);
        EXPECT_EQ(refusal_of(parsed.error()).code, "InvalidBodyContent");
        EXPECT_EQ(status_of(parsed.error()), 400);
    }
}

TEST(Body, MultipartPartsBecomeParametersAndTheQueryStaysOut) {
    const std::string body =
        "--B\r\nContent-Disposition: form-data; name=\"eventNames\"\r\n\r\nping\r\n"
        "--B\r\nContent-Disposition: form-data; name=eventNames\r\nContent-Type: text/plain\r\n\r\na\r\n--b\r\n"
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nsecret\r\n--B--\r\n";
    auto request = request_of("POST", "name=q&action=start", "multipart/form-data; boundary=B", body);
    ASSERT_TRUE(read_content(request));
    EXPECT_EQ(request.action, "start");
    EXPECT_EQ(request.body, (json::object{{"action", "start"}, {"eventNames", json::array{"ping", "a\r\n--b"}}}));
}

TEST(Body, MultipartIsLimited) {
    auto large = request_of("POST", "", "multipart/form-data; boundary=B", std::string(kLargestMultipart + 1, 'x'));
    const auto read = read_content(large);
    ASSERT_FALSE(read);
    EXPECT_EQ(status_of(read.error()), 413);
}

TEST(Body, MultipartCutAnywhereIsAnErrorOrComplete) {
    const std::string whole = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        Parameters parameters;
        const auto read = add_multipart("multipart/form-data; boundary=B", whole.substr(0, size), parameters);
        if (read) {
            EXPECT_EQ(parameters, (Parameters{{"a", {"1"}}})) << size;
        } else {
            EXPECT_EQ(status_of(read.error()), 400) << size;
        }
    }
}

TEST(Body, RandomMultipartNeverDoesMoreThanFail) {
    const auto seed = std::random_device{}();
    std::printf("seed %u\n", seed);
    std::mt19937 random(seed);
    const std::string alphabet = "--B\r\n\r\n\";=name form-data: Content-Disposition\xff";
    for (int round = 0; round < 20'000; ++round) {
        std::string body = "--B\r\n";
        for (auto left = random() % 60; left > 0; --left) body += alphabet[random() % alphabet.size()];
        Parameters parameters;
        const auto read = add_multipart("multipart/form-data; boundary=B", body, parameters);
        if (!read) {
            EXPECT_LT(status_of(read.error()), 500);
        }
    }
}

TEST(Method, IsOverriddenByAParameterButNeverByNonsense) {
    auto request = request_of("POST", "_method=delete", "", "");
    ASSERT_TRUE(read_content(request));
    EXPECT_EQ(request.method, "DELETE");
    auto wrong = request_of("POST", "_method=BREW", "", "");
    const auto read = read_content(wrong);
    ASSERT_FALSE(read);
    EXPECT_EQ(status_of(read.error()), 405);
}

TEST(Target, CollapsesSlashesAndDecodes) {
    EXPECT_EQ(parse_target("//v1///hosts/1h5/").value().segments, (std::vector<std::string>{"v1", "hosts", "1h5"}));
    EXPECT_EQ(parse_target("/v1/processdefinitions/1pd%21a.b").value().part(2), "1pd!a.b");
    EXPECT_TRUE(parse_target("/").value().segments.empty());
    EXPECT_FALSE(parse_target("/v1/%"));
}

TEST(Host, ThatIsNoneIsRefused) {
    HttpRequest request;
    request.headers.add("Host", "Example.com:8080");
    EXPECT_EQ(origin_of(request, false).value(), "http://example.com:8080");
    request.headers.set("Host", "a\"b");
    EXPECT_FALSE(origin_of(request, false));
    request.headers.set("X-API-request-url", "https://Proxy/x");
    EXPECT_FALSE(origin_of(request, false)) << "only where it is allowed";
    EXPECT_EQ(origin_of(request, true).value(), "https://proxy");
}

TEST(JsonText, EscapesWhatMustBeAndReplacesWhatIsNoText) {
    std::string out;
    append_text(out, "a\"\\\n\x01 \xc3\xa4 \xff");
    EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001 \xc3\xa4 \xef\xbf\xbd\"");
}

TEST(Dates, GoThereAndBack) {
    EXPECT_EQ(format_date(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(parse_date("2014-05-30T12:34:56Z"), 1'401'453'296'000);
    EXPECT_EQ(format_date(1'401'453'296'999), "2014-05-30T12:34:56Z");
    EXPECT_EQ(parse_date("2014-05-30T12:34:56.25Z"), 1'401'453'296'250);
    for (const auto* text : {"", "2014", "2014-13-30T12:34:56Z", "2014-02-30T12:34:56Z", "2014-05-30T25:34:56Z",
                             "2014-05-30 12:34:56Z", "2014-05-30T12:34:56+02:00", "2014-05-30T12:34:56.Z"})
        EXPECT_FALSE(parse_date(text)) << text;
    EXPECT_EQ(format_date(INT64_MAX), "9999-12-31T23:59:59Z");
    EXPECT_EQ(format_date(INT64_MIN), "0000-01-01T00:00:00Z");
}

TEST(Ids, ArePlainOrNotByWhoAsks) {
    Caller user;
    EXPECT_EQ(user.format("instanceHostMap", 12), "1ihm12");
    EXPECT_EQ(user.parse("1ihm12"), 12);
    EXPECT_EQ(user.parse("1x12"), 12) << "the letters are not checked";
    for (const auto* text : {"", "12", "1", "1i", "1i0", "1i-4", "2i4", "1i99999999999999999999", "' OR 1=1"})
        EXPECT_FALSE(user.parse(text)) << text;
    Caller agent;
    agent.plain_ids = true;
    EXPECT_EQ(agent.format("agent", 12), "12");
    EXPECT_EQ(agent.parse("12"), 12);
}

TEST(Basic, IsReadOrRefused) {
    EXPECT_EQ(parse_basic("Basic YTpiOmM="), std::pair(std::string("a"), std::string("b:c")));
    EXPECT_EQ(parse_basic("basic  YTpiOmM"), std::pair(std::string("a"), std::string("b:c")));
    for (const auto* text : {"", "Basic", "Bearer YTpi", "Basic !!", "Basic YWJj", "Basic /////w=="})
        EXPECT_FALSE(parse_basic(text)) << text;
}

TEST(FailedLoginsTest, SlowDownOneAddressAndForgetInTime) {
    FailedLogins failures;
    TimePoint now{};
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(failures.may_try("a", now)) << i;
        failures.failed("a", now);
    }
    EXPECT_FALSE(failures.may_try("a", now));
    EXPECT_TRUE(failures.may_try("b", now));
    EXPECT_TRUE(failures.may_try("a", now + 3s));
    for (int i = 0; i < 30'000; ++i) failures.failed(std::to_string(i), now);
    EXPECT_LE(failures.addresses(), FailedLogins::kMostAddresses);
}

TEST(Errors, SayWhatTheContractSays) {
    const auto response = error_response(invalid_field("MissingRequired", "name"));
    EXPECT_EQ(response.status, 422);
    const auto body = json::parse(response.body).as_object();
    EXPECT_EQ(body.at("type"), "error");
    EXPECT_EQ(body.at("code"), "MissingRequired");
    EXPECT_EQ(body.at("fieldName"), "name");
    EXPECT_TRUE(body.at("message").is_null());
    EXPECT_EQ(json::parse(error_response(not_found()).body).at("message"), "Not Found");
    // A failure of ours tells nothing of itself.
    const auto ours = error_response(Error(Errc::internal, "the table x is gone"));
    EXPECT_EQ(ours.status, 500);
    EXPECT_EQ(ours.body.find("table"), std::string::npos);
}

TEST(CharacterClasses, AreThoseOfRegularExpressions) {
    EXPECT_TRUE(all_of_class("a-z.9", "a-z0-9.-"));
    EXPECT_FALSE(all_of_class("A", "a-z"));
    EXPECT_TRUE(all_of_class("Az_9", "\\w"));
    EXPECT_TRUE(all_of_class("]-", "\\]\\-"));
    EXPECT_TRUE(all_of_class("*._0aA;=", "*._0-9a-zA-Z;="));
}

}  // namespace
}  // namespace drover::rest
