// What a plugin declares about its types: ids, permissions, processes, the shape of rows in events.
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <set>

#include "drover/model/model.hpp"

namespace drover {
namespace {

namespace json = boost::json;

ResourceType thing() {
    ResourceType type;
    type.name = "bigThing";
    type.fields = standard_fields({reference_field("hostId", "host"), integer_field("weight")});
    return type;
}

ResourceType host() {
    ResourceType type;
    type.name = "host";
    type.fields = standard_fields();
    return type;
}

Result<std::shared_ptr<const Model>> make(std::vector<ApiType> api, std::vector<ProcessDefinition> processes) {
    return Model::make({thing(), host()}, std::move(api), std::move(processes));
}

ApiType child() {
    ApiType type;
    type.name = "smallThing";
    type.base = "bigThing";
    return type;
}

Record record(const Model& model, std::string_view kind, std::string_view data) {
    const auto type = model.schema().share("bigThing");
    std::vector<Value> values(type->fields.size());
    values[*type->find("kind")] = Value(kind);
    values[*type->find("data")] = data.empty() ? Value() : Value(data);
    values[*type->find("hostId")] = Value(7);
    return {type, 12, 3, std::move(values)};
}

TEST(Ids, ShowTheTypeByItsFirstLetterAndItsCapitals) {
    EXPECT_EQ(format_id("instance", 5), "1i5");
    EXPECT_EQ(format_id("externalHandlerExternalHandlerProcessMap", 42), "1ehehpm42");
    EXPECT_EQ(format_id("processDefinition", "instance.start"), "1pd!instance.start");
}

TEST(Ids, AreReadWithoutRegardToTheTypeLetters) {
    EXPECT_EQ(parse_row_id("1i5"), 5);
    EXPECT_EQ(parse_row_id("1ehehpm42"), 42);
    EXPECT_EQ(parse_id("1pd!instance.start"), "instance.start");
    EXPECT_EQ(parse_id("v1"), "v1");
}

TEST(Ids, ThatAreNotAnyoneAreNone) {
    for (const char* text :
         {"", "5", "1", "15", "2i5", "1i", "1i!", "1I5", "1i-5", "1i5x", "1i99999999999999999999", "1i0"})
        EXPECT_FALSE(parse_row_id(text)) << text;
}

TEST(Uuids, AreRandomOrTheSameForTheSameName) {
    EXPECT_NE(new_uuid(), new_uuid());
    EXPECT_EQ(derived_uuid("a/b"), derived_uuid("a/b"));
    EXPECT_NE(derived_uuid("a/b"), derived_uuid("a/c"));
    EXPECT_EQ(derived_uuid("a")[14], '5');
    EXPECT_EQ(new_uuid()[14], '4');
}

TEST(Models, FindTypesInAnyCaseSingularOrPlural) {
    const auto model = make({child()}, {}).value();
    for (const char* name : {"bigThing", "BIGTHINGS", "bigthing"}) {
        ASSERT_TRUE(model->find(name)) << name;
        EXPECT_EQ(model->find(name)->name, "bigThing");
    }
    EXPECT_EQ(model->find("smallthings")->name, "smallThing");
    EXPECT_EQ(model->resource(*model->find("smallThing"))->name, "bigThing");
    EXPECT_FALSE(model->find("things"));
}

TEST(Models, ShowARowAsTheChildItsKindNames) {
    const auto model = make({child()}, {}).value();
    EXPECT_EQ(model->shown_as(record(*model, "smallThing", {}))->name, "smallThing");
    EXPECT_EQ(model->shown_as(record(*model, "host", {}))->name, "bigThing") << "host is no child of bigThing";
    EXPECT_EQ(model->shown_as(record(*model, "", {}))->name, "bigThing");
}

TEST(Models, KnowWhichStatesPass) {
    const auto model = make({}, generic_processes("bigThing")).value();
    EXPECT_TRUE(model->is_transitioning("bigThing", "activating"));
    EXPECT_TRUE(model->is_transitioning("bigThing", "updating-inactive"));
    EXPECT_FALSE(model->is_transitioning("bigThing", "active"));
    EXPECT_FALSE(model->is_transitioning("host", "activating"));
    EXPECT_EQ(model->processes_of("bigThing").size(), 7U);
}

TEST(Models, GiveTheGenericProcessesOfTheContract) {
    const auto model = make({}, generic_processes("bigThing")).value();
    const auto* create = model->process("bigthing.create");
    ASSERT_TRUE(create);
    EXPECT_EQ(create->delegate, "bigthing.activate");
    EXPECT_EQ(create->starting_at("requested")->transitioning, "registering");
    EXPECT_FALSE(model->process("bigthing.remove")->starting_at("active")) << "an active thing is not removed";
    const auto* update = model->process("bigthing.update");
    EXPECT_EQ(update->starting_at("active")->transitioning, "updating-active");
    EXPECT_EQ(update->in_transition("updating-inactive")->done, "inactive");
}

TEST(Models, NameEverythingThatIsWrongAtOnce) {
    ApiType bad = child();
    bad.base = "nothing";
    ApiField field;
    field.name = "colour";
    field.type = "array[paint]";
    field.access = {{"admin", "crx"}};
    bad.fields = {field};
    ProcessDefinition process;
    process.name = "host.fly";
    process.resource_type = "host";
    process.changes = {{{"down"}, "flying", ""}};
    process.delegate = "host.land";
    const auto model = make({bad}, {process});
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code(), Errc::invalid);
    for (const char* part : {"its base nothing", "array[paint]", "\"crx\"", "host.land", "a done state"})
        EXPECT_NE(model.error().message().find(part), std::string::npos) << part << " in " << model.error().message();
}

TEST(Models, RefuseTwoProcessesOfOneName) {
    auto twice = generic_processes("host");
    twice.push_back(twice.front());
    const auto model = make({}, twice);
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message().find("host.create"), std::string::npos);
}

TEST(Access, OfTheUsualFieldsIsThatOfTheContract) {
    EXPECT_EQ(default_access("admin", "name"), "cru");
    EXPECT_EQ(default_access("admin", "removeTime"), "ru");
    EXPECT_EQ(default_access("user", "uuid"), "r");
    EXPECT_EQ(default_access("user", "data"), "");
    EXPECT_EQ(default_access("user", "hostId"), "r");
    EXPECT_EQ(default_access("admin", "zoneId"), "");
    EXPECT_EQ(default_access("agent", "name"), "");
    EXPECT_EQ(default_access("superadmin", "state"), "cru");
}

TEST(Rows, InEventsHaveNumbersForIdsAndAnObjectForData) {
    const auto model = make({}, {}).value();
    const auto object = to_event_object(record(*model, "x", R"({"fields":{"a":[1]}})"));
    EXPECT_EQ(object.at("type"), "bigThing");
    EXPECT_EQ(object.at("id"), 12);
    EXPECT_EQ(object.at("hostId"), 7);
    EXPECT_TRUE(object.at("name").is_null());
    EXPECT_EQ(json::serialize(object.at("data")), R"({"fields":{"a":[1]}})");
    EXPECT_EQ(to_event_object(record(*model, "x", {})).at("data"), json::object());
}

TEST(Rows, NeverShowACredentialsSecret) {
    ResourceType type;
    type.name = "credential";
    type.fields = standard_fields({text_field("publicValue", 4096), text_field("secretValue", 4096)});
    const auto model = Model::make({type}, {}, {}).value();
    const auto shared = model->schema().share("credential");
    std::vector<Value> values(shared->fields.size());
    values[*shared->find("secretValue")] = "hunter2";
    const auto text = json::serialize(to_event_object({shared, 1, 1, values}));
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
    EXPECT_EQ(text.find("secretValue"), std::string::npos);
}

TEST(Rows, GiveTheirVirtualFields) {
    const auto model = make({}, {}).value();
    const auto row = record(*model, "x", R"({"fields":{"vcpu":2}})");
    EXPECT_EQ(virtual_field(row, "vcpu"), 2);
    EXPECT_TRUE(virtual_field(row, "memory").is_null());
    EXPECT_TRUE(virtual_field(record(*model, "x", {}), "vcpu").is_null());
}

TEST(Merging, GoesIntoObjectsAfterAPlus) {
    auto target = json::parse(R"({"a":{"b":1,"c":2},"d":3,"e":"text"})").as_object();
    merge_object(target,
                 json::parse(R"({"+a":{"c":5,"+f":{"g":1}},"d":null,"+e":{"x":1},"+new":{"y":2}})").as_object());
    EXPECT_EQ(json::value(target), json::parse(R"({"a":{"b":1,"c":5,"f":{"g":1}},"d":null,"e":"text","new":{"y":2}})"));
}

TEST(Merging, WithoutAPlusReplaces) {
    auto target = json::parse(R"({"a":{"b":1}})").as_object();
    merge_object(target, json::parse(R"({"a":{"c":1}})").as_object());
    EXPECT_EQ(json::value(target), json::parse(R"({"a":{"c":1}})"));
}

}  // namespace
}  // namespace drover
