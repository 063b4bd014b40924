// What goes in comes out: ids, versions, nulls, fallbacks, and every value unchanged to the last bit.
#include <cmath>
#include <limits>

#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

STORE_CASE(ARecordComesBackAsItWasCreated) {
    const auto team = create("team", {{"name", "red"}});
    const auto id = create("machine", {{"name", "one"},
                                       {"uuid", "u-1"},
                                       {"state", "active"},
                                       {"size", 12},
                                       {"ratio", 0.5},
                                       {"running", true},
                                       {"created", std::int64_t{1'700'000'000'123}},
                                       {"data", R"({"a":[1,2]})"},
                                       {"note", "a note"},
                                       {"teamId", team}});
    const auto record = read("machine", id);
    EXPECT_EQ(record.id(), id);
    EXPECT_EQ(record.version(), 1);
    EXPECT_EQ(record.type().name, "machine");
    EXPECT_EQ(record["name"], Value("one"));
    EXPECT_EQ(record["uuid"], Value("u-1"));
    EXPECT_EQ(record["state"], Value("active"));
    EXPECT_EQ(record["size"], Value(12));
    EXPECT_EQ(record["ratio"], Value(0.5));
    EXPECT_EQ(record["running"], Value(true));
    EXPECT_EQ(record["created"], Value(std::int64_t{1'700'000'000'123}));
    EXPECT_EQ(record["data"], Value(R"({"a":[1,2]})"));
    EXPECT_EQ(record["note"], Value("a note"));
    EXPECT_EQ(record["teamId"], Value(team));
    EXPECT_EQ(record["parentId"], Value());
    EXPECT_EQ(record["noSuchField"], Value());
}

STORE_CASE(AnUnknownIdIsNotFound) {
    for (const std::int64_t id : {std::int64_t{1}, std::int64_t{0}, std::int64_t{-5},
                                  std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
        const auto found = run(alice().get("machine", id, Consistency::primary(), in(kEnough)));
        ASSERT_FALSE(found) << id;
        EXPECT_EQ(found.error().code(), Errc::not_found) << found.error();
    }
}

STORE_CASE(AnUnknownTypeIsInvalid) {
    const auto found = run(alice().get("machin", 1, Consistency::primary(), in(kEnough)));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::invalid) << found.error();
    EXPECT_NE(found.error().describe().find("machin"), std::string::npos) << found.error();
}

STORE_CASE(AnIdBelongsToOneTypeOnly) {
    const auto id = create("machine", {});
    const auto found = run(alice().get("tag", id, Consistency::primary(), in(kEnough)));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::not_found) << found.error();
}

STORE_CASE(FieldsNotGivenTakeTheirFallback) {
    const auto record = read("machine", create("machine", {}));
    EXPECT_EQ(record["state"], Value("requested"));
    for (const auto* field : {"name", "uuid", "size", "ratio", "running", "created", "data", "note", "teamId"})
        EXPECT_TRUE(record[field].is_null()) << field;
}

STORE_CASE(AFieldSetToNullIsNull) {
    const auto id =
        create("machine", {{"name", "one"}, {"size", 1}, {"ratio", 1.0}, {"running", true}, {"data", "{}"}});
    commit(
        {Update{"machine",
                id,
                {{"name", nullptr}, {"size", nullptr}, {"ratio", nullptr}, {"running", nullptr}, {"data", nullptr}}}});
    const auto record = read("machine", id);
    for (const auto* field : {"name", "size", "ratio", "running", "data"})
        EXPECT_TRUE(record[field].is_null()) << field << " is " << record[field];
}

STORE_CASE(VersionsStartAtOneAndGrowByOneWithEveryUpdate) {
    const auto made = commit({Create{"machine", {{"name", "a"}}}});
    ASSERT_EQ(made.changed.size(), 1u);
    EXPECT_EQ(made.changed[0].version, 1);
    const auto id = made.changed[0].id;
    for (std::int64_t version = 2; version < 6; ++version) {
        EXPECT_EQ(commit({Update{"machine", id, {{"size", version}}}}).changed[0], (Changed{id, version}));
        EXPECT_EQ(read("machine", id).version(), version);
    }
}

STORE_CASE(AnUpdateThatChangesNothingStillRaisesTheVersion) {
    const auto id = create("machine", {{"name", "same"}, {"size", 5}});
    EXPECT_EQ(commit({Update{"machine", id, {{"name", "same"}, {"size", 5}}}}).changed[0].version, 2);
    EXPECT_EQ(commit({Update{"machine", id, {}}}).changed[0].version, 3);
    EXPECT_EQ(read("machine", id).version(), 3);
}

STORE_CASE(AnUpdateLeavesOtherFieldsAndOtherRecordsAlone) {
    const auto first = create("machine", {{"name", "first"}, {"size", 1}});
    const auto second = create("machine", {{"name", "second"}, {"size", 2}});
    commit({Update{"machine", first, {{"size", 10}}}});
    EXPECT_EQ(read("machine", first)["name"], Value("first"));
    EXPECT_EQ(read("machine", first)["size"], Value(10));
    EXPECT_EQ(read("machine", second)["size"], Value(2));
    EXPECT_EQ(read("machine", second).version(), 1);
}

STORE_CASE(IdsGrowAndAreNeverUsedAgain) {
    std::int64_t last = 0;
    for (int i = 0; i < 5; ++i) {
        const auto id = create("machine", {});
        EXPECT_GT(id, last);
        last = id;
        commit({Delete{"machine", id}});
    }
    const auto made = commit({Create{"machine", {}}, Create{"machine", {}}, Create{"machine", {}}});
    for (const auto& changed : made.changed) {
        EXPECT_GT(changed.id, last);
        last = changed.id;
    }
}

STORE_CASE(IntegersKeepAllTheirBits) {
    using Limits = std::numeric_limits<std::int64_t>;
    for (const std::int64_t number : {Limits::min(), Limits::min() + 1, std::int64_t{-1}, std::int64_t{0},
                                      std::int64_t{9'007'199'254'740'993}, Limits::max() - 1, Limits::max()}) {
        const auto id = create("machine", {{"size", number}, {"created", number}});
        EXPECT_EQ(read("machine", id)["size"], Value(number));
        EXPECT_EQ(read("machine", id)["created"], Value(number));
        EXPECT_EQ(machines({any("size", Op::eq, {number}), any("created", Op::eq, {number})}),
                  (std::vector<std::int64_t>{id}));
    }
}

STORE_CASE(RealsKeepEveryBit) {
    using Limits = std::numeric_limits<double>;
    for (const double number : {0.1, -1.0 / 3, 1e300, -1e-300, Limits::max(), Limits::lowest(), Limits::min(),
                                Limits::epsilon(), 4'503'599'627'370'497.5, 123456789012345680.0, 3.0}) {
        const auto id = create("machine", {{"ratio", number}});
        const auto seen = read("machine", id)["ratio"];
        ASSERT_TRUE(seen.if_real()) << "a real came back as " << seen;
        EXPECT_EQ(*seen.if_real(), number);
        EXPECT_EQ(machines(where("ratio", Op::eq, {number})), (std::vector<std::int64_t>{id})) << number;
    }
}

STORE_CASE(NegativeZeroIsZero) {
    const auto id = create("machine", {{"ratio", -0.0}});
    const auto other = create("machine", {{"ratio", 0.0}});
    ASSERT_TRUE(read("machine", id)["ratio"].if_real());
    EXPECT_EQ(*read("machine", id)["ratio"].if_real(), 0.0);
    EXPECT_EQ(machines(where("ratio", Op::eq, {0.0})), (std::vector<std::int64_t>{id, other}));
    EXPECT_EQ(machines(where("ratio", Op::eq, {-0.0})), (std::vector<std::int64_t>{id, other}));
    EXPECT_TRUE(machines(where("ratio", Op::lt, {0.0})).empty());
    EXPECT_TRUE(attempt({Check{"machine", id, {{"ratio", 0.0}}}}));
    EXPECT_TRUE(attempt({Check{"machine", other, {{"ratio", -0.0}}}}));
}

STORE_CASE(BooleansComeBackAsBooleans) {
    const auto yes = create("machine", {{"running", true}});
    const auto no = create("machine", {{"running", false}});
    EXPECT_EQ(read("machine", yes)["running"], Value(true));
    EXPECT_EQ(read("machine", no)["running"], Value(false));
}

STORE_CASE(DatesReachFarIntoPastAndFuture) {
    for (const std::int64_t when : {std::int64_t{-62'135'596'800'000}, std::int64_t{-1}, std::int64_t{0},
                                    std::int64_t{1}, std::int64_t{253'402'300'799'999}}) {
        const auto id = create("machine", {{"created", when}});
        EXPECT_EQ(read("machine", id)["created"], Value(when));
    }
}

STORE_CASE(TextKeepsEveryByte) {
    using namespace std::string_literals;
    for (const auto& text :
         {""s, " "s, " leading and trailing  "s, "tab\tnewline\nreturn\r"s, "zero\0inside"s, "\0"s, "ends in zero\0"s,
          "quotes ' \" ` and back\\slash %_"s, "'; DROP TABLE machine; --"s, "na\xC3\xAFve"s, "nai\xCC\x88ve"s,
          "\xF0\x9F\x90\x91 sheep"s, "\xEF\xBF\xBD"s, "\xEF\xBB\xBFmark"s, "\xF4\x8F\xBF\xBF"s, "?1 :name $1 @x"s}) {
        const auto id = create("machine", {{"name", text}, {"note", text}});
        EXPECT_EQ(read("machine", id)["name"], Value(text));
        EXPECT_EQ(read("machine", id)["note"], Value(text));
        EXPECT_EQ(machines(where("name", Op::eq, {text})), (std::vector<std::int64_t>{id})) << Value(text);
    }
}

STORE_CASE(EmptyTextIsNotNull) {
    const auto empty = create("machine", {{"name", ""}});
    const auto null = create("machine", {});
    EXPECT_EQ(read("machine", empty)["name"], Value(""));
    EXPECT_TRUE(read("machine", null)["name"].is_null());
    EXPECT_EQ(machines(where("name", Op::is_null)), (std::vector<std::int64_t>{null}));
    EXPECT_EQ(machines(where("name", Op::eq, {""})), (std::vector<std::int64_t>{empty}));
}

STORE_CASE(TextOfTheGreatestLengthIsKept) {
    std::string note(65'535, 'x');
    note.replace(note.size() - 4, 4, "\xF0\x9F\x90\x91");
    const std::string name(255, 'n');
    const auto id =
        create("machine", {{"note", note}, {"data", "\"" + std::string(65'533, 'j') + "\""}, {"name", name}});
    const auto record = read("machine", id);
    EXPECT_TRUE(record["note"] == Value(note)) << record["note"].text().size() << " bytes came back";
    EXPECT_EQ(record["data"].text().size(), 65'535u);
    EXPECT_EQ(record["name"].text().size(), 255u);
}

STORE_CASE(TextIsMeasuredInBytes) {
    std::string sheep;
    for (int i = 0; i < 64; ++i) sheep += "\xF0\x9F\x90\x91";
    const auto made = attempt({Create{"machine", {{"name", sheep}}}});
    ASSERT_FALSE(made) << "256 bytes fit into a field of 255";
    EXPECT_EQ(made.error().code(), Errc::invalid) << made.error();
    EXPECT_EQ(made.error().detail("field"), "name");
    sheep.resize(sheep.size() - 4);
    EXPECT_EQ(read("machine", create("machine", {{"name", sheep}}))["name"], Value(sheep));
}

STORE_CASE(JsonComesBackAsItWasWritten) {
    const std::string json = R"({ "b" : 1, "a":1.0,  "a": [ ], "big": 12345678901234567890, "text": "\u00e9\/"})";
    EXPECT_EQ(read("machine", create("machine", {{"data", json}}))["data"], Value(json));
}

STORE_CASE(FieldNamesMayBeWordsOfTheDatabase) {
    ResourceType order{.name = "order"};
    order.fields = {text_field("select"),
                    integer_field("group").with_index(),
                    text_field("where").is_unique(),
                    boolean_field("table"),
                    integer_field("rowid"),
                    text_field("key"),
                    text_field("orderBy")};
    auto types = store_kit_types();
    types.push_back(order);
    migrate(alice(), types).value();
    const auto id = create("order", {{"select", "s"},
                                     {"group", 2},
                                     {"where", "w"},
                                     {"table", true},
                                     {"rowid", 77},
                                     {"key", "k"},
                                     {"orderBy", "o"}});
    Query query{.type = "order"};
    query.where = {any("group", Op::eq, {2}), any("rowid", Op::eq, {77}), any("key", Op::prefix, {"k"})};
    query.sort = {{"select", true}, {"orderBy", false}};
    EXPECT_EQ(ids(query), (std::vector<std::int64_t>{id}));
    EXPECT_EQ(read("order", id)["rowid"], Value(77));
}

}  // namespace
}  // namespace drover::conformance
