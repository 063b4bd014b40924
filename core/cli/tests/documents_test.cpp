#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/client_commands.hpp"
#include "cli/json_text.hpp"
#include "cli/yaml.hpp"
#include "drover/json.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

TEST(JsonText, MembersStayInTheOrderOfTheApi) {
    const auto value = parse_json(R"({"zone":1,"id":"1h1","list":[1,{"a":null}],"none":{},"no":[]})");
    ASSERT_TRUE(value) << value.error();
    EXPECT_EQ(pretty_json(*value),
              "{\n  \"zone\": 1,\n  \"id\": \"1h1\",\n  \"list\": [\n    1,\n    {\n      \"a\": null\n    }\n  ],\n"
              "  \"none\": {},\n  \"no\": []\n}\n");
    EXPECT_EQ(compact_json(*value), R"({"zone":1,"id":"1h1","list":[1,{"a":null}],"none":{},"no":[]})");
}

TEST(JsonText, NumbersReadBackTheSame) {
    for (const auto* text : {"0", "-7", "18446744073709551615", "1.5", "1e30", "-2.5e-8", "3.0", "0.1"}) {
        const auto value = parse_json(text);
        ASSERT_TRUE(value) << value.error();
        const auto again = parse_json(number_text(*value));
        ASSERT_TRUE(again) << number_text(*value);
        EXPECT_EQ(*again, *value) << text;
        EXPECT_EQ(again->kind(), value->kind()) << text << " became " << number_text(*value);
    }
}

TEST(JsonText, NothingInItSteersATerminal) {
    const json::value value("\x1b[2J \xc2\x9b \"q\" \\ \n \xf3\xa0\x80\x81 \xff");
    const auto text = compact_json(value);
    EXPECT_EQ(text, "\"\\u001b[2J \\u009b \\\"q\\\" \\\\ \\n \\udb40\\udc01 \xef\xbf\xbd\"");
    EXPECT_TRUE(parse_json(text));
}

TEST(Yaml, IsWrittenInBlocks) {
    const auto value = json::parse(R"({"id": "1i5", "name": "web one", "links": {"self": "http://h/v1/x"},
        "list": [1, "two", [3, [4]], {"a": 1, "b": {"c": true}}, {}, []], "nothing": null, "real": 1.5})");
    EXPECT_EQ(to_yaml(value),
              "id: \"1i5\"\n"
              "name: web one\n"
              "links:\n"
              "  self: http://h/v1/x\n"
              "list:\n"
              "  - 1\n"
              "  - two\n"
              "  -\n"
              "    - 3\n"
              "    -\n"
              "      - 4\n"
              "  - a: 1\n"
              "    b:\n"
              "      c: true\n"
              "  - {}\n"
              "  - []\n"
              "nothing: null\n"
              "real: 1.5\n");
}

TEST(Yaml, QuotesWhatAReaderWouldTakeForSomethingElse) {
    for (const auto* text :
         {"",      "yes",        "No",    "OFF",  "y",    "null", "~",    "true", "1",   "1e3", "0x1f",
          "1:30",  "2014-01-01", ".5",    ".inf", "-",    "- a",  "a: b", "a #b", "#a",  "a:",  " a",
          "a ",    "&a",         "*a",    "!a",   "|",    ">",    "%a",   "@a",   "`a",  "{a",  "[a",
          "a, b]", "'a'",        "\"a\"", "a\nb", "a\tb", "? a",  "=",    "<<",   "NaN", "grün"}) {
        const auto yaml = to_yaml(json::value(text));
        EXPECT_EQ(yaml.front(), '"') << text;
        EXPECT_EQ(yaml[yaml.size() - 2], '"') << text;
    }
    for (const auto* text :
         {"a", "running", "http://h:80/v1", "instance.start", "a b", "/x", "a-b_c", "a=b", "Yesterday"})
        EXPECT_EQ(to_yaml(json::value(text)), std::string(text) + "\n");
    EXPECT_EQ(to_yaml(json::object{{"yes", 1}, {"a: b", 2}}), "\"yes\": 1\n\"a: b\": 2\n");
}

TEST(Yaml, AKeyTooLongForOneLineIsWrittenInTheLongForm) {
    const std::string key(1200, 'k');
    EXPECT_EQ(to_yaml(json::object{{key, json::object{{"a", 1}}}}), "? " + key + "\n:\n  a: 1\n");
}

TEST(Pages, AMarkerIsFoundInTheUrlOfTheNext) {
    EXPECT_EQ(marker_of("http://h/v1/hosts?limit=2&marker=m2&sort=name"), "m2");
    EXPECT_EQ(marker_of("http://h/v1/hosts?marker=m100"), "m100");
    EXPECT_EQ(marker_of("http://h/v1/hosts?xmarker=m1"), "");
    EXPECT_EQ(marker_of("http://h/v1/hosts"), "");
    EXPECT_EQ(marker_of(""), "");
}

TEST(Pages, AResourceThatTwoPagesHoldIsOne) {
    auto data = json::parse(R"([{"id": "1h1", "maps": [{"id": "1ihm1"}]}])").as_array();
    merge_page(data, json::parse(R"([{"id": "1h1", "maps": [{"id": "1ihm2"}]}, {"id": "1h2"}])").as_array(), {"maps"});
    EXPECT_EQ(compact_json(data), R"([{"id":"1h1","maps":[{"id":"1ihm1"},{"id":"1ihm2"}]},{"id":"1h2"}])");
    merge_page(data, json::parse(R"([{"id": "1h2"}])").as_array(), {});
    EXPECT_EQ(data.size(), 3U) << "without included links nothing is parted by a page";
}

}  // namespace
}  // namespace drover::cli
