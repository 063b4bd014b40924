// Which records a query finds: every operator, on every kind of field, with null, and byte by byte.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Ids = std::vector<std::int64_t>;

STORE_CASE(AQueryWithoutConditionsGivesAllById) {
    Ids made;
    for (int i = 0; i < 5; ++i) made.push_back(create("machine", {{"size", 5 - i}}));
    create("tag", {{"label", "not a machine"}});
    EXPECT_EQ(machines({}), made);
}

STORE_CASE(AnEmptyStoreGivesAnEmptyPage) {
    Query query{.type = "machine"};
    query.count = true;
    const auto page = find(query);
    EXPECT_TRUE(page.rows.empty());
    EXPECT_FALSE(page.more);
    EXPECT_TRUE(page.next.empty());
    EXPECT_EQ(page.count, 0u);
}

STORE_CASE(EqualTextIsEqualInEveryByte) {
    const std::vector<std::string> texts = {"abc",
                                            "ABC",
                                            "abc ",
                                            " abc",
                                            "\xC3\xA4"
                                            "bc",
                                            "a\xCC\x88"
                                            "bc",
                                            "abc\t",
                                            "ab"};
    Ids made;
    for (const auto& text : texts) made.push_back(create("machine", {{"name", text}}));
    for (std::size_t i = 0; i < texts.size(); ++i)
        EXPECT_EQ(machines(where("name", Op::eq, {texts[i]})), Ids{made[i]}) << Value(texts[i]);
    EXPECT_TRUE(machines(where("name", Op::eq, {"abd"})).empty());
}

STORE_CASE(IndexedAndUniqueTextIsComparedTheSameWay) {
    const auto lower = create("machine", {{"uuid", "abc"}, {"state", "on"}});
    const auto upper = create("machine", {{"uuid", "ABC"}, {"state", "ON"}});
    const auto spaced = create("machine", {{"uuid", "abc "}, {"state", "on "}});
    const auto accented = create("machine", {{"uuid",
                                              "\xC3\xA1"
                                              "bc"},
                                             {"state", "\xC3\xB6n"}});
    EXPECT_EQ(machines(where("uuid", Op::eq, {"abc"})), Ids{lower});
    EXPECT_EQ(machines(where("uuid", Op::eq, {"abc "})), Ids{spaced});
    EXPECT_EQ(machines(where("state", Op::eq, {"ON"})), Ids{upper});
    EXPECT_EQ(machines(where("state", Op::in, {"on ", "\xC3\xB6n"})), (Ids{spaced, accented}));
    EXPECT_EQ(machines(where("state", Op::lt, {"on"})), Ids{upper});
    EXPECT_EQ(machines(where("state", Op::gt, {"on"})), (Ids{spaced, accented}));
}

STORE_CASE(TextIsOrderedByItsBytes) {
    // Neither by a language's alphabet nor by UTF-16: U+FFFD comes before U+1F411.
    const std::vector<std::string> ordered = {"",
                                              " ",
                                              "A",
                                              "A ",
                                              "B",
                                              "Z",
                                              "a",
                                              "a\x01",
                                              "a ",
                                              "aa",
                                              "b",
                                              "z",
                                              "~",
                                              "\xC3\xA4",
                                              "\xEF\xBF\xBD",
                                              "\xF0\x9F\x90\x91"};
    Ids made(ordered.size());
    for (std::size_t i = ordered.size(); i-- > 0;)
        made[i] = create("machine", {{"name", ordered[i]}, {"state", ordered[i]}});
    for (const auto* field : {"name", "state"}) {
        Query query{.type = "machine"};
        query.sort = {{field, false}};
        EXPECT_EQ(ids(query), made) << field;
        for (std::size_t i = 0; i < ordered.size(); ++i) {
            auto below = Ids(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(i));
            std::sort(below.begin(), below.end());
            EXPECT_EQ(machines(where(field, Op::lt, {ordered[i]})), below) << field << " < " << Value(ordered[i]);
        }
    }
}

STORE_CASE(NumbersAreComparedAsNumbers) {
    const auto minus = create("machine", {{"size", -3}, {"rank", -3}, {"ratio", -3.5}});
    const auto nine = create("machine", {{"size", 9}, {"rank", 9}, {"ratio", 9.25}});
    const auto ten = create("machine", {{"size", 10}, {"rank", 10}, {"ratio", 10.0}});
    create("machine", {});
    for (const auto* field : {"size", "rank"}) {
        EXPECT_EQ(machines(where(field, Op::eq, {9})), Ids{nine});
        EXPECT_EQ(machines(where(field, Op::ne, {9})), (Ids{minus, ten}));
        EXPECT_EQ(machines(where(field, Op::lt, {9})), Ids{minus});
        EXPECT_EQ(machines(where(field, Op::lte, {9})), (Ids{minus, nine}));
        EXPECT_EQ(machines(where(field, Op::gt, {9})), Ids{ten});
        EXPECT_EQ(machines(where(field, Op::gte, {9})), (Ids{nine, ten}));
        EXPECT_EQ(machines({any(field, Op::gt, {-3}), any(field, Op::lt, {10})}), Ids{nine});
        EXPECT_TRUE(machines({any(field, Op::gt, {10}), any(field, Op::lt, {-3})}).empty());
    }
    EXPECT_EQ(machines(where("ratio", Op::lt, {9.25})), Ids{minus});
    EXPECT_EQ(machines(where("ratio", Op::gte, {9.25})), (Ids{nine, ten}));
}

STORE_CASE(LargeIntegersAreNotComparedAsReals) {
    constexpr std::int64_t kEdge = 9'007'199'254'740'992;
    const auto first = create("machine", {{"size", kEdge}, {"rank", kEdge}});
    const auto second = create("machine", {{"size", kEdge + 1}, {"rank", kEdge + 1}});
    for (const auto* field : {"size", "rank"}) {
        EXPECT_EQ(machines(where(field, Op::eq, {kEdge})), Ids{first});
        EXPECT_EQ(machines(where(field, Op::gt, {kEdge})), Ids{second});
        EXPECT_EQ(machines(where(field, Op::in, {kEdge + 1})), Ids{second});
    }
}

STORE_CASE(BooleansCanBeAskedFor) {
    const auto yes = create("machine", {{"running", true}});
    const auto no = create("machine", {{"running", false}});
    const auto unknown = create("machine", {});
    EXPECT_EQ(machines(where("running", Op::eq, {true})), Ids{yes});
    EXPECT_EQ(machines(where("running", Op::eq, {false})), Ids{no});
    EXPECT_EQ(machines(where("running", Op::ne, {true})), Ids{no});
    EXPECT_EQ(machines(where("running", Op::in, {true, false})), (Ids{yes, no}));
    EXPECT_EQ(machines(where("running", Op::lt, {true})), Ids{no});
    EXPECT_EQ(machines(where("running", Op::is_null)), Ids{unknown});
}

STORE_CASE(AComparisonWithNullNeverHolds) {
    create("machine", {});
    create("machine", {{"name", "a"}, {"size", 1}, {"rank", 1}, {"uuid", "u"}});
    for (const auto* field : {"size", "rank"})
        for (const auto op : {Op::eq, Op::ne, Op::lt, Op::lte, Op::gt, Op::gte})
            EXPECT_TRUE(machines(where(field, op, {Value()})).empty()) << field << " " << static_cast<int>(op);
    for (const auto* field : {"name", "uuid"})
        for (const auto op : {Op::eq, Op::ne, Op::prefix, Op::like, Op::not_like})
            EXPECT_TRUE(machines(where(field, op, {Value()})).empty()) << field << " " << static_cast<int>(op);
    EXPECT_TRUE(machines(where("size", Op::in, {Value()})).empty());
    EXPECT_TRUE(machines(where("id", Op::eq, {Value()})).empty());
    EXPECT_EQ(machines(where("size", Op::in, {Value(), Value(1)})).size(), 1u);
}

STORE_CASE(ANullFieldAnswersOnlyToIsNull) {
    const auto null = create("machine", {});
    const auto set = create("machine", {{"name", "a"}, {"size", 1}, {"teamId", 4}, {"rank", 3}});
    EXPECT_EQ(machines(where("name", Op::ne, {"b"})), Ids{set});
    EXPECT_EQ(machines(where("name", Op::not_like, {"b%"})), Ids{set});
    EXPECT_EQ(machines(where("size", Op::lt, {5})), Ids{set});
    EXPECT_EQ(machines(where("rank", Op::lt, {5})), Ids{set});
    EXPECT_EQ(machines(where("rank", Op::gte, {-5})), Ids{set});
    EXPECT_EQ(machines(where("teamId", Op::ne, {5})), Ids{set});
    for (const auto* field : {"name", "size", "teamId", "rank"}) {
        EXPECT_EQ(machines(where(field, Op::is_null)), Ids{null}) << field;
        EXPECT_EQ(machines(where(field, Op::not_null)), Ids{set}) << field;
    }
    EXPECT_TRUE(machines(where("id", Op::is_null)).empty());
    EXPECT_EQ(machines(where("id", Op::not_null)), (Ids{null, set}));
}

STORE_CASE(APrefixIsTakenLiterally) {
    const auto percent = create("machine", {{"name", "100% sure"}, {"state", "100% sure"}});
    const auto hundred = create("machine", {{"name", "1000"}, {"state", "1000"}});
    const auto under = create("machine", {{"name", "a_b"}, {"state", "a_b"}});
    const auto plain = create("machine", {{"name", "axb"}, {"state", "axb"}});
    const auto slash = create("machine", {{"name", "a\\b"}, {"state", "a\\b"}});
    const auto upper = create("machine", {{"name", "A_b"}, {"state", "A_b"}});
    const auto last = create("machine", {{"name",
                                          "\xF4\x8F\xBF\xBF"
                                          "z"},
                                         {"state",
                                          "\xF4\x8F\xBF\xBF"
                                          "z"}});
    for (const auto* field : {"name", "state"}) {
        EXPECT_EQ(machines(where(field, Op::prefix, {"100%"})), Ids{percent}) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {"100"})), (Ids{percent, hundred})) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {"a_"})), Ids{under}) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {"a\\"})), Ids{slash}) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {"a"})), (Ids{under, plain, slash})) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {"A"})), Ids{upper}) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {"\xF4\x8F\xBF\xBF"})), Ids{last}) << field;
        EXPECT_EQ(machines(where(field, Op::prefix, {""})).size(), 7u) << field;
    }
}

STORE_CASE(LikeKnowsPercentUnderscoreAndBackslash) {
    const std::vector<std::string> texts = {"",
                                            "abc",
                                            "abcabc",
                                            "a%c",
                                            "a_c",
                                            "a\\c",
                                            "AbC",
                                            "a\xC3\xA4"
                                            "c",
                                            "a\nc",
                                            "\xF0\x9F\x90\x91",
                                            "abc "};
    const std::vector<std::string> patterns = {"",
                                               "%",
                                               "abc",
                                               "a%",
                                               "%c",
                                               "a_c",
                                               "a\\%c",
                                               "a\\_c",
                                               "a\\\\c",
                                               "_",
                                               "__",
                                               "%b%",
                                               "a%b%c",
                                               "%%%",
                                               "a\\bc",
                                               "abc_",
                                               "%\\",
                                               "a\xC3\xA4"
                                               "c",
                                               "_%_",
                                               "A%",
                                               "%abc",
                                               "abc%abc",
                                               "%\\%%"};
    Ids made;
    for (const auto& text : texts) made.push_back(create("machine", {{"name", text}}));
    for (const auto& pattern : patterns) {
        Ids matching;
        Ids others;
        for (std::size_t i = 0; i < texts.size(); ++i)
            (like_matches(texts[i], pattern) ? matching : others).push_back(made[i]);
        EXPECT_EQ(machines(where("name", Op::like, {pattern})), matching) << Value(pattern);
        EXPECT_EQ(machines(where("name", Op::not_like, {pattern})), others) << Value(pattern);
    }
}

STORE_CASE(LikeTellsUpperFromLowerCase) {
    const auto lower = create("machine", {{"name", "sheep"}, {"state", "sheep"}});
    const auto upper = create("machine", {{"name", "SHEEP"}, {"state", "SHEEP"}});
    EXPECT_EQ(machines(where("name", Op::like, {"sh%"})), Ids{lower});
    EXPECT_EQ(machines(where("name", Op::like, {"S____"})), Ids{upper});
    EXPECT_EQ(machines(where("state", Op::like, {"sh%"})), Ids{lower});
}

STORE_CASE(LikeCountsCharactersAndNotBytes) {
    const auto one = create("machine", {{"name", "\xF0\x9F\x90\x91"}});
    const auto two = create("machine", {{"name", "\xC3\xA4\xC3\xB6"}});
    EXPECT_EQ(machines(where("name", Op::like, {"_"})), Ids{one});
    EXPECT_EQ(machines(where("name", Op::like, {"__"})), Ids{two});
}

STORE_CASE(InFindsAnyOfMany) {
    Ids made;
    std::vector<Operation> operations;
    for (int i = 0; i < 300; ++i)
        operations.push_back(Create{"machine", {{"size", i}, {"rank", i}, {"state", "s" + std::to_string(i)}}});
    for (const auto& changed : commit(operations).changed) made.push_back(changed.id);
    std::vector<Value> odd;
    std::vector<Value> odd_states;
    std::vector<Value> odd_ids;
    Ids expected;
    for (int i = 1; i < 5'000; i += 2) {
        odd.emplace_back(i);
        if (i >= 300) continue;
        odd_states.emplace_back("s" + std::to_string(i));
        odd_ids.emplace_back(made[static_cast<std::size_t>(i)]);
        expected.push_back(made[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(machines(where("size", Op::in, odd)), expected);
    EXPECT_EQ(machines(where("rank", Op::in, odd)), expected);
    EXPECT_EQ(machines(where("state", Op::in, odd_states)), expected);
    EXPECT_EQ(machines(where("id", Op::in, odd_ids)), expected);
    EXPECT_EQ(machines(where("rank", Op::in, {7, 7, 7})), Ids{made[7]});
}

STORE_CASE(InOfNothingAndAnyOfNothingHoldNever) {
    create("machine", {{"size", 1}});
    EXPECT_TRUE(machines(where("size", Op::in, {})).empty());
    EXPECT_TRUE(machines({AnyOf{}}).empty());
    EXPECT_TRUE(machines({any("size", Op::eq, {1}), AnyOf{}}).empty());
    Query query{.type = "machine"};
    query.where = {AnyOf{}};
    query.count = true;
    EXPECT_EQ(find(query).count, 0u);
}

STORE_CASE(EveryGroupMustHoldByAnyOfItsConditions) {
    const auto a = create("machine", {{"name", "a"}, {"size", 1}, {"state", "on"}});
    const auto b = create("machine", {{"name", "b"}, {"size", 2}, {"state", "on"}});
    const auto c = create("machine", {{"name", "c"}, {"size", 3}, {"state", "off"}});
    create("machine", {{"name", "d"}, {"size", 4}, {"state", "gone"}});
    const AnyOf on_or_off = {{"state", Op::eq, {"on"}}, {"state", Op::eq, {"off"}}};
    const AnyOf a_or_large = {{"name", Op::eq, {"a"}}, {"size", Op::gte, {3}}};
    EXPECT_EQ(machines({on_or_off}), (Ids{a, b, c}));
    EXPECT_EQ(machines({on_or_off, a_or_large}), (Ids{a, c}));
    EXPECT_EQ(machines({AnyOf{{"state", Op::eq, {"on"}}, {"size", Op::eq, {2}}}}), (Ids{a, b}));
    EXPECT_EQ(machines({on_or_off, a_or_large, any("name", Op::ne, {"a"})}), Ids{c});
}

STORE_CASE(IdsCanBeAskedForLikeAnyField) {
    Ids made;
    for (int i = 0; i < 6; ++i) made.push_back(create("machine", {}));
    EXPECT_EQ(machines(where("id", Op::eq, {made[2]})), Ids{made[2]});
    EXPECT_EQ(machines(where("id", Op::gt, {made[3]})), (Ids{made[4], made[5]}));
    EXPECT_EQ(machines({any("id", Op::gte, {made[1]}), any("id", Op::lt, {made[3]})}), (Ids{made[1], made[2]}));
    EXPECT_EQ(machines(where("id", Op::ne, {made[0]})).size(), 5u);
    EXPECT_EQ(machines({AnyOf{{"id", Op::eq, {made[0]}}, {"id", Op::eq, {made[5]}}}}), (Ids{made[0], made[5]}));
    EXPECT_TRUE(machines(where("id", Op::eq, {-1})).empty());
}

STORE_CASE(QueriesFollowUpdatesAndDeletes) {
    const auto id = create("machine", {{"state", "on"}, {"rank", 1}, {"uuid", "u1"}, {"teamId", 7}});
    commit({Update{"machine", id, {{"state", "off"}, {"rank", 2}, {"uuid", "u2"}, {"teamId", nullptr}}}});
    EXPECT_TRUE(machines(where("state", Op::eq, {"on"})).empty());
    EXPECT_TRUE(machines(where("rank", Op::eq, {1})).empty());
    EXPECT_TRUE(machines(where("uuid", Op::eq, {"u1"})).empty());
    EXPECT_TRUE(machines(where("teamId", Op::eq, {7})).empty());
    EXPECT_EQ(machines(where("state", Op::eq, {"off"})), Ids{id});
    EXPECT_EQ(machines(where("rank", Op::gte, {2})), Ids{id});
    EXPECT_EQ(machines(where("uuid", Op::eq, {"u2"})), Ids{id});
    EXPECT_EQ(machines(where("teamId", Op::is_null)), Ids{id});
    commit({Delete{"machine", id}});
    EXPECT_TRUE(machines({}).empty());
    EXPECT_TRUE(machines(where("state", Op::eq, {"off"})).empty());
    EXPECT_TRUE(machines(where("uuid", Op::eq, {"u2"})).empty());
}

STORE_CASE(AThousandConditionsAreNotTooMany) {
    const auto id = create("machine", {{"size", 77}, {"name", "n"}});
    AnyOf sizes;
    for (int i = 0; i < 999; ++i) sizes.push_back({"size", Op::eq, {i}});
    EXPECT_EQ(machines({sizes, any("name", Op::eq, {"n"})}), Ids{id});
    std::vector<AnyOf> many;
    for (int i = 0; i < 1'000; ++i) many.push_back(any("size", Op::ne, {i + 1'000}));
    EXPECT_EQ(machines(many), Ids{id});
}

STORE_CASE(TextInAQueryIsNeverACommand) {
    create("machine", {{"name", "x"}});
    for (const auto* text :
         {"' OR '1'='1", "x'; DELETE FROM machine; --", "\\", "\\'", "x\" OR \"\"=\"", "%27", "?", "/*"})
        for (const auto op : {Op::eq, Op::prefix, Op::like})
            EXPECT_TRUE(machines(where("name", op, {text})).empty()) << text;
    EXPECT_EQ(machines({}).size(), 1u);
}

STORE_CASE(WrongQueriesAreInvalidAndSayWhy) {
    const auto refused = [&](Query query, std::string_view word) {
        const auto page = run(alice().query(query, Consistency::primary(), in(kEnough)));
        ASSERT_FALSE(page) << word;
        EXPECT_EQ(page.error().code(), Errc::invalid) << page.error();
        EXPECT_NE(page.error().describe().find(word), std::string::npos) << page.error();
    };
    const auto with = [](std::vector<AnyOf> conditions) {
        Query query{.type = "machine"};
        query.where = std::move(conditions);
        return query;
    };
    refused(Query{.type = "machin"}, "machine");
    refused(with(where("nam", Op::eq, {"x"})), "name");
    refused(with(where("version", Op::eq, {1})), "version");
    refused(with(where("size", Op::eq, {"12"})), "integer");
    refused(with(where("name", Op::eq, {12})), "text");
    refused(with(where("size", Op::like, {"1%"})), "like");
    refused(with(where("name", Op::eq, {})), "one value");
    refused(with(where("name", Op::eq, {"a", "b"})), "one value");
    refused(with(where("name", Op::is_null, {"a"})), "is_null");
    refused(with(where("data", Op::lt, {"a"})), "json");
    refused(with(where("name", Op::eq, {"\xFF"})), "UTF-8");
    refused(with(std::vector<AnyOf>(kMostConditions + 1, any("size", Op::eq, {1}))), "1000");
    Query query{.type = "machine"};
    query.sort = {{"sise", false}};
    refused(query, "size");
    query = {.type = "machine"};
    query.include = {"owner"};
    refused(query, "owner");
    query.include = {"team", "team"};
    refused(query, "twice");
    query = {.type = "machine"};
    query.limit = 0;
    refused(query, "limit");
    query.limit = kLargestPage + 1;
    refused(query, "limit");
}

}  // namespace
}  // namespace drover::conformance
