#include "cli/schema.hpp"

#include <gtest/gtest.h>

#include "schemas_sample.hpp"

namespace drover::cli {
namespace {

TEST(SchemaNames, SingularPluralAndAnyLetterCaseNameAType) {
    for (const auto* name : {"container", "containers", "CONTAINERS", "Container"}) {
        const auto found = sample_schemas().find(name);
        ASSERT_TRUE(found) << name << ": " << found.error();
        EXPECT_EQ((*found)->id(), "container") << name;
    }
    EXPECT_EQ((*sample_schemas().find("processinstances"))->id(), "processInstance");
    EXPECT_EQ((*sample_schemas().find("process"))->id(), "processInstance") << "what people say for short";
    EXPECT_EQ((*sample_schemas().find("authorized_keys"))->id(), "authorized");
}

TEST(SchemaNames, AnUnknownTypeIsToldWithTheNearest) {
    const auto found = sample_schemas().find("contaner");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::not_found);
    EXPECT_EQ(found.error().hint(), "Did you mean container?");
    const auto far = sample_schemas().find("spaceship\x1b[2J");
    ASSERT_FALSE(far);
    EXPECT_EQ(far.error().message(), "spaceship\\x1b[2J is no type of this API that you may see");
    EXPECT_NE(far.error().hint().find("container, host"), std::string::npos) << far.error().hint();
}

TEST(SchemaNames, PluralsFollowTheRulesOfTheApi) {
    for (const auto& [one, many] : {std::pair{"host", "hosts"},
                                    {"address", "addresses"},
                                    {"branch", "branches"},
                                    {"box", "boxes"},
                                    {"publish", "publish"},
                                    {"authorized", "authorized_keys"}})
        EXPECT_EQ(plural_of(one), many);
}

TEST(SchemaNames, PathsAreLowerCaseAndIdsEncoded) {
    EXPECT_EQ(sample("processInstance").path(), "/processinstances");
    EXPECT_EQ(sample("host").path("1h5"), "/hosts/1h5");
    EXPECT_EQ(sample("host").path("1as!api.listen"), "/hosts/1as!api.listen");
    EXPECT_EQ(sample("host").path("../x?y#z\n"), "/hosts/..%2Fx%3Fy%23z%0A");
}

TEST(SchemaNames, ProcessesOfAChildAreThoseOfItsParent) {
    EXPECT_EQ(sample("container").base(), "instance");
    EXPECT_EQ(sample("host").base(), "host");
}

TEST(SchemaFields, TypesComeApart) {
    const auto* ports = sample("container").field("TCPPORTS");
    ASSERT_TRUE(ports);
    EXPECT_EQ(ports->name, "tcpPorts");
    EXPECT_EQ(ports->outer(), "array");
    EXPECT_EQ(ports->inner(), "int");
    EXPECT_EQ(sample("container").field("name")->outer(), "string");
    EXPECT_EQ(sample("container").field("name")->inner(), "");
    EXPECT_EQ(sample("container").field("nothing"), nullptr);
}

TEST(SchemaFields, DocumentsThatAreNoSchemasAreRefused) {
    for (const auto* text :
         {"null", "[]", "{}", R"({"data": 3})", R"({"data": [3]})", R"({"data": [{"type": "schema"}]})"})
        EXPECT_FALSE(Schemas::parse(boost::json::parse(text))) << text;
    const auto odd = Schemas::parse(boost::json::parse(
        R"({"data": [{"id": "x", "links": 3, "resourceFields": {"a": null, "b": {"type": 7}}, "resourceActions": {"c": null}}]})"));
    ASSERT_TRUE(odd) << odd.error();
    EXPECT_EQ(odd->all().front().fields().size(), 1U);
}

TEST(SchemaIds, TheNumberWithinAnIdIsFound) {
    for (const auto& [id, raw] : {std::pair{"1i5", "5"},
                                  {"1ihm12", "12"},
                                  {"1pd!instance.start", "instance.start"},
                                  {"1as7", "7"},
                                  {"5", "5"},
                                  {"15", "15"},
                                  {"admin", "admin"},
                                  {"", ""},
                                  {"1", "1"}})
        EXPECT_EQ(raw_id(id), raw) << id;
}

}  // namespace
}  // namespace drover::cli
