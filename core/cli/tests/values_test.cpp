#include "cli/values.hpp"

#include <gtest/gtest.h>

#include "cli/json_text.hpp"
#include "cli/waiting.hpp"
#include "schemas_sample.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

std::string made(const std::vector<std::string>& words, json::object start = {}) {
    const auto body = body_of(sample("container"), Purpose::create, std::move(start), words);
    return body ? compact_json(*body) : "refused: " + body.error().describe();
}
std::string changed(const std::vector<std::string>& words) {
    const auto body = body_of(sample("container"), Purpose::update, {}, words);
    return body ? compact_json(*body) : "refused: " + body.error().describe();
}
std::string filters(const std::vector<std::string>& words) {
    const auto query = filters_of(sample("container"), words);
    return query ? query_text(*query) : "refused: " + query.error().describe();
}

TEST(Values, BecomeWhatTheFieldIs) {
    EXPECT_EQ(made({"name=c1", "compute=-3", "share=0.5", "startOnCreate=off", "imageId=1i7", "networkMode=HOST"}),
              R"({"name":"c1","compute":-3,"share":0.5,"startOnCreate":false,"imageId":"1i7","networkMode":"host"})");
    EXPECT_EQ(made({"NAME=007"}), R"({"name":"007"})") << "a text stays one, and case does not matter";
    EXPECT_EQ(made({"name=a=b"}), R"({"name":"a=b"})");
    EXPECT_EQ(made({"name="}), R"({"name":""})");
    EXPECT_EQ(made({"requestedHostId="}), R"({"requestedHostId":null})");
}

TEST(Values, ListsAreJoinedByCommasOrRepeated) {
    EXPECT_EQ(made({"tcpPorts=80,443"}), R"({"tcpPorts":[80,443]})");
    EXPECT_EQ(made({"tcpPorts=80", "tcpPorts=443"}), R"({"tcpPorts":[80,443]})");
    EXPECT_EQ(made({"commandArgs:=[\"a,b\",\"c\"]"}), R"({"commandArgs":["a,b","c"]})");
    EXPECT_EQ(made({"tcpPorts="}), R"({"tcpPorts":[]})");
}

TEST(Values, MembersOfMapsAreNamedBehindADot) {
    EXPECT_EQ(made({"environment.PATH=/bin", "environment.a.b=x=y"}), R"({"environment":{"PATH":"/bin","a.b":"x=y"}})");
    EXPECT_EQ(made({"data.tries:=3", "data.name=x"}), R"({"data":{"tries":3,"name":"x"}})");
    EXPECT_EQ(made({"name.x=1"}), "refused: name of container has no members; it is of type string.");
}

TEST(Values, RawJsonStandsAsItIs) {
    EXPECT_EQ(made({"data:={\"a\":[1,null]}"}), R"({"data":{"a":[1,null]}})");
    EXPECT_EQ(made({"name:=null"}), R"({"name":null})");
    EXPECT_NE(made({"data:={"}).find("refused: data:="), std::string::npos) << made({"data:={"});
}

TEST(Values, OfTheWrongKindAreRefused) {
    EXPECT_EQ(made({"compute=many"}), "refused: compute=many: expected a whole number.");
    EXPECT_EQ(made({"compute=1.5"}), "refused: compute=1.5: expected a whole number.");
    EXPECT_EQ(made({"compute=99999999999999999999"}),
              "refused: compute=99999999999999999999: expected a whole number.");
    EXPECT_EQ(made({"share=nan"}), "refused: share=nan: expected a number.");
    EXPECT_EQ(made({"startOnCreate=maybe"}), "refused: startOnCreate=maybe: expected true or false.");
    EXPECT_EQ(made({"tcpPorts=80,x"}), "refused: tcpPorts=x: expected a whole number.");
    EXPECT_EQ(made({"networkMode=brigde"}),
              "refused: networkMode=brigde: expected one of bridge, host, none. Did you mean bridge?");
    EXPECT_EQ(made({"name=a", "name=b"}), "refused: name is given twice.");
    EXPECT_EQ(made({"c1"}), "refused: \"c1\" does not say which field it is. Write field=value, or field:=JSON.");
}

TEST(Values, OfFieldsThatTheApiWouldDropAreRefused) {
    EXPECT_EQ(made({"imageUid=x"}), "refused: container has no field imageUid. Did you mean imageUuid?");
    EXPECT_EQ(made({}, {{"nmae", "x"}}), "refused: container has no field nmae. Did you mean name?");
    EXPECT_NE(made({"state=running"}).find("refused: state of container cannot be given when one is made"),
              std::string::npos);
    EXPECT_EQ(changed({"imageUuid=sim:foo"}),
              "refused: imageUuid of container cannot be changed. What can be: name, requestedHostId, data.");
}

TEST(Values, AFileIsTheBeginAndWordsAreLaidOverIt) {
    EXPECT_EQ(made({"name=b"}, {{"name", "a"}, {"imageUuid", "sim:foo"}}), R"({"name":"b","imageUuid":"sim:foo"})");
    EXPECT_EQ(made({"environment.B=2"}, {{"environment", json::object{{"A", "1"}}}}),
              R"({"environment":{"A":"1","B":"2"}})");
}

TEST(Values, WithoutASchemaAreTextsUnlessRaw) {
    const auto body = free_body_of({}, {"a=1", "b:=1", "c.d=x"});
    ASSERT_TRUE(body) << body.error();
    EXPECT_EQ(compact_json(*body), R"({"a":"1","b":1,"c":{"d":"x"}})");
}

TEST(Filters, AreSentWithTheirModifiers) {
    EXPECT_EQ(filters({"state=running", "name_prefix=we b&", "removed_null", "COMPUTE_GTE=2"}),
              "?state=running&name_prefix=we%20b%26&removed_null&compute_gte=2");
    EXPECT_EQ(filters({"name_like=a%"}), "?name_like=a%25");
}

TEST(Filters, ThatTheApiWouldIgnoreAreRefused) {
    EXPECT_EQ(filters({"nmae=x"}), "refused: containers have no field nmae. Did you mean name?");
    EXPECT_EQ(filters({"state_prefix=r"}),
              "refused: state of containers cannot be filtered with prefix. It takes: eq, ne.");
    EXPECT_EQ(filters({"id=1i5"}),
              "refused: a list cannot be filtered by id. Name the ids: drover get container ID...");
    EXPECT_NE(filters({"imageUuid=x"}).find("containers cannot be filtered by imageUuid"), std::string::npos);
}

TEST(Filters, AreToldFromIds) {
    const auto& schema = sample("container");
    EXPECT_TRUE(is_filter(schema, "state=running"));
    EXPECT_TRUE(is_filter(schema, "name_null"));
    EXPECT_TRUE(is_filter(schema, "name_notnull"));
    EXPECT_FALSE(is_filter(schema, "1i5"));
    EXPECT_FALSE(is_filter(schema, "my_null"));
}

TEST(Times, AreReadWithTheirUnits) {
    for (const auto& [text, expected] :
         {std::pair{"30", 30'000ms}, {"30s", 30'000ms}, {"500ms", 500ms}, {"5m", 300'000ms}, {"1h", 3'600'000ms}})
        EXPECT_EQ(parse_duration(text).value(), expected) << text;
    for (const auto* wrong : {"", "s", "-1", "1d", "1 s", "99999999999999999999h", "9999999999999h"})
        EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

json::value in_state(const char* state, const char* transitioning) {
    return json::object{{"state", state}, {"transitioning", transitioning}};
}

TEST(Goals, WithoutConditionsAreMetWhenNothingMoves) {
    EXPECT_EQ(progress_of(in_state("starting", "yes"), {}), Progress::going);
    EXPECT_EQ(progress_of(in_state("running", "no"), {}), Progress::met);
    EXPECT_EQ(progress_of(in_state("stopped", "error"), {}), Progress::failed);
    EXPECT_EQ(progress_of(json::object{}, {}), Progress::met) << "a type without processes never moves";
}

TEST(Goals, WithConditionsAreMetByThemOnly) {
    const Goal running{{{"state", "running"}}};
    EXPECT_EQ(progress_of(in_state("stopped", "no"), running), Progress::going);
    EXPECT_EQ(progress_of(in_state("running", "yes"), running), Progress::met);
    EXPECT_EQ(progress_of(in_state("stopped", "error"), running), Progress::failed);
    EXPECT_FALSE(met_by_absence(running));
    EXPECT_TRUE(met_by_absence(Goal{{{"state", "removed"}}}));
    Goal deleted;
    deleted.may_vanish = true;
    EXPECT_TRUE(met_by_absence(deleted));
    EXPECT_FALSE(met_by_absence({}));
    const auto wrong = parse_conditions(sample("container"), {"staet=running"});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().hint().find("state"), std::string::npos) << wrong.error().describe();
}

}  // namespace
}  // namespace drover::cli
