// The REST API of a running server, as a client sees it.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "control_plane.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;

std::string code_of(const ApiClient::Answer& answer) { return text_of(answer.body, "code"); }

json::array rows_of(const ApiClient::Answer& answer) {
    if (!answer.body.is_object() || !answer.body.as_object().contains("data")) return {};
    return answer.body.at("data").as_array();
}

/// What stands behind the host of a URL.
std::string path_of(const json::value& url) {
    const std::string text(url.as_string());
    return text.substr(text.find('/', text.find("://") + 3));
}

class ApiTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(plane_.start());
        client_.emplace(plane_.api());
    }
    std::string account(const std::string& kind, const std::string& name) {
        const auto made = client_->post("/v1/accounts", {{"kind", kind}, {"name", name}});
        EXPECT_EQ(made.status, 201) << made.text;
        const auto id = text_of(made.body, "id");
        eventually(*client_, "/v1/accounts/" + id, in_state("active"));
        return id;
    }
    /// A client with the key that an account was given when it was made.
    ApiClient as(const std::string& account_id) {
        const auto keys = client_->get("/v1/accounts/" + account_id + "/credentials");
        EXPECT_EQ(rows_of(keys).size(), 1U) << keys.text;
        if (rows_of(keys).empty()) return plane_.api();
        const auto key = rows_of(keys)[0];
        EXPECT_FALSE(text_of(key, "secretValue").empty()) << "it was read by nobody yet";
        return plane_.api(text_of(key, "publicValue"), text_of(key, "secretValue"));
    }
    ControlPlane plane_;
    std::optional<ApiClient> client_;
};

TEST_F(ApiTest, EverythingItLinksToAnswers) {
    plane_.add_agent("sim://one");
    const auto made = client_->post("/v1/containers", {{"imageUuid", "sim:x"}});
    ASSERT_EQ(made.status, 201) << made.text;
    eventually(*client_, "/v1/containers/" + text_of(made.body, "id"), in_state("running"));
    EXPECT_EQ(client_->get("/healthcheck").status, 200);
    const auto version = client_->get("/v1");
    std::size_t followed = 0;
    for (const auto& [name, url] : version.body.at("links").as_object()) {
        if (name == "self" || name == "subscribe") continue;
        const auto list = client_->get(path_of(url) + "?limit=2");
        ASSERT_EQ(list.status, 200) << name << ": " << list.text;
        EXPECT_EQ(list.body.at("type"), "collection");
        for (const auto& row : rows_of(list)) {
            for (const auto& [link, target] : row.at("links").as_object()) {
                if (path_of(target) == "/v1/subscribe") continue;  // a stream
                const auto there = client_->get(path_of(target));
                EXPECT_EQ(there.status, 200) << name << " " << link << " " << path_of(target) << ": " << there.text;
                ++followed;
            }
        }
    }
    EXPECT_GT(followed, 100U);
}

TEST_F(ApiTest, SchemasAndRowsAgree) {
    plane_.add_agent("sim://one");
    const auto schemas = client_->get("/v1/schemas");
    ASSERT_EQ(schemas.status, 200);
    std::set<std::string> types;
    for (const auto& schema : rows_of(schemas)) types.insert(text_of(schema, "id"));
    for (const auto& schema : rows_of(schemas)) {
        EXPECT_EQ(text_of(schema, "type"), "schema");
        const auto& links = schema.at("links").as_object();
        const auto same = client_->get(path_of(links.at("self")));
        EXPECT_EQ(same.body, schema);
        if (!links.contains("collection") || text_of(schema, "id") == "subscribe") continue;
        const auto list = client_->get(path_of(links.at("collection")) + "?limit=1");
        for (const auto& row : rows_of(list)) {
            if (!types.contains(text_of(row, "type"))) continue;
            const auto own = client_->get("/v1/schemas/" + text_of(row, "type"));
            for (const auto& [key, value] : row.as_object()) {
                if (key == "id" || key == "type" || key == "links" || key == "actions" || key.ends_with("TS")) continue;
                EXPECT_TRUE(own.body.at("resourceFields").as_object().contains(key) ||
                            text_of(schema, "id") == "schema")
                    << text_of(row, "type") << "." << key;
            }
        }
    }
}

TEST_F(ApiTest, CreatesChangesAndRemoves) {
    const json::object given{{"name", "one"}, {"uuid", "one-1"}, {"kind", "k"}, {"data", {{"mine", 1}}}};
    const auto made = client_->post("/v1/hosts", given);
    ASSERT_EQ(made.status, 201) << made.text;
    const auto host = "/v1/hosts/" + text_of(made.body, "id");
    EXPECT_EQ(text_of(made.body, "transitioning"), "yes");
    EXPECT_EQ(made.body.at("data").at("mine"), 1);
    EXPECT_EQ(made.body.at("computeFree"), 1'000'000);
    eventually(*client_, host, in_state("active"));

    const auto again = client_->post("/v1/hosts", given);
    EXPECT_EQ(again.status, 409) << again.text;
    EXPECT_EQ(code_of(again), "Conflict");
    EXPECT_EQ(client_->remove(host).status, 409) << "it is active";

    const auto changed = client_->put(host, {{"name", "two"}, {"state", "removed"}, {"uuid", "other"}});
    EXPECT_EQ(changed.status, 200);
    EXPECT_EQ(text_of(changed.body, "name"), "two");
    EXPECT_EQ(text_of(changed.body, "uuid"), "one-1") << "given once only";
    EXPECT_EQ(text_of(changed.body, "state"), "active") << "processes change it, nobody else";

    EXPECT_EQ(client_->post(host + "/?action=deactivate", json::object()).status, 202);
    eventually(*client_, host, in_state("inactive"));
    const auto removed = client_->remove(host);
    EXPECT_EQ(removed.status, 200) << removed.text;
    const auto gone = eventually(*client_, host, in_state("removed"));
    EXPECT_TRUE(gone.as_object().contains("removedTS"));
    EXPECT_EQ(client_->post(host + "?action=nonsense", json::object()).status, 422);
    EXPECT_EQ(code_of(client_->post(host + "?action=nonsense", json::object())), "InvalidAction");
}

TEST_F(ApiTest, ListsAreFilteredSortedAndPaged) {
    for (int i = 0; i < 5; ++i) {
        const auto made =
            client_->post("/v1/agentgroups", {{"name", "g" + std::to_string(i)}, {"kind", i % 2 ? "odd" : "even"}});
        ASSERT_EQ(made.status, 201) << made.text;
    }
    const auto names = [&](const std::string& query) {
        std::string all;
        const auto list = client_->get("/v1/agentGroups?" + query);
        EXPECT_EQ(list.status, 200) << list.text;
        for (const auto& row : rows_of(list)) all += text_of(row, "name") + " ";
        return all;
    };
    EXPECT_EQ(names("name_prefix=g"), "g0 g1 g2 g3 g4 ");
    EXPECT_EQ(names("kind=odd"), "g1 g3 ");
    EXPECT_EQ(names("kind_ne=odd&sort=name&order=desc"), "g4 g2 g0 ");
    EXPECT_EQ(names("name=g1&name=g2"), "") << "all of them must hold";
    EXPECT_EQ(names("name_like=%252"), "g2 ");
    EXPECT_EQ(names("name_gte=g3&kind=odd&nonsense=1"), "g1 g3 ") << "no such filter of a text";
    EXPECT_EQ(names("accountId=nonsense"), "");
    EXPECT_EQ(names("removed_null&kind=even"), "g0 g2 g4 ");
    std::string paged;
    std::string next = "/v1/agentgroups?limit=2&kind_notnull";
    for (int page = 0; page < 3; ++page) {
        const auto list = client_->get(next);
        for (const auto& row : rows_of(list)) paged += text_of(row, "name") + " ";
        EXPECT_EQ(list.body.at("pagination").at("limit"), 2);
        const auto& link = list.body.at("pagination").at("next");
        ASSERT_EQ(link.is_null(), page == 2) << list.text;
        if (page < 2) next = path_of(link);
    }
    EXPECT_EQ(paged, "g0 g1 g2 g3 g4 ");
}

TEST_F(ApiTest, IncludesLinkedRowsAndPostsToLinks) {
    plane_.add_agent("sim://one");
    const auto host = rows_of(client_->get("/v1/hosts?kind=sim")).at(0);
    const auto with =
        client_->get("/v1/hosts/" + text_of(host, "id") + "?include=STORAGEPOOLS&include=agent&include=nonsense");
    ASSERT_EQ(with.status, 200) << with.text;
    EXPECT_EQ(with.body.at("storagePools").as_array().size(), 1U);
    EXPECT_EQ(text_of(with.body.at("agent"), "type"), "agent");
    EXPECT_TRUE(with.body.at("agent").at("actions").as_object().empty());
    EXPECT_FALSE(with.body.as_object().contains("instances"));

    const auto group = client_->post("/v1/agentgroups", {{"name", "g"}});
    const auto in_group =
        client_->post("/v1/agentgroups/" + text_of(group.body, "id") + "/agents", {{"uri", "event://x"}});
    ASSERT_EQ(in_group.status, 201) << in_group.text;
    EXPECT_EQ(text_of(in_group.body, "agentGroupId"), text_of(group.body, "id"));
    const auto agents = client_->get("/v1/agentgroups/" + text_of(group.body, "id") + "/agents");
    EXPECT_EQ(rows_of(agents).size(), 1U);
    EXPECT_EQ(text_of(agents.body.at("createDefaults"), "agentGroupId"), text_of(group.body, "id"));
    EXPECT_EQ(code_of(client_->post("/v1/agents", {{"uri", "event://x"}})), "NotUnique");
}

TEST_F(ApiTest, BodiesComeInEveryShape) {
    const auto form = client_->send("POST", "/v1/agentgroups", "name=a+b&kind=x%21",
                                    "Content-Type: application/x-www-form-urlencoded\r\n");
    EXPECT_EQ(form.status, 201) << form.text;
    EXPECT_EQ(text_of(form.body, "name"), "a b");
    const auto multipart = client_->send("POST", "/v1/agentgroups?kind=query",
                                         "--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nm\r\n--B--\r\n",
                                         "Content-Type: multipart/form-data; boundary=B\r\n");
    EXPECT_EQ(multipart.status, 201) << multipart.text;
    EXPECT_EQ(text_of(multipart.body, "name"), "m");
    EXPECT_EQ(text_of(multipart.body, "kind"), "agentGroup") << "the query is not mixed into a form";
    const auto query = client_->send("POST", "/v1/agentgroups?name=q", "");
    EXPECT_EQ(text_of(query.body, "name"), "q");
    const auto group = "/v1/agentgroups/" + text_of(query.body, "id");
    const auto overridden = client_->send("POST", group + "?_method=PUT", "{\"name\":\"r\"}");
    EXPECT_EQ(overridden.status, 200) << overridden.text;
    EXPECT_EQ(text_of(overridden.body, "name"), "r");
    const auto head = client_->send("HEAD", group, "");
    EXPECT_EQ(head.status, 200);
}

TEST_F(ApiTest, SettingsAreInForceAtOnce) {
    const std::string path = "/v1/activesettings/1as!api.show.removed.for.seconds";
    const auto before = client_->get(path);
    ASSERT_EQ(before.status, 200) << before.text;
    EXPECT_EQ(before.body.at("inDb"), false);
    const auto changed = client_->put(path, {{"value", "17"}});
    ASSERT_EQ(changed.status, 200) << changed.text;
    EXPECT_EQ(changed.body.at("inDb"), true);
    const auto is = [](std::string value) {
        return [value](const json::value& body) { return text_of(body, "activeValue") == value; };
    };
    const auto by_key = eventually(*client_, path, is("17"));
    EXPECT_EQ(text_of(by_key, "source"), "Database");
    const auto stored = "/v1/settings/" + text_of(by_key, "id");
    EXPECT_EQ(client_->get(stored).status, 200);
    EXPECT_EQ(client_->post("/v1/settings", {{"name", "api.show.removed.for.seconds"}, {"value", "1"}}).status, 409);
    EXPECT_EQ(client_->remove(stored).status, 200);
    eventually(*client_, path, is("300"));
    const auto found = client_->get("/v1/settings?name=api.auth.realm");
    EXPECT_EQ(rows_of(found).size(), 1U);
}

TEST_F(ApiTest, AccountsSeeWhatIsTheirsAlone) {
    plane_.add_agent("sim://one");
    auto one = as(account("user", "one"));
    auto two = as(account("user", "two"));
    auto reader = as(account("readAdmin", "reader"));
    const auto made = one.post("/v1/containers", {{"imageUuid", "sim:x"}, {"accountId", "1a1"}, {"data", {{"a", 1}}}});
    ASSERT_EQ(made.status, 201) << made.text;
    const auto id = text_of(made.body, "id");
    const auto path = "/v1/containers/" + id;
    const auto owner = text_of(eventually(*client_, path, in_state("running")), "accountId");
    EXPECT_NE(owner, "1a1") << "it belongs to who made it";
    EXPECT_FALSE(made.body.as_object().contains("data")) << "users do not see it";
    EXPECT_EQ(one.get(path).status, 200);
    EXPECT_EQ(rows_of(two.get("/v1/containers")).size(), 0U);
    for (const auto& [method, target] :
         std::vector<std::pair<std::string, std::string>>{{"GET", path},
                                                          {"PUT", path},
                                                          {"DELETE", path},
                                                          {"POST", path + "?action=stop"},
                                                          {"GET", path + "/volumes"},
                                                          {"GET", "/v1/instances/" + id},
                                                          {"GET", "/v1/hosts"},
                                                          {"POST", "/v1/publish"},
                                                          {"GET", "/v1/accounts"},
                                                          {"GET", "/v1/settings"},
                                                          {"GET", "/v1/processinstances"}}) {
        const auto answer = two.send(method, target, method == "GET" ? "" : "{\"name\":\"x\"}");
        EXPECT_EQ(answer.status, 404) << method << " " << target << ": " << answer.text;
    }
    EXPECT_EQ(reader.get("/v1/hosts").status, 200);
    EXPECT_EQ(reader.get(path).status, 404) << "it reads its own rows";
    EXPECT_EQ(reader.post("/v1/agentgroups", json::object()).status, 405);
    const auto own_account = rows_of(reader.get("/v1/accounts"));
    ASSERT_EQ(own_account.size(), 1U);
    const auto action =
        reader.post("/v1/accounts/" + text_of(own_account[0], "id") + "?action=deactivate", json::object());
    EXPECT_EQ(code_of(action), "ActionNotAvailable") << action.text;
    const auto image = rows_of(one.get("/v1/images")).at(0);
    const auto not_its_own = one.post("/v1/images/" + text_of(image, "id") + "?action=deactivate", json::object());
    EXPECT_EQ(not_its_own.status, 403) << "public, but another's: " << not_its_own.text;
}

TEST_F(ApiTest, AGeneratedSecretIsReadOnceAndAChosenOneNever) {
    const auto made = client_->post("/v1/credentials", json::object());
    ASSERT_EQ(made.status, 201);
    const auto path = "/v1/credentials/" + text_of(made.body, "id");
    const auto active = eventually(*client_, path, in_state("active"));
    EXPECT_EQ(text_of(active, "secretValue").size(), 40U);
    EXPECT_TRUE(client_->get(path).body.at("secretValue").is_null());
    const auto chosen = client_->post(
        "/v1/credentials", {{"publicValue", "me"}, {"secretValue", "correct horse"}, {"kind", "usernamePassword"}});
    ASSERT_EQ(chosen.status, 201) << chosen.text;
    const auto mine = eventually(*client_, "/v1/credentials/" + text_of(chosen.body, "id"), in_state("active"));
    EXPECT_EQ(mine.at("secretValue"), nullptr);
    const auto processes = client_->get("/v1/processinstances?limit=1000");
    EXPECT_EQ(processes.text.find("correct horse"), std::string::npos);
    EXPECT_EQ(processes.text.find(text_of(active, "secretValue")), std::string::npos);
}

TEST_F(ApiTest, WhatIsMalformedIsRefusedWithACodeAndNothingElseHappens) {
    plane_.add_agent("sim://one");
    const auto seed = std::random_device{}();
    std::printf("seed %u\n", seed);
    std::mt19937 random(seed);
    std::string many_filters, many_fields = "{";
    for (int i = 0; i < 100'000; ++i) many_filters += "name=x&";
    for (int i = 0; i < 20'000; ++i) many_fields += "\"f" + std::to_string(i) + "\":" + std::to_string(i) + ",";
    const std::vector<std::string> bodies{
        "",
        "{",
        "[",
        "null",
        "nonsense",
        "\"text\"",
        "{\"name\":}",
        std::string(5'000, '[') + std::string(5'000, ']'),
        "{\"name\":\"\xff\xfe\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"a\\u0000b\"}",
        "{\"name\":{\"a\":[1,2,{}]}}",
        "{\"id\":\"x\",\"uuid\":12,\"kind\":[[[\"a\"]]],\"data\":7}",
        "{\"name\":1e308,\"data\":{\"a\":1e999}}",
        "{\"computeFree\":99999999999999999999999999,\"name\":-0}",
        "{\"removeTime\":\"yesterday\",\"accountId\":true}",
        "{\"name\":\"'; DROP TABLE host; --\",\"uuid\":\"' OR '1'='1\",\"description\":\"\\\"; DELETE FROM account\"}",
        "{\"name\":\"" + std::string(300, 'n') + "\"}",
        "{\"data\":{\"x\":\"" + std::string(70'000, 'd') + "\"}}",
        many_fields + "\"name\":\"n\"}",
        "{\"accountId\":\"1a999999\"}",
        "{\"eventNames\":[\"%%\"]}",
        "{\"value\":{}}"};
    const std::vector<std::string> queries{"?name=%ff",
                                           "?name=%zz",
                                           "?limit=99999999999999999999&marker=m-1&sort=nonsense&order=1",
                                           "?name_like=%25%27%3B%20DROP%20TABLE%20host",
                                           "?id=1'%20OR%20'1'='1&created_gt=never",
                                           "?computeFree=abc",
                                           "?include=instances&include=%00",
                                           "?_method=BREW",
                                           "?_format=html",
                                           "?removed_null=&state_ne&uuid_prefix=%5C%5C",
                                           "?accountId=1a1&accountId_ne=xx",
                                           "?" + std::string(3'000, 'a'),
                                           "?sort=data",
                                           "?state_notnull&state_null"};
    std::vector<std::string> targets;
    for (const auto& schema : rows_of(client_->get("/v1/schemas"))) {
        const auto type = text_of(schema, "id");
        for (const auto& id : {"", "/1", "/1x1", "/1h1", "/99999999999999999999", "/1h99999999999999999999", "/%2e%2e",
                               "/'%20OR%201=1", "/1h1/hosts", "/1h1/instances/x/y/z", "/%00"})
            targets.push_back("/v1/" + type + id);
    }
    std::size_t asked = 0;
    const auto check = [&](const std::string& method, const std::string& target, const std::string& body,
                           const std::string& headers = {}) {
        const auto answer = client_->send(method, target, body, headers);
        ++asked;
        ASSERT_GE(answer.status, 200) << method << " " << target << " " << body.substr(0, 100);
        ASSERT_LT(answer.status, 500) << method << " " << target << " " << body.substr(0, 100) << ": " << answer.text;
        if (answer.status < 400) return;
        ASSERT_TRUE(answer.body.is_object()) << method << " " << target << ": " << answer.text;
        ASSERT_FALSE(code_of(answer).empty()) << answer.text;
    };
    const std::vector<std::string> types{
        "", "Content-Type: application/json\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=B\r\n", "Content-Type: multipart/form-data\r\n"};
    for (const auto& target : targets) {
        // Opened streams are another room's matter.
        if (target == "/v1/subscribe") continue;
        for (int i = 0; i < 3; ++i) {
            check("GET", target + queries[random() % queries.size()], {});
            for (const auto* method : {"POST", "PUT"})
                check(method, target + (random() % 4 ? "" : queries[random() % queries.size()]),
                      bodies[random() % bodies.size()], types[random() % types.size()]);
        }
        if (target.find("/1h1") == std::string::npos) check("DELETE", target, {});
        check("POST", target + "?action=" + (random() % 2 ? "%27;--" : "update"), bodies[random() % bodies.size()]);
        if (HasFatalFailure()) return;
    }
    for (const auto& body : bodies)
        for (const auto& type : types) check("POST", "/v1/agentgroups", body, type);
    for (const auto& query : queries) check("GET", "/v1/hosts" + query, {});
    check("POST", "/v1/hosts?_method=GET", many_filters, "Content-Type: application/x-www-form-urlencoded\r\n");
    check("PATCH", "/v1/hosts", {});
    check("OPTIONS", "/v1/hosts", {});
    std::printf("%zu requests\n", asked);
    EXPECT_EQ(client_->get("/v1/hosts").status, 200);
    const auto admins = rows_of(client_->get("/v1/accounts?kind=admin"));
    ASSERT_EQ(admins.size(), 1U);
    for (const auto* action : {"deactivate", "remove", "purge"})
        EXPECT_EQ(client_->send("POST", "/v1/accounts/1a1?action=" + std::string(action), {}).status, 409)
            << "nobody locks himself out";
}

TEST_F(ApiTest, AGenericClientWorksUnmodified) {
    const auto walked =
        run({.words = {"python3", std::string(DROVER_SOURCE_DIR) + "/plugins/roles/rest/tests/generic_client.py",
                       "http://" + plane_.api_address().to_string() + "/v1/schemas"}});
    EXPECT_TRUE(walked.ok()) << walked.output << plane_.log();
}

TEST(SecuredApi, AsksForAKeyAndForgetsIt) {
    TemporaryFolder folder;
    const auto home = "server.home=" + (folder / "h").string();
    std::string id, name, secret;
    {
        ControlPlane open({home});
        ASSERT_TRUE(open.start());
        auto client = open.api();
        const auto made = client.post("/v1/credentials", {{"accountId", "1a1"}});
        ASSERT_EQ(made.status, 201) << made.text;
        id = text_of(made.body, "id");
        const auto key = eventually(client, "/v1/credentials/" + id, in_state("active"));
        name = text_of(key, "publicValue");
        secret = text_of(key, "secretValue");
        ASSERT_TRUE(open.stop());
    }
    ControlPlane plane({home, "api.security.enabled=true"});
    ASSERT_TRUE(plane.start());
    auto nobody = plane.api();
    const auto asked = nobody.get("/v1");
    EXPECT_EQ(asked.status, 401);
    EXPECT_EQ(code_of(asked), "Unauthorized");
    EXPECT_EQ(plane.api(name, "wrong").get("/v1").status, 401);
    auto admin = plane.api(name, secret);
    ASSERT_EQ(admin.get("/v1/accounts").status, 200);

    auto guesser = plane.api(name, "guess");
    int refused = 0;
    for (int i = 0; i < 60 && refused == 0; ++i) refused = guesser.get("/v1").status == 429;
    EXPECT_EQ(refused, 1) << "guessing is slowed down";

    EXPECT_EQ(admin.post("/v1/credentials/" + id + "?action=deactivate", json::object()).status, 202);
    auto again = admin.get("/v1");
    for (int i = 0; i < 10'000 && again.status == 200; ++i) again = admin.get("/v1");
    EXPECT_TRUE(again.status == 401 || again.status == 429) << again.status << ": a revoked key opens nothing";
}

}  // namespace
}  // namespace drover::test
