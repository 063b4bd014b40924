#include "drover/json.hpp"

#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

#include <bit>
#include <cmath>
#include <random>

namespace drover {
namespace {

namespace json = boost::json;

TEST(Json, ARealStaysTheSameWhenItIsWrittenAndReadAgain) {
    // 118446744073709551615 is what a fuzzer found; random ones show the rest.
    const auto found = parse_json("118446744073709551615");
    ASSERT_TRUE(found) << found.error();
    EXPECT_EQ(found->as_double(), 118446744073709551615.0);
    const auto seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int i = 0; i < 5'000; ++i) {
        const auto real = std::bit_cast<double>(random());
        if (!std::isfinite(real)) continue;
        const auto again = parse_json(json::serialize(json::value(real)));
        ASSERT_TRUE(again) << again.error() << " seed " << seed;
        ASSERT_EQ(std::bit_cast<std::uint64_t>(again->as_double()), std::bit_cast<std::uint64_t>(real))
            << real << " seed " << seed;
    }
}

TEST(Json, EveryKindOfValueIsRead) {
    const auto text = R"({"a":[null,true,false,-3,18446744073709551615,1.5E0,"x\u00e9\n"],"b":{},"a\tb":"","c":[]})";
    const auto read = parse_json(text);
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(json::serialize(*read),
              json::serialize(json::value{{"a", {nullptr, true, false, -3, 18446744073709551615U, 1.5, "x\u00e9\n"}},
                                          {"b", json::object{}},
                                          {"a\tb", ""},
                                          {"c", json::array{}}}));
}

TEST(Json, WhatNoDoubleHoldsIsRefusedAndWhatIsNearZeroIsZero) {
    EXPECT_FALSE(parse_json("1e999"));
    EXPECT_FALSE(parse_json("[-1e400]"));
    EXPECT_EQ(parse_json("1e-999").value().as_double(), 0.0);
    EXPECT_TRUE(std::signbit(parse_json("-1e-999").value().as_double()));
}

TEST(Json, ARefusalSaysWhere) {
    for (const auto* wrong : {"", "[1,]", "{\"a\":1} x", "{'a':1}", "[1", "\"\xff\"", "01", "nul", "// comment\n1"}) {
        const auto read = parse_json(wrong);
        ASSERT_FALSE(read) << wrong;
        EXPECT_EQ(read.error().code(), Errc::invalid);
        EXPECT_NE(read.error().message().find("at byte"), std::string::npos) << read.error();
    }
    EXPECT_NE(parse_json("[1, 2, x]").error().message().find("at byte 7"), std::string::npos);
}

TEST(Json, NothingIsReadDeeperThanAllowed) {
    EXPECT_TRUE(parse_json("[[[1]]]", 3));
    EXPECT_FALSE(parse_json("[[[[1]]]]", 3));
    EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

}  // namespace
}  // namespace drover
