#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <sstream>

#include "drover/store/batch.hpp"
#include "drover/store/query.hpp"
#include "drover/store/resource_type.hpp"

namespace drover {
namespace {

TEST(ValueTest, DescribesItselfForMessages) {
    EXPECT_EQ(Value().describe(), "null");
    EXPECT_EQ(Value(true).describe(), "true");
    EXPECT_EQ(Value(false).describe(), "false");
    EXPECT_EQ(Value(-12).describe(), "-12");
    EXPECT_EQ(Value(std::numeric_limits<std::int64_t>::min()).describe(), "-9223372036854775808");
    EXPECT_EQ(Value(0.5).describe(), "0.5");
    EXPECT_EQ(Value(3.0).describe(), "3.0");
    EXPECT_EQ(Value(1e300).describe(), "1e+300");
    EXPECT_EQ(Value("a \"b\" \\ c").describe(), "\"a \\\"b\\\" \\\\ c\"");
    EXPECT_EQ(Value("line\nend").describe(), "\"line\\x0aend\"");
    EXPECT_EQ(Value("na\xC3\xAFve").describe(), "\"na\xC3\xAFve\"");
    EXPECT_EQ(Value("\xFF").describe(), "\"\\xff\"");
    std::ostringstream out;
    out << Value("x");
    EXPECT_EQ(out.str(), "\"x\"");
}

TEST(ValueTest, ShowsOnlyTheBeginningOfLongText) {
    const auto shown = Value(std::string(1'000, 'x')).describe();
    EXPECT_LT(shown.size(), 100u);
    EXPECT_NE(shown.find("1000 bytes"), std::string::npos) << shown;
    // Never half a character.
    const auto sheep = Value(std::string(63, 'x') + "\xF0\x9F\x90\x91" + std::string(100, 'y')).describe();
    EXPECT_EQ(sheep, "\"" + std::string(63, 'x') + "\"... (167 bytes)");
}

TEST(ValueTest, IsOrderedNullFirstThenByTypeAndContent) {
    const std::vector<Value> ordered = {Value(),     Value(false), Value(true),      Value(-1),  Value(0),
                                        Value(-0.5), Value(0.5),   Value(""),        Value("A"), Value("a"),
                                        Value("a "), Value("b"),   Value("\xC3\xA4")};
    for (std::size_t i = 0; i < ordered.size(); ++i)
        for (std::size_t k = 0; k < ordered.size(); ++k) {
            EXPECT_EQ(ordered[i] < ordered[k], i < k) << ordered[i] << " < " << ordered[k];
            EXPECT_EQ(ordered[i] == ordered[k], i == k);
        }
}

TEST(LikeTest, KnowsPercentUnderscoreAndBackslash) {
    EXPECT_TRUE(like_matches("", ""));
    EXPECT_TRUE(like_matches("", "%"));
    EXPECT_FALSE(like_matches("", "_"));
    EXPECT_TRUE(like_matches("abc", "abc"));
    EXPECT_FALSE(like_matches("abc", "ABC"));
    EXPECT_FALSE(like_matches("abc", "ab"));
    EXPECT_FALSE(like_matches("abc", "abcd"));
    EXPECT_TRUE(like_matches("abc", "%"));
    EXPECT_TRUE(like_matches("abc", "a%c"));
    EXPECT_TRUE(like_matches("abc", "_b_"));
    EXPECT_FALSE(like_matches("abc", "__"));
    EXPECT_TRUE(like_matches("abab", "%ab"));
    EXPECT_TRUE(like_matches("aXbXc", "a%b%c"));
    EXPECT_FALSE(like_matches("aXcXb", "a%b%c"));
    EXPECT_TRUE(like_matches("a%c", "a\\%c"));
    EXPECT_FALSE(like_matches("abc", "a\\%c"));
    EXPECT_TRUE(like_matches("a_c", "a\\_c"));
    EXPECT_FALSE(like_matches("abc", "a\\_c"));
    EXPECT_TRUE(like_matches("a\\c", "a\\\\c"));
    EXPECT_TRUE(like_matches("abc", "\\a\\b\\c"));
    EXPECT_TRUE(like_matches("ab\\", "ab\\"));
    EXPECT_TRUE(like_matches("x\\%y", "x\\\\\\%y"));
    EXPECT_TRUE(like_matches("\xF0\x9F\x90\x91", "_"));
    EXPECT_FALSE(like_matches("\xF0\x9F\x90\x91", "__"));
    EXPECT_TRUE(
        like_matches("a\xC3\xA4"
                     "b",
                     "a_b"));
    EXPECT_TRUE(like_matches(std::string_view("a\0b", 3), "a_b"));
    EXPECT_TRUE(like_matches("line\nend", "line%end"));
}

/// Straight from the definition, in exponential time.
bool slow_like(std::string_view text, std::string_view pattern) {
    if (pattern.empty()) return text.empty();
    if (pattern[0] == '%') {
        for (std::size_t i = 0; i <= text.size(); ++i)
            if (slow_like(text.substr(i), pattern.substr(1))) return true;
        return false;
    }
    if (text.empty()) return false;
    if (pattern[0] == '_') return slow_like(text.substr(1), pattern.substr(1));
    if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
    return pattern[0] == text[0] && slow_like(text.substr(1), pattern.substr(1));
}

TEST(LikeTest, AgreesWithItsDefinition) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto some = [&](std::string_view letters, std::size_t most) {
        std::string text;
        for (auto left = random() % (most + 1); left > 0; --left) text += letters[random() % letters.size()];
        return text;
    };
    for (int i = 0; i < 20'000; ++i) {
        const auto text = some("ab%_\\", 8);
        const auto pattern = some("ab%_\\", 7);
        ASSERT_EQ(like_matches(text, pattern), slow_like(text, pattern)) << Value(text) << " like " << Value(pattern);
    }
}

TEST(LikeTest, TakesNoLongerForABadPattern) {
    // Exponential matching would not come back.
    std::string pattern;
    for (int i = 0; i < 200; ++i) pattern += "%a";
    EXPECT_FALSE(like_matches(std::string(2'000, 'a'), pattern + "b"));
}

TEST(PluralTest, FollowsTheApi) {
    EXPECT_EQ(plural_of("host"), "hosts");
    EXPECT_EQ(plural_of("configItemStatus"), "configItemStatuses");
    EXPECT_EQ(plural_of("branch"), "branches");
    EXPECT_EQ(plural_of("box"), "boxes");
    EXPECT_EQ(plural_of("processInstance"), "processInstances");
}

ResourceType type_of(std::string name, std::vector<Field> fields) {
    ResourceType type{.name = std::move(name)};
    type.fields = std::move(fields);
    return type;
}

std::vector<ResourceType> cloud() {
    return {
        type_of("account", {text_field("name")}),
        type_of("host", {reference_field("accountId", "account")}),
        type_of("instance", {reference_field("accountId", "account")}),
        type_of("instanceHostMap", {reference_field("instanceId", "instance"), reference_field("hostId", "host")}),
        type_of("configItemStatus", {reference_field("hostId", "host")}),
    };
}

TEST(FieldTest, IsMadeAndRefined) {
    const auto plain = text_field("name");
    EXPECT_EQ(plain.type, FieldType::text);
    EXPECT_EQ(plain.longest, 255u);
    EXPECT_TRUE(plain.nullable);
    const auto refined = integer_field("size").not_null(5).with_index().about("How large it is.");
    EXPECT_FALSE(refined.nullable);
    EXPECT_EQ(refined.fallback, Value(5));
    EXPECT_TRUE(refined.indexed);
    EXPECT_EQ(refined.summary, "How large it is.");
    const auto required = text_field("uuid", 128).required().is_unique();
    EXPECT_FALSE(required.nullable);
    EXPECT_TRUE(required.fallback.is_null());
    EXPECT_TRUE(required.unique);
    EXPECT_EQ(required.longest, 128u);
    EXPECT_EQ(reference_field("hostId", "host").target, "host");
    EXPECT_EQ(json_field("data").longest, 65'535u);
    EXPECT_EQ(to_string(date_field("created").type), "date");
}

TEST(SchemaTest, DerivesLinksFromReferences) {
    const auto schema = Schema::make(cloud()).value();
    const auto* account = schema->link("host", "account");
    ASSERT_TRUE(account);
    EXPECT_EQ(account->kind, Link::Kind::reference);
    EXPECT_EQ(account->target, "account");
    EXPECT_EQ(account->field, "accountId");
    const auto* hosts = schema->link("account", "hosts");
    ASSERT_TRUE(hosts);
    EXPECT_EQ(hosts->kind, Link::Kind::child);
    EXPECT_EQ(hosts->target, "host");
    EXPECT_EQ(hosts->field, "accountId");
    ASSERT_TRUE(schema->link("host", "configItemStatuses"));
    ASSERT_TRUE(schema->link("instance", "instanceHostMaps"));
    const auto* across = schema->link("instance", "hosts");
    ASSERT_TRUE(across);
    EXPECT_EQ(across->kind, Link::Kind::map);
    EXPECT_EQ(across->target, "host");
    EXPECT_EQ(across->map, "instanceHostMap");
    EXPECT_EQ(across->field, "instanceId");
    EXPECT_EQ(across->map_field, "hostId");
    ASSERT_TRUE(schema->link("host", "instances"));
    EXPECT_EQ(schema->link("host", "instances")->field, "hostId");
    EXPECT_EQ(schema->links("instance").size(), 3u);
    EXPECT_TRUE(schema->links("nothing").empty());
    EXPECT_FALSE(schema->link("instance", "volumes"));
}

TEST(SchemaTest, TellsSeveralReferencesToOneTypeApart) {
    auto types = cloud();
    types.push_back(type_of("move", {reference_field("hostId", "host"), reference_field("targetHostId", "host")}));
    const auto schema = Schema::make(types).value();
    ASSERT_TRUE(schema->link("host", "moves"));
    EXPECT_EQ(schema->link("host", "moves")->field, "hostId");
    ASSERT_TRUE(schema->link("host", "movesByTargetHost"));
    EXPECT_EQ(schema->link("host", "movesByTargetHost")->field, "targetHostId");
    EXPECT_TRUE(schema->link("move", "targetHost"));
}

TEST(SchemaTest, LinksATypeToItselfThroughAMap) {
    auto types = cloud();
    types.push_back(type_of("hostHostMap", {reference_field("hostId", "host"), reference_field("peerHostId", "host")}));
    const auto schema = Schema::make(types).value();
    const auto* peers = schema->link("host", "peerHosts");
    ASSERT_TRUE(peers);
    EXPECT_EQ(peers->field, "hostId");
    EXPECT_EQ(peers->map_field, "peerHostId");
    const auto* back = schema->link("host", "hosts");
    ASSERT_TRUE(back);
    EXPECT_EQ(back->field, "peerHostId");
}

TEST(SchemaTest, AMapWithoutTwoReferencesHasNoMapLinks) {
    auto types = cloud();
    types[3].fields.push_back(reference_field("accountId", "account"));
    const auto schema = Schema::make(types).value();
    EXPECT_FALSE(schema->link("instance", "hosts"));
    EXPECT_TRUE(schema->link("instance", "instanceHostMaps"));
}

TEST(SchemaTest, FindsAndSharesTypes) {
    const auto schema = Schema::make(cloud()).value();
    ASSERT_TRUE(schema->find("host"));
    EXPECT_EQ(schema->find("host")->plural, "hosts");
    EXPECT_EQ(schema->share("host").get(), schema->find("host"));
    EXPECT_FALSE(schema->find("Host"));
    EXPECT_FALSE(schema->share("nothing"));
    EXPECT_EQ(schema->types().size(), 5u);
}

void expect_wrong(std::vector<ResourceType> types, std::string_view word) {
    const auto made = Schema::make(std::move(types));
    ASSERT_FALSE(made) << word;
    EXPECT_EQ(made.error().code(), Errc::invalid);
    EXPECT_NE(made.error().message().find(word), std::string::npos) << made.error();
}

TEST(SchemaTest, RefusesEachWrongDeclaration) {
    expect_wrong({type_of("Host", {})}, "Host");
    expect_wrong({type_of("", {})}, "name");
    expect_wrong({type_of("ho-st", {})}, "ho-st");
    expect_wrong({type_of(std::string(65, 'h'), {})}, "63");
    expect_wrong({type_of("host", {}), type_of("host", {})}, "two types");
    expect_wrong({type_of("host", {}), type_of("hOst", {})}, "two types");
    expect_wrong({type_of("host", {text_field("a"), integer_field("a")})}, "two fields");
    expect_wrong({type_of("host", {text_field("a"), integer_field("A")})}, "host.A");
    expect_wrong({type_of("host", {text_field("na me")})}, "na me");
    expect_wrong({type_of("host", {integer_field("id")})}, "store's own");
    expect_wrong({type_of("host", {integer_field("version")})}, "store's own");
    expect_wrong({type_of("host", {text_field("name", 0)})}, "longest");
    expect_wrong({type_of("host", {text_field("name", 65'536)})}, "65536");
    expect_wrong({type_of("host", {reference_field("agentId", "agent")})}, "agent");
    expect_wrong({type_of("host", {reference_field("host", "host")})}, "ends in Id");
    expect_wrong({type_of("host", {integer_field("size").not_null("x")})}, "fallback");
    expect_wrong({type_of("host", {text_field("name", 3).not_null("four")})}, "4 bytes");
    expect_wrong({type_of("host", {text_field("name").not_null("x").is_unique()})}, "unique");
    expect_wrong({type_of("host", {json_field("data").with_index()})}, "json");
    expect_wrong({type_of("host", {text_field("name", 3'001).with_index()})}, "3000");
    auto type = type_of("host", {text_field("name", 2'000), text_field("other", 2'000), json_field("data")});
    type.indexes = {{{"name", "other"}, false}};
    expect_wrong({type}, "4000");
    type.indexes = {{{"nothing"}, false}};
    expect_wrong({type}, "nothing");
    type.indexes = {{{}, false}};
    expect_wrong({type}, "no fields");
    type.indexes = {{{"name", "name"}, false}};
    expect_wrong({type}, "twice");
    type.indexes = {{{"data"}, false}};
    expect_wrong({type}, "json");
    type.indexes = {};
    type.major = 0;
    expect_wrong({type}, "0.0");
    auto clash = type_of("box", {});
    clash.plural = "hosts";
    expect_wrong({type_of("host", {}), clash}, "plural");
    // A reference and a field of the link's name.
    expect_wrong({type_of("agent", {}), type_of("host", {text_field("agent"), reference_field("agentId", "agent")})},
                 "a link and a field");
}

TEST(SchemaTest, RefusesMoreFieldsThanEveryDatabaseHasRoomFor) {
    auto type = type_of("host", {});
    while (type.fields.size() < kMostFields)
        type.fields.push_back(text_field("f" + std::to_string(type.fields.size())));
    EXPECT_TRUE(Schema::make({type}));
    type.fields.push_back(text_field("oneMore"));
    expect_wrong({type}, "host: 151 fields, at most 150");
}

TEST(SchemaTest, ListsEverythingThatIsWrong) {
    const auto made =
        Schema::make({type_of("Host", {text_field("id"), reference_field("xId", "ghost")}), type_of("b c", {})});
    ASSERT_FALSE(made);
    for (const auto* word : {"Host", "Host.id", "ghost", "b c"})
        EXPECT_NE(made.error().message().find(word), std::string::npos) << made.error();
}

TEST(RecordTest, AnswersNullForFieldsItHasNot) {
    const auto schema = Schema::make({type_of("host", {text_field("name"), integer_field("size")})}).value();
    const Record record(schema->share("host"), 7, 2, {Value("n"), Value(3)});
    EXPECT_EQ(record["name"], Value("n"));
    EXPECT_EQ(record["size"], Value(3));
    EXPECT_TRUE(record["other"].is_null());
    EXPECT_TRUE(Record()["name"].is_null());
    EXPECT_EQ(record.id(), 7);
    EXPECT_EQ(record.version(), 2);
}

class ChecksTest : public testing::Test {
protected:
    std::shared_ptr<const Schema> schema =
        Schema::make({
                         type_of("host", {text_field("name", 8), integer_field("size"), real_field("ratio"),
                                          boolean_field("up"), json_field("data"), text_field("state").not_null("new"),
                                          text_field("uuid").required()}),
                         type_of("disk", {reference_field("hostId", "host"), integer_field("holder")}),
                     })
            .value();

    void expect_query(const Query& query, std::string_view word) {
        const auto checked = check_query(*schema, query);
        if (word.empty()) {
            EXPECT_TRUE(checked) << checked.error();
            return;
        }
        ASSERT_FALSE(checked) << word;
        EXPECT_EQ(checked.error().code(), Errc::invalid);
        EXPECT_NE(checked.error().describe().find(word), std::string::npos) << checked.error();
    }
    void expect_where(AnyOf any, std::string_view word) {
        Query query{.type = "host"};
        query.where = {std::move(any)};
        expect_query(query, word);
    }
    void expect_batch(std::vector<Operation> operations, std::string_view word, std::string_view field = {}) {
        const auto checked = check_batch(*schema, Batch{"", std::move(operations)});
        if (word.empty()) {
            EXPECT_TRUE(checked) << checked.error();
            return;
        }
        ASSERT_FALSE(checked) << word;
        EXPECT_EQ(checked.error().code(), Errc::invalid);
        EXPECT_NE(checked.error().describe().find(word), std::string::npos) << checked.error();
        if (!field.empty()) {
            EXPECT_EQ(checked.error().detail("field"), field) << checked.error();
        }
    }
};

TEST_F(ChecksTest, QueriesThatAreRightPass) {
    expect_query(Query{.type = "host"}, "");
    expect_where({}, "");
    for (const auto op : {Op::eq, Op::ne, Op::lt, Op::lte, Op::gt, Op::gte, Op::prefix, Op::like, Op::not_like, Op::in})
        expect_where({{"name", op, {"x"}}}, "");
    expect_where({{"size", Op::in, {}}}, "");
    expect_where({{"size", Op::eq, {Value()}}}, "");
    expect_where({{"id", Op::gt, {5}}, {"up", Op::eq, {true}}, {"ratio", Op::lt, {0.5}}}, "");
    expect_where({{"data", Op::like, {"%a%"}}, {"data", Op::is_null, {}}}, "");
    Query query{.type = "host"};
    query.sort = {{"id", true}, {"name", false}};
    query.include = {"disks"};
    query.limit = kLargestPage;
    query.offset = std::numeric_limits<std::uint64_t>::max();
    expect_query(query, "");
}

TEST_F(ChecksTest, QueriesThatAreWrongSayWhatAndSuggest) {
    expect_query(Query{.type = "hots"}, "host");
    expect_where({{"nme", Op::eq, {"x"}}}, "Did you mean name?");
    expect_where({{"size", Op::eq, {0.5}}}, "host.size");
    expect_where({{"size", Op::prefix, {1}}}, "prefix is for text");
    expect_where({{"name", Op::eq, {}}}, "takes one value, 0 given");
    expect_where({{"name", Op::not_null, {"x"}}}, "takes no value");
    expect_where({{"data", Op::gt, {"{}"}}}, "no order");
    expect_where({{"name", Op::eq, {"\xC0\x80"}}}, "UTF-8");
    expect_where(AnyOf(kMostConditions + 1, {"size", Op::eq, {1}}), "1001 conditions");
    expect_where({{"size", Op::in, std::vector<Value>(kMostValues + 1, Value(1))}}, "10001 values");
    Query query{.type = "host"};
    query.cursor = "x";
    query.offset = 1;
    expect_query(query, "cursor and an offset");
    query.offset = 0;
    query.include = {"disks"};
    expect_query(query, "cursor and includes");
    query = {.type = "host"};
    query.include = {"disk"};
    expect_query(query, "Did you mean disks?");
    query.include = std::vector<std::string>(kMostIncludes + 1, "disks");
    expect_query(query, "9 includes");
    query = {.type = "host"};
    query.sort = {{"data", false}};
    expect_query(query, "no order");
}

TEST_F(ChecksTest, BatchesThatAreRightPass) {
    expect_batch({}, "");
    expect_batch({Create{"host", {{"uuid", "u"}, {"name", "12345678"}, {"ratio", 0.5}, {"data", "{"}}},
                  Create{"disk", {{"hostId", CreatedBy{0}}, {"holder", CreatedBy{0}}}},
                  Update{"disk", 3, {{"hostId", CreatedBy{0}}, {"holder", nullptr}}, {{"holder", nullptr}}, 4},
                  Delete{"disk", 3, {{"hostId", 5}}}, Check{"host", 1, {{"name", "longer than eight"}}}},
                 "");
}

TEST_F(ChecksTest, BatchesThatAreWrongNameOperationAndField) {
    const Create good{"host", {{"uuid", "u"}}};
    expect_batch({good, Create{"hots", {}}}, "operation 1");
    expect_batch({Create{"host", {}}}, "uuid is required", "uuid");
    expect_batch({Create{"host", {{"uuid", nullptr}}}}, "null", "uuid");
    expect_batch({good, Update{"host", 1, {{"state", nullptr}}}}, "operation 1", "state");
    expect_batch({Update{"host", 1, {{"name", "123456789"}}}}, "9 bytes", "name");
    expect_batch({Update{"host", 1, {{"size", true}}}}, "integer", "size");
    expect_batch({Update{"host", 1, {{"ratio", std::numeric_limits<double>::infinity()}}}}, "finite", "ratio");
    expect_batch({Update{"host", 1, {{"nam", "x"}}}}, "Did you mean name?", "nam");
    expect_batch({Update{"host", 1, {{"id", 5}}}}, "id", "id");
    expect_batch({Update{"host", 1, {{"size", 1}, {"size", 2}}}}, "twice", "size");
    expect_batch({Delete{"host", 1, {{"size", "x"}}}}, "expected value", "size");
    expect_batch({Create{"disk", {{"hostId", CreatedBy{0}}}}}, "does not come before", "hostId");
    expect_batch({good, Create{"disk", {{"hostId", CreatedBy{2}}}}, good}, "does not come before", "hostId");
    expect_batch({Check{"host", 1}, Create{"disk", {{"hostId", CreatedBy{0}}}}}, "creates nothing", "hostId");
    expect_batch({Create{"disk", {}}, Create{"disk", {{"hostId", CreatedBy{0}}}}}, "holds the id of a host", "hostId");
    expect_batch({good, Update{"host", 1, {{"name", CreatedBy{0}}}}}, "holds text", "name");
    expect_batch(std::vector<Operation>(kMostOperations + 1, Check{"host", 1}), "1001 operations");
    EXPECT_FALSE(check_batch(*schema, Batch{std::string(kLongestBatchId + 1, 'x'), {}}));
    EXPECT_FALSE(check_batch(*schema, Batch{"two words", {}}));
    EXPECT_TRUE(check_batch(*schema, Batch{"0190-aF_.:", {}}));
}

TEST_F(ChecksTest, Utf8IsCheckedToTheLetter) {
    for (const auto* good : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                             "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        expect_batch({Update{"host", 1, {{"name", good}}}}, "");
    for (const auto* bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2",
                            "\xC2"
                            "a",
                            "\xE0\x9F\xBF", "\xE0\xA0", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                            "\xF5\x80\x80\x80", "\xFF", "a\xC3", "\xF0\x90\x80"})
        expect_batch({Update{"host", 1, {{"name", bad}}}}, "UTF-8", "name");
}

TEST(StoreErrorsTest, SayTheSameForEveryStore) {
    const auto failed = expectation_failed(3, "host", 7, "state", "off", "on");
    EXPECT_EQ(failed.code(), Errc::conflict);
    EXPECT_EQ(failed.message(), "host 7: state is \"on\", expected \"off\"");
    EXPECT_EQ(failed.detail("operation"), "3");
    EXPECT_EQ(failed.detail("field"), "state");
    EXPECT_EQ(failed.detail("seen"), "\"on\"");
    const auto missing = record_missing(1, "host", 7);
    EXPECT_EQ(missing.code(), Errc::not_found);
    EXPECT_EQ(missing.detail("operation"), "1");
    const auto twice = not_unique(2, "host", "a,b");
    EXPECT_EQ(twice.code(), Errc::conflict);
    EXPECT_EQ(twice.detail("field"), "a,b");
    EXPECT_EQ(twice.detail("unique"), "true");
    EXPECT_EQ(twice.detail("operation"), "2");
    EXPECT_EQ(not_unique(std::nullopt, "host", "a").detail("operation"), "");
}

}  // namespace
}  // namespace drover
