// Who sees which types, fields and rows, and what a request means for them.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "errors.hpp"
#include "field_values.hpp"
#include "listing.hpp"
#include "parameters.hpp"
#include "schema_sets.hpp"
#include "shown.hpp"

namespace drover::rest {
namespace {

namespace json = boost::json;

ApiField field(std::string name, AccessByKind access = {}, std::string type = {}) {
    ApiField one;
    one.name = std::move(name);
    one.access = std::move(access);
    one.type = std::move(type);
    return one;
}

ResourceType resource(std::string name, std::vector<Field> more) {
    ResourceType type;
    type.name = std::move(name);
    type.fields = standard_fields(std::move(more));
    return type;
}

/// Machines, in two kinds, on hosts.
std::shared_ptr<const Model> model() {
    ApiType machine;
    machine.name = "machine";
    machine.access = {{"admin", "r"}, {"user", "r"}};
    machine.fields = {field("hostId"), field("size", {{"admin", "r"}})};
    ApiType box;
    box.name = "box";
    box.base = "machine";
    box.access = {{"admin", "crud"}, {"user", "crud"}};
    auto size = field("size", {{"admin", "cr"}, {"user", "cr"}});
    size.min = 1;
    size.max = 10;
    auto command = field("command", {{"admin", "cr"}, {"user", "cr"}}, "string");
    command.min_length = 1;
    auto ports = field("ports", {{"admin", "cr"}}, "array[int]");
    auto color = field("color", {{"admin", "cru"}}, "enum");
    color.options = {"red", "green"};
    auto needed = field("needed", {{"admin", "cr"}}, "string");
    needed.required = true;
    box.fields = {size, command, ports, color, needed};
    ApiType host;
    host.name = "host";
    host.access = {{"agentRegister", "cr"}};
    host.fields = {field("uri", {{"admin", "cru"}, {"agentRegister", "cr"}}, {})};
    auto processes = generic_processes("machine");
    for (auto& one : generic_processes("host")) processes.push_back(one);
    return Model::make(
               {resource("account", {}), resource("host", {reference_field("accountId", "account"), text_field("uri")}),
                resource("machine", {reference_field("accountId", "account"), reference_field("hostId", "host"),
                                     integer_field("size"), boolean_field("isPublic")})},
               {machine, box, host}, std::move(processes))
        .value();
}

class SchemaTest : public ::testing::Test {
protected:
    const TypeSchema& type(const std::string& kind, const std::string& name) {
        held_.push_back(sets_.of(kind));
        const auto* found = held_.back()->find(name);
        EXPECT_NE(found, nullptr) << kind << " sees no " << name;
        return *found;
    }
    Record machine(std::string kind, std::string state, std::string data = "null", std::int64_t account = 7) {
        const auto shared = model_->schema().share("machine");
        std::vector<Value> values(shared->fields.size());
        const auto set = [&](const char* name, Value value) { values[*shared->find(name)] = std::move(value); };
        set("name", Value("a \"b\""));
        set("kind", Value(std::move(kind)));
        set("state", Value(std::move(state)));
        set("created", Value(std::int64_t{1'401'453'296'123}));
        set("accountId", Value(account));
        set("hostId", Value(std::int64_t{5}));
        set("size", Value(std::int64_t{3}));
        if (data != "null") set("data", Value(std::move(data)));
        return Record(shared, 12, 1, std::move(values));
    }
    json::object shown(const std::string& kind, const Record& record, Caller caller = {}) {
        const auto set = sets_.of(kind);
        const std::string base = "http://h:1/v1";
        std::string out;
        RowWriter(out, *set, caller, base).append(record, *set->of_row(record));
        return json::parse(out).as_object();
    }

    const std::shared_ptr<const Model> model_ = model();
    SchemaSets sets_{model_, {"schema", "publish", "subscribe"}, {}};
    std::vector<std::shared_ptr<const SchemaSet>> held_;
};

TEST_F(SchemaTest, TypesGoByAnyName) {
    for (const auto* name : {"machine", "machines", "MACHINES", "Machine"})
        EXPECT_EQ(type("admin", name).name, "machine");
    EXPECT_EQ(type("admin", "boxes").name, "box");
    EXPECT_EQ(sets_.of("admin")->find("nonsense"), nullptr);
}

TEST_F(SchemaTest, EachKindSeesWhatItMay) {
    EXPECT_FALSE(type("admin", "machine").create);
    EXPECT_TRUE(type("admin", "box").create);
    EXPECT_EQ(sets_.of("user")->find("host"), nullptr);
    EXPECT_EQ(type("user", "box").field("data"), nullptr);
    EXPECT_EQ(type("user", "machine").field("size"), nullptr) << "hidden from users";
    EXPECT_NE(type("user", "box").field("size"), nullptr) << "but the child shows it";
    EXPECT_EQ(type("user", "box").field("hostId"), nullptr) << "it refers to a type that users do not see";
    EXPECT_TRUE(type("user", "box").links.empty()) << "neither account nor host is visible";
    EXPECT_TRUE(type("superadmin", "machine").create);
    const auto& registers = type("agentRegister", "host");
    EXPECT_EQ(registers.field("id"), nullptr);
    EXPECT_EQ(registers.fields.size(), 1U);
}

TEST_F(SchemaTest, ReadAdminReadsOnlyAndRunsNothing) {
    const auto& box = type("readAdmin", "box");
    EXPECT_TRUE(box.list && box.get);
    EXPECT_FALSE(box.create || box.update || box.remove);
    EXPECT_TRUE(box.actions.empty());
    for (const auto& one : box.fields) EXPECT_FALSE(one.create || one.update) << one.name;
    EXPECT_NE(type("admin", "box").action("activate"), nullptr);
}

TEST_F(SchemaTest, TypesThatNobodyAnswersHaveNoMethods) {
    EXPECT_FALSE(type("admin", "extensionPoint").list);
    EXPECT_TRUE(type("admin", "publish").create);
    EXPECT_FALSE(type("admin", "publish").list);
    EXPECT_EQ(sets_.of("user")->find("publish"), nullptr);
}

TEST_F(SchemaTest, OnlyTheNamedTypesAreAnswered) {
    SchemaSets few(model_, {"schema"}, {"host", "schema"});
    EXPECT_NE(few.of("admin")->find("host"), nullptr);
    EXPECT_EQ(few.of("admin")->find("machine"), nullptr);
}

TEST_F(SchemaTest, ARowShowsAsItsChild) {
    const auto box = shown("admin", machine("box", "active"));
    EXPECT_EQ(box.at("type"), "box");
    EXPECT_EQ(box.at("id"), "1m12");
    EXPECT_EQ(box.at("links").at("self"), "http://h:1/v1/boxes/1m12");
    EXPECT_EQ(box.at("links").at("host"), "http://h:1/v1/boxes/1m12/host");
    EXPECT_EQ(box.at("actions").at("activate"), "http://h:1/v1/boxes/1m12/?action=activate");
    EXPECT_EQ(box.at("name"), "a \"b\"");
    EXPECT_EQ(box.at("hostId"), "1h5");
    EXPECT_EQ(box.at("created"), "2014-05-30T12:34:56Z");
    EXPECT_EQ(box.at("createdTS"), 1'401'453'296'123);
    EXPECT_FALSE(box.contains("removedTS"));
    EXPECT_EQ(box.at("data"), json::object());
    EXPECT_TRUE(box.at("command").is_null());
    EXPECT_EQ(shown("admin", machine("other", "active")).at("type"), "machine");
    Caller agent;
    agent.plain_ids = true;
    EXPECT_EQ(shown("admin", machine("box", "active"), agent).at("id"), "12");
}

TEST_F(SchemaTest, TransitioningSaysWhatAClientWaitsFor) {
    const auto busy = shown("admin", machine("box", "activating"));
    EXPECT_EQ(busy.at("transitioning"), "yes");
    EXPECT_EQ(busy.at("transitioningMessage"), "In Progress");
    const auto failed = shown("admin", machine("box", "removed",
                                               R"({"fields":{"transitioning":"error","transitioningMessage":"no room",
                                                  "command":"run"}})"));
    EXPECT_EQ(failed.at("transitioning"), "error");
    EXPECT_EQ(failed.at("transitioningMessage"), "no room");
    EXPECT_EQ(failed.at("command"), "run");
    EXPECT_EQ(shown("admin", machine("box", "active")).at("transitioning"), "no");
}

TEST_F(SchemaTest, OtherAccountsRowsAreNotSeen) {
    Caller own;
    own.account_id = 7;
    Caller other;
    other.account_id = 8;
    Caller admin;
    admin.all_accounts = true;
    const auto row = machine("box", "active");
    EXPECT_TRUE(may_see(own, row));
    EXPECT_FALSE(may_see(other, row));
    EXPECT_TRUE(may_see(admin, row));
}

TEST_F(SchemaTest, FieldsAreConvertedAndTheRestDropped) {
    const auto& box = type("admin", "box");
    const Caller caller;
    const auto values = convert_fields(box, Pass::create, caller,
                                       {{"id", 5},
                                        {"state", "active"},
                                        {"nonsense", 1},
                                        {"size", "3"},
                                        {"ports", "80"},
                                        {"name", json::array{"first", "second"}},
                                        {"needed", 12},
                                        {"hostId", "1h9"}})
                            .value();
    EXPECT_EQ(
        values.values,
        (json::object{{"name", "first"}, {"hostId", 9}, {"size", 3}, {"ports", json::array{80}}, {"needed", "12"}}));
    ASSERT_EQ(values.references.size(), 1U);
    EXPECT_EQ(values.references[0].type, "host");
}

TEST_F(SchemaTest, WrongValuesAreNamed) {
    const auto& box = type("admin", "box");
    const std::vector<std::pair<json::object, std::string>> cases{
        {{{"needed", "x"}, {"size", "many"}}, "InvalidFormat"},
        {{{"needed", "x"}, {"size", 1e300}}, "InvalidFormat"},
        {{{"needed", "x"}, {"size", 18446744073709551615ULL}}, "InvalidFormat"},
        {{{"needed", "x"}, {"size", 0}}, "MinLimitExceeded"},
        {{{"needed", "x"}, {"size", 11}}, "MaxLimitExceeded"},
        {{{"needed", "x"}, {"command", ""}}, "MinLengthExceeded"},
        {{{"needed", "x"}, {"name", std::string(256, 'n')}}, "MaxLengthExceeded"},
        {{{"needed", "x"}, {"color", "blue"}}, "InvalidOption"},
        {{{"needed", "x"}, {"hostId", "nonsense"}}, "InvalidReference"},
        {{{"needed", "x"}, {"ports", json::array{1, "x"}}}, "InvalidFormat"},
        {{{"needed", "x"}, {"data", "text"}}, "InvalidFormat"},
        {{{"needed", "x"}, {"command", std::string(100'000, 'c')}}, "MaxLengthExceeded"},
        {{{"size", 3}}, "MissingRequired"},
    };
    for (const auto& [body, code] : cases) {
        const auto converted = convert_fields(box, Pass::create, Caller(), body);
        ASSERT_FALSE(converted) << code;
        EXPECT_EQ(refusal_of(converted.error()).code, code);
        EXPECT_EQ(refusal_of(converted.error()).status, 422);
    }
}

ApiRequest listing_of(Parameters parameters) {
    ApiRequest request;
    request.parameters = std::move(parameters);
    return request;
}

TEST_F(SchemaTest, FiltersAreThoseOfTheirFieldsType) {
    const auto& box = type("admin", "box");
    const auto list = parse_list(listing_of({{"name_like", {"a%"}},
                                             {"size_gte", {"2"}},
                                             {"removed_null", {""}},
                                             {"hostId", {"1h5"}},
                                             {"data", {"x"}},
                                             {"command", {"no column"}},
                                             {"size_like", {"1"}},
                                             {"nonsense_eq", {"1"}},
                                             {"sort", {"name"}},
                                             {"order", {"DESC"}},
                                             {"limit", {"5000"}},
                                             {"marker", {"m20"}}}),
                                 box)
                          .value();
    EXPECT_EQ(list.where.size(), 4U);
    EXPECT_EQ(list.filters.at("size")[0].modifier, "gte");
    ASSERT_EQ(list.sort.size(), 1U);
    EXPECT_TRUE(list.sort[0].descending);
    EXPECT_EQ(list.limit, kLargestLimit);
    EXPECT_EQ(list.offset, 20U);
}

TEST_F(SchemaTest, AReferenceThatIsNoIdMatchesNothing) {
    const auto list = parse_list(listing_of({{"hostId", {"'; DROP TABLE host"}}}), type("admin", "box")).value();
    ASSERT_EQ(list.where.size(), 1U);
    EXPECT_TRUE(list.where[0].empty());
}

TEST_F(SchemaTest, FiltersThatMakeNoSenseAreRefused) {
    const auto& box = type("admin", "box");
    EXPECT_FALSE(parse_list(listing_of({{"size", {"many"}}}), box));
    EXPECT_FALSE(parse_list(listing_of({{"created_gt", {"yesterday"}}}), box));
    const auto many = parse_list(listing_of({{"name", std::vector<std::string>(1'000, "x")}}), box);
    ASSERT_FALSE(many);
    EXPECT_EQ(refusal_of(many.error()).code, "MaxLimitExceeded");
}

TEST_F(SchemaTest, StrangePagesAreIgnored) {
    for (const auto* text : {"", "x", "-1", "0", "1.5", "m", "m-1", "m99999999999999999999999", "mx"}) {
        const auto list = parse_list(listing_of({{"limit", {text}}, {"marker", {text}}}), type("admin", "box")).value();
        EXPECT_EQ(list.limit, kDefaultLimit) << text;
        EXPECT_EQ(list.offset, 0U) << text;
    }
    EXPECT_EQ(parse_list(listing_of({{"limit", {"99999999999999999999"}}}), type("admin", "box")).value().limit,
              kLargestLimit);
}

TEST_F(SchemaTest, ASchemaSaysWhatClientsRead) {
    const auto& box = type("admin", "box");
    const auto schema = json::parse(box.tail).as_object();
    EXPECT_EQ(schema.at("resourceMethods"), (json::array{"GET", "PUT", "DELETE"}));
    EXPECT_EQ(schema.at("collectionMethods"), (json::array{"GET", "POST"}));
    const auto& size = schema.at("resourceFields").at("size").as_object();
    for (const auto* key : {"type", "default", "nullable", "create", "update", "required", "unique", "min", "max",
                            "minLength", "maxLength", "options", "validChars", "invalidChars"})
        EXPECT_TRUE(size.contains(key)) << key;
    EXPECT_EQ(size.at("type"), "int");
    EXPECT_EQ(schema.at("resourceFields").at("hostId").at("type"), "reference[host]");
    EXPECT_EQ(schema.at("collectionFilters").at("name").at("modifiers").as_array().size(), 7U);
    EXPECT_FALSE(schema.at("collectionFilters").as_object().contains("command"));
    EXPECT_EQ(schema.at("resourceActions").at("update").at("output"), "box");
}

}  // namespace
}  // namespace drover::rest
