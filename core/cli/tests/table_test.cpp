#include "cli/table.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/columns.hpp"
#include "cli/text.hpp"
#include "schemas_sample.hpp"

namespace drover::cli {
namespace {

TEST(Text, WhatSteersATerminalIsWrittenOut) {
    EXPECT_EQ(printable("a\x1b[31mred\x07\n\ttab\x7f"), "a\\x1b[31mred\\x07\\n\\ttab\\x7f");
    EXPECT_EQ(printable("c1: \xc2\x9b"
                        "31m"),
              "c1: \\u009b31m")
        << "a CSI of one character";
    EXPECT_EQ(printable("\xe2\x80\xae"
                        "txt.exe"),
              "\\u202etxt.exe")
        << "right to left";
    EXPECT_EQ(printable("\xe2\x80\xa8|\xef\xbb\xbf|\xf3\xa0\x80\x81"), "\\u2028|\\ufeff|\\U000e0001");
    EXPECT_EQ(printable(std::string_view("zero\0byte", 9)), "zero\\x00byte");
    EXPECT_EQ(printable_lines("two\nlines\x1b"), "two\nlines\\x1b");
}

TEST(Text, BytesThatAreNoCharactersAreWrittenOut) {
    EXPECT_EQ(printable("\xff\x80"), "\\xff\\x80");
    EXPECT_EQ(printable("\xc3"), "\\xc3") << "cut in the middle";
    EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a") << "a newline in two bytes is no newline";
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a pair";
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond the last character";
    EXPECT_EQ(printable("grüße 日本 🚀"), "grüße 日本 🚀");
}

TEST(Text, WidthIsWhatATerminalTakes) {
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("grüße"), 5U);
    EXPECT_EQ(display_width("日本"), 4U);
    EXPECT_EQ(display_width("e\xcc\x81"), 1U) << "an accent on its own";
    EXPECT_EQ(display_width("🚀"), 2U);
    EXPECT_EQ(cut_to_width("日本語", 5), "日本…");
    EXPECT_EQ(cut_to_width("日本語", 4), "日…") << "half a character is none";
    EXPECT_EQ(cut_to_width("abc", 3), "abc");
}

TEST(Tables, ColumnsStandBelowEachOther) {
    Table table({"id", "name", "state"});
    table.add({"1h1", "日本", "active"});
    table.add({"1h22", "ab", ""});
    table.add({"1h3"});
    EXPECT_EQ(table.text(),
              "id    name  state\n"
              "1h1   日本  active\n"
              "1h22  ab\n"
              "1h3\n");
}

TEST(Tables, ANameCannotWriteEscapeSequencesOrRows) {
    Table table({"id", "name"});
    table.add({"1h1", "\x1b]0;owned\x07\nroot"});
    EXPECT_EQ(table.text(), "id   name\n1h1  \\x1b]0;owned\\x07\\nroot\n");
}

TEST(Tables, ALongCellIsCutButNotTheLastOfARow) {
    Table table({"a", "b"});
    table.add({"123456789", "123456789"});
    EXPECT_EQ(table.text(5), "a      b\n1234…  123456789\n");
}

boost::json::array rows(const char* text) { return boost::json::parse(text).as_array(); }

TEST(Columns, AreIdNameStateAndWhatIsTheTypesOwn) {
    const auto found = choose_columns(sample("container"), rows(R"([
        {"id": "1i1", "name": null, "state": "running", "kind": "container", "uuid": "u", "imageId": "1i7",
         "requestedHostId": null, "imageUuid": "sim:foo", "startOnCreate": true, "vncPassword": "geheim",
         "environment": {"a": "b"}, "transitioning": "no"}])"));
    EXPECT_EQ(found,
              (std::vector<std::string>{"id", "name", "state", "kind", "imageId", "imageUuid", "startOnCreate"}));
}

TEST(Columns, SayWhyWhenAResourceFailed) {
    const auto found = choose_columns(sample("container"), rows(R"([
        {"id": "1i1", "transitioning": "no"}, {"id": "1i2", "transitioning": "error", "transitioningMessage": "no room"}])"));
    EXPECT_EQ(found.back(), "transitioningMessage");
}

TEST(Columns, ASecretThatCameIsShownSinceItComesOnceOnly) {
    const auto schema = Schema::parse(boost::json::parse(
        R"({"id": "credential", "resourceFields": {"publicValue": {"type": "string"}, "secretValue": {"type": "string"}}})"));
    ASSERT_TRUE(schema) << schema.error();
    std::vector<std::string> columns{"publicValue"};
    add_secrets(columns, *schema, rows(R"([{"publicValue": "K", "secretValue": null}])"));
    EXPECT_EQ(columns, std::vector<std::string>{"publicValue"});
    add_secrets(columns, *schema, rows(R"([{"publicValue": "K", "secretValue": "S"}])"));
    EXPECT_EQ(columns, (std::vector<std::string>{"publicValue", "secretValue"}));

    auto later = boost::json::parse(R"({"state": "active", "secretValue": null})");
    keep_secrets(later, boost::json::parse(R"({"state": "registering", "secretValue": "S"})"));
    EXPECT_EQ(later, boost::json::parse(R"({"state": "active", "secretValue": "S"})"));
}

TEST(Columns, ThatAreAskedForAreChecked) {
    const auto good = check_columns(sample("container"), {"ID", "imageuuid", "data.fields.x", "hosts"}, {"hosts"});
    ASSERT_TRUE(good) << good.error();
    EXPECT_EQ(*good, (std::vector<std::string>{"id", "imageUuid", "data.fields.x", "hosts"}));
    const auto wrong = check_columns(sample("container"), {"imageUid"});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().describe(), "container has no field imageUid. Did you mean imageUuid?");
}

TEST(Columns, CellsShowListsResourcesAndWhatIsBelow) {
    const std::vector<std::string> columns{"id", "ports", "host", "hosts", "data.fields.x", "data.none", "map"};
    EXPECT_EQ(resources_table(columns, rows(R"([{"id": "1i1", "ports": [80, 443], "host": {"id": "1h1", "name": "a"},
                                                 "hosts": [{"id": "1h1"}, {"id": "1h2"}], "data": {"fields": {"x": 7}},
                                                 "map": {"a": 1}}])"),
                              0),
              "id   ports   host  hosts    data.fields.x  data.none  map\n"
              "1i1  80,443  1h1   1h1,1h2  7                         {\"a\":1}\n");
}

}  // namespace
}  // namespace drover::cli
